"""The file of a student: what distillation learned, and which model it belongs to.

A safetensors file with one metadata key, sorted JSON: format version, model name and SHA-256 of its weights,
tool version, shape of the learned update, how it was distilled. Tensors:

update.*                     the learned update, of a model with learned branches; none where the
                             linear student came as close
linear.<r>.weight, .bias     (r, C, patch_size), (r, C): every P_t and −P_t mean_t of ratio r, of a linear
                             model; a copy for other programs, since imfn derives them from the weights
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ..bitstream.container.layout import check_layout
from ..errors import LatentError, ModelError
from ..limits import DEFAULT_LIMITS, Limits
from ..network import IMFNConfig, Student, Update
from ..system.files import replacing, writing
from ..version import __version__
from .claims import check_claims
from .tensor_file import TensorFile

STUDENT_VERSION = 1
# Hidden channels and blocks of an update, at most.
_WIDEST, _MOST_BLOCKS = 1 << 16, 64
_KEY = "imfn_student"
_UPDATE = "update."


def write_student(
    path: Path,
    model: str,
    sha256: str,
    *,
    update: Update | None = None,
    linear: Mapping[int, Student] | None = None,
    about: Mapping[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Write the student of the model named `model` with weights `sha256`; `about`: how it was distilled.

    update: what was learned.   linear: students by ratio whose matrices go into the file.
    Raises `OutputError` where `path` exists (without `force`) or cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    values: dict[str, Any] = {"format": STUDENT_VERSION, "model": model, "model_sha256": sha256}
    values |= {"tool": f"imfn {__version__}", "about": dict(about or {})}
    if update is not None:
        values |= {"width": update.width, "blocks": update.blocks}
        for name, value in update.state_dict().items():
            tensors[_UPDATE + name] = value.detach().contiguous().cpu()
    for ratio, student in (linear or {}).items():
        tensors[f"linear.{ratio}.weight"] = student.weight.cpu()
        tensors[f"linear.{ratio}.bias"] = student.bias.cpu()
    metadata = {_KEY: json.dumps(values, sort_keys=True, separators=(",", ":"))}
    with replacing(path, force=force) as temporary, writing(path):
        temporary.write_bytes(save(tensors, metadata))


def read_update(
    path: Path, model: str, sha256: str, config: IMFNConfig, limits: Limits = DEFAULT_LIMITS
) -> Update | None:
    """The learned update in `path`, of a model of shape `config`; None where none was worth its time.

    Raises `ModelError`, one line with the remedy: no such file, damaged, or distilled from other weights;
    and `LimitError`.
    """
    remedy = f"make one with 'imfn distill {model} DATA -o {path}'"
    if not path.is_file():
        raise ModelError(f"model {model!r} carries no student; {remedy}")
    try:
        check_layout(path)
        with safe_open(path, framework="pt") as file:
            values = json.loads((file.metadata() or {})[_KEY])
        if values["format"] > STUDENT_VERSION:
            raise ModelError(f"{path}: student of format {values['format']}; upgrade imfn")
        if values["model_sha256"] != sha256:
            raise ModelError(
                f"{path}: was distilled from other weights ({values['model_sha256'][:12]}) than those of "
                f"{model!r} ({sha256[:12]}); {remedy} --force"
            )
        if "width" not in values:
            return None
        width, blocks = _in_range(values["width"], _WIDEST), _in_range(values["blocks"], _MOST_BLOCKS)
        check_claims(TensorFile(path), lambda: Update(config, width, blocks), _stored, limits)
        with safe_open(path, framework="pt") as file:
            tensors = {
                name.removeprefix(_UPDATE): file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118 (not a dictionary)
                if name.startswith(_UPDATE)
            }
        update = Update(config, width, blocks)
        update.load_state_dict(tensors)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error}); {remedy} --force") from error
    except LatentError as error:
        raise ModelError(f"{error}; {remedy} --force") from error
    except (SafetensorError, RecursionError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = " ".join((str(error).splitlines() or [""])[:2][-1].split())
        raise ModelError(f"{path}: not a student of this model ({reason}); {remedy} --force") from error
    return update


def _in_range(value: Any, most: int) -> int:
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(f"its update has {value!r:.20} channels or blocks")
    return value


def _stored(update: nn.Module) -> dict[str, Tensor]:
    return {_UPDATE + name: tensor for name, tensor in update.state_dict().items()}

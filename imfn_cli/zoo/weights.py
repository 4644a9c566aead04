"""A model's weights: read from its folder into a network, and written there."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from ..bitstream.entropy.entropy_model import EntropyModel
from ..errors import ModelError
from ..limits import DEFAULT_LIMITS, Limits
from ..network import IMFN, IMFNConfig
from ..system.files import replacing
from .claims import check_claims
from .folder import CONFIG_FILE, WEIGHTS_FILE, read_config, weights_sha256, write_config
from .model import Model
from .registry import find_model
from .tensor_file import TensorFile

_ENTROPY_PREFIX = "entropy."


def load(name: str | Path | None = None, *, device: str = "auto", limits: Limits = DEFAULT_LIMITS) -> Model:
    """Load a model by name, folder, hash or `hf://org/name@revision` (`imfn models`); None: the default one.

    device: "auto" (CUDA or MPS where there is one), "cpu", "cuda", "mps". Raises `ModelError`, and
    `LimitError` where it takes more memory than `limits` allow.
    """
    folder = find_model(name)
    config, sha256 = read_config(folder), weights_sha256(folder)
    weights = TensorFile(folder / WEIGHTS_FILE)
    return model_of_files(config, folder, weights, sha256, device=device, limits=limits)


def model_of_files(
    config: dict[str, Any],
    place: Path,
    weights: TensorFile,
    sha256: str,
    *,
    device: str,
    limits: Limits,
) -> Model:
    """The model of a configuration and weights with this SHA-256.   place: its folder. Raises as `load`."""
    try:
        shape = IMFNConfig.from_dict(config["network"])
    except ModelError as error:
        path = place / CONFIG_FILE if place.is_dir() else place
        raise ModelError(f"{path}: {error}") from error
    network, entropy = _read_weights(weights, shape, limits)
    network.requires_grad_(False).eval().to(torch.device(pick_device(device)))
    return Model(config.get("name", place.name), place, sha256, network, entropy, config)


def save(folder: Path, network: IMFN, entropy: EntropyModel, description: Mapping[str, Any]) -> None:
    """Write `config.json` and `model.safetensors` of a model into `folder`, which must exist."""
    # Branches in 16 bits: half the file, and a difference far below what 8-bit frames show.
    tensors = {
        name: (value.half() if "_branch." in name and "_scale" not in name else value).contiguous().cpu()
        for name, value in _state_in_file(network).items()
    }
    for name, array in entropy.tensors.items():
        tensors[_ENTROPY_PREFIX + name] = torch.from_numpy(array)
    # Not safetensors' own file writer: it makes files that only their owner can read.
    with replacing(folder / WEIGHTS_FILE, force=True) as path:
        path.write_bytes(to_bytes(tensors))
    write_config(folder, description, network.config.to_dict())


def pick_device(device: str) -> str:
    """What `auto` stands for here; other devices as they are. Raises `ModelError` if it is not there."""
    # Not `repr`: an enumeration of names would show itself.
    device = str(device)
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if device not in available:
        raise ModelError(f"device {device!r}: choose one of auto, {', '.join(available)}")
    if not available[device]:
        raise ModelError(f"device {device}: PyTorch sees none here; use --device auto or cpu")
    return device


def _read_weights(file: TensorFile, config: IMFNConfig, limits: Limits) -> tuple[IMFN, EntropyModel]:
    """The network and the entropy model in a weights file. Raises `ModelError` and `LimitError`."""
    path = file.path
    try:
        check_claims(file, lambda: IMFN(config), _state_in_file, limits)
        network = IMFN(config)
        tensors = file.load()
        entropy = EntropyModel(
            {
                k.removeprefix(_ENTROPY_PREFIX): v.numpy()
                for k, v in tensors.items()
                if k.startswith(_ENTROPY_PREFIX)
            }
        )
        shape = network.config.channels, network.config.levels
        if (entropy.channels, entropy.levels) != shape:
            raise ValueError(f"entropy model of {entropy.channels} channels, {entropy.levels} levels")
        weights = {k: v for k, v in tensors.items() if not k.startswith(_ENTROPY_PREFIX)}
        network.load_state_dict(network.state_dict() | weights)
    except (SafetensorError, RuntimeError, ValueError, TypeError, KeyError) as error:
        # PyTorch gives a heading, then a line for each tensor that does not fit.
        reason = (str(error).splitlines() or [""])[:2][-1].strip()
        raise ModelError(f"{path}: not weights of this model ({reason}); restore the model folder") from error
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror or error}); restore the model folder"
        ) from error
    return network, entropy


def _state_in_file(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a network that its file holds: not the maps that its configuration already says."""
    assert isinstance(network, IMFN)
    state = network.state_dict()
    if network.config.independent:
        return {name: value for name, value in state.items() if not re.match(r"sweepers\.\d+\.map\.", name)}
    return dict(state)

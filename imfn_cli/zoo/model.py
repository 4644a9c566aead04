"""A model folder: configuration, weights, entropy tables and card; found by name, path or hub id."""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..system.files import replacing

if TYPE_CHECKING:
    import torch

    from ..bitstream.entropy.entropy_model import EntropyModel
    from ..network import IMFN, FoldedTree, RootCoding, Student, Update

CONFIG_VERSION = 1
#: Best first: the default model is the first of these that ships.
DEFAULT_NAMES = ("video", "video-linear")
#: What a learned model's student lies in, beside `model.safetensors`.
STUDENT_FILE = "student.safetensors"
_ENTROPY_PREFIX = "entropy."
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Model:
    """A trained IMFN, ready to use.

    network: leaf transform and sweepers, in evaluation mode.
    entropy: integer context model and probability tables of the latent file.
    sha256: of the weights file; a latent names it and only decodes with the same.
    description: the rest of `config.json`: kind, data, command, results.
    """

    name: str
    path: Path
    sha256: str
    network: "IMFN"
    entropy: "EntropyModel"
    description: dict[str, Any] = field(default_factory=dict)
    _folded: "dict[int, FoldedTree]" = field(default_factory=dict, repr=False)
    _students: "dict[int, Student]" = field(default_factory=dict, repr=False)

    @property
    def ratios(self) -> tuple[int, ...]:
        """The ratios that the model offers."""
        return self.network.config.ratios

    @property
    def device(self) -> "torch.device":
        """Where the network computes."""
        return next(self.network.parameters()).device

    @property
    def can_predict(self) -> bool:
        """Whether nodes may build on one another: frames of a film do, independent pictures do not."""
        config = self.network.config
        return not config.independent and config.patch_height == config.patch_width

    def merge(self, left: "torch.Tensor", right: "torch.Tensor", level: int) -> "torch.Tensor":
        """left, right memories of level − 1, (N, C, h, w) → their memory of `level`."""
        return self.network.merge(left, right, level)

    def split(
        self, memory: "torch.Tensor", level: int, coding: "RootCoding | None" = None
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """A memory of `level`, (N, C, h, w) → left and right memories of level − 1.

        stored: the root that it was split from; by default the memory is a root itself, in floats.
        """
        return self.network.split(memory, level, coding)

    def compress(self, frames: "torch.Tensor", ratio: int) -> "torch.Tensor":
        """Frames (T, in_channels, H, W) in [0, 1] → memories (T/ratio, C, h, w), floats, not quantised."""
        return self.network.compress(frames, ratio)

    def compress_pixels(self, pixels: "torch.Tensor", ratio: int) -> "torch.Tensor":
        """Pixels (T, H, W, 1 or 3) uint8 → memories (T/ratio, C, h, w), the quickest way."""
        from ..network import frames_from_pixels, level_of_ratio

        config = self.network.config
        if pixels.shape[3] != config.in_channels:
            return self.compress(frames_from_pixels(pixels, config.in_channels), ratio)
        level = level_of_ratio(ratio, config.levels)
        below = min(level, self._folded_level)
        return self.network.climb_from(self._fold(below).compress(pixels), below, level)[-1]

    def restore_pixels(
        self,
        memories: "torch.Tensor",
        ratio: int,
        size: tuple[int, int, int],
        start: int,
        stop: int,
        coding: "RootCoding | None" = None,
    ) -> "torch.Tensor":
        """Memories (N, C, h, w) of one ratio → pixels (stop − start, *size) uint8; size is (H, W, 1 or 3)."""
        from ..network import RootCoding, level_of_ratio, pixels_from_frames

        height, width, channels = size
        config = self.network.config
        if channels != config.in_channels:
            frames = self.network.restore(memories, ratio, height, width, start, stop, coding)
            return pixels_from_frames(frames, channels)
        level = level_of_ratio(ratio, config.levels)
        below = min(level, self._folded_level)
        memories, first = self.network.walk(memories, level, below, start, stop, coding)
        first <<= below
        start, stop = start - first, stop - first
        leaf = self.network.leaf
        if leaf.inverse_branch is not None:
            leaves = self._fold(below).leaves(memories, start, stop)
            memories = leaf.refine(leaves, RootCoding(level) if coding is None else coding)
            below, start, stop = 0, 0, len(memories)
        return self._fold(below).restore(memories, height, width, start, stop)

    def student(self, ratio: int) -> "Student":
        """The student of one ratio: derived from the weights where that is exact, else read from its file.

        Raises `RatioError`, and `ModelError` where a learned model carries no `student.safetensors`, or one
        of another model.
        """
        from ..network import Student, level_of_ratio

        level = level_of_ratio(ratio, self.network.config.levels)
        if level not in self._students:
            exact = Student.is_exact(self.network.config, level)
            student = Student(self.network, level, None if exact else self._update)
            self._students[level] = student.requires_grad_(False).eval()
        return self._students[level]

    @cached_property
    def _update(self) -> "Update | None":
        from .student_file import read_update

        update = read_update(self.path / STUDENT_FILE, self.name, self.sha256, self.network.config)
        return None if update is None else update.requires_grad_(False).eval().to(self.device)

    @property
    def batch_level(self) -> int:
        """The highest level that `compress_pixels` and `restore_pixels` should be asked for at once."""
        config = self.network.config
        return self._folded_level if config.is_linear else config.levels

    @property
    def _folded_level(self) -> int:
        """The highest level that is one matrix product from the pixels."""
        from ..network import foldable_level

        return min(self.network.config.linear_levels, foldable_level(self.network.config))

    def _fold(self, level: int) -> "FoldedTree":
        from ..network import FoldedTree

        if level not in self._folded:
            self._folded[level] = FoldedTree(self.network, level)
        return self._folded[level]

    def restore(
        self, memories: "torch.Tensor", ratio: int, height: int, width: int, step: float = 0.0
    ) -> "torch.Tensor":
        """Memories (N, C, h, w) of one ratio → frames (N · ratio, in_channels, H, W), not clamped.

        step: the quantisation step that the memories went through, 0 for none; the inverse makes use of it.
        """
        from ..network import RootCoding, level_of_ratio

        coding = RootCoding(level_of_ratio(ratio, self.network.config.levels), step)
        return self.network.restore(memories, ratio, height, width, coding=coding)


def model_folders() -> dict[str, Path]:
    """Name → folder of the models that ship with imfn."""
    found: dict[str, Path] = {}
    # In a wheel they lie inside the package, in a checkout beside it.
    for place in (_PACKAGE / "_models", _PACKAGE.parent / "models"):
        if place.is_dir():
            for folder in sorted(place.iterdir()):
                if (folder / "config.json").is_file():
                    found.setdefault(folder.name, folder)
    return found


def default_model() -> str:
    """Name of the model that is used when none is named: `video` where it ships, else `video-linear`."""
    shipped = model_folders()
    for name in DEFAULT_NAMES:
        if name in shipped:
            return name
    raise ModelError("no model ships with this installation; name one with -m PATH")


def find_model(name: str | Path | None = None) -> Path:
    """Folder of a model by shipped name, path, or Hugging Face hub id (`hf://org/name`).

    Raises `ModelError` if there is none such, naming those that ship.
    """
    shipped = model_folders()
    # Until a trained `video` ships, the name stands for the best video model that does.
    if name is None or (name == DEFAULT_NAMES[0] and name not in shipped):
        name = default_model()
    name = str(name)
    if name.startswith("hf://"):
        return _download(name)
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if (path / "config.json").is_file():
        return path
    if path.exists():
        raise ModelError(f"{name}: not a model folder (it has no config.json); make one with 'imfn train'")
    raise ModelError(
        f"no model {name!r}; shipped: {', '.join(shipped) or 'none'} (see 'imfn models'), or give a path"
    )


def read_config(folder: Path) -> dict[str, Any]:
    """A folder's `config.json`. Raises `ModelError` if it is missing, damaged or of a future version."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ModelError(f"{path}: not valid JSON ({error}); restore the model folder") from error
    if not isinstance(config, dict) or not isinstance(config.get("network"), dict):
        raise ModelError(f"{path}: not a model's configuration; restore the model folder")
    if not isinstance(config.get("version"), int) or config["version"] > CONFIG_VERSION:
        raise ModelError(
            f"{path}: version {config.get('version')}, this imfn reads {CONFIG_VERSION}; upgrade imfn"
        )
    return config


def weights_sha256(folder: Path) -> str:
    """SHA-256 of the model's weights file, in hexadecimal, as `sha256sum` prints it."""
    path = folder / "model.safetensors"
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); restore the model folder") from error


def load(name: str | Path | None = None, *, device: str = "auto") -> Model:
    """Load a model by shipped name, folder or `hf://org/name`; None means the default one.

    device: "auto" (CUDA or MPS where there is one), "cpu", "cuda", "mps". Raises `ModelError`.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from ..bitstream.entropy.entropy_model import EntropyModel
    from ..network import IMFN, IMFNConfig

    folder = find_model(name)
    config = read_config(folder)
    try:
        network = IMFN(IMFNConfig.from_dict(config["network"]))
    except ModelError as error:
        raise ModelError(f"{folder / 'config.json'}: {error}") from error
    weights = folder / "model.safetensors"
    sha256 = weights_sha256(folder)
    try:
        tensors = load_file(weights)
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
        weights_of = {k: v for k, v in tensors.items() if not k.startswith(_ENTROPY_PREFIX)}
        missing = set(_stored_state(network)) - set(weights_of)
        if missing:
            raise ValueError(f"lacks {min(missing)}")
        network.load_state_dict(network.state_dict() | weights_of)
    except (SafetensorError, RuntimeError, ValueError, TypeError) as error:
        # PyTorch gives a heading, then a line for each tensor that does not fit.
        reason = (str(error).splitlines() or [""])[:2][-1].strip()
        raise ModelError(
            f"{weights}: not weights of this model ({reason}); restore the model folder"
        ) from error
    network.requires_grad_(False).eval().to(torch.device(pick_device(device)))
    return Model(config.get("name", folder.name), folder, sha256, network, entropy, config)


def save(folder: Path, network: "IMFN", entropy: "EntropyModel", description: dict[str, Any]) -> None:
    """Write `config.json` and `model.safetensors` of a model into `folder`, which must exist."""
    import torch
    from safetensors.torch import save as to_bytes

    # Branches in 16 bits: half the file, and a difference far below what 8-bit frames show.
    tensors = {
        name: (value.half() if "_branch." in name and "_scale" not in name else value).contiguous().cpu()
        for name, value in _stored_state(network).items()
    }
    for name, array in entropy.tensors.items():
        tensors[_ENTROPY_PREFIX + name] = torch.from_numpy(array)
    config = {**description, "version": CONFIG_VERSION, "network": network.config.to_dict()}
    # Not safetensors' own file writer: it makes files that only their owner can read.
    with replacing(folder / "model.safetensors", force=True) as path:
        path.write_bytes(to_bytes(tensors))
    with replacing(folder / "config.json", force=True) as path:
        path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _stored_state(network: "IMFN") -> "dict[str, torch.Tensor]":
    """The tensors of a network that its file holds: not the maps that its configuration already says."""
    state = network.state_dict()
    if network.config.independent:
        return {name: value for name, value in state.items() if not re.match(r"sweepers\.\d+\.map\.", name)}
    return dict(state)


def pick_device(device: str) -> str:
    """What `auto` stands for here; other devices as they are. Raises `ModelError` if it is not there."""
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    if device not in available:
        raise ModelError(f"device {device!r}: choose one of auto, {', '.join(available)}")
    if not available[device]:
        raise ModelError(f"device {device!r}: PyTorch sees none here; use --device auto or cpu")
    return device


def shipped_models() -> Iterator[tuple[str, dict[str, Any], str]]:
    """(name, configuration, sha256) of each model that ships, the default one first."""
    folders = model_folders()
    for name in sorted(folders, key=lambda n: (DEFAULT_NAMES.index(n) if n in DEFAULT_NAMES else 9, n)):
        yield name, read_config(folders[name]), weights_sha256(folders[name])


def _download(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise ModelError(f"{name}: needs the package huggingface_hub; pip install 'imfn[hub]'") from error
    try:
        return Path(
            snapshot_download(
                name.removeprefix("hf://"),
                allow_patterns=["config.json", "model.safetensors", STUDENT_FILE, "README.md"],
            )
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(f"{name}: cannot be fetched from the hub ({str(error).splitlines()[0]})") from error

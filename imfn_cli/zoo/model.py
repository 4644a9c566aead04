"""The model: a network with its coding tables, as merges and splits, compress and restore on tensors."""

import copy
import shutil
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..bitstream.entropy.entropy_model import EntropyModel
from ..errors import ModelError
from ..network import (
    IMFN,
    FoldedTree,
    RootCoding,
    Student,
    Update,
    foldable_level,
    frames_from_pixels,
    level_of_ratio,
    pixels_from_frames,
)
from ..notebook import table
from ..system.files import writing
from .folder import CARD_FILE, RECIPE_FILE, STUDENT_FILE, check_free
from .student_file import read_update


@dataclass(frozen=True)
class Model:
    """A trained IMFN, ready to use.

    network: leaf transform and sweepers, in evaluation mode.
    entropy: integer context model and probability tables of the latent file.
    sha256: of the weights file; a latent names it and only decodes with the same.
    description: the rest of `config.json`: kind, data, command, results.

    `dataclasses.replace(model, network=…)` gives a model of another network; what is folded of this one is
    not taken along.
    """

    name: str
    path: Path
    sha256: str
    network: IMFN
    entropy: EntropyModel
    description: dict[str, Any] = field(default_factory=dict)
    _folded: dict[int, FoldedTree] = field(default_factory=dict, init=False, repr=False, compare=False)
    _students: dict[int, Student] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        # What is derived from the rest is derived again, in the process that unpickles it.
        state = {name: value for name, value in vars(self).items() if name != "_update"}
        return state | {"_folded": {}, "_students": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def __repr__(self) -> str:
        """Not the network's layers, and hundreds of measurements."""
        config = self.network.config
        return (
            f"<Model {self.name!r}: {self._kind}, ratios 1 to {config.ratios[-1]}, {config.channels} numbers "
            f"for {config.patch_height}×{config.patch_width} pixels, sha256 {self.sha256[:12]}>"
        )

    def _repr_html_(self) -> str:
        config = self.network.config
        rows = {
            "name": self.name,
            "kind": self._kind,
            "ratios": f"1 to {config.ratios[-1]}",
            "levels": config.levels,
            "channels": config.channels,
            "patch": f"{config.patch_height}×{config.patch_width}×{config.in_channels}",
            "weights": sum(parameter.numel() for parameter in self.network.parameters()),
            "device": self.device,
            "path": self.path,
            "sha256": self.sha256,
        }
        return table(type(self).__name__, rows.items())

    @property
    def _kind(self) -> str:
        return "linear" if self.network.config.is_linear else "learned"

    def to(self, device: str | torch.device) -> "Model":
        """The same model on another device; this one stays where it is."""
        return replace(self, network=copy.deepcopy(self.network).to(torch.device(device)))

    def save(self, folder: str | Path, *, force: bool = False) -> None:
        """Write configuration, weights, student, card and recipe into `folder`, made where it is not there.

        Raises `OutputError` where it holds a model already (without `force`) or cannot be written.
        """
        # That module makes models.
        from .weights import save

        folder = Path(folder)
        check_free(folder, force=force)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        save(folder, self.network, self.entropy, self.description)
        for name in (STUDENT_FILE, CARD_FILE, RECIPE_FILE):
            file = self.path / name
            if file.is_file() and file.parent.resolve() != folder.resolve():
                with writing(folder):
                    shutil.copyfile(file, folder / name)

    @classmethod
    def from_pretrained(
        cls, name: str | Path, *, revision: str | None = None, device: str = "auto", **how: Any
    ) -> "Model":
        """A model on the Hugging Face hub ("org/name"), or in a folder, by huggingface_hub's mixin.

        revision: a branch, tag or commit.   device: as in `load`.   how: token, cache_dir, force_download,
        local_files_only, as the mixin takes them. Raises `ModelError`, also where the package is missing
        (`pip install 'imfn[hub]'`).
        """
        held: Model = _hub_model().from_pretrained(name, revision=revision, device=device, **how).held
        return held

    def push_to_hub(self, repository: str, **how: Any) -> str:
        """Upload the model's folder to "org/name" on the Hugging Face hub; returns the address of the commit.

        how: commit_message, private, token, branch, create_pr, as huggingface_hub's mixin takes them, and its
        errors. Raises `ModelError` where the package is missing (`pip install 'imfn[hub]'`).
        """
        return str(_hub_model()(self).push_to_hub(repository, **how))

    @property
    def ratios(self) -> tuple[int, ...]:
        """The ratios that the model offers."""
        return self.network.config.ratios

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return next(self.network.parameters()).device

    @cached_property
    def weight_bytes(self) -> int:
        """What the network's weights take."""
        return sum(value.numel() * value.element_size() for value in self.network.parameters())

    @property
    def can_predict(self) -> bool:
        """Whether nodes may build on one another: frames of a film do, independent pictures do not."""
        config = self.network.config
        return not config.independent and config.patch_height == config.patch_width

    def merge(self, left: Tensor, right: Tensor, level: int) -> Tensor:
        """left, right memories of level − 1, (N, C, h, w) → their memory of `level`."""
        return self.network.merge(left, right, level)

    def split(self, memory: Tensor, level: int, coding: RootCoding | None = None) -> tuple[Tensor, Tensor]:
        """A memory of `level`, (N, C, h, w) → left and right memories of level − 1.

        coding: of the root that it was split from; by default the memory is a root itself, in floats.
        """
        return self.network.split(memory, level, coding)

    def compress(self, frames: Tensor, ratio: int) -> Tensor:
        """Frames (T, in_channels, H, W) in [0, 1] → memories (T/ratio, C, h, w), floats, not quantised."""
        return self.network.compress(frames, ratio)

    def restore(self, memories: Tensor, ratio: int, height: int, width: int, step: float = 0.0) -> Tensor:
        """Memories (N, C, h, w) of one ratio → frames (N · ratio, in_channels, H, W), not clamped.

        step: the quantisation step that the memories went through, 0 for none; the inverse makes use of it.
        """
        coding = RootCoding(level_of_ratio(ratio, self.network.config.levels), step)
        return self.network.restore(memories, ratio, height, width, coding=coding)

    def compress_pixels(self, pixels: Tensor, ratio: int) -> Tensor:
        """Pixels (T, H, W, 1 or 3) uint8 → memories (T/ratio, C, h, w), the quickest way."""
        config = self.network.config
        if pixels.shape[3] != config.in_channels:
            return self.compress(frames_from_pixels(pixels, config.in_channels), ratio)
        level = level_of_ratio(ratio, config.levels)
        below = min(level, self._folded_level)
        return self.network.climb_from(self._fold(below).compress(pixels), below, level)[-1]

    def restore_pixels(
        self,
        memories: Tensor,
        ratio: int,
        size: tuple[int, int, int],
        start: int,
        stop: int,
        coding: RootCoding | None = None,
    ) -> Tensor:
        """Memories (N, C, h, w) of one ratio → pixels (stop − start, *size) uint8; size is (H, W, 1 or 3).

        coding: how the memories were coded; by default they are floats.
        """
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

    def student(self, ratio: int) -> Student:
        """The student of one ratio: derived from the weights where that is exact, else read from its file.

        Raises `RatioError`, and `ModelError` where a learned model carries no `student.safetensors`, or one
        of another model.
        """
        level = level_of_ratio(ratio, self.network.config.levels)
        if level not in self._students:
            exact = Student.is_exact(self.network.config, level)
            student = Student(self.network, level, None if exact else self._update)
            self._students[level] = student.requires_grad_(False).eval()
        return self._students[level]

    @property
    def batch_level(self) -> int:
        """The highest level that `compress_pixels` and `restore_pixels` should be asked for at once."""
        config = self.network.config
        return self._folded_level if config.is_linear else config.levels

    @cached_property
    def _update(self) -> Update | None:
        update = read_update(self.path / STUDENT_FILE, self.name, self.sha256, self.network.config)
        return None if update is None else update.requires_grad_(False).eval().to(self.device)

    @property
    def _folded_level(self) -> int:
        """The highest level that is one matrix product from the pixels."""
        return min(self.network.config.linear_levels, foldable_level(self.network.config))

    def _fold(self, level: int) -> FoldedTree:
        if level not in self._folded:
            self._folded[level] = FoldedTree(self.network, level)
        return self._folded[level]


def _hub_model() -> Any:
    """The class that huggingface_hub's mixin works on. Raises `ModelError` where the package is missing."""
    try:
        # An optional extra: 'imfn[hub]'.
        from .hub_mixin import HubModel
    except ImportError as error:
        raise ModelError("the hub needs the package huggingface_hub; pip install 'imfn[hub]'") from error
    return HubModel

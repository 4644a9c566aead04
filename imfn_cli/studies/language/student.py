"""The student of a tree of vectors: distilled, and as a compressor like the others."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ...network import IMFN, Student, Update
from ...training.budget import Budget
from ...training.checkpoint import load_checkpoint
from ...training.distiller import Distiller
from ..trained_cache import load_trained, save_trained, trained_path
from ..vectors.compressors import TreeCompressor
from .states import States

#: Called while a student is distilled: (what is done, seconds spent, seconds in all).
Progress = Callable[[str, int, int], None]
# More steps than any budget has time for.
_ENDLESS = 1 << 30


@dataclass(frozen=True)
class StudentPlan:
    """minutes: of processor time.   vectors: in a step.   width, blocks: of the update's branch."""

    minutes: float
    vectors: int = 2048
    width: int = 128
    blocks: int = 2
    seed: int = 0


class StudentCompressor:
    """Memories by one update per vector, restored by the inverse of the tree that the student imitates."""

    def __init__(self, network: IMFN, update: Update | None, name: str = "student") -> None:
        """update: None for the student of a linear tree, which equals the tree."""
        self.name = name
        self._tree = TreeCompressor(network, name)
        self._update = update
        self._students: dict[int, Student] = {}

    @property
    def memory_size(self) -> int:
        return self._tree.memory_size

    @property
    def parameters_count(self) -> int:
        learned = () if self._update is None else self._update.parameters()
        return self._tree.parameters_count + sum(parameter.numel() for parameter in learned)

    def compress(self, vectors: Tensor) -> Tensor:
        count, length = vectors.shape[:2]
        student = self._student(length.bit_length() - 1)
        config = self._tree.network.config
        memory = student.reset(config.patch_height, config.patch_width, count)
        for t in range(length):
            memory = student.step(memory, self._tree.frames(vectors[:, t]), t)
        return memory.flatten(1)

    def restore(self, memories: Tensor, length: int) -> Tensor:
        return self._tree.restore(memories, length)

    def _student(self, level: int) -> Student:
        if level not in self._students:
            update = None if Student.is_exact(self._tree.network.config, level) else self._update
            self._students[level] = Student(self._tree.network, level, update).eval()
        return self._students[level]


def distil_student(
    network: IMFN,
    plan: StudentPlan,
    train: States,
    held: States,
    *,
    key: str,
    cache: Path | None = None,
    progress: Progress = lambda *_: None,
    clock: Callable[[], float] = time.process_time,
) -> Update | None:
    """What a student of `network` adds to each update; None where it gains nothing over the linear one.

    held: of the training text, chooses the best weights.   key: of the network.   cache: of checkpoints.
    """
    done = trained_path(cache, "language-student", asdict(plan), key)
    torch.manual_seed(plan.seed)
    if done and done.is_file():
        with load_trained(done) as state:
            if state["update"] is None:
                return None
            update = Update(network.config, plan.width, plan.blocks)
            update.load_state_dict(state["update"])
        return update.requires_grad_(False).eval()
    checkpoint = done and done.with_suffix(".checkpoint.pt")
    goes_on = bool(checkpoint and checkpoint.is_file())
    spent = load_checkpoint(checkpoint)["seconds"] if checkpoint and goes_on else 0.0
    distiller = Distiller(
        network,
        train,
        held,
        steps=_ENDLESS,
        budget=Budget(60 * plan.minutes, before=spent, clock=clock),
        width=plan.width,
        blocks=plan.blocks,
        frames_per_step=plan.vectors,
        crop=1,
        seed=plan.seed,
        checkpoint=checkpoint,
    )
    total = round(60 * plan.minutes)
    learned, _ = distiller.run(
        lambda *_: progress("student", round(distiller.seconds), total),
        resume=goes_on,
    )
    if done:
        save_trained(done, {"update": None if learned is None else learned.state_dict()})
    return None if learned is None else learned.requires_grad_(False).eval()

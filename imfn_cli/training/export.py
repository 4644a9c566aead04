"""One step of a student as a file for other runtimes: ONNX, or PyTorch's exported program."""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ImfnError
from ..network import Student
from ..system.files import replacing, writing

_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
# Largest difference of a memory that counts as the same, in units of the memories' deviation.
TOLERANCE = 1e-4


class Step(nn.Module):
    """memory (1, C, h, w), frame (1, in_channels, h · patch_height, w · patch_width) in [0, 1], t () int64
    → the memory after frame t, (1, C, h, w).

    Any h and w. Frames of other sizes are padded at the bottom and right by repeating the border, before.
    """

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, memory: Tensor, frame: Tensor, t: Tensor) -> Tensor:
        """See the class."""
        c = self.student.config
        h, w = memory.shape[2:]
        cut = frame.reshape(1, c.in_channels, h, c.patch_height, w, c.patch_width)
        patches = cut.permute(0, 2, 4, 3, 5, 1).reshape(1, h, w, c.patch_size)
        rows = self.student.advance(memory.permute(0, 2, 3, 1), patches, t)
        return rows.permute(0, 3, 1, 2).contiguous()


def require_packages(kind: str) -> None:
    """Raise `ImfnError`, one line with the remedy, unless what exporting to `kind` needs is installed."""
    if kind == "onnx":
        for package in _PACKAGES:
            if find_spec(package) is None:
                raise ImfnError(f"ONNX needs the package {package}; pip install 'imfn[export]'")


def export_step(
    student: Student, path: Path, kind: str, *, frames: Tensor | None = None, force: bool = False
) -> float:
    """Write one step of `student` to `path` as "onnx" or "torch", and run it beside ours over a window.

    frames: (r, in_channels, H, W) to compare on, H and W multiples of the patch; noise by default, of a size
    that the export has not seen. Returns the largest difference of any memory on the way, in units of the
    last memory's deviation. Raises `ImfnError` where a package is missing or the difference is above
    `TOLERANCE` (nothing is written then), `OutputError` where `path` exists or cannot be written.
    """
    require_packages(kind)
    c = student.config
    student = student.cpu()
    step = Step(student).eval()
    if frames is None:
        noise = torch.Generator().manual_seed(0)
        size = 3 * c.patch_height, 5 * c.patch_width
        frames = torch.rand(student.ratio, c.in_channels, *size, generator=noise)
    with replacing(path, force=force) as temporary, torch.no_grad(), _without_chatter():
        program = _exported(step)
        with writing(path):
            if kind == "onnx":
                _save_onnx(program, temporary)
            else:
                torch.export.save(program, temporary)
        difference = _difference(student, frames, _runner(temporary, kind))
        if not difference <= TOLERANCE:
            raise ImfnError(
                f"{path}: the exported step differs from the student by {difference:.2g} deviations; "
                "not written"
            )
    return difference


@contextlib.contextmanager
def _without_chatter() -> Iterator[None]:
    """The exporters tell of missing packages that have nothing to do with it, and of their own future."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "torch._export")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _exported(step: Step) -> torch.export.ExportedProgram:
    c = step.student.config
    h, w = torch.export.Dim("h", min=1, max=1 << 13), torch.export.Dim("w", min=1, max=1 << 13)
    # Not 1, which the exporter would take for a constant.
    memory = step.student.reset(4 * c.patch_height, 6 * c.patch_width).contiguous()
    frame = torch.zeros(1, c.in_channels, 4 * c.patch_height, 6 * c.patch_width)
    return torch.export.export(
        step,
        (memory, frame, torch.tensor(0)),
        dynamic_shapes=({2: h, 3: w}, {2: c.patch_height * h, 3: c.patch_width * w}, None),
    )


def _save_onnx(program: torch.export.ExportedProgram, path: Path) -> None:
    onnx = torch.onnx.export(
        program,
        input_names=["memory", "frame", "t"],
        output_names=["memory_after"],
        dynamo=True,
        verbose=False,
    )
    assert onnx is not None
    onnx.save(str(path), external_data=False)


def _runner(path: Path, kind: str) -> Callable[[Tensor, Tensor, int], Tensor]:
    if kind == "torch":
        module: Any = torch.export.load(path).module()
        return lambda memory, frame, t: module(memory, frame, torch.tensor(t))
    # An optional extra: 'imfn[export]'.
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(memory: Tensor, frame: Tensor, t: int) -> Tensor:
        inputs = {"memory": memory.numpy(), "frame": frame.numpy(), "t": torch.tensor(t).numpy()}
        return torch.from_numpy(session.run(None, inputs)[0])

    return run


def _difference(student: Student, frames: Tensor, run: Callable[[Tensor, Tensor, int], Tensor]) -> float:
    ours = student.reset(*frames.shape[2:])
    theirs = ours.contiguous()
    largest = 0.0
    for t, frame in enumerate(frames):
        ours = student.step(ours, frame[None], t)
        theirs = run(theirs, frame[None].contiguous(), t)
        largest = max(largest, float((ours - theirs).abs().max()))
    return largest / max(float(ours.std()), 1e-12)

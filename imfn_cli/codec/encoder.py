"""Frames to a latent file.

    frames ──batches──▶ tree or student ──▶ node ─┬─ intra ───────────────┐
       └───luma──▶ search frames ─────────────────┴─ inter ─ − prediction ┴─ quantise, rANS ──▶ bytes ──▶ file

Three threads keep the cores busy: one decodes the source, one builds nodes, and one (or two, of intra nodes
alone) codes them.
"""

import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Sequence as Seq
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .. import defaults
from ..bitstream.container.embedded_model import ModelFiles
from ..bitstream.container.latent_writer import LatentWriter
from ..bitstream.entropy.entropy_model import LANES_FROM
from ..bitstream.quantiser import checked_quality, step_of_quality
from ..media.batches import batched
from ..media.sequence import Sequence
from ..motion.compensate import luma
from ..network import level_of_ratio
from ..reports import CompressReport
from ..system.threads import map_ordered, prefetch
from ..zoo import Model
from .alpha import AlphaIntake, unit_of
from .inter_encoder import InterEncoder
from .node_builders import NodeBuilder, node_builder
from .search_frames import SearchFrames
from .sequence_header import check_shape, check_size, finish_latent
from .synthesis import batch_frames
from .work import compressing

Pixels = NDArray[np.uint8]
#: A node as it is built: level, memory (1, C, h, w).
Node = tuple[int, Tensor]
#: Called with the number of frames done so far.
Progress = Callable[[int], None]

#: Threads that code nodes; each spends its time in numpy and the rANS coder, which release the GIL.
CODING_THREADS = 2


@torch.inference_mode()
def compress_sequence(
    sequence: Sequence,
    output: Path,
    model: Model,
    *,
    ratio: int = defaults.RATIO,
    quality: float = defaults.QUALITY,
    gop: int = defaults.GOP,
    student: bool = False,
    force: bool = False,
    resume: bool = False,
    parts: Seq[Path] = (),
    embed: ModelFiles | None = None,
    progress: Progress = lambda _: None,
) -> CompressReport:
    """Compress the frames of `sequence` into a latent file at `output`.

    gop: frames in a group of pictures, whose nodes may be predicted from one another (`inter.py`); 0: every
    node is an intra node.   student: by the model's student instead of its tree.
    resume: go on from the GOPs of a run that was interrupted, and leave them when this one is; the file is
    the same, byte for byte.
    parts: latents of its first frames, of multiples of `part_unit` frames; they are not coded again.
    embed: the files of `model`, which go into the latent.

    Frames stream: peak RSS does not depend on their number. Raises RatioError, OutputError (exists without
    `force`, cannot be written), ValueError for a quality outside 0 … 100 or a negative gop, and InputError
    from reading the sequence; nothing is left then, without `resume`.
    """
    began = time.perf_counter()
    level = level_of_ratio(ratio, model.network.config.levels)
    quality = checked_quality(quality)
    check_size(sequence)
    gop_nodes = gop_nodes_of(model, ratio, gop)
    unit = unit_of(sequence.info, gop_nodes * ratio, ratio)
    alpha = AlphaIntake(sequence.info, unit)
    intake = _Intake(sequence, SearchFrames(level) if gop_nodes > 1 else None, alpha, progress)
    told = compressing(sequence, model, ratio=ratio, quality=quality, gop=gop_nodes * ratio, student=student)
    with LatentWriter(output, force=force, told=told, resume=resume, model=embed) as writer:
        intake.go_on(writer.take_over(parts, unit) if parts else writer.take_up(unit))
        done = resumed = intake.done
        nodes = intake.nodes(node_builder(model, level, student=student))
        if gop_nodes > 1:
            coded = _coded_in_gops(nodes, intake, model, quality, gop_nodes)
        else:
            coded = _coded_intra(nodes, model, quality)
        for node_level, data in coded:
            alpha.write(writer, done + (1 << node_level))
            writer.add(node_level, data, intake.times[done : done + (1 << node_level)])
            done += 1 << node_level
        # By what is there, so that joined and resumed latents say the same.
        lanes = gop_nodes == 1 and any(size >= LANES_FROM for _, size, _ in writer.table)
        if writer.node_count == 1:
            gop_nodes = 1  # nothing is predicted from it
        finish_latent(
            *(writer, model, sequence, intake.times),
            ratio=ratio,
            quality=quality,
            student=student,
            gop_nodes=gop_nodes,
            lanes=lanes,
        )
    h, w = model.network.config.grid(sequence.info.height, sequence.info.width)
    return compress_report(
        sequence,
        output,
        model,
        ratio=ratio,
        quality=quality,
        gop=gop_nodes * ratio if gop_nodes > 1 else 0,
        student=student,
        frames=len(intake.times),
        nodes=writer.node_count,
        numbers=writer.node_count * model.network.config.channels * h * w,
        seconds=time.perf_counter() - began,
        resumed=resumed,
    )


def gop_nodes_of(model: Model, ratio: int, gop: int) -> int:
    """How many nodes of a ratio make a group of pictures of `gop` frames; 1 where all are intra nodes.

    Raises ValueError for a negative number of frames.
    """
    if gop < 0:
        raise ValueError(f"gop {gop}: must be a number of frames, or 0")
    return max(1, gop // ratio) if model.can_predict else 1


class _Intake:
    """The frames of a sequence on their way to the nodes.

    times: presentation times of the frames so far.   searched: keeps what motion is searched in, if anything.
    alpha: takes their alpha planes.
    done: frames whose nodes an interrupted run has coded.
    """

    def __init__(
        self, sequence: Sequence, searched: SearchFrames | None, alpha: AlphaIntake, progress: Progress
    ) -> None:
        self.times = array("q")
        self._alpha = alpha
        self.searched = searched
        self._sequence, self._progress = sequence, progress
        self.done = 0

    def go_on(self, times: "array[int]") -> None:
        """Begin after frames whose nodes are coded, whole trees: their times."""
        self.done, self.times = len(times), times

    def nodes(self, builder: NodeBuilder) -> Iterator[Node]:
        """The forest's nodes in time order, from the first that is to be coded."""
        info = self._sequence.info
        size = batch_frames(info.height, info.width)
        # Batches as they would have been: the network's rounding may depend on them.
        first = self.done - self.done % size
        del self.times[first:]
        again = (self.done - first) >> builder.level
        frames = self._alpha.through(self._sequence.after(first), first, self.done)
        for pixels, shown in prefetch(batched(frames, size), 2):
            check_shape(self._sequence, pixels)
            self.times.extend(shown)
            if self.searched is not None:
                self.searched.feed(luma(pixels))
            for level, memory in builder.feed(pixels):
                if again:
                    again -= 1
                    if self.searched is not None:
                        self.searched.pop(level)
                    continue
                yield level, memory
            self._progress(len(self.times))
        yield from builder.flush()

    def search_frames(self, level: int) -> Pixels:
        """The search frames of the node that came last, (S, H, W)."""
        assert self.searched is not None
        return self.searched.pop(level)

    @property
    def size(self) -> tuple[int, int, int]:
        """(H, W, C) of the frames."""
        info = self._sequence.info
        return info.height, info.width, info.channels


def _coded_intra(nodes: Iterable[Node], model: Model, quality: float) -> Iterator[tuple[int, bytes]]:
    """Level and bytes of each node, coded in any order: none depends on another."""
    return map_ordered(lambda node: encode_intra(model, node, quality, LANES_FROM), nodes, CODING_THREADS)


def encode_intra(
    model: Model, node: Node, quality: float, lanes_from: int | None = None
) -> tuple[int, bytes]:
    """A node (level, memory (1, C, h, w)) → its level and its bytes, quantised at `quality`.

    lanes_from: a node of so many bytes, or more, is coded in lanes.
    """
    level, memory = node
    values = memory[0].float().cpu().numpy() / np.float32(step_of_quality(quality))
    return level, model.entropy.encode(values, level, quality, lanes_from=lanes_from)


def _coded_in_gops(
    nodes: Iterable[Node], intake: _Intake, model: Model, quality: float, gop_nodes: int
) -> Iterator[tuple[int, bytes]]:
    """Level and bytes of each node, one after another, while the next ones are built."""
    encoder = InterEncoder(model, intake.size, quality)

    def searched() -> Iterator[tuple[bool, int, Tensor, Pixels]]:
        for index, (level, memory) in enumerate(nodes):
            yield index % gop_nodes == 0, level, memory, intake.search_frames(level)

    @torch.inference_mode()
    def encode(node: tuple[bool, int, Tensor, Pixels]) -> tuple[int, bytes]:
        intra, level, memory, search_frames = node
        return level, encoder.encode(level, memory, search_frames, intra=intra)

    return map_ordered(encode, searched(), 1)


def compress_report(
    sequence: Sequence,
    output: Path,
    model: Model,
    *,
    ratio: int | str,
    quality: float,
    gop: int,
    student: bool,
    frames: int,
    nodes: int,
    numbers: float,
    seconds: float,
    resumed: int = 0,
) -> CompressReport:
    """What compressing did; the arguments are the report's fields. numbers: in all memories together."""
    info, size = sequence.info, output.stat().st_size
    pixels = frames * info.height * info.width
    return CompressReport(
        source=sequence.name,
        output=str(output),
        model=model.name,
        ratio=ratio,
        quality=quality,
        frames=frames,
        height=info.height,
        width=info.width,
        channels=info.channels,
        nodes=nodes,
        source_bytes=info.size_bytes,
        bytes=size,
        bits_per_pixel=8 * size / pixels,
        ratio_of_numbers=pixels * info.channels / numbers,
        # Of what came through a pipe nobody knows.
        ratio_of_bytes=info.size_bytes / size if info.size_bytes else None,
        seconds=seconds,
        frames_per_second=(frames - resumed) / seconds,
        notes=(*info.notes, *sequence.warnings),
        student=student,
        gop=gop,
        resumed=resumed,
    )

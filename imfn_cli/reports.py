"""What the work reports back: plain data, the same for the command line and the Python API."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from .notebook import to_html


class _Report:
    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        return asdict(self)  # type: ignore[call-overload]

    def _repr_html_(self) -> str:
        """The fields as a table, which notebooks show."""
        return to_html(self)


@dataclass(frozen=True)
class TargetReport(_Report):
    """How the quality was found.

    of: "psnr" (dB), "kbps" (1000 bits a second) or "size" (bytes).   wanted, reached: in that unit.
    passes: over the whole input.   sample_passes: over a few of its GOPs, before.
    """

    of: Literal["psnr", "kbps", "size"]
    wanted: float
    reached: float
    passes: int
    sample_passes: int


@dataclass(frozen=True)
class CompressReport(_Report):
    """What compressing did.

    bits_per_pixel counts the whole file over frames · height · width. ratio_of_numbers is numbers in the
    frames over numbers in the memories (the paper's ratio; tails and padding lower it), ratio_of_bytes is
    source bytes over file bytes, None where only a part of the source was compressed. seconds includes
    reading and decoding the source. notes: what the user should know about how it was read, one line each.
    ratio: frames per memory, or "auto".   student: the model's student compressed, not its tree.
    gop: frames from one intra node to the next, 0 where every node is an intra node.
    verified: what was written was read again and decoded, before it got its name.
    target: how the quality was found, where a target said it; seconds are those of all passes then.
    resumed: frames that an interrupted run had done; they do not count in frames_per_second.
    """

    source: str
    output: str
    model: str
    ratio: int | str
    quality: float | None
    frames: int
    height: int
    width: int
    channels: int
    nodes: int
    source_bytes: int
    bytes: int
    bits_per_pixel: float
    ratio_of_numbers: float
    ratio_of_bytes: float | None
    seconds: float
    frames_per_second: float
    notes: tuple[str, ...]
    student: bool = False
    gop: int = 0
    target: TargetReport | None = None
    verified: bool = False
    resumed: int = 0


@dataclass(frozen=True)
class ArrayReport(CompressReport):
    """What compressing an array as it is did.

    Fields as in `CompressReport`: nodes are groups of frames, there is no model, and ratio_of_bytes is of the
    array's own bytes. shape, dtype: of the array, dtype as NumPy writes it.   max_error: every sample is
    within it, 0: as it was, None: of memories, whose `ratio` is theirs.
    bits_per_sample: of the whole file.   megabytes_per_second: of the array.
    """

    shape: tuple[int, ...] = ()
    dtype: str = ""
    max_error: float | None = 0.0
    lossless: bool = True
    bits_per_sample: float = 0.0
    megabytes_per_second: float = 0.0


@dataclass(frozen=True)
class MemoriesReport(_Report):
    """What was written of a sequence's memories.

    shape: (N, C, h, w) of the file, float32.   levels: of each memory, 2^level frames; the tail's are lower.
    """

    source: str
    output: str
    model: str
    ratio: int
    frames: int
    shape: tuple[int, ...]
    levels: tuple[int, ...]
    seconds: float


@dataclass(frozen=True)
class StreamReport(_Report):
    """What streaming did.

    method: "student", "tree" or "adaptive", whose ratio is "auto".
    reconnects: how often the source was lost and came back.
    dropped: frames that a camera or an address gave while this machine was busy, as gaps in its times tell.
    ended: "source", "limit" or "signal": what ended it.
    seconds: from the first frame on.   memory_mb: largest resident memory that was seen, 10^6 bytes.
    finished: False where the file could not be put into its final form; it is readable all the same.
    """

    source: str
    output: str
    model: str
    method: str
    ratio: int | str
    quality: float
    frames: int
    height: int
    width: int
    channels: int
    nodes: int
    bytes: int
    bits_per_pixel: float
    seconds: float
    frames_per_second: float
    memory_mb: float | None
    ended: str
    reconnects: int
    dropped: int
    finished: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class FadingMemoryReport(_Report):
    """What streaming into one memory did; fields as in `StreamReport`. half_life: in frames."""

    source: str
    output: str
    model: str
    half_life: float
    frames: int
    height: int
    width: int
    channels: int
    bytes: int
    seconds: float
    frames_per_second: float
    memory_mb: float | None
    ended: str
    reconnects: int
    dropped: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DecompressReport(_Report):
    """What decompressing did. damaged: frames, as first and last, that could not be restored.

    notes: what the output could not hold, one line each.   resumed: frames that an interrupted run had
    written; they do not count in frames_per_second.
    """

    source: str
    output: str
    model: str
    frames: int
    height: int
    width: int
    channels: int
    seconds: float
    frames_per_second: float
    damaged: tuple[tuple[int, int], ...]
    notes: tuple[str, ...] = ()
    resumed: int = 0


@dataclass(frozen=True)
class DamagedNode(_Report):
    """A node that cannot be decoded, the frames it held, and why, on one line."""

    node: int
    first_frame: int
    last_frame: int
    problem: str


@dataclass(frozen=True)
class SourceReport(_Report):
    """A latent's frames beside those of its source.

    frames: that were compared, those of damaged nodes left out.   psnr: mean over them, dB, 8-bit values.
    worst_frame: counted from 0.   worst_psnr: its PSNR.   All three None where no frame could be restored.
    """

    source: str
    frames: int
    psnr: float | None
    worst_frame: int | None
    worst_psnr: float | None


@dataclass(frozen=True)
class VerifyReport(_Report):
    """What verifying found. decoded: whether nodes were decoded too, or only their checksums compared.

    lost: first and last of each run of frames that cannot be restored.   notes: why nodes were not decoded.
    compared: with the source, where one was named.
    """

    source: str
    ok: bool
    nodes: int
    frames: int
    decoded: bool
    damaged: tuple[DamagedNode, ...]
    notes: tuple[str, ...]
    lost: tuple[tuple[int, int], ...] = ()
    compared: SourceReport | None = None


@dataclass(frozen=True)
class Validation(_Report):
    """Averaged weights on held-out windows, as training goes on.

    score: mean over levels of the end-to-end loss, floats and quality 40 alike; lower is better.
    psnr: ratio → dB with memories in floats.   psnr_quantised, bits: the same at quality 40, and its bits per
    pixel value by the training's own estimate.   refined: dB that refining leaves adds at quality 40, mean
    over all ratios; None where nothing refines.   loss: mean training loss since the validation before.
    """

    step: int
    stage: str
    seconds: float
    loss: float
    score: float
    psnr: dict[int, float]
    psnr_quantised: dict[int, float]
    bits: dict[int, float]
    refined: float | None = None


@dataclass(frozen=True)
class TrainingData(_Report):
    """What a model was made from. name: the last parts of its paths.   clips: sequences in it."""

    name: str
    clips: int
    frames: int


@dataclass(frozen=True)
class FloatResults(_Report):
    """A model on held-out sequences, memories in floats: ratio → PSNR in dB, and of what it started from."""

    data: str
    clips: int
    psnr_float: dict[int, float]
    psnr_float_start: dict[int, float] | None = None


class _ModelReport(_Report):
    """What made a model; `results` only where it was measured."""

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values, without those that there are not."""
        values = _without_none(super().to_dict())
        if "results" in values:
            values["results"] = _without_none(values["results"])
        return values

    def description(self) -> dict[str, Any]:
        """What the model's `config.json` keeps of it."""
        apart = ("path", "evaluations", "notes")
        return {name: value for name, value in self.to_dict().items() if name not in apart}


@dataclass(frozen=True)
class FitReport(_ModelReport):
    """What fitting a model in closed form did. path: its folder.

    notes: what differs from what was asked for, one line each.
    """

    path: str
    name: str
    kind: str
    tool: str
    command: str
    data: TrainingData
    seconds: int
    hardware: str
    results: FloatResults | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainReport(_ModelReport):
    """What training a model did. path: its folder.   start: what training began with.

    evaluations: on held-out windows of the training data, as it went on; of a run that was resumed those
    since. results: on test data.   seconds: of training, validations included.
    notes: what differs from what was asked for, one line each.
    """

    path: str
    name: str
    kind: str
    tool: str
    command: str
    start: str
    data: TrainingData
    steps: int
    seconds: int
    hardware: str
    results: FloatResults | None = None
    evaluations: tuple[Validation, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class DistillRow(_Report):
    """Tree against student at one ratio, on held-out windows, memories in floats.

    psnr_*: dB over all restored values, of the tree, of the student with its learned update, and without.
    distance, distance_linear: root mean squared difference of the student's memories to the tree's over the
    deviation of the tree's, with the update and without.
    """

    ratio: int
    psnr_tree: float
    psnr_student: float
    psnr_linear: float
    distance: float
    distance_linear: float


@dataclass(frozen=True)
class LearnedFrom(_Report):
    """What a student was learned from. seconds: reading included.   held_out: a row for each ratio."""

    clips: int
    frames: int
    steps: int
    seconds: float
    held_out: tuple[DistillRow, ...]


@dataclass(frozen=True)
class DistillReport(_Report):
    """What distilling did. path: the file written.   format: "safetensors", "onnx" or "torch".

    learned: whether the student has a learned update; one that is exact, or linear, has none.
    ratio, difference: of a program, and its largest difference to torch in deviations of a memory.
    clips, frames, steps, seconds, held_out: as in `LearnedFrom`; None where nothing was to be learned.
    """

    path: str
    format: str
    model: str
    bytes: int
    learned: bool
    ratio: int | None = None
    difference: float | None = None
    clips: int | None = None
    frames: int | None = None
    steps: int | None = None
    seconds: float | None = None
    held_out: tuple[DistillRow, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values, without those that there are not."""
        return _without_none(super().to_dict())


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class InstalledModel(_Report):
    """A model that can be named. path: its folder.   default: used unless told.   problem: "" if whole."""

    name: str
    path: str
    default: bool
    problem: str


@dataclass(frozen=True)
class SelfTest(_Report):
    """A made-up clip, compressed and restored. psnr: dB, None where it did not come back; problem: why.

    ratio: "auto", as `imfn compress` takes it unless told; 16 where what that needs is not compiled yet.
    """

    ok: bool
    seconds: float
    psnr: float | None
    problem: str
    ratio: int | str


@dataclass(frozen=True)
class DoctorReport(_Report):
    """What this installation is, and what is wrong with it.

    packages, ffmpeg: name → version.   encoders: FFmpeg's name → whether this PyAV has it.
    devices: all that PyTorch sees; device: the one that "auto" takes.   cores: that this process may use.
    threads: of PyTorch.   extras: name → the packages that it still lacks.   problems: one line each.
    """

    ok: bool
    version: str
    python: str
    platform: str
    packages: dict[str, str]
    ffmpeg: dict[str, str]
    encoders: dict[str, bool]
    devices: tuple[str, ...]
    device: str
    cores: int
    threads: int
    models: tuple[InstalledModel, ...]
    extras: dict[str, tuple[str, ...]]
    self_test: SelfTest
    problems: tuple[str, ...]

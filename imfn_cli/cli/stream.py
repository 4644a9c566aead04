"""`imfn stream`: frames as they come, into a latent that grows."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import api, codec, defaults, media
from ..reports import FadingMemoryReport, StreamReport
from ..system.signals import collected_signals
from . import options
from .output import Output
from .process import settle_for

if TYPE_CHECKING:
    from ..codec.stream import Live


def stream(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A file, - for standard input, a camera (camera:0, /dev/video0), "
            "an address (http://, tcp://, udp://, rtsp://).",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Latent to write.",
            show_default="NAME.safetensors here",
        ),
    ] = None,
    ratio: options.RatioOrAuto = str(defaults.STREAM_RATIO),
    quality: options.Quality = defaults.QUALITY,
    gop: options.Gop = defaults.GOP,
    effort: options.StreamEffort = defaults.EFFORT,
    low_delay: Annotated[
        bool,
        typer.Option("--low-delay", help="With -r auto: write each frame at once, not trees of up to 64."),
    ] = False,
    tree: Annotated[
        bool, typer.Option("--tree", help="The exact tree, online, instead of the student: log2(R) memories.")
    ] = False,
    forget: Annotated[
        bool,
        typer.Option(
            "--forget", help="One memory of all that was, finer for the recent past, fixed in size."
        ),
    ] = False,
    half_life: Annotated[
        float | None,
        typer.Option(
            "--half-life",
            metavar="N",
            help="With --forget: frames after which an error counts half.",
            show_default="32",
        ),
    ] = None,
    raw: Annotated[
        str | None,
        typer.Option("--raw", metavar="WxH", help="SOURCE is frames of this size without a container."),
    ] = None,
    pix_fmt: Annotated[
        str,
        typer.Option("--pix-fmt", metavar="NAME", help="Pixel format of raw frames: rgb24, gray, yuv420p…"),
    ] = "rgb24",
    fps: Annotated[
        str | None,
        typer.Option(
            "--fps", metavar="RATE", help="Frames a second: of raw frames (25), or asked of a camera."
        ),
    ] = None,
    size: Annotated[
        str | None, typer.Option("--size", metavar="WxH", help="Size of picture that is asked of a camera.")
    ] = None,
    input_format: Annotated[
        str | None,
        typer.Option(
            "--input-format", metavar="NAME", help="FFmpeg's name of the source's format: v4l2, mpegts…"
        ),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            min=0,
            metavar="S",
            help="Seconds without a frame after which the source counts as lost; 0: never.",
            show_default="10 for addresses and cameras",
        ),
    ] = None,
    reconnect: Annotated[
        float,
        typer.Option(
            "--reconnect",
            min=0,
            metavar="S",
            help="Seconds for which an address that is lost is opened again.",
        ),
    ] = 0.0,
    frames: Annotated[
        int | None, typer.Option("--frames", min=1, metavar="N", help="End after N frames.")
    ] = None,
    duration: Annotated[
        float | None, typer.Option("--duration", metavar="S", help="End after S seconds of video.")
    ] = None,
    sync: Annotated[
        float, typer.Option(min=0, metavar="S", help="Seconds that a power cut may cost at most.")
    ] = 1.0,
    model: options.Model = None,
    device: options.Device = options.DeviceName.auto,
    force: options.Force = False,
    limit_memory: options.LimitMemory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Compress frames as they come, in constant memory, into a latent that is readable at any moment.

    Ends with the source, or on Ctrl-C, with all frames in the file. Killed, all finished nodes are there.
    A source that breaks off or falls silent: all frames before are there, exit code 1; with --reconnect an
    address is opened again first, and its frames go on with the gap in their times.
    With --forget the file is one memory of the whole past, rewritten every --sync seconds, never larger.
    """
    out, chosen = Output(json, quiet), options.parse_ratio(ratio)
    adaptive = chosen == defaults.AUTO
    if low_delay and not adaptive:
        raise typer.BadParameter("is for -r auto", param_hint="--low-delay")
    if adaptive and (tree or forget):
        raise typer.BadParameter("-r auto is neither --tree nor --forget", param_hint="--ratio")
    if duration is not None and duration <= 0:
        raise typer.BadParameter(f"{duration} seconds; name a number above 0", param_hint="--duration")
    if raw is None and pix_fmt != "rgb24":
        raise typer.BadParameter("is for raw frames; say --raw WxH", param_hint="--pix-fmt")
    if forget and tree:
        raise typer.BadParameter("--forget and --tree exclude each other", param_hint="imfn stream")
    if half_life is not None and not (forget and 1 <= half_life <= 1e6):
        raise typer.BadParameter(
            "needs --forget and a number of frames from 1 to 1,000,000", param_hint="--half-life"
        )
    place = codec.stream_place(source, output, force=force)
    if size is not None and (raw is not None or not media.is_device(source, input_format)):
        raise typer.BadParameter("is asked of a camera; leave it out", param_hint="--size")
    if fps is not None and raw is None and not media.is_device(source, input_format):
        raise typer.BadParameter(
            "is for cameras, and for raw frames; say --raw WxH, or leave it out", param_hint="--fps"
        )
    if reconnect and "://" not in source:
        raise typer.BadParameter("is for addresses; leave it out", param_hint="--reconnect")
    raw_video = None if raw is None else media.RawVideo.parse(raw, pix_fmt, fps)
    settle_for(model)
    limits = options.limits_of(limit_memory)
    loaded = api.stream_model(model, chosen, quality, tree=tree, forget=forget, device=device, limits=limits)
    # Until the first frame is here a signal ends the command; from then on it ends the stream.
    with (
        media.open_live(
            source,
            raw=raw_video,
            input_format=input_format,
            size=size,
            rate=None if raw_video else fps,
            timeout=timeout,
            reconnect=reconnect,
            told=out.note_amid,
        ) as sequence,
        collected_signals() as asked,
        out.live() as line,
    ):
        report = api.stream(
            sequence,
            place,
            model=loaded,
            ratio=chosen,
            quality=quality,
            gop=gop,
            effort=effort,
            low_delay=low_delay,
            tree=tree,
            forget=forget,
            half_life=half_life,
            frames=frames,
            duration=duration,
            sync=sync,
            stopping=lambda: bool(asked),
            force=force,
            progress=_progress(line),
        )
    for note in report.notes:
        out.note(f"{report.source}: {note}")
    if report.dropped:
        out.note(f"{report.source}: {_dropped(report)}")
    out.result(report.to_dict(), *human(report))
    return 0


def human(report: StreamReport | FadingMemoryReport) -> list[str]:
    """The report in three lines."""
    lost = f", {report.dropped:,} dropped" if report.dropped else ""
    lost += f", lost and back {report.reconnects}×" if report.reconnects else ""
    memory = "" if report.memory_mb is None else f", {report.memory_mb:.0f} MB of memory"
    if isinstance(report, StreamReport):
        where = f"{report.nodes:,} nodes"
        size = f"{report.bytes:,} bytes ({report.bits_per_pixel:.4f} bits per pixel)"
        how = f"{report.method}, ratio {report.ratio}, quality {report.quality}"
    else:
        where, size = "one memory", f"{report.bytes:,} bytes"
        how = f"half-life {report.half_life:g} frames"
    return [
        f"{report.source} → {report.output}",
        f"  {report.frames:,} frames of {report.width}×{report.height} in {where}, {size}{lost}",
        f"  {report.frames_per_second:.0f} frames/s{memory} (model {report.model}, {how})",
    ]


def _dropped(report: StreamReport | FadingMemoryReport) -> str:
    share = report.dropped / (report.frames + report.dropped)
    return (
        f"{report.dropped:,} frames ({share:.0%}) were dropped: the source gives more than the "
        f"{report.frames_per_second:.0f} a second that this machine takes; --fps and --size ask a camera "
        "for less"
    )


def _progress(line: Any) -> Any:
    # The rate of the last seconds, not of all since the beginning.
    marks = [(time.monotonic(), 0)]

    def show(live: "Live") -> None:
        def text() -> str:
            now = time.monotonic()
            while len(marks) > 1 and now - marks[0][0] > 5:
                marks.pop(0)
            seconds = now - marks[0][0]
            rate = (live.frames - marks[0][1]) / seconds if seconds > 0 else 0.0
            marks.append((now, live.frames))
            memory = "" if live.memory_mb is None else f", {live.memory_mb:.0f} MB of memory"
            return (
                f"{live.frames:,} frames, {rate:.1f} frames/s, {live.nodes:,} nodes, "
                f"{live.bytes:,} bytes{memory}"
            )

        line(text)

    return show

"""The peers: what they are given, what comes back, and that the way there and back costs them nothing."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from imfn_cli.cli.eval_tables import tables
from imfn_cli.errors import ImfnError
from imfn_cli.evaluation.document import to_document
from imfn_cli.evaluation.peer_coding import check, decode, encode, options_of
from imfn_cli.evaluation.peers import PEERS, Peer, sweep
from imfn_cli.evaluation.plot import write_plot
from imfn_cli.evaluation.report import render
from imfn_cli.evaluation.rows import Setting
from imfn_cli.media import LoadedArray
from imfn_cli.media.psnr import psnr

from .conftest import Here

CODECS = tuple(PEERS)


def there_and_back(frames: np.ndarray, codec: str, crf: int) -> tuple[int, list[np.ndarray]]:
    (setting,) = sweep(codec, [crf])
    encoded = encode(LoadedArray(frames), setting)
    return encoded.size, list(decode(encoded))


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> str:
    """Each peer that this PyAV has."""
    name: str = request.param
    try:
        check(name)
    except ImfnError as error:
        pytest.skip(str(error))
    return name


def test_frames_come_back_in_order(codec: str, clip_frames: np.ndarray) -> None:
    frames = clip_frames[:12]
    size, restored = there_and_back(frames, codec, 20)
    assert len(restored) == 12
    assert 0 < size < frames.nbytes
    for index, frame in enumerate(restored):
        assert frame.shape == frames[0].shape
        assert frame.dtype == np.uint8
        # Frames move, so only the right one is close.
        assert np.argmax([psnr(original, frame) for original in frames]) == index


def test_more_bits_are_better(codec: str, clip_frames: np.ndarray) -> None:
    frames = clip_frames[:6]
    (small, rough), (large, fine) = (there_and_back(frames, codec, crf) for crf in (50, 15))
    assert small < large
    assert psnr(frames, np.stack(rough)) < psnr(frames, np.stack(fine))


@pytest.mark.parametrize(("height", "width"), [(33, 47), (1, 1), (17, 2)])
def test_any_size(codec: str, height: int, width: int, clip_frames: np.ndarray) -> None:
    frames = clip_frames[:3, :height, :width]
    _, restored = there_and_back(np.ascontiguousarray(frames), codec, 20)
    assert [frame.shape for frame in restored] == [(height, width, 3)] * 3


def test_gray(codec: str, clip_frames: np.ndarray) -> None:
    frames = clip_frames[:3, ..., :1]
    _, restored = there_and_back(np.ascontiguousarray(frames), codec, 15)
    assert all(frame.shape == frames[0].shape for frame in restored)
    assert psnr(frames, np.stack(restored)) > 35


def test_sizes_follow_each_other_in_one_process(clip_frames: np.ndarray) -> None:
    # libx265 keeps its block size; without padding this ends the process.
    wide = np.tile(clip_frames[:2], (1, 2, 2, 1))
    for side in (96, 32, 16, 64):
        _, restored = there_and_back(np.ascontiguousarray(wide[:, :side, :side]), "x265", 30)
        assert len(restored) == 2


def test_conversion_costs_next_to_nothing() -> None:
    # Slow ramps of colour: 4:2:0 holds them, so what is lost is rounding and the encoder's finest step.
    y, x = np.mgrid[:64, :96]
    ramp = np.stack([x + 60, 90 + y, 200 - x], axis=-1).astype(np.uint8)
    _, (restored,) = there_and_back(ramp[None], "x264", 1)
    assert psnr(ramp, restored) > 46
    assert abs(float(restored.astype(float).mean() - ramp.mean())) < 0.2


def test_size_is_that_of_the_packets_in_a_file(tmp_path: Path, clip_frames: np.ndarray) -> None:
    (setting,) = sweep("x264", [28])
    encoded = encode(LoadedArray(clip_frames[:8]), setting)
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height = 64, 48
        stream.codec_context.extradata = encoded.extradata
        for packet in encoded.packets:
            packet.stream = stream
            container.mux(packet)
    with av.open(str(path)) as container:
        stored = sum(packet.size for packet in container.demux(video=0))
    # Where the stream has start codes of 3 or 4 bytes, MP4 has lengths of 4.
    assert 0 <= stored - encoded.size <= 16
    assert path.stat().st_size > encoded.size


def test_options_are_stated_exactly(clip_frames: np.ndarray) -> None:
    (setting,) = sweep("x264", [23], "slow")
    assert setting.label == "x264 slow"
    assert options_of(setting) == {"preset": "slow", "crf": "23"}
    assert encode(LoadedArray(clip_frames[:2]), setting).options == (
        "-c:v libx264 -preset slow -crf 23 -threads 1 -pix_fmt yuv420p -colorspace bt709 -color_range tv"
    )
    (vp9,) = sweep("vp9", [30])
    assert options_of(vp9) == {"cpu-used": "2", "crf": "30", "b": "0", "deadline": "good"}


def test_an_entry_of_the_table_is_all_that_a_codec_needs(
    here: Here, clip_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = Peer(
        encoder="libx264",
        decoders=("h264",),
        preset="ultrafast",
        presets=("ultrafast",),
        crf_option="qp",
        crfs=(20, 40),
        highest_crf=51,
        options={"tune": "zerolatency"},
        colour="#00796b",
        dark_colour="#4db6ac",
        mark="diamond",
    )
    monkeypatch.setitem(PEERS, "quick", quick)
    found = here(clip_path, Setting("imfn", 4, 30), Setting("imfn", 4, 70), *sweep("quick"), stop=8)
    assert found.failures == ()
    document = to_document(found, jobs=1)
    assert [row["label"] for row in document["rows"]] == ["imfn 4:1"] * 2 + ["quick ultrafast"] * 2
    assert "-preset ultrafast -qp 20 -tune zerolatency" in document["rows"][2]["options"]
    assert [(delta["anchor"], delta["codec"]) for delta in document["bd"]] == [("quick", "imfn 4:1")] * 2
    assert any("-qp 20,40 " in line for line in tables(document) if isinstance(line, str))
    write_plot(tmp_path / "plot.svg", document)
    assert quick.colour in (tmp_path / "plot.svg").read_text()
    assert quick.dark_colour in render(document, [])


def test_defaults() -> None:
    assert [[setting.crf for setting in sweep(codec)] for codec in CODECS] == [
        list(PEERS[codec].crfs) for codec in CODECS
    ]
    assert {sweep(codec)[0].label for codec in CODECS} == {
        "x264 medium",
        "x265 medium",
        "av1 preset 6",
        "vp9 cpu-used 2",
        "x264-psnr medium",
        "x265-psnr medium",
    }


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("x264", [23], "quick"), "x264 has no preset 'quick'; choose ultrafast, superfast"),
        (("vp9", [23], "fast"), "vp9 has no cpu-used 'fast'"),
        (("x265", [52]), "x265: crf 52 is not in 0 … 51"),
        (("av1", [-1]), "av1: crf -1 is not in 0 … 63"),
    ],
)
def test_unknown_options(arguments: tuple[str, list[int]], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        sweep(*arguments)


def test_a_missing_encoder_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", {"h264"})
    with pytest.raises(ImfnError, match=r"av1: the installed PyAV .* has no encoder libsvtav1; install "):
        check("av1")


def test_what_an_encoder_refuses_is_one_line(
    clip_frames: np.ndarray, monkeypatch: pytest.MonkeyPatch, codec: str
) -> None:
    broken: Callable[..., dict[str, str]] = lambda _: {"preset": "no such", "cpu-used": "no such"}  # noqa: E731
    monkeypatch.setattr("imfn_cli.evaluation.peer_coding.options_of", broken)
    with pytest.raises(ImfnError, match=rf"^{codec}: .* refuses frames of 64×(48|64) "):
        encode(LoadedArray(clip_frames[:2]), sweep(codec)[0])

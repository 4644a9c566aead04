"""The peer's picture in as many bytes as ours."""

import numpy as np
import pytest

from imfn_cli.evaluation import peer_coding
from imfn_cli.evaluation.clip import Clip
from imfn_cli.evaluation.equal_bytes import at_equal_bytes, nearest_crfs
from imfn_cli.evaluation.peers import sweep
from imfn_cli.evaluation.pictures import worst_pictures
from imfn_cli.evaluation.rows import Row
from imfn_cli.media import expand_inputs
from imfn_cli.media.psnr import psnr


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (2000, [25]),
        (1500, [27, 28]),
        # Beyond the curve it goes on as it ends there.
        (8000, [15]),
        (500, [35]),
        (250, [40]),
        # And no further than the encoder knows.
        (1, [51]),
        (10**9, [0]),
    ],
)
def test_rate_factors_near_a_size(size: int, expected: list[int]) -> None:
    assert nearest_crfs([(30, 1000), (20, 4000)], size, "x264") == expected


def test_a_single_point_is_taken_as_it_is() -> None:
    assert nearest_crfs([(28, 1000)], 5, "x264") == [28]


@pytest.fixture(scope="module")
def clip(clip_path_module: str) -> Clip:
    return Clip("clip", expand_inputs([clip_path_module])[0], 0, 12)


@pytest.fixture(scope="module")
def clip_path_module(clip_path: object) -> str:
    return str(clip_path)


def row(clip: Clip, codec: str, crf: int | None, size: int, **more: object) -> Row:
    values = {
        "clip": clip.name, "codec": codec, "label": "x264 medium", "model": None, "ratio": None,
        "quality": None, "in_float": False, "student": False, "gop": None, "crf": crf, "options": "",
        "frames": 12, "psnr_rgb": 30.0, "psnr_y": 30.0, "psnr_yuv": 30.0, "ssim": None, "ms_ssim": None,
        "bytes": size, "bits_per_pixel": 0.1, "compress_fps": 1.0, "restore_fps": 1.0,
        "peak_memory_mb": None, "psnr_per_frame": (30.0,) * 12, "notes": (),
    }  # fmt: skip
    return Row(**{**values, **more})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def curve(clip: Clip) -> list[Row]:
    """What x264 makes of the clip at two rate factors."""
    found = []
    for setting in sweep("x264", (20, 40)):
        with clip.open() as sequence:
            found.append(row(clip, "x264", setting.crf, peer_coding.encode(sequence, setting).size))
    return found


def test_the_nearest_file_is_taken(clip: Clip, curve: list[Row]) -> None:
    size = round((curve[0].bytes * curve[1].bytes) ** 0.5)  # type: ignore[operator]
    found = at_equal_bytes(clip, curve, size, [3, 7])
    assert found is not None
    assert 20 < found.crf < 40
    # A rate factor is about an eighth of the bytes.
    assert found.bytes == pytest.approx(size, rel=0.15)
    assert found.name == f"x264 medium crf {found.crf}"
    assert sorted(found.frames) == [3, 7]
    with clip.open() as sequence:
        originals = [frame.pixels for frame in sequence]
    assert all(psnr(originals[index], pixels) > 20 for index, pixels in found.frames.items())


def test_without_a_peer_there_is_none(clip: Clip) -> None:
    assert at_equal_bytes(clip, [row(clip, "imfn", None, 5000)], 5000, [0]) is None


def test_pictures_have_the_peer_beside_them(clip: Clip, curve: list[Row], tiny_model_dir: object) -> None:
    own = row(clip, "imfn", None, 5000, label="imfn 4:1", ratio=4, quality=40.0, gop=0)
    (shown,) = worst_pictures([clip], [own, *curve], str(tiny_model_dir))
    assert shown.bytes is not None
    assert shown.peer.startswith("x264 medium crf ")
    assert shown.peer_bytes == pytest.approx(shown.bytes, rel=0.2)
    for frame in shown.frames:
        assert frame.peer is not None
        assert frame.peer.shape == frame.original.shape
        assert frame.peer_psnr == pytest.approx(psnr(frame.original, frame.peer))
        assert not np.array_equal(frame.peer, frame.restored)
    (alone,) = worst_pictures([clip], [own], str(tiny_model_dir))
    assert (alone.peer, alone.peer_bytes) == ("", None)
    assert all(frame.peer is None for frame in alone.frames)

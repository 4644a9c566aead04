"""All writers: nothing is overwritten or left behind, bad frames and failures, allocations."""

import resource
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from imfn_cli.errors import OutputError
from imfn_cli.media import OUTPUT_ENDINGS, open_sequence, open_writer

from ..frames import make_frames, make_info, write_frames


@pytest.mark.parametrize("ending", OUTPUT_ENDINGS)
def test_nothing_is_overwritten_without_force(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"clip{ending}"
    path.write_bytes(b"precious")
    info = make_info(make_frames(1, 16, 16)[0])
    with pytest.raises(OutputError, match="--force"):
        open_writer(path, info)
    assert path.read_bytes() == b"precious"
    with open_writer(path, info, force=True) as writer:
        writer.write(make_frames(1, 16, 16)[0], 0)
    assert len(list(open_sequence(path))) == 1


@pytest.mark.parametrize("ending", [*OUTPUT_ENDINGS, ""])
def test_a_failure_leaves_nothing_behind(tmp_path: Path, ending: str) -> None:
    frames = make_frames(3, 16, 16)
    writer = open_writer(tmp_path / f"clip{ending}", make_info(frames[0]))

    def interrupted() -> None:
        with writer:
            writer.write(frames[0], 0)
            writer.write(frames[1], 40)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(OutputError, match="no frame to write"), open_writer(writer.path, writer.info):
        pass
    assert list(tmp_path.iterdir()) == []


def test_bad_frames_are_refused(tmp_path: Path) -> None:
    frames = make_frames(2, 4, 6)
    with open_writer(tmp_path / "a.npy", make_info(frames[0])) as writer:
        writer.write(frames[0], 10)
        with pytest.raises(ValueError, match="times must increase"):
            writer.write(frames[1], 10)
        with pytest.raises(ValueError, match="expected uint8 of shape"):
            writer.write(frames[1][:2], 20)


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 20 kB: writing fails as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("ending", [*OUTPUT_ENDINGS, ""])
@pytest.mark.usefixtures("small_files")
def test_errors_of_the_system_are_one_line(tmp_path: Path, ending: str) -> None:
    noise = [np.random.default_rng(i).integers(0, 256, (128, 128, 3), np.uint8) for i in range(3)]
    path = tmp_path / f"clip{ending}"
    with pytest.raises(OutputError) as caught:
        write_frames(path, noise)
    assert str(caught.value).startswith(f"{path}: larger than this system allows a file to be; ")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".npy", ".tif", ".gif", ".mkv"])
def test_allocations_do_not_grow_with_length(tmp_path: Path, ending: str) -> None:
    (frame,) = make_frames(1, 64, 64)
    path = tmp_path / f"clip{ending}"
    tracemalloc.start()
    try:
        write_frames(path, [frame], frame_rate=None)  # imports and caches come first
        with open_writer(path, make_info(frame), force=True) as writer:
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            for index in range(200):
                writer.write(np.roll(frame, index, 0), 40 * index)
        for _ in open_sequence(path):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 50 * frame.nbytes

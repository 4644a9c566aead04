"""open_sequence: every kind of content, whatever its name, and every kind of bad input in one line."""

from pathlib import Path

import av
import numpy as np
import pytest

from imfn_cli.errors import InputError
from imfn_cli.media import expand_inputs, open_sequence

from ..frames import make_frames, write_frames


def failure(path: Path, **selection: int) -> str:
    """The message that opening or reading `path` raises."""
    with pytest.raises(InputError) as caught:
        for _ in open_sequence(path, start=selection.get("start", 0), stop=selection.get("stop")):
            pass
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("folder", ["formats", "clips"])
def test_real_files_can_be_read_to_the_end(data_dir: Path, folder: str) -> None:
    for source in expand_inputs([str(data_dir / folder)]):
        # The long ones are cut short: this is about opening every file and reading a fair part.
        with open_sequence(source, stop=60 if folder == "clips" else None) as sequence:
            info = sequence.info
            times = []
            for pixels, time, _ in sequence:
                assert pixels.shape == (info.height, info.width, info.channels), source.name
                assert pixels.dtype == np.uint8
                assert pixels.flags.c_contiguous
                times.append(time)
        assert times == sorted(set(times)), source.name
        assert info.frame_count in (None, len(times)), source.name
        assert not sequence.warnings, source.name


@pytest.mark.parametrize("ending", [".mp4", ".gif", ".npy", ".tif"])
def test_content_decides_not_the_name(tmp_path: Path, ending: str) -> None:
    path = write_frames(tmp_path / f"clip{ending}", make_frames(3, 32, 48))
    renamed = path.rename(tmp_path / "clip.bin")
    assert len(list(open_sequence(renamed))) == 3


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".gif", ".npy", ".tif", ""])
def test_iteration_starts_again(tmp_path: Path, ending: str) -> None:
    path = write_frames(tmp_path / f"clip{ending}", make_frames(4, 32, 48))
    sequence = open_sequence(path)
    first, second = list(sequence), list(sequence)
    assert len(first) == 4
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(first, second, strict=True))
    # Two iterations at once do not disturb each other.
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(sequence, sequence, strict=True))


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".gif", ".npy", ".tif", ""])
def test_selections(tmp_path: Path, ending: str) -> None:
    path = write_frames(tmp_path / f"clip{ending}", make_frames(6, 32, 48))
    every = list(open_sequence(path))
    some = open_sequence(path, start=2, stop=5)
    chosen = list(some)
    assert some.info.frame_count in (3, None)
    assert [frame.time for frame in chosen] == [frame.time - every[2].time for frame in every[2:5]]
    for ours, theirs in zip(chosen, every[2:5], strict=True):
        assert np.array_equal(ours.pixels, theirs.pixels)
    assert len(list(open_sequence(path, start=4, stop=100))) == 2
    assert "has 6 frames, so there is no frame 6" in failure(path, start=6)
    assert "negative" in failure(path, start=-1)
    assert "select nothing" in failure(path, start=3, stop=3)


def test_missing_empty_and_text(tmp_path: Path) -> None:
    assert "No such file" in failure(tmp_path / "gone.mp4")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    assert "0 bytes" in failure(empty)
    text = tmp_path / "notes.txt"
    text.write_text("Ünïcode notes\n" * 200)
    assert "text file" in failure(text)
    assert "no images or videos" in failure(tmp_path)


def test_noise_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    failure(path)


def test_sound_without_pictures(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    assert "no video stream" in failure(path)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_frames(tmp_path / "clip.npy", make_frames(1, 4, 4))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything, so chmod is not enough
    assert "Permission denied" in failure(path)

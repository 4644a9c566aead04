"""Every malformed file is refused with one line that names it, at once and in little memory."""

import signal
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from imfn_cli.bitstream.open import open_latent
from imfn_cli.errors import LatentError

from ..builders import HEADER
from ..malformed import LEVELS, NODES, craft, malformed

CASES = malformed()
_SECONDS = 5
_MEGABYTES = 64


@pytest.fixture
def limits() -> Iterator[None]:
    """Fails what takes more than a few seconds or megabytes."""

    def too_long(*_: object) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < _MEGABYTES << 20
    finally:
        tracemalloc.stop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_the_sound_file_is_read(tmp_path: Path) -> None:
    """What the cases are made from is no case itself."""
    path = tmp_path / "sound.safetensors"
    path.write_bytes(craft())
    reader = open_latent(path)
    assert reader.header == HEADER
    assert [node.level for node in reader.nodes] == list(LEVELS)
    assert tuple(reader.read(node) for node in reader.nodes) == NODES


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an alarm clock")
@pytest.mark.parametrize("name", CASES)
def test_refused(name: str, tmp_path: Path, limits: None) -> None:
    path = tmp_path / f"{name}.safetensors"
    path.write_bytes(CASES[name])
    with pytest.raises(LatentError) as caught:
        open_latent(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    assert len(message) < len(str(path)) + 300


def test_absent_files_and_directories(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path, tmp_path / "file" / "below"):
        (tmp_path / "file").touch()
        with pytest.raises(LatentError) as caught:
            open_latent(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("empty", "empty file"),
        ("png", "not an imfn latent"),
        ("text", "not an imfn latent"),
        ("a-model", "not an imfn latent"),
        ("header-version-next", "upgrade imfn"),
        ("frames-of-another-sum", "hold 13 frames, the header says 12"),
        ("header-wrong-checksum", "header is damaged"),
        ("table-level-60", "node 0 has level 60"),
        ("header-field-missing", "wrong fields: 'quality'"),
    ],
)
def test_messages_say_why(name: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CASES[name])
    with pytest.raises(LatentError, match=words):
        open_latent(path)

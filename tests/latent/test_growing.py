"""A latent that grows is readable at every byte of its life."""

import dataclasses
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from imfn_cli.errors import LatentError, OutputError
from imfn_cli.latent import growing
from imfn_cli.latent.container import LatentReader, LatentWriter, compact
from imfn_cli.latent.growing import GrowingWriter

from .builders import HEADER
from .malformed import LEVELS, NODES

EVEN = list(range(-40, 480, 40))
UNEVEN = [*EVEN[:5], 123, 125, *EVEN[7:]]


def grow(path: Path, times: list[int], count: int = len(NODES), **options: bool) -> GrowingWriter:
    """A growing latent of the first `count` nodes, left as it is."""
    writer = GrowingWriter(path, HEADER, **options)
    at = 0
    for level, data in list(zip(LEVELS, NODES, strict=True))[:count]:
        writer.add(level, data, times[at : at + (1 << level)])
        at += 1 << level
    return writer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "live.safetensors"


@pytest.mark.parametrize("times", [EVEN, UNEVEN])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_finished_node_is_read(path: Path, times: list[int], count: int) -> None:
    writer = grow(path, times, count)
    reader = LatentReader(path)
    assert reader.growing
    assert [reader.read(node) for node in reader.nodes] == list(NODES[:count])
    assert [node.level for node in reader.nodes] == list(LEVELS[:count])
    frames = sum(1 << level for level in LEVELS[:count])
    assert reader.header.frames == frames == reader.nodes[-1].frames[-1] + 1
    assert list(reader.times()) == times[:frames]
    assert writer.size == path.stat().st_size
    writer.close()


def test_any_safetensors_library_opens_it(path: Path) -> None:
    for count in (1, 2, 3, 4):
        grow(path, UNEVEN, count, force=True).close()
        journal = load_file(path)["journal"]
        assert journal.dtype == np.uint8
        assert NODES[count - 1] in journal.tobytes()


def test_cut_at_any_byte_all_complete_nodes_are_there(path: Path, tmp_path: Path) -> None:
    ends = []
    for count in (1, 2, 3, 4):
        grow(path, UNEVEN, count, force=True).close()
        ends.append(path.stat().st_size)
    whole = path.read_bytes()
    cut = tmp_path / "cut.safetensors"
    for size in range(ends[0], ends[-1]):
        cut.write_bytes(whole[:size])
        reader = LatentReader(cut)
        complete = sum(end <= size for end in ends)
        assert [reader.read(node) for node in reader.nodes] == list(NODES[:complete])


def test_what_a_power_cut_leaves_is_left_out(path: Path) -> None:
    """The length of the last record, zeros in place of its bytes."""
    grow(path, EVEN, 2).close()
    size = path.stat().st_size
    grow(path, EVEN, 3, force=True).close()
    content = path.read_bytes()
    for zeroed in (size, size + growing.HEAD_SIZE):
        if zeroed < len(content):
            path.write_bytes(content[:zeroed] + bytes(len(content) - zeroed))
            assert [LatentReader(path).read(node) for node in LatentReader(path).nodes] == list(NODES[:2])


def test_a_damaged_node_is_named_and_the_others_are_read(path: Path) -> None:
    grow(path, EVEN).close()
    nodes = LatentReader(path).nodes
    content = bytearray(path.read_bytes())
    content[nodes[1].offset] ^= 1
    path.write_bytes(content)
    reader = LatentReader(path)
    with pytest.raises(LatentError, match=r"node 1 \(frames 4 to 7\) is damaged"):
        reader.read(reader.nodes[1])
    assert reader.read(reader.nodes[3]) == NODES[3]


@pytest.mark.parametrize("times", [EVEN, UNEVEN])
def test_compacting_gives_a_plain_latent(path: Path, tmp_path: Path, times: list[int]) -> None:
    grow(path, times).close()
    compact(path)
    plain = tmp_path / "plain.safetensors"
    even = times is EVEN
    with LatentWriter(plain) as writer:
        for level, data in zip(LEVELS, NODES, strict=True):
            writer.add(level, data)
        header = HEADER if even else dataclasses.replace(HEADER, frame_ticks=None)
        writer.finish(header, None if even else np.diff(np.array(times)))
    assert path.read_bytes() == plain.read_bytes()
    assert not LatentReader(path).growing


def test_the_file_appears_with_the_first_node(path: Path) -> None:
    writer = GrowingWriter(path, HEADER)
    assert not path.exists()
    writer.add(0, b"x", [5])
    assert LatentReader(path).header.frames == 1
    writer.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_existing_files_stay_without_force(path: Path) -> None:
    path.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists already"):
        grow(path, EVEN, 1)
    assert path.read_bytes() == b"precious"


def test_a_full_disk_keeps_what_was_finished(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = grow(path, EVEN, 2)
    size = path.stat().st_size

    def half(file: object, data: bytes) -> None:
        file.write(data[: len(data) // 2])  # type: ignore[attr-defined]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(growing, "_write_all", half)
    with pytest.raises(OutputError, match="no space left"):
        writer.add(LEVELS[2], NODES[2], EVEN[8:12])
    assert path.stat().st_size == size
    monkeypatch.undo()
    # Space was made: it goes on.
    writer.add(LEVELS[2], NODES[2], EVEN[8:12])
    assert len(LatentReader(path).nodes) == 3
    writer.close()


def test_nothing_is_left_when_the_first_node_fails(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: object, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(growing, "_write_all", full)
    with pytest.raises(OutputError, match="no space left"):
        grow(path, EVEN, 1)
    assert list(path.parent.iterdir()) == []


def test_an_older_imfn_is_told_to_upgrade(path: Path) -> None:
    """What reads only version 1 sees version 2 in the one metadata key."""
    grow(path, EVEN, 1).close()
    content = path.read_bytes()
    layout = json.loads(content[8 : 8 + struct.unpack("<Q", content[:8])[0]])
    assert json.loads(layout["__metadata__"]["imfn"])["format"] == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'\\"format\\":2', b'\\"format\\":3', "upgrade imfn"),
        (b'\\"quality\\":60', b'\\"quality\\":61', "header is damaged"),
    ],
)
def test_damaged_and_future_headers(path: Path, old: bytes, new: bytes, message: str) -> None:
    grow(path, EVEN, 1).close()
    content = path.read_bytes()
    changed = content.replace(old, new)
    assert changed != content
    path.write_bytes(changed)
    with pytest.raises(LatentError, match=message) as caught:
        LatentReader(path)
    assert "\n" not in str(caught.value)


def test_the_first_version_stays_readable() -> None:
    """As `grow(path, UNEVEN)` wrote it, three nodes of four and half a record: never written again."""
    reader = LatentReader(Path(__file__).parent / "fixtures" / "growing-v2.safetensors")
    assert reader.growing
    assert reader.header == dataclasses.replace(HEADER, frames=12, frame_ticks=None)
    assert [reader.read(node) for node in reader.nodes] == list(NODES[:3])
    assert list(reader.times()) == UNEVEN[:12]


def test_times_must_fit_the_level(path: Path) -> None:
    with pytest.raises(ValueError, match="3 times for a node of level 2"):
        GrowingWriter(path, HEADER).add(2, b"x", [1, 2, 3])
    assert not path.exists()

"""A latent that grows is readable at every byte of its life."""

import dataclasses
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from imfn_cli.bitstream.container.growing_reader import GrowingLatent, compact
from imfn_cli.bitstream.container.growing_writer import GrowingWriter
from imfn_cli.bitstream.container.header import FORMAT_VERSION
from imfn_cli.bitstream.container.journal import HEAD_SIZE
from imfn_cli.bitstream.container.latent_reader import LatentReader
from imfn_cli.bitstream.container.latent_writer import LatentWriter
from imfn_cli.bitstream.open import open_latent
from imfn_cli.errors import LatentError, OutputError

from ..builders import HEADER
from ..malformed import LEVELS, NODES

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
    reader = open_latent(path)
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
        reader = open_latent(cut)
        complete = sum(end <= size for end in ends)
        assert [reader.read(node) for node in reader.nodes] == list(NODES[:complete])


def test_what_a_power_cut_leaves_is_left_out(path: Path) -> None:
    """The length of the last record, zeros in place of its bytes."""
    grow(path, EVEN, 2).close()
    size = path.stat().st_size
    grow(path, EVEN, 3, force=True).close()
    content = path.read_bytes()
    for zeroed in (size, size + HEAD_SIZE):
        if zeroed < len(content):
            path.write_bytes(content[:zeroed] + bytes(len(content) - zeroed))
            assert [open_latent(path).read(node) for node in open_latent(path).nodes] == list(NODES[:2])


def test_a_damaged_node_is_named_and_the_others_are_read(path: Path) -> None:
    grow(path, EVEN).close()
    nodes = open_latent(path).nodes
    content = bytearray(path.read_bytes())
    content[nodes[1].offset] ^= 1
    path.write_bytes(content)
    reader = open_latent(path)
    with pytest.raises(LatentError, match=r"node 1 \(frames 4 to 7\) is damaged"):
        reader.read(reader.nodes[1])
    assert reader.read(reader.nodes[3]) == NODES[3]


def heads(path: Path) -> list[int]:
    """Where each record begins in an undamaged file."""
    nodes = open_latent(path).nodes
    return [path.read_bytes().index(b"node"), *(node.offset + node.size for node in nodes[:-1])]


def damaged(path: Path, *places: int) -> LatentReader:
    """The file with the bytes at these places turned over."""
    content = bytearray(path.read_bytes())
    for place in places:
        content[place] ^= 0xFF
    path.write_bytes(content)
    return open_latent(path)


@pytest.mark.parametrize("times", [EVEN, UNEVEN])
@pytest.mark.parametrize("node", [0, 1, 2])
def test_any_damaged_byte_of_a_head_costs_its_node_only(path: Path, times: list[int], node: int) -> None:
    """And every other node keeps its frames' numbers and times."""
    grow(path, times).close()
    whole, good = path.read_bytes(), open_latent(path)
    start = heads(path)[node]
    for byte in range(HEAD_SIZE + 8 * (times is UNEVEN and node == 1)):
        path.write_bytes(whole)
        reader = damaged(path, start + byte)
        assert [one.frames for one in reader.nodes] == [one.frames for one in good.nodes], byte
        assert [one.lost for one in reader.nodes] == [index == node for index in range(4)]
        with pytest.raises(LatentError, match=rf"node {node} \(frames .* is damaged \(the head"):
            reader.read(reader.nodes[node])
        found = list(reader.times())
        assert found == sorted(set(found))
        for one in reader.nodes:
            if not one.lost:
                assert reader.read(one) == NODES[one.index]
                frames = slice(one.frames[0], one.frames[-1] + 1)
                assert found[frames] == times[frames]
        if times is EVEN and node > 0:
            assert found == times


def test_a_lost_sector_costs_the_nodes_in_it(path: Path) -> None:
    """Where frames are evenly spaced their number is known by the time that is missing."""
    data = [bytes([number]) * (50 + 7 * number) for number in range(12)]
    with GrowingWriter(path, HEADER) as writer:
        for number, one in enumerate(data):
            writer.add(2, one, list(range(160 * number, 160 * number + 160, 40)))
    places = heads(path)
    content = bytearray(path.read_bytes())
    content[places[3] + 60 : places[7] + 9] = bytes(places[7] + 9 - places[3] - 60)
    path.write_bytes(content)
    reader = open_latent(path)
    assert len(reader.nodes) == 12
    assert list(reader.times()) == list(range(0, 40 * 48, 40))
    assert [node.index for node in reader.nodes if node.lost] == [4, 5, 6, 7]
    kept = [node for node in reader.nodes if node.index not in (3, 4, 5, 6, 7)]
    assert [reader.read(node) for node in kept] == [data[node.index] for node in kept]
    with pytest.raises(LatentError, match=r"node 3 .*checksum differs"):
        reader.read(reader.nodes[3])


def test_lost_nodes_of_the_tail_have_their_own_levels(path: Path) -> None:
    header = dataclasses.replace(HEADER, ratio=16)
    levels = (4, 3, 2, 1, 0)
    with GrowingWriter(path, header) as writer:
        first = 0
        for level in levels:
            writer.add(level, b"x" * 30, list(range(40 * first, 40 * (first + (1 << level)), 40)))
            first += 1 << level
    whole, places = path.read_bytes(), heads(path)
    for lost in ((1,), (2,), (3,), (0,), (1, 2), (2, 3), (1, 2, 3)):
        path.write_bytes(whole)
        reader = damaged(path, *(places[index] + 1 for index in lost))
        assert tuple(node.level for node in reader.nodes) == levels, lost
        assert tuple(node.index for node in reader.nodes if node.lost) == lost


def test_bytes_that_do_not_belong_there_lose_no_frame(path: Path) -> None:
    grow(path, EVEN).close()
    place = heads(path)[2]
    content = path.read_bytes()
    path.write_bytes(content[:place] + b"a node that is none" + content[place:])
    reader = open_latent(path)
    assert [reader.read(node) for node in reader.nodes] == list(NODES)


def test_heads_are_found_across_blocks(path: Path) -> None:
    grow(path, EVEN).close()
    place = heads(path)[1]
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    for block in range(4, 70):
        assert [node.index for node in GrowingLatent(path, block=block).nodes if node.lost] == [1]


def test_a_damaged_end_is_an_unfinished_end(path: Path) -> None:
    """Whether a power cut or a fault of the disk took the last records cannot be told."""
    grow(path, EVEN).close()
    places = heads(path)
    assert len(damaged(path, places[3], places[2]).nodes) == 2
    grow(path, UNEVEN, 2, force=True).close()
    reader = damaged(path, heads(path)[1] + HEAD_SIZE)
    assert [reader.read(node) for node in reader.nodes] == [NODES[0]]


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
    assert not open_latent(path).growing


def test_the_file_appears_with_the_first_node(path: Path) -> None:
    writer = GrowingWriter(path, HEADER)
    assert not path.exists()
    writer.add(0, b"x", [5])
    assert open_latent(path).header.frames == 1
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

    monkeypatch.setattr("imfn_cli.bitstream.container.growing_writer.write_all", half)
    with pytest.raises(OutputError, match="no space left"):
        writer.add(LEVELS[2], NODES[2], EVEN[8:12])
    assert path.stat().st_size == size
    monkeypatch.undo()
    # Space was made: it goes on.
    writer.add(LEVELS[2], NODES[2], EVEN[8:12])
    assert len(open_latent(path).nodes) == 3
    writer.close()


def test_nothing_is_left_when_the_first_node_fails(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: object, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("imfn_cli.bitstream.container.growing_writer.write_all", full)
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
        (b'\\"format\\":2', b'\\"format\\":%d' % (FORMAT_VERSION + 1), "upgrade imfn"),
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
        open_latent(path)
    assert "\n" not in str(caught.value)


GOLDEN = Path(__file__).parents[1] / "fixtures" / "growing-v2.safetensors"


def test_the_same_bytes_are_written(path: Path) -> None:
    grow(path, UNEVEN, 3).close()
    content, golden = path.read_bytes(), GOLDEN.read_bytes()
    # The golden file's stated length takes in half a record more.
    start = content.index(b',"__metadata__"')
    assert content[start:] == golden[start : len(content)]


def test_the_first_version_stays_readable() -> None:
    """As `grow(path, UNEVEN)` wrote it, three nodes of four and half a record: never written again."""
    reader = open_latent(GOLDEN)
    assert reader.growing
    assert reader.header == dataclasses.replace(HEADER, frames=12, frame_ticks=None)
    assert [reader.read(node) for node in reader.nodes] == list(NODES[:3])
    assert list(reader.times()) == UNEVEN[:12]


def test_times_must_fit_the_level(path: Path) -> None:
    with pytest.raises(ValueError, match="3 times for a node of level 2"):
        GrowingWriter(path, HEADER).add(2, b"x", [1, 2, 3])
    assert not path.exists()

import dataclasses
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from imfn_cli.bitstream.container.header import FORMAT_VERSION, Header
from imfn_cli.bitstream.container.latent_writer import LatentWriter
from imfn_cli.bitstream.open import open_latent
from imfn_cli.errors import LatentError, OutputError

from ..builders import HEADER
from ..malformed import LEVELS, NODES

VARIABLE = dataclasses.replace(HEADER, frame_ticks=None)
TICKS = np.array([40, 41, 40, 40, 39, 80, 40, 40, 40, 1, 40, 40])


def write(
    path: Path, header: Header = HEADER, ticks: np.ndarray | None = None, *, force: bool = False
) -> Path:
    with LatentWriter(path, force=force) as writer:
        for level, data in zip(LEVELS, NODES, strict=True):
            writer.add(level, data)
        assert writer.node_bytes == sum(map(len, NODES))
        writer.finish(header, ticks)
    return path


@pytest.fixture
def latent(tmp_path: Path) -> Path:
    """A small latent with presentation times, alone in its directory."""
    return write(tmp_path / "clip.safetensors", VARIABLE, TICKS)


# -- writing ---------------------------------------------------------------------------------------------


def test_what_is_written_is_read(latent: Path) -> None:
    reader = open_latent(latent)
    assert reader.header == VARIABLE
    assert [reader.read(node) for node in reader.nodes] == list(NODES)
    assert [node.frames for node in reader.nodes] == [range(0, 4), range(4, 8), range(8, 12), range(12, 13)]
    assert [node.offset for node in reader.nodes] == [0, 5, 16, 16]
    assert reader.ticks is not None
    assert reader.ticks.tolist() == TICKS.tolist()


def test_nodes_are_read_in_any_order(latent: Path) -> None:
    reader = open_latent(latent)
    for index in (3, 0, 2, 1, 1):
        assert reader.read(reader.nodes[index]) == NODES[index]


def test_times(latent: Path, tmp_path: Path) -> None:
    reader = open_latent(latent)
    wanted = (-40 + np.concatenate(([0], np.cumsum(TICKS)))).tolist()
    assert list(reader.times()) == wanted
    constant = open_latent(write(tmp_path / "constant.safetensors"))
    assert constant.ticks is None
    assert list(constant.times()) == list(range(-40, 480, 40))


def test_nodes_have_names(latent: Path) -> None:
    nodes = open_latent(latent).nodes
    assert str(nodes[1]) == "node 1 (frames 4 to 7)"
    assert str(nodes[3]) == "node 3 (frame 12)"


def test_any_safetensors_library_reads_it(latent: Path) -> None:
    tensors = load_file(latent)
    assert tensors["nodes"].tobytes() == b"".join(NODES)
    assert tensors["nodes"].dtype == np.uint8
    rows = [[level, len(data), zlib.crc32(data)] for level, data in zip(LEVELS, NODES, strict=True)]
    assert tensors["table"].tolist() == rows
    assert tensors["ticks"].tolist() == TICKS.tolist()
    with safe_open(latent, framework="numpy") as file:
        metadata = file.metadata()
    assert set(metadata) == {"imfn"}
    checksums = json.loads(metadata["imfn"])["checksums"]
    assert checksums == {name: zlib.crc32(tensors[name].tobytes()) for name in ("table", "ticks")}


def test_tensors_are_aligned(tmp_path: Path) -> None:
    ticks = TICKS.copy()
    ticks[3] = -(1 << 40)
    content = write(tmp_path / "wide.safetensors", VARIABLE, ticks).read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    layout = json.loads(content[8 : 8 + length])
    for name, size in (("ticks", 8), ("table", 4)):
        assert (8 + length + layout[name]["data_offsets"][0]) % size == 0


def test_same_input_same_bytes(tmp_path: Path, latent: Path) -> None:
    again = write(tmp_path / "again.safetensors", VARIABLE, TICKS)
    assert again.read_bytes() == latent.read_bytes()


@pytest.mark.parametrize(
    ("largest", "dtype"),
    [
        (255, np.uint8),
        (256, np.uint16),
        (65535, np.uint16),
        (65536, np.uint32),
        (2**32 - 1, np.uint32),
        (2**32, np.int64),
        (2**40, np.int64),
    ],
)
def test_ticks_take_the_narrowest_type(tmp_path: Path, largest: int, dtype: type) -> None:
    ticks = TICKS.copy()
    ticks[5] = largest
    path = write(tmp_path / "a.safetensors", VARIABLE, ticks)
    assert load_file(path)["ticks"].dtype == dtype
    reader = open_latent(path)
    assert list(reader.times())[12] == -40 + ticks.sum()


def test_many_nodes_take_few_bytes_each(tmp_path: Path) -> None:
    path = tmp_path / "long.safetensors"
    with LatentWriter(path) as writer:
        for _ in range(5000):
            writer.add(2, b"12345")
        writer.finish(dataclasses.replace(HEADER, frames=20_000))
    assert path.stat().st_size < 5000 * (5 + 12) + 1500
    assert open_latent(path).nodes[-1].frames == range(19_996, 20_000)


# -- nothing is lost, nothing is left --------------------------------------------------------------------


def test_existing_files_stay_without_force(latent: Path) -> None:
    before = latent.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        LatentWriter(latent)
    assert latent.read_bytes() == before
    write(latent, force=True)
    assert open_latent(latent).header == HEADER
    assert [path.name for path in latent.parent.iterdir()] == [latent.name]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("late", [False, True])
def test_errors_leave_nothing_behind(tmp_path: Path, error: type[BaseException], late: bool) -> None:
    def fail() -> None:
        with LatentWriter(tmp_path / "clip.safetensors") as writer:
            writer.add(2, b"first")
            if late:
                writer.finish(HEADER)
            raise error

    with pytest.raises(error):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_errors_leave_the_old_file(latent: Path) -> None:
    before = latent.read_bytes()

    def fail() -> None:
        with LatentWriter(latent, force=True) as writer:
            writer.add(2, b"first")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert latent.read_bytes() == before
    assert [path.name for path in latent.parent.iterdir()] == [latent.name]


def test_leaving_without_finish_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="without finish"), LatentWriter(tmp_path / "clip.safetensors"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_no_such_directory(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such directory"):
        LatentWriter(tmp_path / "none" / "clip.safetensors")


# -- damage ----------------------------------------------------------------------------------------------


def read_all(path: Path) -> None:
    reader = open_latent(path)
    for node in reader.nodes:
        reader.read(node)


def test_every_flipped_byte_is_found(latent: Path, tmp_path: Path) -> None:
    content = latent.read_bytes()
    damaged = tmp_path / "damaged.safetensors"
    for place in range(len(content)):
        for flip in (1 << place % 8, 0xFF):
            other = bytearray(content)
            other[place] ^= flip
            damaged.write_bytes(other)
            with pytest.raises(LatentError) as caught:
                read_all(damaged)
            message = str(caught.value)
            assert message.startswith(f"{damaged}: "), place
            assert len(message.splitlines()) == 1


def test_a_damaged_node_is_named_and_the_others_are_read(latent: Path) -> None:
    content = bytearray(latent.read_bytes())
    content[content.rindex(b"second")] ^= 4
    latent.write_bytes(content)
    reader = open_latent(latent)
    for index in (0, 2, 3):
        assert reader.read(reader.nodes[index]) == NODES[index]
    with pytest.raises(LatentError, match=r"node 1 \(frames 4 to 7\) is damaged \(checksum differs\)"):
        reader.read(reader.nodes[1])


def test_truncation_at_every_length_is_found(latent: Path, tmp_path: Path) -> None:
    content = latent.read_bytes()
    data_starts = 8 + struct.unpack("<Q", content[:8])[0]
    cut = tmp_path / "cut.safetensors"
    for length in range(len(content)):
        cut.write_bytes(content[:length])
        with pytest.raises(LatentError) as caught:
            open_latent(cut)
        message = str(caught.value)
        assert message.startswith(f"{cut}: ")
        assert len(message.splitlines()) == 1
        if length >= data_starts:
            assert f"cut short, {len(content) - length} bytes are missing" in message
        elif length > 8:
            assert "cut short within its header" in message


def test_a_future_version_says_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "future.safetensors"
    content = write(path).read_bytes().replace(rb"\"format\":1", rb"\"format\":%d" % (FORMAT_VERSION + 1))
    path.write_bytes(content)
    with pytest.raises(
        LatentError,
        match=f"version is {FORMAT_VERSION + 1}; this imfn reads 1 to {FORMAT_VERSION}; upgrade imfn",
    ):
        open_latent(path)

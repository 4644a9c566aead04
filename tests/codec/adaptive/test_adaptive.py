"""The adaptive forest from frames to a file and back: any length and size, damage, selections."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli import codec
from imfn_cli.bitstream import open_latent
from imfn_cli.bitstream.adaptive.binary_coder import fed, finish
from imfn_cli.bitstream.container.header import ADAPTIVE_VERSION, Header, HeaderError
from imfn_cli.codec import adaptive
from imfn_cli.codec.adaptive import partition
from imfn_cli.codec.adaptive.bases import bases_of
from imfn_cli.codec.adaptive.gop_decoder import GopDecoder
from imfn_cli.codec.adaptive.gop_encoder import new_state
from imfn_cli.codec.adaptive.gop_state import GopState, nodes_at, trees_of
from imfn_cli.codec.adaptive.parameters import step_at
from imfn_cli.codec.adaptive.shape import gop_frames_of, top_of
from imfn_cli.codec.adaptive.tree_bytes import split_tree
from tests.bitstream.builders import HEADER
from tests.bitstream.malformed import header_text
from tests.conftest import make_clip, psnr

# One worker compiles the kernels for all of these.
pytestmark = pytest.mark.xdist_group("adaptive")


def restored(path: Path, model: imfn.Model, start: int = 0, stop: int | None = None) -> np.ndarray:
    """Frames start … stop − 1 of a latent, (T, H, W, C)."""
    return np.stack([frame.pixels for frame in codec.restored_frames(open_latent(path), model, start, stop)])


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    """Nineteen frames of 48×64 pixels."""
    return make_clip(19)


@pytest.fixture(scope="module")
def latent(clip: np.ndarray, tiny_model: imfn.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as an adaptive forest: GOPs of 1 + 8, 1 + 8 and 1 frames, since the model has three levels."""
    path = tmp_path_factory.mktemp("adaptive") / "clip.safetensors"
    report = imfn.compress(clip, path, model=tiny_model, ratio="auto", quality=60, gop=8)
    assert (report.ratio, report.gop, report.nodes, report.frames) == ("auto", 9, 5, 19)
    return path


def test_frames_come_back_near(clip: np.ndarray, latent: Path, tiny_model: imfn.Model) -> None:
    found = restored(latent, tiny_model)
    assert found.shape == clip.shape
    assert psnr(found, clip) > 32
    header = open_latent(latent).header
    assert (header.version, header.gop_frames, header.ratio) == (ADAPTIVE_VERSION, 9, 8)
    assert [entry.level for entry in open_latent(latent).nodes] == [0, 3, 0, 3, 0]


def test_better_quality_is_closer_and_larger(
    clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    sizes, values = [], []
    for quality in (10, 45, 80, 100):
        path = tmp_path / f"{quality}.safetensors"
        sizes.append(imfn.compress(clip[:9], path, model=tiny_model, ratio="auto", quality=quality).bytes)
        values.append(psnr(restored(path, tiny_model), clip[:9]))
    assert sizes == sorted(sizes)
    assert values == sorted(values)
    assert values[-1] > 48


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows are taken wherever they are estimated to cost less, as they seldom are in earnest."""
    monkeypatch.setattr(partition, "_WINDOW_BIAS", 0.8)


def test_longer_windows_where_the_picture_stands_still(
    clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path, eager: None
) -> None:
    still = noisy(clip[:1].repeat(17, 0))
    shares = []
    for frames in (still, clip[:17]):
        path = tmp_path / "x.safetensors"
        imfn.compress(frames, path, model=tiny_model, ratio="auto", effort=3, force=True)
        shares.append(codec.shares_of(open_latent(path)))
        assert sum(shares[-1].values()) == pytest.approx(1)
        assert psnr(restored(path, tiny_model), frames) > 30
    assert shares[0][8] > shares[1][8]


def noisy(frames: np.ndarray) -> np.ndarray:
    """Frames as a sensor sees them."""
    noise = np.random.default_rng(0).normal(0, 4, frames.shape)
    return np.clip(frames + noise, 0, 255).astype(np.uint8)


def test_the_least_effort_takes_single_frames(
    clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    sizes = []
    for effort in (1, 2):
        path = tmp_path / f"{effort}.safetensors"
        sizes.append(imfn.compress(clip, path, model=tiny_model, ratio="auto", effort=effort).bytes)
        assert codec.shares_of(open_latent(path)) == {1: 1, 2: 0, 4: 0, 8: 0}
        assert psnr(restored(path, tiny_model), clip) > 29
    assert sizes[1] < 1.02 * sizes[0]
    with pytest.raises(ValueError, match="effort 4: must be 1, 2 or 3"):
        imfn.compress(clip, path, model=tiny_model, ratio="auto", effort=4, force=True)


@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (2, 17, 5, 1), (5, 33, 16, 3), (10, 16, 47, 1)])
def test_any_length_and_size(shape: tuple[int, ...], tiny_model: imfn.Model, tmp_path: Path) -> None:
    frames = make_clip(shape[0], 48, 64)[:, : shape[1], : shape[2], : shape[3]]
    path = tmp_path / "x.safetensors"
    imfn.compress(frames, path, model=tiny_model, ratio="auto", quality=70)
    found = restored(path, tiny_model)
    assert found.shape == shape
    assert np.abs(found.astype(int) - frames).mean() < 6
    assert imfn.verify(path, tiny_model).ok


@pytest.mark.parametrize("window", [(0, 1), (8, 9), (7, 12), (17, 19), (18, 19)])
def test_a_selection_is_that_part_of_the_whole(
    window: tuple[int, int], latent: Path, tiny_model: imfn.Model
) -> None:
    assert np.array_equal(restored(latent, tiny_model, *window), restored(latent, tiny_model)[slice(*window)])


def test_same_input_same_bytes(
    clip: np.ndarray, latent: Path, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    path = tmp_path / "again.safetensors"
    imfn.compress(clip, path, model=tiny_model, ratio="auto", quality=60, gop=8)
    assert path.read_bytes() == latent.read_bytes()


@pytest.mark.parametrize(("node", "lost"), [(2, [2, 3]), (3, [3])])
def test_damage_costs_what_follows_in_its_gop(
    node: int, lost: list[int], latent: Path, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    whole, reader = restored(latent, tiny_model), open_latent(latent)
    content = bytearray(latent.read_bytes())
    content[reader.nodes_at + reader.nodes[node].offset + 4] ^= 16
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(content)
    with pytest.raises(imfn.LatentError, match=rf"node {node} \(frame.* is damaged"):
        restored(path, tiny_model)
    damaged: list[codec.DecodedNode] = []
    found = [f.pixels for f in codec.restored_frames(open_latent(path), tiny_model, damaged=damaged)]
    assert [one.entry.index for one in damaged] == lost
    first = reader.nodes[node].first_frame
    assert np.array_equal(found[:first], whole[:first])
    assert np.array_equal(found[first:18], whole[first - 1 : first].repeat(18 - first, 0))
    assert np.array_equal(found[18:], whole[18:])
    assert [one.node for one in imfn.verify(path, tiny_model).damaged] == lost
    # Checksums alone do not tell what builds on it.
    assert [one.node for one in imfn.verify(path, None).damaged] == [node]


def test_a_tree_at_another_place_is_refused(latent: Path, tiny_model: imfn.Model) -> None:
    reader = open_latent(latent)
    first, tree = (split_tree(reader.read(node)) for node in reader.nodes[:2])
    bases = bases_of(tiny_model, 3)
    decoder = GopDecoder((48, 64, 3), 3, 60, bases)
    for wrong, level in ((tree, 3), (first, 3)):
        with pytest.raises(ValueError, match="this place"):
            decoder.tree(wrong, level)
    decoder.tree(first, 0)
    for wrong, level in ((first, 0), (tree, 4)):
        with pytest.raises(ValueError, match="this place"):
            decoder.tree(wrong, level)
    with pytest.raises(ValueError, match="windows are not"):
        decoder.tree(tree._replace(windows={1: 5}), 3)
    with pytest.raises(ValueError, match="no bytes"):
        split_tree(b"")


def test_a_frame_says_its_own_step(clip: np.ndarray, tiny_model: imfn.Model) -> None:
    assert [step_at(50, offset) for offset in (-64, -20, 0, 20, 64)] == [18820, 4096, 2048, 1024, 223]
    assert step_at(0, -64) == step_at(0, 0)
    assert step_at(100, 64) == step_at(100, 20) == 32
    bases, encoded = bases_of(tiny_model, 3), []
    for offset in (0, 40):
        state = new_state((48, 64), 3, 50, bases)
        state.code_step(offset)
        decoder = GopState((48, 64), 3, 50, bases)
        decoder.coder = fed(decoder.coder, finish(state.coder))
        decoder.code_step()
        encoded.append(decoder.step)
    assert encoded == [step_at(50, 0), step_at(50, 40)]


def test_what_cannot_be_adaptive_is_said(
    clip: np.ndarray, vector_model: imfn.Model, tiny_model: imfn.Model, tmp_path: Path
) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(imfn.ModelError, match="choose a ratio"):
        imfn.compress(clip, path, model=vector_model, ratio="auto")
    with pytest.raises(ValueError, match="'best'"):
        imfn.compress(clip, path, model=tiny_model, ratio="best")
    with pytest.raises(ValueError, match="for the tree"):
        imfn.compress(clip, path, model=tiny_model, ratio="auto", student=True)
    with pytest.raises(ValueError, match="gop -1"):
        imfn.compress(clip, path, model=tiny_model, ratio="auto", gop=-1)
    assert not path.exists()


ADAPTIVE = dataclasses.replace(HEADER, gop_frames=9)


def test_the_header() -> None:
    text = ADAPTIVE.to_json(table=7)
    assert json.loads(text)["format"] == ADAPTIVE_VERSION
    assert Header.from_json(text) == (ADAPTIVE, {"table": 7})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"draft": 2}, "wrong fields: 'draft'"),
        ({"gop_frames": 1 << 13}, "gop_frames = 8192"),
        ({"chain": 4}, "does not have"),
        ({"ratio": 128}, "does not have"),
    ],
)
def test_headers_that_no_encoder_writes(changes: dict[str, int], message: str) -> None:
    fields = {"format": ADAPTIVE_VERSION, "gop_frames": 9}
    with pytest.raises(HeaderError, match=message):
        Header.from_json(header_text({}, {**fields, **changes}))


@pytest.mark.parametrize("frames", [1, 2, 9, 65, 66, 100, 257])
def test_trees_fill_a_gop(frames: int) -> None:
    times = [0]
    for time, level in trees_of(frames, 6):
        assert time == times[-1] + 1
        times.extend(range(time, time + (1 << level)))
    assert times == list(range(frames))


def test_nodes_come_longest_first() -> None:
    cut = np.zeros((4, 1, 3), np.int8)
    cut[:, 0, 1], cut[:2, 0, 2] = 2, 1
    assert [[level for level, _ in nodes_at(cut, index)] for index in range(4)] == [[2, 1, 0], [0], [0], [0]]


@pytest.mark.parametrize("size", [(1, 1), (240, 320), (480, 640), (1080, 1920), (1 << 14, 1 << 14)])
def test_a_gop_holds_a_bounded_number_of_pixels(size: tuple[int, int]) -> None:
    top = top_of(*size, 6)
    frames = gop_frames_of(*size, top, 256)
    assert frames == 2 or frames * size[0] * size[1] <= 112 << 20
    assert (frames - 1) % (1 << top) == 0


@pytest.mark.parametrize(
    ("gop", "frames"), [(0, 65), (1, 2), (2, 3), (3, 3), (16, 17), (17, 17), (63, 33), (64, 65), (256, 257)]
)
def test_short_gops_have_short_trees(gop: int, frames: int) -> None:
    top = top_of(240, 320, 6, gop=gop)
    assert gop_frames_of(240, 320, top, gop) == frames


def test_a_short_gop_is_what_was_asked_for(
    clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path, eager: None
) -> None:
    path = tmp_path / "clip.safetensors"
    report = imfn.compress(clip, path, model=tiny_model, ratio="auto", quality=60, gop=4)
    header = open_latent(path).header
    assert (report.gop, header.gop_frames, header.ratio) == (5, 5, 4)
    assert len(restored(path, tiny_model)) == len(clip)


def test_the_windows_of_a_frame(
    clip: np.ndarray, tiny_model: imfn.Model, tmp_path: Path, eager: None
) -> None:
    """A picture that stands, beside one that moves: long windows, and single frames."""
    frames = clip[:9].copy()
    frames[:, :, :32] = frames[:1, :, :32]
    frames = noisy(frames)
    path = tmp_path / "clip.safetensors"
    imfn.compress(frames, path, model=tiny_model, ratio="auto", quality=50, effort=3)
    reader = open_latent(path)
    found = restored(path, tiny_model)
    shares = np.zeros(4)
    for number in range(9):
        pixels, levels = adaptive.frame_and_windows(reader, tiny_model, number)
        np.testing.assert_array_equal(pixels, found[number])
        assert levels.shape == (48, 64)
        shares += np.bincount(levels.ravel(), minlength=4)
    assert levels[:, :32].mean() > levels[:, 32:].mean()
    told = adaptive.shares_of(reader)
    assert (shares / shares.sum()).tolist() == pytest.approx([told[1 << level] for level in range(4)])
    assert not adaptive.frame_and_windows(reader, tiny_model, 0)[1].any()

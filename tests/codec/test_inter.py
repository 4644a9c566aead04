"""GOPs: nodes that are predicted from one another, coded and restored alike, with whatever damage."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imfn_cli as imfn
from imfn_cli.bitstream.container.latent_reader import LatentReader
from imfn_cli.bitstream.entropy.inter_node import split_inter
from imfn_cli.bitstream.open import open_latent
from imfn_cli.bitstream.quantiser import step_of_quality
from imfn_cli.codec import DecodedNode, Decoder, compress_sequence, restored_frames
from imfn_cli.codec.inter_encoder import InterEncoder
from imfn_cli.codec.search_frames import SearchFrames
from imfn_cli.codec.whole_inter import WholeInter
from imfn_cli.media import LoadedArray
from imfn_cli.motion.compensate import luma
from imfn_cli.motion.estimate import search_frames
from imfn_cli.network import IMFN, forest_levels
from tests.conftest import psnr


def restored(path: Path, model: imfn.Model, start: int = 0, stop: int | None = None) -> np.ndarray:
    """Frames start … stop − 1 of a latent, (T, H, W, C)."""
    return np.stack([frame.pixels for frame in restored_frames(open_latent(path), model, start, stop)])


@pytest.fixture(scope="module")
def branched(tiny_model: imfn.Model) -> imfn.Model:
    """`tiny_model` with branches that add a little noise, and look at neighbouring positions."""
    torch.manual_seed(0)
    network = IMFN(
        replace(
            tiny_model.network.config,
            widths=(8, 8, 8),
            kernel=3,
            merge_blocks=1,
            split_blocks=1,
            leaf_width=8,
        )
    )
    network.load_state_dict(network.state_dict() | tiny_model.network.state_dict())
    for name, parameter in network.named_parameters():
        if ".leave." in name:
            torch.nn.init.normal_(parameter, std=2e-2)
    return replace(tiny_model, network=network.requires_grad_(False).eval(), name="branched")


def restored_in_floats(model: imfn.Model, frames: np.ndarray, level: int) -> np.ndarray:
    """What the forest gives back of frames (T, H, W, C) without quantisation, clamped to 0 … 255."""
    found, first = [], 0
    for below in forest_levels(len(frames), level):
        window = torch.from_numpy(frames[first : first + (1 << below)])
        memory = model.compress_pixels(window, 1 << below)
        size = frames.shape[1:]
        found.append(model.restore_pixels(memory, 1 << below, size, 0, 1 << below).numpy())
        first += 1 << below
    return np.concatenate(found).astype(float)


def coded(
    model: imfn.Model, pixels: np.ndarray, level: int, quality: int
) -> tuple[list[bytes], list[np.ndarray]]:
    """Code frames as one GOP: the nodes' bytes, and the reference frame that the coder takes from each."""
    ratio = 1 << level
    encoder = InterEncoder(model, pixels.shape[1:], quality)
    data, ends = [], []
    for index in range(len(pixels) // ratio):
        window = pixels[index * ratio : (index + 1) * ratio]
        memory = model.compress_pixels(torch.from_numpy(window), ratio)
        searched = luma(window)[[t - 1 for t in search_frames(ratio)]]
        data.append(encoder.encode(level, memory, searched, intra=index == 0))
        ends.append(encoder.state.reference.copy())
    return data, ends


def with_cut(clip: np.ndarray, at: int) -> np.ndarray:
    """The clip with another picture, upside down and inverted, in its middle from frame `at` on."""
    other = clip.copy()
    height, width = clip.shape[1:3]
    middle = slice(height // 4, height // 4 + 24), slice(width // 4, width // 4 + 24)
    other[at:, *middle] = 255 - other[at:, *middle][:, ::-1]
    return other


@pytest.mark.parametrize("level", [0, 1, 2, 3])
@pytest.mark.parametrize("quality", [20, 70])
@pytest.mark.parametrize("kind", ["tiny_model", "branched"])
def test_both_sides_hold_the_same_reference_frame(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    clip_frames: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    level: int,
    quality: int,
) -> None:
    """What the coder predicts the next node from is what the decoder will have: nothing drifts apart."""
    model = request.getfixturevalue(kind)
    pixels = with_cut(clip_frames[: 4 << level], 2 << level)
    data, ends = coded(model, pixels, level, quality)
    path = tmp_path / "x.safetensors"
    imfn.compress(pixels, path, model=model, ratio=1 << level, quality=quality)
    reader = open_latent(path)
    assert [reader.read(node) for node in reader.nodes] == data
    decoder = Decoder(reader, model)
    assert isinstance(decoder._state, WholeInter)
    for node, end in zip(decoder.walk(), ends, strict=True):
        assert not node.problem
        assert np.array_equal(decoder._state.reference, end)
    # The picture that was put in cannot be predicted: some blocks must be intra.
    assert any(split_inter(one)[0][0] & 1 for one in data[1:])


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    count=st.integers(1, 30),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    level=st.integers(0, 3),
    gop=st.integers(0, 40),
    quality=st.integers(0, 100),
)
def test_any_length_size_and_gop(
    tmp_path: Path,
    tiny_model: imfn.Model,
    count: int,
    height: int,
    width: int,
    channels: int,
    level: int,
    gop: int,
    quality: int,
) -> None:
    random = np.random.default_rng(count)
    frames = random.integers(0, 256, (count, height, width, channels), np.uint8)
    path = tmp_path / "x.safetensors"
    report = imfn.compress(
        frames, path, model=tiny_model, ratio=1 << level, quality=quality, gop=gop, force=True
    )
    assert report.nodes == len(open_latent(path).nodes)
    pixels = restored(path, tiny_model)
    assert pixels.shape == frames.shape
    # The decoder's reference frames are the encoder's, so each frame is as near as its quality says: rounding
    # moves a number by half a step in general, by more where a bit is worth it, and by what the tree loses.
    floats = restored_in_floats(tiny_model, frames, level)
    step = 255 * step_of_quality(quality)
    assert np.sqrt(np.square(pixels - floats).mean()) <= 0.75 * step + 0.75


def test_far_fewer_bytes_where_the_picture_stays_alike(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray
) -> None:
    still = np.repeat(clip_frames[:1], 40, axis=0)
    for frames, least in ((still, 2.5), (clip_frames, 1.1)):
        sizes, quality = [], []
        for gop in (0, 256):
            path = tmp_path / f"{gop}.safetensors"
            sizes.append(imfn.compress(frames, path, model=tiny_model, ratio=4, gop=gop, force=True).bytes)
            quality.append(psnr(restored(path, tiny_model), frames))
        assert sizes[0] > least * sizes[1]
        assert quality[1] > quality[0] - 0.6


def test_a_selection_equals_that_part_of_the_whole(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray
) -> None:
    path = tmp_path / "x.safetensors"
    imfn.compress(clip_frames[:29], path, model=tiny_model, ratio=4, gop=16)
    whole = restored(path, tiny_model)
    for start, stop in [(0, 1), (3, 9), (15, 16), (16, 17), (21, 29), (28, 29)]:
        assert (restored(path, tiny_model, start, stop) == whole[start:stop]).all()


def test_a_frame_reads_its_gop_up_to_it(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.safetensors"
    report = imfn.compress(clip_frames, path, model=tiny_model, ratio=4, gop=17)
    assert report.gop == 16
    reader = open_latent(path)
    assert reader.header.gop_nodes == 4
    read: list[int] = []
    original = LatentReader.read

    def spy(self: LatentReader, node: object) -> bytes:
        read.append(node.index)  # type: ignore[attr-defined]
        return original(self, node)  # type: ignore[arg-type]

    monkeypatch.setattr(LatentReader, "read", spy)
    assert len(list(restored_frames(reader, tiny_model, 25, 26))) == 1
    assert sorted(read) == [4, 5, 6]


def test_a_damaged_node_costs_those_predicted_from_it(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray
) -> None:
    path = tmp_path / "x.safetensors"
    imfn.compress(clip_frames, path, model=tiny_model, ratio=4, gop=16)
    whole = restored(path, tiny_model)
    reader = open_latent(path)
    node = reader.nodes[5]
    content = bytearray(path.read_bytes())
    content[reader.nodes_at + node.offset + node.size // 2] ^= 255
    path.write_bytes(content)
    reader = open_latent(path)
    with pytest.raises(imfn.LatentError, match=r"node 5 \(frames 20 to 23\) is damaged"):
        list(restored_frames(reader, tiny_model))
    damaged: list[DecodedNode] = []
    found = np.stack([f.pixels for f in restored_frames(reader, tiny_model, damaged=damaged)])
    assert [(one.entry.index, "builds on node 5" in one.problem) for one in damaged] == [
        (5, False),
        (6, True),
        (7, True),
    ]
    assert (found[:20] == whole[:20]).all()
    assert (found[20:32] == whole[19]).all()
    assert (found[32:] == whole[32:]).all()
    # The same is said by whoever checks the file, with the model and without.
    for model in (tiny_model, None):
        assert [one.node for one in imfn.verify(path, model).damaged] == [5, 6, 7]


def test_same_input_same_bytes(tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray) -> None:
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    for path in (one, two):
        compress_sequence(LoadedArray(clip_frames), path, tiny_model, ratio=8)
    assert one.read_bytes() == two.read_bytes()


def test_independent_pictures_and_single_nodes_are_intra(
    tmp_path: Path, tiny_model: imfn.Model, vector_model: imfn.Model, clip_frames: np.ndarray
) -> None:
    path = tmp_path / "x.safetensors"
    assert imfn.compress(clip_frames[:4], path, model=tiny_model, ratio=4).gop == 0
    apart = replace(
        vector_model,
        network=IMFN(replace(vector_model.network.config, widths=(8, 8, 8), kernel=1, independent=True)),
    )
    assert not apart.can_predict
    with pytest.raises(ValueError, match="gop -1"):
        imfn.compress(clip_frames, path, model=tiny_model, ratio=4, gop=-1, force=True)


@pytest.mark.parametrize("level", [0, 1, 2, 4])
@pytest.mark.parametrize("count", [1, 13, 32, 39])
def test_search_frames_are_the_middle_and_the_end_of_every_node(level: int, count: int) -> None:
    frames = np.arange(count, dtype=np.uint8)[:, None, None]
    seen = SearchFrames(level)
    first = fed = 0
    for below in forest_levels(count, level):
        ratio = 1 << below
        # Frames come in batches, ahead of the nodes.
        while fed < min(count, first + ratio):
            seen.feed(frames[fed : fed + 8])
            fed += 8
        wanted = frames[first : first + ratio][[t - 1 for t in search_frames(ratio)]]
        assert (seen.pop(below) == wanted).all()
        first += ratio


def test_damage_before_a_selection_is_not_said_of_it(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray
) -> None:
    path = tmp_path / "x.safetensors"
    imfn.compress(clip_frames, path, model=tiny_model, ratio=4, gop=16)
    reader = open_latent(path)
    content = bytearray(path.read_bytes())
    content[reader.nodes_at + 9] ^= 255
    path.write_bytes(content)
    damaged: list[DecodedNode] = []
    assert len(list(restored_frames(open_latent(path), tiny_model, 9, 18, damaged=damaged))) == 9
    assert [one.entry.index for one in damaged] == [2, 3]


def test_no_float_of_the_network_reaches_a_memory(
    tmp_path: Path, branched: imfn.Model, clip_frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine whose network computes anything at all, memories are the same to the last bit."""
    path = tmp_path / "x.safetensors"
    imfn.compress(clip_frames, path, model=branched, ratio=4)
    here = [node.memory for node in Decoder(open_latent(path), branched).walk()]

    def nonsense(*_: object) -> None:
        raise AssertionError("the network was asked")

    for name in ("merge", "split", "climb", "compress", "leaves_of", "walk"):
        monkeypatch.setattr(IMFN, name, nonsense)
    for name in ("compress_pixels", "restore_pixels"):
        monkeypatch.setattr(imfn.Model, name, nonsense)
    there = [node.memory for node in Decoder(open_latent(path), branched).walk()]
    assert len(here) == 10
    for one, other in zip(here, there, strict=True):
        assert one is not None
        assert other is not None
        assert torch.equal(one, other)


@pytest.mark.parametrize("ratio", [1, 8])
def test_a_machine_that_rounds_otherwise_shows_a_level_more_or_less(
    tmp_path: Path, clip_frames: np.ndarray, ratio: int, tiny_model: imfn.Model
) -> None:
    """In float64, not float32: a pixel may be rounded the other way, in the last frame as in the first."""
    path = tmp_path / "x.safetensors"
    frames = np.concatenate((clip_frames, clip_frames[::-1], clip_frames))
    imfn.compress(frames, path, model=tiny_model, ratio=ratio)
    here = restored(path, tiny_model).astype(int)
    double = copy.deepcopy(tiny_model.network).double()
    found, size = [], frames.shape[1:]
    for node in Decoder(open_latent(path), tiny_model).walk():
        assert node.memory is not None
        floats = double.restore(node.memory[None].double(), 1 << node.entry.level, *size[:2])
        found.append((floats.permute(0, 2, 3, 1) * 255).round().clamp(0, 255).numpy())
    difference = np.abs(np.concatenate(found) - here)
    assert difference.max() <= 1
    assert difference[-16:].mean() <= difference[:16].mean() + 1e-3


def test_maps_that_are_not_orthonormal_are_told(
    tmp_path: Path, tiny_model: imfn.Model, clip_frames: np.ndarray
) -> None:
    network = copy.deepcopy(tiny_model.network)
    network.leaf.map.weight.data *= 1e9
    model = replace(tiny_model, network=network)
    with pytest.raises(imfn.ModelError, match="not orthonormal; --gop 0"):
        imfn.compress(clip_frames, tmp_path / "x.safetensors", model=model, ratio=4)

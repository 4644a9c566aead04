import pytest
import torch

from imfn_cli.network import frames_from_pixels, pixels_from_frames


@pytest.mark.parametrize("channels", [1, 3])
def test_every_level_survives(channels: int) -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1).expand(-1, -1, -1, channels)
    frames = frames_from_pixels(pixels, channels)
    assert frames.shape == (1, channels, 16, 16)
    assert (frames.min(), frames.max()) == (0, 1)
    assert torch.equal(pixels_from_frames(frames, channels), pixels)


def test_gray_becomes_three_equal_channels_and_back() -> None:
    pixels = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 4, 1) * 20
    frames = frames_from_pixels(pixels, 3)
    assert frames.shape == (1, 3, 3, 4)
    assert torch.equal(pixels_from_frames(frames, 3)[..., 1:2], pixels)
    assert torch.equal(pixels_from_frames(frames, 1), pixels)


def test_colour_becomes_luma() -> None:
    pixels = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]], dtype=torch.uint8)
    frames = frames_from_pixels(pixels.reshape(1, 1, 4, 3), 1)
    torch.testing.assert_close(frames.flatten(), torch.tensor([0.299, 0.587, 0.114, 1]))
    assert pixels_from_frames(frames, 3).tolist()[0][0][0] == [76, 76, 76]


def test_rounds_and_clamps() -> None:
    frames = torch.tensor([-3.0, 0.499 / 255, 0.501 / 255, 1.2]).reshape(1, 1, 1, 4)
    assert pixels_from_frames(frames, 1).flatten().tolist() == [0, 0, 1, 255]


@pytest.mark.parametrize(
    "pixels", [torch.zeros(4, 4, 3, dtype=torch.uint8), torch.zeros(1, 4, 4, 4, dtype=torch.uint8)]
)
def test_wrong_shapes_are_named(pixels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"\(T, H, W, 1 or 3\)"):
        frames_from_pixels(pixels, 3)


def test_floats_are_not_pixels() -> None:
    with pytest.raises(ValueError, match="uint8"):
        frames_from_pixels(torch.zeros(1, 2, 2, 3), 3)

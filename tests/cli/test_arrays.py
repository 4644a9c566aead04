"""Arrays as they are: `imfn compress --lossless | --max-error`, info, verify, decompress."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imfn_cli as imfn
from tests.codec.exact.arrays import made

from .conftest import Ran

Cli = Callable[..., Ran]


@pytest.fixture
def array(tmp_path: Path) -> np.ndarray:
    """(12, 20, 16, 5) float32, big-endian, in x.npy."""
    made_array = made((12, 20, 16, 5), np.dtype(">f4"), "smooth")
    np.save(tmp_path / "x.npy", made_array)
    return made_array


def test_there_and_back(cli: Cli, array: np.ndarray, tmp_path: Path) -> None:
    source, latent = tmp_path / "x.npy", tmp_path / "x.safetensors"
    (line,) = cli("compress", source, "--lossless", "--json").json
    assert (line["shape"], line["dtype"], line["lossless"]) == ([12, 20, 16, 5], ">f4", True)
    assert line["bytes"] == latent.stat().st_size
    ran = cli("verify", latent, "--source", source, "--json")
    assert (ran.code, ran.json[0]["ok"]) == (0, True)
    (about,) = cli("info", latent, "--json").json
    assert about["header"]["axes"] == "TYXC"
    assert sum(group["bytes"] for group in about["groups"]) < latent.stat().st_size
    assert "array latent" in cli("info", latent).out
    assert "first_frame" in cli("info", latent, "--nodes").out
    assert cli("decompress", latent, "--quiet").code == 0
    restored = np.load(tmp_path / "x.restored.npy")
    assert (restored.dtype.str, restored.tobytes()) == (">f4", array.tobytes())


def test_within_an_error(cli: Cli, array: np.ndarray, tmp_path: Path) -> None:
    source, latent = tmp_path / "x.npy", tmp_path / "x.safetensors"
    ran = cli("compress", source, "--max-error", "1%")
    assert "within" in ran.out
    assert cli("verify", latent, "--source", source).code == 0
    assert cli("decompress", latent, "-o", tmp_path / "y.npz", "--frames", "3:7").code == 0
    restored = np.load(tmp_path / "y.npz")["data"]
    assert restored.shape == (4, 20, 16, 5)
    limit = 0.01 * (float(array.max()) - float(array.min()))
    assert np.abs(restored.astype(float) - array[3:7].astype(float)).max() <= limit


def test_a_folder_of_images_becomes_the_file_that_is_named(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for number in range(3):
        samples = np.full((8, 9), 700 * number, np.uint16)
        Image.fromarray(samples).save(tmp_path / "frames" / f"{number}.png")
    latent = tmp_path / "named.safetensors"
    assert cli("compress", tmp_path / "frames", "--lossless", "-o", latent).code == 0
    assert cli("verify", latent, "--source", tmp_path / "frames").code == 0
    assert cli("decompress", latent, "--format", "npy").code == 0
    assert np.load(tmp_path / "named.restored.npy")[:, 0, 0].tolist() == [0, 700, 1400]


def test_what_no_model_fits_needs_no_option(cli: Cli, array: np.ndarray, tmp_path: Path) -> None:
    (line,) = cli("compress", tmp_path / "x.npy", "-q", "70", "--json").json
    assert (line["quality"], line["lossless"]) == (70, False)
    assert line["ratio_of_bytes"] > 3


def test_pictures_go_through_a_model_unless_told(cli: Cli, tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", made((5, 16, 16), np.dtype("u1"), "smooth"))
    (line,) = cli("compress", tmp_path / "p.npy", "--lossless", "--json").json
    assert line["model"] == ""
    (line,) = cli("compress", tmp_path / "p.npy", "-f", "-m", "video-linear", "--json").json
    assert line["model"] == "video-linear-1"


def test_verify_tells_of_other_samples(cli: Cli, array: np.ndarray, tmp_path: Path) -> None:
    latent, other = tmp_path / "x.safetensors", tmp_path / "other.npy"
    cli("compress", tmp_path / "x.npy", "--max-error", "0.5")
    changed = array.copy()
    changed[4, 3, 2, 1] += 2
    np.save(other, changed)
    ran = cli("verify", latent, "--source", other)
    assert ran.code == 1
    assert "1 samples are further off than 0.5" in ran.err
    np.save(other, array[:5])
    ran = cli("verify", latent, "--source", other)
    assert ran.code == 1
    assert "name the array that it was made from" in ran.line


def test_a_part(cli: Cli, array: np.ndarray, tmp_path: Path) -> None:
    assert cli("compress", tmp_path / "x.npy", "--lossless", "--frames", "2:5").code == 0
    latent = imfn.open_array(tmp_path / "x.safetensors")
    assert np.array_equal(np.asarray(latent), array[2:5])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--lossless", "--max-error", "1"), "exclude one another"),
        (("--lossless", "-q", "50"), "go without"),
        (("--max-error", "much"), "is no error"),
        (("--max-error=-1",), "is no error"),
        (("--max-error", "101%"), "is no error"),
    ],
)
def test_wrong_words(cli: Cli, array: np.ndarray, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    ran = cli("compress", tmp_path / "x.npy", *words)
    assert ran.code == 2
    assert said in ran.line


def save(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def bad_inputs(folder: Path) -> dict[str, tuple[str, str]]:
    """Name of a file, and what is said of it."""
    ragged = np.empty(2, object)
    ragged[:] = [np.zeros(2), np.zeros(3)]
    np.save(folder / "ragged.npy", ragged, allow_pickle=True)
    save(folder / "ragged.npz", frames=ragged)
    save(folder / "two.npz", a=np.zeros((4, 4, 4)), b=np.zeros((4, 4, 4)))
    with zipfile.ZipFile(folder / "none.npz", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    np.save(folder / "empty.npy", np.zeros((5, 0, 4), np.uint16))
    np.save(folder / "five.npy", np.zeros((2, 2, 2, 2, 2), np.uint16))
    np.save(folder / "complex.npy", np.zeros((2, 2, 2), np.complex64))
    np.save(folder / "scalar.npy", np.float32(3))
    np.save(folder / "text.npy", np.array(["a", "b"]))
    wide = np.lib.format.open_memmap(folder / "wide.npy", "w+", np.uint8, (1, 1 << 28))
    del wide
    whole = np.zeros((9, 9, 9), np.uint16)
    np.save(folder / "cut.npy", whole)
    (folder / "cut.npy").write_bytes((folder / "cut.npy").read_bytes()[:-100])
    (folder / "notes.txt").write_text("no array")
    return {
        "ragged.npy": ("Python objects", "all frames of one size"),
        "ragged.npz": ("Python objects", "all frames of one size"),
        "two.npz": ("holds 2 arrays (a, b)", "two.npz::a"),
        "two.npz::c": ("holds no array of this name", "a, b"),
        "none.npz": ("holds no arrays", "np.savez"),
        "empty.npy": ("shape (5, 0, 4)", "empty"),
        "five.npy": ("shape (2, 2, 2, 2, 2)", "(T, H, W)"),
        "complex.npy": ("complex64", "(T, H, W)"),
        "scalar.npy": ("shape ()", "(T, H, W)"),
        "text.npy": ("holds str", "(T, H, W)"),
        "wide.npy": ("268,435,456 samples", "is the first axis time?"),
        "cut.npy": ("cut short", "bytes are there"),
        "notes.txt": ("is no array", ".npy"),
        "nowhere.npy": ("No such file", "check the name"),
    }


def test_bad_inputs(cli: Cli, tmp_path: Path) -> None:
    for name, said in bad_inputs(tmp_path).items():
        ran = cli("compress", tmp_path / name, "--lossless")
        assert ran.code == 1, name
        assert all(words in ran.line for words in (name, *said)), ran.line
    assert not list(tmp_path.glob("*.safetensors"))


def test_an_output_that_cannot_hold_it(cli: Cli, array: np.ndarray, tmp_path: Path) -> None:
    cli("compress", tmp_path / "x.npy", "--lossless")
    ran = cli("decompress", tmp_path / "x.safetensors", "-o", tmp_path / "x.mp4")
    assert ran.code == 1
    assert "cannot hold float32 of shape (12, 20, 16, 5)" in ran.line


def test_a_damaged_latent(cli: Cli, array: np.ndarray, tmp_path: Path) -> None:
    latent = tmp_path / "x.safetensors"
    cli("compress", tmp_path / "x.npy", "--lossless")
    whole = latent.read_bytes()
    at = whole.index(b"frame_axes")
    for place in (at, len(whole) - 3):
        changed = bytearray(whole)
        changed[place] ^= 1
        latent.write_bytes(changed)
        ran = cli("verify", latent)
        assert ran.code == 1
        assert "damaged" in ran.err
        assert cli("decompress", latent, "-o", tmp_path / "y.npy").code == 1
    assert not (tmp_path / "y.npy").exists()


def test_in_one_process_many(cli: Cli, array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "z.npy", array[..., :2])
    out = tmp_path / "latents"
    ran = cli("compress", tmp_path / "x.npy", tmp_path / "z.npy", "--lossless", "-o", f"{out}/")
    assert ran.code == 0
    assert sorted(path.name for path in out.glob("*.safetensors")) == ["x.safetensors", "z.safetensors"]
    ran = cli("decompress", out, "-o", tmp_path / "back", "--json")
    assert [Path(line["output"]).name for line in ran.json] == ["x.npy", "z.npy"]
    assert np.array_equal(np.load(tmp_path / "back" / "z.npy"), array[..., :2])


def test_memories_of_a_tree_that_is_fitted(cli: Cli, array: np.ndarray, tmp_path: Path) -> None:
    source, latent = tmp_path / "x.npy", tmp_path / "x.safetensors"
    (line,) = cli("compress", source, "--fit", "-r", "4", "-q", "60", "--json").json
    assert (line["ratio"], line["max_error"], line["lossless"]) == (4, None, False)
    assert "memories of 4 frames" in cli("compress", source, "-r", "4", "-f").out
    (about,) = cli("info", latent, "--json").json
    assert about["header"]["tree"]["ratio"] == 4
    ran = cli("verify", latent, "--source", source)
    assert ran.code == 0
    assert "PSNR" in ran.err
    assert cli("decompress", latent, "-o", tmp_path / "y.npy", "--quiet").code == 0
    assert np.load(tmp_path / "y.npy").shape == array.shape
    assert cli("memories", source, "-r", "4", "--json").json[0]["shape"][0] == 3


def test_one_tree_for_many_files(cli: Cli, array: np.ndarray, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    assert cli("train", "--linear", tmp_path / "x.npy", "-o", model, "--levels", "2").code == 0
    assert "largest_ratio" in cli("info", model).out
    assert cli("compress", tmp_path / "x.npy", "-m", model, "-r", "4").code == 0
    assert cli("decompress", tmp_path / "x.safetensors", "-o", tmp_path / "y.npy").code == 0
    ran = cli("decompress", model, "-o", tmp_path / "z.npy")
    assert ran.code == 1
    assert "a model of arrays, not an imfn latent" in ran.line
    data = bytearray(model.read_bytes())
    data[-1] ^= 1
    model.write_bytes(data)
    ran = cli("compress", tmp_path / "x.npy", "-m", model, "-r", "4", "-f")
    assert ran.code == 1
    assert "damaged" in ran.line


@pytest.mark.parametrize("words", [("--lossless",), ("--student",), ("-m", "video"), ("--target-psnr", "30")])
def test_fit_goes_alone(cli: Cli, array: np.ndarray, tmp_path: Path, words: tuple[str, ...]) -> None:
    ran = cli("compress", tmp_path / "x.npy", "--fit", *words)
    assert ran.code == 2
    assert "--fit goes without" in ran.line

"""Films in parts: the bytes of a single run, whatever the coder, the container, sound and all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.corpus import films
from imfn_cli.errors import ImfnError
from imfn_cli.media import Source, expand_inputs

from ..cli.conftest import cli  # noqa: F401 - a fixture
from ..cli.running import Ran
from ..conftest import make_clip

SETTINGS: dict[str, Any] = {
    **dict.fromkeys(("ratio", "quality", "target_psnr", "target_kbps", "target_size", "gop", "effort")),
    **dict.fromkeys(("preset", "frames", "stream", "max_error")),
    **dict.fromkeys(("student", "lossless", "force", "verify", "resume"), False),
    "audio": True,
}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """140 frames in Matroska, times in milliseconds, the last but one frame longer than the others."""
    folder = tmp_path_factory.mktemp("film")
    np.save(folder / "film.npy", make_clip(140, 16, 24))
    imfn.compress(folder / "film.npy", folder / "film.safetensors", quality=60, effort=1)
    imfn.decompress(folder / "film.safetensors", folder / "film.mkv")
    return expand_inputs([str(folder / "film.mkv")])[0]


@pytest.mark.parametrize(
    "asked",
    [
        {"ratio": "auto", "gop": 32, "effort": 1},
        {"ratio": 4, "gop": 16},
        {"ratio": 4, "gop": 0, "student": True},
        {"ratio": "auto", "gop": 16, "effort": 1, "frames": (9, 131)},
    ],
    ids=str,
)
def test_the_bytes_of_a_single_run(
    film: Source,
    asked: dict[str, Any],
    tiny_model: imfn.Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Small batches, so that parts may be short.
    monkeypatch.setattr("imfn_cli.codec.encoder.batch_frames", lambda height, width: 8)
    monkeypatch.setattr("imfn_cli.codec.parts.batch_frames", lambda height, width: 8)
    # Some nodes of intra nodes are coded in lanes, some are not.
    monkeypatch.setattr("imfn_cli.codec.encoder.LANES_FROM", 100)
    settings = SETTINGS | asked
    imfn.compress(film.paths[0], tmp_path / "whole.safetensors", model=tiny_model, **asked)
    cut = films.cut_of(film, tiny_model, settings, 30)
    assert cut is not None
    assert cut.parts >= 2
    place = tmp_path / "film.safetensors"
    parted = films.Film.at(str(place), None, film, tiny_model, settings, cut)
    for number in reversed(range(cut.parts)):
        assert parted.code(number).seconds > 0
    report = parted.join(place)
    parted.clear()
    assert place.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert report.frames == (122 if "frames" in asked else 140)
    assert report.resumed == 0
    assert {path.name for path in tmp_path.iterdir()} == {"film.safetensors", "whole.safetensors"}


def test_a_damaged_part_is_no_film(film: Source, tiny_model: imfn.Model, tmp_path: Path) -> None:
    settings = SETTINGS | {"ratio": "auto", "gop": 16, "effort": 1}
    cut = films.cut_of(film, tiny_model, settings, 30)
    assert cut is not None
    place = tmp_path / "film.safetensors"
    parted = films.Film.at(str(place), None, film, tiny_model, settings, cut)
    for number in range(cut.parts):
        parted.code(number)
    part = Path(parted.parts[0])
    data = bytearray(part.read_bytes())
    data[-1] ^= 1
    part.write_bytes(data)
    with pytest.raises(ImfnError, match="is damaged"):
        parted.join(place)
    assert not place.exists()


def test_what_stays_whole(film: Source, tiny_model: imfn.Model) -> None:
    for asked in ({"target_psnr": 30.0}, {"frames": (0, 20)}):
        assert films.cut_of(film, tiny_model, SETTINGS | asked | {"gop": 16}, 30) is None
    assert films.cut_of(film, tiny_model, SETTINGS | {"gop": 16}, 100) is None


def test_by_the_command(
    cli: Callable[..., Ran],  # noqa: F811
    film: Source,
    tmp_path: Path,
) -> None:
    """Two processes, with a short one beside it."""
    folder = tmp_path / "footage"
    folder.mkdir()
    (folder / "film.mkv").write_bytes(film.paths[0].read_bytes())
    np.save(folder / "short.npy", make_clip(5, 16, 24))
    words = ("-m", "video-linear", "--effort", "1", "-g", "16")
    assert cli("compress", folder, "-o", tmp_path / "one", *words).code == 0
    ran = cli("compress", folder, "-o", tmp_path / "two", *words, "-j", 2, "--segment", 30, "--json")
    assert ran.code == 0, ran.err
    assert [report["frames"] for report in ran.json] == [140, 5]
    for name in ("film", "short"):
        one, two = ((tmp_path / way / f"{name}.safetensors").read_bytes() for way in ("one", "two"))
        assert one == two
    assert not list((tmp_path / "two").glob(".*"))

"""Arrays that are compressed, interrupted and gone on with."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.codec.exact import compress

GROUP = 8


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compress, "frames_in_group", lambda _: GROUP)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    steps = np.random.default_rng(4).integers(-3, 4, (40, 12, 10))
    np.save(tmp_path / "a.npy", np.cumsum(steps, axis=0).astype(np.int16))
    return tmp_path / "a.npy"


@pytest.mark.parametrize("options", [{"lossless": True}, {"max_error": 1}, {"max_error": "1%"}])
@pytest.mark.parametrize("dies_at", [8, 24, 40])
def test_gone_on_with_it_is_the_same(
    small_groups: None,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    dies_at: int,
) -> None:
    whole, again = tmp_path / "whole.safetensors", tmp_path / "again.safetensors"
    imfn.compress(source, whole, **options)

    def dies(done: int, _: int | None) -> None:
        if done >= dies_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imfn.compress(source, again, resume=True, progress=dies, **options)
    assert not again.exists()
    coded: list[int] = []
    encode = compress.encode

    def counted(samples: np.ndarray, *how: Any) -> bytes:
        coded.append(len(samples))
        return encode(samples, *how)

    monkeypatch.setattr(compress, "encode", counted)
    report = imfn.compress(source, again, resume=True, **options)
    assert (sum(coded), report.resumed) == (40 - dies_at, dies_at)
    assert again.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"a.npy", whole.name, again.name}


def test_another_error_or_array_is_refused(small_groups: None, source: Path, tmp_path: Path) -> None:
    output = tmp_path / "a.safetensors"

    def dies(done: int, _: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imfn.compress(source, output, lossless=True, resume=True, progress=dies)
    with pytest.raises(imfn.OutputError, match="the run that was interrupted had"):
        imfn.compress(source, output, max_error=2, resume=True)
    np.save(source, np.load(source) + 1)
    with pytest.raises(imfn.OutputError, match="the source has changed"):
        imfn.compress(source, output, lossless=True, resume=True)


def test_an_array_of_the_program_cannot_be_gone_on_with(source: Path, tmp_path: Path) -> None:
    with pytest.raises(imfn.InputError, match="can be read once only"):
        imfn.compress(np.load(source), tmp_path / "a.safetensors", lossless=True, resume=True)

"""Latents elsewhere are read by range requests; what goes wrong there is one line."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.errors import ImfnError, LatentError
from imfn_cli.system import remote

from ..cli.running import Ran
from .conftest import Bucket

Cli = Callable[..., Ran]


@pytest.fixture
def film(clip_frames: np.ndarray, tiny_model: imfn.Model, tmp_path: Path) -> Path:
    """A latent of many nodes, larger than one range."""
    path = tmp_path / "film.safetensors"
    imfn.compress(np.concatenate([clip_frames] * 12), path, model=tiny_model, ratio=4, gop=0, quality=90)
    assert path.stat().st_size > 4 * remote.RANGE
    return path


def test_frames_by_range_requests(film: Path, tiny_model: imfn.Model, bucket: Bucket) -> None:
    address = bucket.put("film.safetensors", film.read_bytes())
    bucket.requests.clear()
    with imfn.open(film, model=tiny_model) as here, imfn.open(address, model=tiny_model) as there:
        assert there.header == here.header
        assert np.array_equal(there[300:303], here[300:303])
    fetched = sum(count for (method, ranged), count in bucket.requests.items() if method == "GET")
    assert fetched == sum(count for (method, ranged), count in bucket.requests.items() if ranged)
    assert 0 < fetched < 10


def test_every_command_that_reads(
    cli: Cli, film: Path, tiny_model_dir: Path, bucket: Bucket, tmp_path: Path
) -> None:
    address, model = bucket.put("film.safetensors", film.read_bytes()), ("-m", tiny_model_dir)
    told, here = cli("info", address, "--json"), cli("info", film, "--json")
    assert (told.code, told.err) == (0, "")
    assert told.json[0] | {"path": ""} == here.json[0] | {"path": ""}
    assert cli("verify", address, *model, "--json").json[0]["ok"]
    ran = cli("decompress", address, "-o", tmp_path / "ten.npy", "--frames", "100:110", *model)
    assert ran.code == 0, ran.err
    assert np.array_equal(
        np.load(tmp_path / "ten.npy"),
        np.array(list(imfn.read_frames(film, 100, 110, model=str(tiny_model_dir)))),
    )


def test_what_is_wrong_is_one_line(cli: Cli, film: Path, bucket: Bucket) -> None:
    missing = f"{bucket.address}/none.safetensors"
    ran = cli("info", missing)
    assert (ran.code, ran.line) == (1, f"{missing}: no such file; check the address")
    data = film.read_bytes()
    for name, damaged, what in (
        ("cut", data[:-100], "cut short, 100 bytes are missing"),
        ("header", data[:8] + b"[" + data[9:], "not an imfn latent"),
        ("empty", b"", "empty file"),
        ("offsets", data.replace(b'"data_offsets":[0,', b'"data_offsets":[4,', 1), "header is damaged"),
        ("table", data[: len(data) - 1] + b"x", None),
    ):
        address = bucket.put(f"{name}.safetensors", damaged)
        if what is None:
            assert not imfn.verify(address).ok
            continue
        with pytest.raises(LatentError, match=what):
            imfn.open(address)


def test_a_server_that_fails(bucket: Bucket, film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = bucket.put("film.safetensors", film.read_bytes())
    answers = iter([503, 503])
    bucket.fails = lambda method, path: next(answers, None)
    assert imfn.open(address).frames == 480
    bucket.fails = lambda method, path: 403
    remote.RemotePath(address)._fs.invalidate_cache()
    with pytest.raises(ImfnError, match=r"^s3://.*access denied|cannot be read") as told:
        imfn.open(address)
    assert "\n" not in str(told.value)


def test_which_names_are_addresses() -> None:
    for name in ("s3://b/k", "gs://b/k", "hf://datasets/a/b/c", "memory://x", "az://c/k"):
        assert remote.is_remote(name)
    for name in (
        "clip.mp4",
        "file:///a/b",
        "rtsp://cam/live",
        "tcp://host:1",
        "camera:0",
        "c://x",
        "http://x/y",
    ):
        assert not remote.is_remote(name)
    assert remote.place_of("file:///a/b") == Path("/a/b")


def test_whole_or_not_there(bucket: Bucket, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(1 << 20))
    bucket.fails = lambda method, path: "cut" if method == "PUT" else None
    with pytest.raises(ImfnError) as told:
        remote.upload(path, f"{bucket.address}/data")
    assert str(told.value).startswith(f"{bucket.address}/data: cannot be written")
    bucket.fails = lambda method, path: None
    assert bucket.names() == []
    tries: Iterator[int | str] = iter(["cut", 503])
    bucket.fails = lambda method, path: next(tries, None) if method == "PUT" else None
    remote.upload(path, f"{bucket.address}/data")
    assert next(iter(remote.found_in(bucket.address).values())).size == 1 << 20
    # Renamed where a file may be half there.
    place = f"local://{tmp_path}/folder/data"
    remote.upload(path, place)
    assert [one.name for one in (tmp_path / "folder").iterdir()] == ["data"]
    assert list(remote.found_in(f"local://{tmp_path}/folder")) == [place]

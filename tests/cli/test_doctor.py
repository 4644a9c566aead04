"""`imfn doctor`: what it says of a whole installation, and of one that is not."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from imfn_cli.diagnosis import EXTRAS
from tests.docs.markdown import ROOT

from .conftest import Ran

Cli = Callable[..., Ran]


def test_a_whole_installation(cli: Cli) -> None:
    ran = cli("doctor", "--json")
    (report,) = ran.json
    assert (ran.code, report["ok"], report["problems"]) == (0, True, [])
    assert report["self_test"]["psnr"] > 25
    assert report["self_test"]["ratio"] in ("auto", 16)
    assert all(report["encoders"].values())
    assert [model["name"] for model in report["models"] if model["default"]] == ["video-1"]


def test_for_people(cli: Cli) -> None:
    lines = cli("doctor").out.splitlines()
    assert lines[-1] == "all is well"
    subjects = [
        "imfn",
        "packages",
        "FFmpeg",
        "encoders",
        "devices",
        "threads",
        "models",
        "extras",
        "self-test",
    ]
    assert [line.split()[0] for line in lines[:-1] if line[0] != " "] == subjects
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("compiled", [True, False])
def test_what_is_not_compiled_is_not_tested_and_said(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, compiled: bool
) -> None:
    monkeypatch.setattr("imfn_cli.diagnosis.is_on_disk", lambda _: compiled)
    name = "compress_sequence" if compiled else "compress_adaptive"
    monkeypatch.setattr(f"imfn_cli.codec.{name}", None)
    ran = cli("doctor", "--json")
    (report,) = ran.json
    assert (ran.code, report["self_test"]["ratio"]) == (0, "auto" if compiled else 16)
    assert report["self_test"]["psnr"] > 25
    told = " ".join(cli("doctor").out.split())
    assert ("with -r 16; what the default, -r auto, needs is compiled at first use" in told) != compiled


def test_extras_that_are_missing_are_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imfn_cli.diagnosis.EXTRAS", {"eval": ("numpy",), "hub": ("none_such",)})
    assert re.search(r"^extras +eval; without hub$", cli("doctor").out, re.MULTILINE)


def test_a_damaged_model(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is named, the self-test fails with the same reason, and nothing is raised."""
    folder = tmp_path / "imfn_cli" / "_models" / "video-1"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{")
    monkeypatch.setattr("imfn_cli.zoo.places._PACKAGE", tmp_path / "imfn_cli")
    ran = cli("doctor", "--json")
    (report,) = ran.json
    assert (ran.code, report["ok"], report["self_test"]["psnr"]) == (1, False, None)
    assert len(report["problems"]) == 2
    assert all(f"{folder / 'config.json'}: not valid JSON" in problem for problem in report["problems"])
    assert len(ran.err.splitlines()) == 2


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {
        extra: tuple(re.split(r"[<>=\[]", wanted)[0].replace("-", "_") for wanted in packages)
        for extra, packages in project["optional-dependencies"].items()
        if extra not in ("dev", "fuzz")
    }
    assert declared == EXTRAS

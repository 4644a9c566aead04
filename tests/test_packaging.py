"""What is released: distributions, workflows, and what they must not be."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from imfn_cli.zoo import read_config, weights_sha256
from imfn_cli.zoo.places import ALIASES, DEFAULT_NAMES, PACKAGED, short_name

from .docs.markdown import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
#: Bytes of a wheel, at most.
LIMIT = 15_000_000

if not WORKFLOWS:
    pytest.skip("this installation is no checkout", allow_module_level=True)


def files_of(pyproject: Path) -> dict[Path, str]:
    """What goes into a distribution's wheel from beside its packages: file → where it lies there."""
    wheel = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    found = {}
    for source, place in wheel["force-include"].items():
        path = (pyproject.parent / source).resolve()
        inner = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
        for one in inner:
            found[one] = place if path.is_file() else f"{place}/{one.relative_to(path)}"
    return found


def test_the_wheel_is_small_and_has_the_default_models() -> None:
    files = files_of(ROOT / "pyproject.toml")
    for name in DEFAULT_NAMES:
        assert f"imfn_cli/_models/{name}/model.safetensors" in files.values()
    assert not any("mnist" in place for place in files.values())
    code = [one for one in (ROOT / "imfn_cli").rglob("*") if one.is_file() and "__pycache__" not in one.parts]
    # Weights hardly compress; a wheel is no larger than its files.
    assert sum(one.stat().st_size for one in (*files, *code)) < LIMIT


def test_models_of_packages_are_found_where_they_say() -> None:
    for name, wanted in PACKAGED.items():
        extra = wanted.removeprefix("imfn[").removesuffix("]")
        (requirement,) = PROJECT["project"]["optional-dependencies"][extra]
        folder = ROOT / "packages" / short_name(name)
        built = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert requirement.startswith(f"{built['name']}>=")
        module = built["entry-points"]["imfn.models"][name]
        assert (folder / module / "__init__.py").is_file()
        places = files_of(folder / "pyproject.toml")
        assert {f"{module}/config.json", f"{module}/model.safetensors"} <= set(places.values())
        assert all(path.is_file() for path in places)
        assert sum(path.stat().st_size for path in places) < LIMIT
        assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


#: SHA-256 of weights that were released, by their names: a later release adds lines, and changes none.
RELEASED = {
    "video-1": "be830a71a84f725d689041a9691137dc8ca144488ab4b7821f9c204c1d24df17",
    "video-linear-1": "7eeac299b7f61cab39bff9654494c91a79843815ae74d4fe35edcab55d906de1",
    "mnist-1": "d4098b3bc63af306ab32dc237230d9b4dbf9874bc650a48d2edf9e05da3c85d2",
}


def test_released_weights_are_never_replaced() -> None:
    folders = {path.name: path for path in (ROOT / "models").iterdir()}
    assert {name: weights_sha256(folders[name]) for name in RELEASED} == RELEASED
    for name, folder in folders.items():
        assert read_config(folder)["name"] == name
        assert short_name(name) != name or any(name.startswith(f"{short}-") for short in ALIASES)
    assert set(ALIASES.values()) <= set(folders)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_jobs_may_little(path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    workflow: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
    # Publishing is by trust in the workflow.
    text = path.read_text(encoding="utf-8")
    assert "secrets." not in text
    assert "password" not in text
    trusted = [name for name, job in workflow["jobs"].items() if "id-token" in job.get("permissions", {})]
    assert trusted == (["publish"] if path.name == "release.yml" else [])


def test_three_systems_are_tested() -> None:
    text = (ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8")
    assert all(f"{system}-latest" in text for system in ("ubuntu", "macos", "windows"))
    for folder in re.findall(r"tests/[\w./]+", text):
        assert (ROOT / folder).exists()


def test_the_image_takes_what_the_wheel_is_built_of() -> None:
    taken = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["packages"], *wheel["force-include"], "pyproject.toml", "README.md", "LICENSE"} <= taken
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = set(re.findall(r"^COPY (?!--from)(\S+) ", image, re.MULTILINE)) - {"."}
    assert copied <= taken
    assert re.search(r"^USER (?!root)", image, re.MULTILINE)


def test_links_are_no_inventions() -> None:
    assert PROJECT["project"]["urls"] == {"Paper": "https://arxiv.org/abs/2602.00535"}

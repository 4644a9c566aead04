"""The numbers in README.md and docs/RESULTS.md are those of the CSV files that the benchmarks wrote."""

import re
from collections import defaultdict
from statistics import mean

import pytest

from ..conftest import read_csv
from .markdown import ROOT, Table, table

RESULTS = ROOT / "docs" / "RESULTS.md"
CSV = ROOT / "results"


def means(name: str, value: str, **wanted: str) -> dict[str, float]:
    """Ratio → mean over the rows of a CSV file that have the wanted values."""
    found = defaultdict(list)
    for row in read_csv(CSV / name):
        if all(row[column] == text for column, text in wanted.items()):
            found[row["ratio"]].append(float(row[value]))
    return {ratio: mean(values) for ratio, values in found.items()}


def test_float_memories() -> None:
    found = table(RESULTS, "Memories in float")
    for name, *cells in found.rows:
        wanted = means(f"ucf101-float-{name.strip('`')}.csv", "psnr")
        assert cells == [f"{wanted[ratio.removesuffix(':1')]:.2f}" for ratio in found.header[1:]]


def test_files() -> None:
    found = table(RESULTS, "Files")
    for ratio, *cells in found.rows:
        for heading, cell in zip(found.header[1:], cells, strict=True):
            quality = heading.strip("`").removeprefix("-q ")
            wanted = []
            for name in ("codecs-video.csv", "codecs-video-alone.csv"):
                here = {"codec": "imfn", "quality": quality}
                psnr, bits = means(name, "psnr_rgb", **here), means(name, "bits_per_pixel", **here)
                number = ratio.removesuffix(":1")
                wanted.append(f"{psnr[number]:.2f} at {bits[number]:.3f}")
            assert cell == f"{wanted[0]} ({wanted[1]})"


def bd_rates(found: Table) -> None:
    """Every cell is the CSV's mean BD-rate of the best ratio against its column's codec."""
    for name, *cells in found.rows:
        model = name.strip("`").replace(" -g 0", "-alone")
        rates = {
            row["anchor"]: float(row["bd_rate"])
            for row in read_csv(CSV / f"codecs-bd-{model}.csv")
            if row["clip"] == "" and row["codec"] == "imfn best"
        }
        anchors = [re.split(r"\W", heading)[0].lower() for heading in found.header[1:]]
        assert cells == [f"{rates[anchor]:+.0f}%" for anchor in anchors]


def test_bd_rates() -> None:
    bd_rates(table(RESULTS, "Against video codecs"))


def test_bd_rates_of_the_readme() -> None:
    bd_rates(table(ROOT / "README.md", "Results"))


def test_the_range_over_clips() -> None:
    rates = [
        float(row["bd_rate"])
        for row in read_csv(CSV / "codecs-bd-video.csv")
        if row["clip"] and row["anchor"] == "x264" and row["codec"] == "imfn best"
    ]
    assert f"from −{-min(rates):.0f}% to +{max(rates):.0f}%" in RESULTS.read_text(encoding="utf-8")


def test_speed() -> None:
    wanted = {
        row["codec"].replace("video ", "").removesuffix(" crf 23").replace("preset ", ""): row
        for row in read_csv(CSV / "speed-video.csv")
    }
    for codec, compress, restore in table(RESULTS, "Speed").rows:
        row = wanted[codec]
        assert (compress, restore) == (f"{float(row['compress']):.0f}", f"{float(row['decompress']):.0f}")


def test_peak_memory() -> None:
    rows = read_csv(CSV / "memory-video.csv")
    for cells, row in zip(table(RESULTS, "Peak memory").rows, rows, strict=True):
        assert cells[0] == f"{row['seconds']} seconds, {int(row['frames']):,} frames"
        assert cells[1:] == [f"{float(row[name]):.0f} MB" for name in ("compress", "decompress")]


@pytest.mark.parametrize("number", [0, 1])
def test_student(number: int) -> None:
    found = table(RESULTS, "Student", number)
    if number:
        for name, *cells in found.rows:
            wanted = means("student-video.csv", f"psnr_{name}")
            assert cells == [f"{wanted[ratio.removesuffix(':1')]:.2f}" for ratio in found.header[1:]]
        return
    rows = [row for row in read_csv(CSV / "student-latency.csv") if row["ratio"] == "16"]
    for cells, row in zip(found.rows, rows, strict=True):
        for cell, column in zip(cells[1:], ("mean_ms", "p99_ms", "worst_ms"), strict=True):
            digits = 0 if float(row[column]) > 9.95 else 1
            assert cell == f"{float(row[column]):.{digits}f}"


def test_factorisation() -> None:
    found = table(RESULTS, "Is the tree needed?")
    networks = {"tree": "trained tree", "in one step": "unfactorised"}
    for name, *cells in found.rows:
        wanted = means("factorisation-video-5m.csv", "psnr", network=networks.get(name, name))
        assert cells == [f"{wanted[ratio.removesuffix(':1')]:.2f}" for ratio in found.header[1:]]

"""The numbers in README.md and docs/RESULTS.md are those of the CSV files that the benchmarks wrote."""

import re
from collections import defaultdict
from statistics import mean

import pytest

from ..conftest import read_csv
from .markdown import ROOT, Table, table, tables

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


#: Rows of tables: the end of the CSV's name, and what stands in its column `codec`.
CURVES = {
    "`video`": ("video", "imfn best"),
    "`video -g 0`": ("video-alone", "imfn best"),
    "`video-linear -g 0`": ("video-linear-alone", "imfn best"),
    "`-r 4` … `-r 32`": ("video", "imfn best"),
    "`-r 4` … `-r 32`, `-g 0`": ("video-alone", "imfn best"),
    "`-r auto`": ("video-auto", "imfn auto"),
}


def mean_bd_rates(name: str, codec: str) -> dict[str, float]:
    """Anchor → mean over clips, in percent."""
    return {
        row["anchor"]: float(row["bd_rate"])
        for row in read_csv(CSV / f"codecs-bd-{name}.csv")
        if row["clip"] == "" and row["codec"] == codec
    }


def bd_rates(found: Table) -> None:
    """Every cell is the CSV's mean BD-rate of the best ratio against its column's codec."""
    for name, *cells in found.rows:
        rates = mean_bd_rates(*CURVES[name])
        anchors = [re.split(r"\W", heading)[0].lower() for heading in found.header[1:]]
        assert cells == [signed(rates[anchor], 0) for anchor in anchors]


def signed(rate: float, digits: int) -> str:
    """A percentage as tables have it."""
    return f"{rate:+.{digits}f}%".replace("-", "−")


def test_bd_rates_of_adaptive_forests() -> None:
    found = table(RESULTS, "Adaptive forests")
    rates = mean_bd_rates("video-auto", "imfn auto")
    anchors = ["x264", "x264-psnr", "x265", "x265-psnr", "av1", "vp9"]
    assert found.rows[0][1:] == [signed(rates[anchor], 1) for anchor in anchors]
    clips = [
        float(row["bd_rate"])
        for row in read_csv(CSV / "codecs-bd-video-auto.csv")
        if row["clip"] and row["anchor"] == "x264"
    ]
    told = RESULTS.read_text(encoding="utf-8")
    assert f"from {signed(min(clips), 0)} (BodyWeightSquats) to {signed(max(clips), 0)} (Archery)" in told
    assert f"{['no', 'one', 'two', 'three'][sum(rate > 0 for rate in clips)]} of twenty are larger" in told


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
    told = RESULTS.read_text(encoding="utf-8")
    assert f"from {signed(min(rates), 0)} to {signed(max(rates), 0)}" in told


def test_speed() -> None:
    wanted = {
        row["codec"].replace("video-1 ", "").removesuffix(" crf 23").replace("preset ", ""): row
        for row in read_csv(CSV / "speed-video.csv")
    }
    for codec, compress, restore in table(RESULTS, "Speed").rows:
        row = wanted[codec]
        assert (compress, restore) == (f"{float(row['compress']):.0f}", f"{float(row['decompress']):.0f}")


def test_windows() -> None:
    rows = read_csv(CSV / "windows.csv")
    for cells, row in zip(table(RESULTS, "Windows for training").rows, rows, strict=True):
        assert cells == [
            row["coding"] if row["coding"].startswith("x264") else f"`{row['coding']}`",
            row["reader"],
            f"{float(row['windows_per_second']):.0f}",
            f"{float(row['by_threads']):.0f}",
            f"{float(row['cpu_ms']):.1f}",
            f"{int(row['bytes']) / 1e6:.1f}",
            f"{float(row['psnr']):.2f}" if row["psnr"] else "–",
        ]


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


#: Codecs by their names in the table of arrays.
ARRAY_CODECS = {
    "imfn": "imfn",
    "blosc2 + zstd": "zstd",
    "ZFP": "zfp",
    "SZ3": "sz3",
    "JPEG XL": "jxl",
    "JPEG 2000": "j2k",
    "FFV1": "ffv1",
    "PNG": "png",
    "x265": "x265",
}


def test_arrays() -> None:
    """Bits a sample of each codec at each largest error, and at a PSNR."""
    rows = read_csv(CSV / "arrays.csv")
    found = next(one for one in tables(RESULTS) if one.header[0] == "largest error")
    asked = {"lossless": "0", "0.1% of the range": "0.1%", "1% of the range": "1%", "40 dB": "40 dB"}
    for error, *cells in found.rows[:4]:
        here = [row for row in rows if row["array"] == "calcium_imaging.tif"]
        bits = {row["codec"]: row["bits_per_sample"] for row in here if row["asked"] == asked[error]}
        for heading, cell in zip(found.header[1:], cells, strict=True):
            wanted = bits.get(ARRAY_CODECS[heading])
            assert cell == ("–" if wanted is None else f"{float(wanted):.2f}")


def test_depth() -> None:
    """Bits a sample of each codec, at the same error and at the same PSNR."""
    rows = read_csv(CSV / "arrays-depth.csv")
    found = next(one for one in tables(RESULTS) if one.header[0] == "equal")
    asked = {"lossless": "0", "0.1% of the range": "0.1%", "1% of the range": "1%", "50 dB": "50 dB"}
    assert [name for name, *_ in found.rows] == list(asked)
    for name, *cells in found.rows:
        bits = {row["codec"]: row["bits_per_sample"] for row in rows if row["asked"] == asked[name]}
        for heading, cell in zip(found.header[1:], cells, strict=True):
            wanted = bits.get(ARRAY_CODECS[heading])
            assert cell == ("–" if wanted is None else f"{float(wanted):.2f}")


def test_cameras() -> None:
    """Bits a sample of two fixed cameras."""
    rows = read_csv(CSV / "arrays-camera.csv")
    found = next(one for one in tables(RESULTS) if one.header[0] == "camera")
    asked = {"lossless": "0", "1% of the range": "1%"}
    assert len(found.rows) == 4
    for what, *cells in found.rows:
        name, error = what.split(", ")
        for heading, cell in zip(found.header[1:], cells, strict=True):
            wanted = (f"{name}.mp4", asked[error], ARRAY_CODECS[heading])
            (row,) = (row for row in rows if (row["array"], row["asked"], row["codec"]) == wanted)
            assert cell == f"{float(row['bits_per_sample']):.3f}"


@pytest.mark.parametrize(("number", "column", "digits"), [(0, "after_perplexity", 3), (1, "mse", 3)])
def test_language(number: int, column: str, digits: int) -> None:
    found = table(RESULTS, "Language", number)
    files = {"no past": ("language-without.csv", "perplexity")}
    for name, *cells in found.rows:
        wanted = means(*files[name]) if name in files else means("language.csv", column, model=name)
        assert cells == [f"{wanted[ratio.removesuffix(':1')]:.{digits}f}" for ratio in found.header[1:]]
    assert len(found.rows) == len({row["model"] for row in read_csv(CSV / "language.csv")}) + (number == 0)


def test_long_memories_of_language() -> None:
    rows = read_csv(CSV / "language-long.csv")
    for name, states, *cells in table(RESULTS, "Language", 2).rows:
        (row,) = (
            row for row in rows if (row["model"], f"{int(row['states_per_memory']):,}") == (name, states)
        )
        assert cells == [f"{float(row['mse']):.3f}", f"{float(row['perplexity']):.2f}"]

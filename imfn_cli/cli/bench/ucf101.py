"""`imfn bench ucf101`: PSNR and size on the UCF-101 test clips."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from ... import defaults, evaluation, zoo
from .. import options
from ..output import Output
from . import common

# What is the same in every run, so that a committed file only changes with the results.
_FLOAT_COLUMNS = ("clip", "ratio", "frames", "psnr")
_FILE_COLUMNS = (
    *("clip", "model", "ratio", "quality", "frames"),
    *("psnr_rgb", "psnr_yuv", "psnr_y", "ssim", "ms_ssim", "bytes", "bits_per_pixel"),
)


def ucf101(
    clips: common.Clips = None,
    model: options.Model = None,
    ratio: options.Ratios = options.RATIOS,
    quality: options.Qualities = options.QUALITIES,
    gop: options.Gop = defaults.GOP,
    data: common.Data = None,
    results: common.Results = Path("results"),
    jobs: options.Jobs = options.JOBS,
    cache: options.Cache = None,
    quick: common.Quick = False,
    json: options.Json = False,
) -> None:
    """PSNR with float memories at every ratio, PSNR and bits per pixel of files: UCF-101 test clips."""
    out = Output(json)
    ratios, qualities = options.parse_ratios(ratio), options.parse_qualities(quality)
    sources = common.benchmark_sources(clips, data, quick=quick)
    common.make_folder(results)
    loaded = zoo.load(model)
    with out.stages("clips") as progress:
        floats = evaluation.float_rows(loaded, sources, progress=progress)
    with out.progress("PSNR and size of files", "rows") as rows_done:
        found = evaluation.evaluate(
            evaluation.clips_of(sources),
            evaluation.settings_of(ratios, qualities, gop=gop),
            model=model,
            jobs=jobs,
            cache=cache,
            progress=rows_done,
        ).whole()
    name = loaded.name
    evaluation.write_csv(results / f"ucf101-float-{name}.csv", _FLOAT_COLUMNS, [vars(row) for row in floats])
    evaluation.write_csv(
        results / f"ucf101-files-{common.table_name(name, gop)}.csv",
        _FILE_COLUMNS,
        [row.to_dict() for row in found.rows],
    )
    by_ratio, means = evaluation.mean_by_ratio(floats), evaluation.mean_rows(found.rows)
    values = {"model": name, "clips": len(sources), "float": by_ratio, "files": means}
    out.result(values, *_tables(name, len(sources), by_ratio, means))


def _tables(
    model: str, clips: int, by_ratio: Mapping[int, float], means: Sequence[Mapping[str, Any]]
) -> list[Table]:
    floats = Table(
        "ratio", *(f"{ratio}:1" for ratio in by_ratio), title=f"{model}, {clips} clips, float memories"
    )
    floats.add_row("PSNR (dB)", *(f"{value:.2f}" for value in by_ratio.values()))
    files = Table("ratio", "quality", "PSNR (dB)", "bits per pixel", title="files on disk")
    for mean in means:
        psnr, bits = f"{mean['psnr_rgb']:.2f}", f"{mean['bits_per_pixel']:.4f}"
        files.add_row(f"{mean['ratio']}:1", str(mean["quality"]), psnr, bits)
    return [floats, files]

"""The JSON document."""

import json
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.evaluation import peers
from imfn_cli.evaluation.document import COLUMNS, SCHEMA, to_document
from imfn_cli.evaluation.engine import settings_of
from imfn_cli.evaluation.rows import Row

from .conftest import Here

ROW_KEYS = {
    *("clip", "codec", "label", "model", "ratio", "quality", "float", "student", "gop", "crf", "options"),
    *("frames", "psnr_rgb", "psnr_yuv", "psnr_y", "ssim", "ms_ssim", "bytes", "bits_per_pixel"),
    *("compress_fps", "restore_fps", "peak_memory_mb", "psnr_per_frame", "notes"),
}


def write_drifting_noise(path: Path) -> None:
    """Eight frames of noise that drifts, 48×40."""
    ground = np.random.default_rng(3).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    np.save(path, np.stack([np.roll(ground, t, axis=1) for t in range(8)]))


def test_document(here: Here, clip_path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (folder / "clip.mkv").write_bytes(clip_path.read_bytes())
    write_drifting_noise(folder / "other.npy")
    settings = settings_of([4, 8], [20, 50], in_float=True, against=peers.sweep("x264", [20, 40]))
    found = here(folder, *settings, stop=13)
    made = to_document(found, jobs=2)
    assert json.loads(json.dumps(made)) == made | {
        "rows": [
            {**r, "psnr_per_frame": list(r["psnr_per_frame"]), "notes": list(r["notes"])}
            for r in made["rows"]
        ],
        "clips": [{**c, "notes": list(c["notes"])} for c in made["clips"]],
        "bd": [{**d, "range": list(d["range"]) if d["range"] else None} for d in made["bd"]],
    }
    assert list(made) == [
        *("schema", "tool", "environment", "clips", "rows", "means", "bd", "bd_method", "failures")
    ]
    assert (made["schema"], made["tool"]) == (SCHEMA, f"imfn {imfn.__version__}")
    assert [set(row) for row in made["rows"]] == [ROW_KEYS] * 16
    assert [set(mean) for mean in made["means"]] == [
        ROW_KEYS - {"clip", "psnr_per_frame", "notes"} | {"clips"}
    ] * 8
    assert set(COLUMNS) == ROW_KEYS - {"psnr_per_frame"}
    assert set(made["clips"][0]) >= {"name", "frames", "width", "height", "channels", "frame_rate"}
    assert (made["clips"][0]["width"], made["clips"][0]["frame_rate"]) == (64, 25.0)
    assert set(made["bd"][0]) == {"clip", "anchor", "codec", "bd_rate", "bd_psnr", "range", "note"}
    assert [row["clip"] for row in made["rows"]] == ["clip.mkv"] * 8 + ["other.npy"] * 8
    first, second = (row for row in made["rows"] if (row["ratio"], row["quality"]) == (8, 20))
    mean = next(mean for mean in made["means"] if (mean["ratio"], mean["quality"]) == (8, 20))
    assert mean["frames"] == first["frames"] + second["frames"]
    assert mean["bytes"] == first["bytes"] + second["bytes"]
    for name in ("psnr_rgb", "bits_per_pixel", "compress_fps", "ssim"):
        assert mean[name] == pytest.approx((first[name] + second[name]) / 2, abs=1e-5)
    assert mean["clips"] == 2
    assert mean["ms_ssim"] is None
    assert [Row.from_dict(row) for row in json.loads(json.dumps(made["rows"]))] == list(found.rows)

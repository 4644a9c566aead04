"""Every program in examples/ does what its first line says."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import imfn_cli as imfn
from imfn_cli.media import open_sequence
from imfn_cli.zoo import model_folders

from .conftest import psnr

EXAMPLES = Path(imfn.__file__).parents[1] / "examples"
#: What each prints about a clip.
PRINTED = {
    "compress_and_restore": "PSNR",
    "features": "frames 0 and 16: distance",
    "from_generator": "100 frames in",
    "equal_bits": "equal-bits.png",
    "memories": "16:1  PSNR",
    "random_access": "frame 39 of 40: (48, 64, 3)",
    "side_by_side": "side-by-side.png",
    "windows": "33 windows; a batch of (4, 8, 3, 48, 64)",
    "zarr_chunks": "within 0.",
    "train_from_latents": "memories (2, 192, 6, 8) torch.float32, 5 left after the first",
    "stream": "the last 3 again, (48, 64, 3) each",
}

pytestmark = pytest.mark.skipif(
    not EXAMPLES.is_dir() or not model_folders(),
    reason="this installation has no examples, or no model ships with it",
)


@pytest.mark.parametrize("name", sorted({path.stem for path in EXAMPLES.glob("*.py")} - {"sheet"}))
def test_it_runs(
    name: str,
    clip_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    program = EXAMPLES / f"{name}.py"
    if name == "zarr_chunks":
        pytest.importorskip("xarray", reason="needs imfn[arrays,xarray]")
        pytest.importorskip("zarr", reason="needs imfn[arrays,xarray]")
    words = ["clip.mp4", "2"] if name == "render_clip" else [str(clip_path)]
    if name == "equal_bits":
        # Of a clip that small nothing is left at fewer.
        words += ["--bpp", "1"]
    monkeypatch.setattr(sys, "argv", [str(program), *words])
    monkeypatch.chdir(tmp_path)
    # As Python does for the program that it is started with.
    monkeypatch.syspath_prepend(str(EXAMPLES))
    if name == "windows":
        # Its workers import the program that was started.
        places = {"PYTHONPATH": str(EXAMPLES.parent)}
        subprocess.run([sys.executable, str(program), *words], check=True, env=os.environ | places)
    else:
        runpy.run_path(str(program), run_name="__main__")
    printed, complaints = capfd.readouterr()
    assert complaints == ""
    if name == "render_clip":
        with open_sequence("clip.mp4") as ours, open_sequence(EXAMPLES / "clip.mp4", stop=2) as shipped:
            rendered, first = (np.stack([frame.pixels for frame in clip]) for clip in (ours, shipped))
        assert psnr(rendered, first) > 35
    else:
        assert PRINTED[name] in printed

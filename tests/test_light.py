"""What needs no network loads none: torch takes seconds, and gigabytes of address space."""

import subprocess
import sys
from pathlib import Path

import numpy as np


def test_arrays_without_memories_need_no_torch(tmp_path: Path) -> None:
    """Compressed, verified and restored where importing torch fails."""
    array = np.random.default_rng(0).normal(0, 50, (6, 20, 24)).astype("<i2")
    np.save(tmp_path / "x.npy", array)
    program = (
        "import sys; sys.modules['torch'] = None; from imfn_cli.cli.main import main; "
        "sys.argv = ['imfn', *sys.argv[1:]]; main()"
    )
    for words in (
        ["compress", "x.npy", "--lossless"],
        ["verify", "x.safetensors", "--source", "x.npy"],
        ["decompress", "x.safetensors", "-o", "y.npy"],
    ):
        ran = subprocess.run(
            [sys.executable, "-c", program, *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
    assert np.load(tmp_path / "y.npy").tobytes() == array.tobytes()

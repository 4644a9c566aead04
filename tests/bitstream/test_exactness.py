"""The decoder finds the same symbols on any number of threads, any processor, after any encoder."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from imfn_cli.bitstream.quantiser import step_of_quality
from imfn_cli.zoo import Model, load

from .builders import Recorder, integer_memory, integer_model

_ROOT = Path(__file__).parents[2]
#: Large enough that BLAS shares a product among its threads.
_SHAPE = 96, 40, 48
_DECODE = """
import hashlib, pathlib, sys
import numpy as np
from safetensors.numpy import load_file
from imfn_cli.bitstream.entropy.entropy_model import EntropyModel
folder = pathlib.Path(sys.argv[1])
model = EntropyModel(load_file(folder / "entropy.safetensors"))
symbols, _ = model.decode_symbols((folder / "node").read_bytes(), 1, 80, 40, 48)
again = model.encode(np.load(folder / "memory.npy"), 1, 80, lam=0)
digests = [hashlib.sha256(data).hexdigest() for data in (symbols.tobytes(), again)]
print(*digests, "torch" in sys.modules)
"""


def run_python(*arguments: str, **environment: str) -> str:
    process = subprocess.run(
        [sys.executable, "-c", *arguments],
        env=os.environ | {"PYTHONPATH": str(_ROOT)} | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,  # two BLAS threads crawl on a busy machine
    )
    return process.stdout.strip()


def numpy_features() -> str:
    """The instruction sets that numpy chooses among as it runs."""
    core = getattr(np, "_core", None)
    return " ".join(getattr(getattr(core, "_multiarray_umath", None), "__cpu_dispatch__", []))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, a memory and the node that it becomes here."""
    folder = tmp_path_factory.mktemp("exact")
    model = integer_model(_SHAPE[0], seed=9)
    memory = integer_memory(*_SHAPE, seed=3)
    save_file(model.tensors, folder / "entropy.safetensors")
    np.save(folder / "memory.npy", memory)
    (folder / "node").write_bytes(model.encode(memory, 1, 80, lam=0))
    return folder


@pytest.fixture(scope="module")
def found_here(folder: Path) -> str:
    node = (folder / "node").read_bytes()
    symbols, _ = integer_model(_SHAPE[0], seed=9).decode_symbols(node, 1, 80, *_SHAPE[1:])
    return f"{hashlib.sha256(symbols.tobytes()).hexdigest()} {hashlib.sha256(node).hexdigest()} False"


@pytest.mark.parametrize(
    "environment",
    [
        {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"},
        {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": numpy_features()},
        {"OPENBLAS_CORETYPE": "Haswell"},
    ],
    ids=["one-thread", "two-threads", "old-processor", "newer-processor"],
)
def test_other_machines_find_the_same(folder: Path, found_here: str, environment: dict[str, str]) -> None:
    # The last word: decoding has not loaded PyTorch.
    assert run_python(_DECODE, str(folder), **environment) == found_here


def test_the_latent_room_does_without_torch_and_media() -> None:
    code = (
        "import sys, imfn_cli.bitstream.entropy.entropy_model, imfn_cli.bitstream.open\n"
        "print(sorted({'torch', 'av', 'PIL', 'typer', 'rich'} & set(sys.modules)))"
    )
    assert run_python(code) == "[]"


@pytest.fixture
def threads() -> Iterator[None]:
    """PyTorch's number of threads, put back afterwards."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("ratio", [1, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 2])
def test_whatever_the_encoder_computed_is_decoded(
    tiny_model_dir: Path,
    clip_frames: np.ndarray,
    threads: None,
    ratio: int,
    dtype: torch.dtype,
    count: int,
) -> None:
    """The encoder's floats may differ from machine to machine; the decoder follows its symbols."""
    torch.set_num_threads(count)
    model: Model = load(str(tiny_model_dir), device="cpu")
    network = model.network.to(dtype)
    frames = torch.from_numpy(clip_frames[:8]).permute(0, 3, 1, 2).to(dtype) / 255
    memory = network.compress(frames, ratio)[0].float().numpy() / np.float32(step_of_quality(70))
    recorder = Recorder(model.entropy)
    data = model.entropy.encode(memory, ratio.bit_length() - 1, 70)
    torch.set_num_threads(3 - count)
    symbols, _ = load(str(tiny_model_dir), device="cpu").entropy.decode_symbols(
        data, ratio.bit_length() - 1, 70, *memory.shape[1:]
    )
    np.testing.assert_array_equal(symbols, recorder.symbols[0])
    assert np.abs(symbols).max() > 10

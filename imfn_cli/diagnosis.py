"""Does imfn work here? Versions, codecs, devices, threads, models, extras, and a made-up clip, coded."""

import os
import platform
import tempfile
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray

from . import bitstream, codec, defaults, media, zoo
from .errors import ImfnError
from .evaluation import PEERS
from .media.psnr import psnr
from .reports import DoctorReport, InstalledModel, SelfTest
from .system.compiled import is_on_disk
from .version import __version__

Pixels = NDArray[np.uint8]

#: The extras of `pyproject.toml` that users install, and what Python imports of each.
EXTRAS = {
    "array-peers": ("blosc2", "zfpy", "pysz", "imagecodecs"),
    "arrays": ("tifffile", "h5py", "zarr"),
    "baselines": ("transformers",),
    "eval": ("pytorch_msssim", "matplotlib"),
    "cluster": ("ray",),
    "export": ("onnx", "onnxscript", "onnxruntime"),
    "hub": ("huggingface_hub",),
    "mnist": ("imfn_mnist",),
    "remote": ("fsspec", "s3fs"),
}
# As the packages are called on PyPI.
_PACKAGES = (
    *("torch", "numpy", "numba", "av", "safetensors", "constriction", "pillow", "pydantic", "typer", "rich"),
)
# What `imfn decompress` writes videos with.
_WRITES = ("libx264", "ffv1", "libvpx-vp9", "gif")
# Frames, height, width of the clip that is made up for the self-test, and the PSNR in dB that it must reach.
# Any model that ships is far above.
_CLIP, _ENOUGH = (16, 48, 64), 25.0
# Frames in a memory where the kernels of the default are not compiled yet.
_RATIO = 16


def diagnose() -> DoctorReport:
    """Look at this installation, and compress and restore a made-up clip with the default model.

    What is wrong stands in the report; nothing is raised. Takes a few seconds, the first time a few more: one
    kernel is compiled then.
    """
    models = tuple(_models())
    tested = _self_test()
    problems = [f"model {model.name}: {model.problem}" for model in models if model.problem]
    if tested.problem:
        problems.append(f"self-test: {tested.problem}")
    encoders = {
        name: name in av.codecs_available
        for name in dict.fromkeys([*_WRITES, *(peer.encoder for peer in PEERS.values())])
    }
    lacking = [name for name in _WRITES if not encoders[name]]
    if lacking:
        problems.append(f"PyAV cannot encode {', '.join(lacking)}; install its own wheel (pip install av)")
    return DoctorReport(
        ok=not problems,
        version=__version__,
        python=platform.python_version(),
        platform=platform.platform(),
        packages=dict(_versions(_PACKAGES)),
        ffmpeg={name: ".".join(map(str, numbers)) for name, numbers in sorted(av.library_versions.items())},
        encoders=encoders,
        devices=tuple(_devices()),
        device=zoo.pick_device("auto"),
        cores=_cores(),
        threads=torch.get_num_threads(),
        models=models,
        extras={extra: _missing(packages) for extra, packages in EXTRAS.items()},
        self_test=tested,
        problems=tuple(problems),
    )


def _versions(packages: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in packages:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            yield name, "?"


def _missing(packages: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in packages if find_spec(name) is None)


def _devices() -> Iterable[str]:
    yield "cpu"
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        yield f"cuda:{index} {torch.cuda.get_device_name(index)}"
    if torch.backends.mps.is_available():
        yield "mps"


def _cores() -> int:
    """The cores that this process may use, which in a container are fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _models() -> Iterable[InstalledModel]:
    try:
        default = zoo.default_model()
    except ImfnError as error:
        yield InstalledModel(name="", path="", default=True, problem=str(error))
        return
    for place in zoo.every_model():
        problem = ""
        try:
            zoo.read_config(place.folder)
            zoo.weights_sha256(place.folder)
        except ImfnError as error:
            problem = str(error)
        yield InstalledModel(
            name=place.name,
            path=str(place.folder),
            default=place.origin == "shipped" and place.name == default,
            problem=problem,
        )


def _self_test() -> SelfTest:
    """Compress and restore a made-up clip with the default model, on the CPU, as `imfn compress` would.

    Where that means half a minute of compiling, it is done at a fixed ratio, which takes one kernel.
    """
    began = time.perf_counter()
    reached, problem = None, ""
    ratio: int | str = defaults.AUTO
    try:
        ratio = defaults.AUTO if _all_compiled() else _RATIO
        reached = _round_trip(_made_up(), ratio)
        if reached < _ENOUGH:
            problem = f"the clip came back at {reached:.1f} dB, below {_ENOUGH:g}"
    except Exception as error:
        problem = " ".join(f"{type(error).__name__}: {error}".split())
    seconds = time.perf_counter() - began
    return SelfTest(ok=not problem, seconds=seconds, psnr=reached, problem=problem, ratio=ratio)


def _all_compiled() -> bool:
    """Whether the kernels of adaptive forests that take long to compile are on disk."""
    # Here, since they take half a second to import.
    from .codec.adaptive.kernels import block_decoder, block_encoder

    return all(is_on_disk(one) for one in (block_encoder.encode_node, block_decoder.decode_node))


def _round_trip(clip: Pixels, ratio: int | str) -> float:
    """PSNR in dB of `clip` by way of a video file, a latent, and another video file."""
    with tempfile.TemporaryDirectory(prefix="imfn-doctor-") as folder:
        video, latent, restored = (
            Path(folder) / name for name in ("clip.mkv", "clip.safetensors", "out.mkv")
        )
        sequence = media.LoadedArray(clip)
        with media.open_writer(video, sequence.info) as writer:
            for frame in sequence:
                writer.write(frame.pixels, frame.time)
        model = zoo.load(device="cpu")
        with media.open_sequence(media.Source((video,), str(video), "video")) as read:
            if isinstance(ratio, str):
                codec.compress_adaptive(read, latent, model, quality=50)
            else:
                codec.compress_sequence(read, latent, model, ratio=ratio, quality=50, gop=0)
        codec.decompress_latent(bitstream.open_latent(latent), restored, model)
        with media.open_sequence(media.Source((restored,), str(restored), "video")) as read:
            back = np.stack([frame.pixels for frame in read])
    return psnr(clip, back)


def _made_up() -> Pixels:
    """A disc that crosses a gradient."""
    _, height, width = _CLIP
    y, x = np.mgrid[:height, :width]
    clip = np.empty((*_CLIP, 3), np.uint8)
    for index, frame in enumerate(clip):
        disc = (x - 3 * index - 8) ** 2 + (y - height / 2) ** 2 < 100
        frame[...] = np.stack([2 * x + 40, 3 * y + 30, np.where(disc, 220, 90)], axis=-1)
    return clip

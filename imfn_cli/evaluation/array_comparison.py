"""Array latents beside other compressors of arrays, at the same largest error, and at the same PSNR."""

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bitstream.exact.array_file import ArrayFile
from ..codec.exact.compress import compress_array
from ..codec.exact.group_bytes import within
from ..codec.exact.restore import read_array
from ..codec.exact.tolerance import Tolerance
from ..errors import ImfnError, InputError
from ..media.arrays.open_array import is_array, open_array
from ..media.arrays.source import GivenArray
from ..media.sources.files import open_sequence
from .array_peers import ARRAY_PEERS, WITH_ERROR, ArrayPeer
from .array_psnr import KNOBS, range_psnr, search

Array = NDArray[Any]


@dataclass(frozen=True)
class ArrayRow:
    """One array through one compressor.

    max_error: allowed, as a number; 0: none; at a PSNR that which was found.
    asked: as it was asked for: an error, or "40 dB".   bytes: all it takes.
    bits_per_sample: of those.   encode, decode: megabytes of the array in a second of processor time.
    worst: the largest difference that was found.   psnr: in dB of the array's range; None: nothing differs.
    """

    array: str
    shape: str
    dtype: str
    asked: str
    max_error: float
    codec: str
    bytes: int
    bits_per_sample: float
    encode: float
    decode: float
    worst: float
    psnr: float | None


def missing_peers(names: Sequence[str]) -> list[str]:
    """Those whose library is not installed. Raises `ImfnError` for a name that is none."""
    unknown = [name for name in names if name not in ARRAY_PEERS]
    if unknown:
        raise ImfnError(f"{unknown[0]!r} is no compressor of arrays; name one of {', '.join(ARRAY_PEERS)}")
    return [name for name in names if find_spec(ARRAY_PEERS[name].module) is None]


def load_array(name: str, frames: int | None) -> Array:
    """The first frames of an array, or of a film as uint8 (T, H, W, C). Raises `InputError`."""
    if is_array(name):
        with open_array(name) as source:
            return source.read(0, source.frames if frames is None else min(frames, source.frames))
    with open_sequence(name, stop=frames) as sequence:
        found = [frame.pixels for frame in sequence]
    return np.stack(found)


def array_rows(
    name: str,
    errors: Sequence[str],
    peers: Sequence[str],
    *,
    psnrs: Sequence[float] = (),
    frames: int | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> list[ArrayRow]:
    """Rows of one array: for each error, then each PSNR, imfn and the peers that take it.

    errors: as `Tolerance.parse` has them.   psnrs: in dB of the range, each met by the coarsest setting.
    frames: the first so many.

    Raises `InputError`, and `ImfnError` where a compressor does not keep to the error.
    """
    array = load_array(name, frames)
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    if finite.size < array.size:
        raise InputError(f"{name}: has samples that are no numbers, which others cannot hold; leave it out")
    rows = []
    for done, asked in enumerate(errors):
        limit = Tolerance.parse(asked).of_range(finite.min().item(), finite.max().item())
        limit = float(math.floor(limit)) if array.dtype.kind in "iu" else limit
        progress(name, done, len(errors) + len(psnrs))
        rows.append(_row(name, array, asked, limit, "imfn", *_ours(array, limit)))
        for peer in peers:
            if ARRAY_PEERS[peer].takes(array, limit):
                rows.append(_row(name, array, asked, limit, peer, *_theirs(peer, array, limit)))
    for done, psnr in enumerate(psnrs, len(errors)):
        progress(name, done, len(errors) + len(psnrs))
        for codec in ("imfn", *peers):
            found = _at_psnr(codec, array, psnr)
            if found is not None:
                worst = float(np.abs(array.astype(np.float64) - found[1].astype(np.float64)).max())
                rows.append(_row(name, array, f"{psnr:g} dB", worst, codec, *found))
    return rows


Timed = tuple[int, Array, float, float]


def _ours(array: Array, limit: float) -> Timed:
    with tempfile.TemporaryDirectory(prefix="imfn-") as folder:
        latent = Path(folder) / "x.safetensors"
        begin = time.process_time()
        compress_array(GivenArray(array), latent, Tolerance(absolute=limit))
        coded = time.process_time()
        opened = ArrayFile(latent)
        restored = np.concatenate(list(read_array(opened, 0, opened.header.frames)))
        return (
            latent.stat().st_size,
            restored.reshape(array.shape),
            coded - begin,
            time.process_time() - coded,
        )


def _theirs(name: str, array: Array, limit: float) -> Timed:
    peer = ARRAY_PEERS[name]
    begin = time.process_time()
    if limit == 0 or name in WITH_ERROR:
        data = peer.encode(array, limit)
        coded = time.process_time()
        restored = peer.decode(data, array)
    else:
        data, coded, restored = _in_steps(peer, array, limit)
    return sum(map(len, data)), restored, coded - begin, time.process_time() - coded


def _at_psnr(codec: str, array: Array, psnr: float) -> Timed | None:
    """The coarsest setting that meets a PSNR; None where the codec does not take the array or meets it."""
    width = float(array.max()) - float(array.min())
    if width == 0 or (codec != "imfn" and not ARRAY_PEERS[codec].takes(array, width)):
        return None
    whole = array.dtype.kind in "iu"
    if codec in KNOBS:
        knob = KNOBS[codec]
        best, worst = knob.best, knob.worst
    else:
        # An error's PSNR falls with its logarithm.
        best, worst = (math.log2(part * width) for part in (2.0**-16, 0.5))
        best = max(best, 0.0) if whole else best

    def attempt(at: float) -> tuple[float, Timed]:
        if codec in KNOBS:
            begin = time.process_time()
            data = knob.encode(array, at)
            coded = time.process_time()
            restored = knob.decode(data, array)
            done: Timed = (sum(map(len, data)), restored, coded - begin, time.process_time() - coded)
        else:
            limit = float(math.floor(2**at)) if whole else 2**at
            done = _ours(array, limit) if codec == "imfn" else _theirs(codec, array, limit)
        return range_psnr(array, done[1]), done

    return search(best, worst, psnr, attempt)


def _in_steps(peer: ArrayPeer, array: Array, limit: float) -> tuple[list[bytes], float, Array]:
    """A lossless codec with an error: it codes which step of twice the error a sample is in."""
    low = array.min().astype(np.float64)
    # Of whole numbers one more value is within the error.
    step = 2 * limit + 1 if array.dtype.kind in "iu" else 2 * limit * (1 - 1e-6)
    steps = np.floor((array.astype(np.float64) - low + step / 2) / step)
    kind = np.min_scalar_type(int(steps.max()))
    steps = steps.astype(kind)
    if array.dtype.kind in "iu":
        steps = ((array.astype(np.int64) - int(low) + int(limit)) // int(step)).astype(kind)
    data = peer.encode(steps, 0)
    coded = time.process_time()
    found = low + peer.decode(data, steps).astype(np.float64) * step
    if array.dtype.kind in "iu":
        limits = np.iinfo(array.dtype)
        found = found.clip(limits.min, limits.max)
    return data, coded, found.astype(array.dtype)


def _row(
    name: str,
    array: Array,
    asked: str,
    limit: float,
    codec: str,
    size: int,
    restored: Array,
    encoding: float,
    decoding: float,
) -> ArrayRow:
    worst = float(np.abs(array.astype(np.float64) - restored.astype(np.float64)).max())
    # Floats of others are rounded once more by their type.
    slack = limit + (float(np.spacing(np.abs(array).max())) if array.dtype.kind == "f" and limit else 0.0)
    if not within(array, restored, slack).all():
        raise ImfnError(f"{name}: {codec} was off by {worst:g} where {limit:g} was allowed")
    megabytes = array.nbytes / 1e6
    psnr = range_psnr(array, restored)
    return ArrayRow(
        array=Path(name).name,
        shape="×".join(map(str, array.shape)),
        dtype=array.dtype.str,
        asked=asked,
        max_error=limit,
        codec=codec,
        bytes=size,
        bits_per_sample=8 * size / array.size,
        encode=megabytes / max(encoding, 1e-6),
        decode=megabytes / max(decoding, 1e-6),
        worst=worst,
        psnr=None if math.isinf(psnr) else psnr,
    )

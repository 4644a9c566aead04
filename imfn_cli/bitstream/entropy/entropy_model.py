"""The entropy model: a memory's numbers to a node's bytes and back.

An integer linear map of the features in `context.py` gives, for each symbol, the index of one of K
probability tables, ordered by the magnitude they expect. The first channels carry the picture itself, so
their symbols are also predicted from their neighbours, and only the difference is coded.

Every quantity that the decoder needs is an integer computed from integers: the maps run as float64 matrix
products on integer values, whose partial sums stay far below 2**53 and so are exact in any order, on any
machine.

A node's bytes: varint number of active channels, varint size of the raw bits, raw bits, 32-bit words of the
rANS coder, little-endian. Of a large node eight states of the coder take tokens in turn (`token_kernel.py`):
it is decoded in half the time.
"""

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..quantiser import tenths_of_quality
from .context import Grouping, Part
from .rans import PRECISION, Tables
from .scan import DISTANCES, KINDS
from .tokens import DIRECT, LIMIT, TOKENS, VALUES, BitWriter, tokenise
from .varint import read_varint, varint

if TYPE_CHECKING:
    from .token_kernel import CoderTables

Integers = NDArray[np.int32]
Floats = NDArray[np.float32]

#: Feature weights are in units of 1/WEIGHT_UNIT table steps, biases in 1/BIAS_UNIT table steps.
WEIGHT_UNIT = 1 << 10
BIAS_UNIT = 16
#: Prediction weights are in units of 1/PREDICTION_UNIT.
PREDICTION_UNIT = 1 << 12
#: Biases are given for every ANCHOR_SPACING-th quality from 0 to 100, and interpolated between.
ANCHOR_SPACING = 10
ANCHORS = 11
#: λ of rate–distortion optimisation: squared quantisation steps that one saved bit is worth, the slope of a
#: uniform quantiser at high rate, 2 ln 2 / 12.
LAMBDA = 0.1155
#: From so many bytes on a node is coded in lanes: their states add less than a hundredth.
LANES_FROM = 4096
# Work arrays up to this size are kept by each thread for its next node.
_KEPT_BYTES = 4 << 20


class EntropyModel:
    """Integer parameters of the context model, its probability tables, and where symbols are restored.

    groups (G, 2) int32: end channel and first lattice's stride of each group.
    logs (S,) int16: the features' logarithm table.
    shared (levels+1, KINDS, C, 2·G + 1) int16: weights of the features that a group shares.
    own (levels+1, KINDS, C) int16: weight of the channel's own neighbourhood.
    bias (levels+1, ANCHORS, KINDS, C) int16: table index where all features are 0.
    predict (levels+1, KINDS − 1, DISTANCES, predicted, 4·predicted) int16: weights of the signed prediction.
    counts (K, TOKENS) int32: the tables, rows summing to 2**PRECISION.
    centroids (K, 3) float32: how far below their magnitude symbols of 1, 2 and more are restored, in steps.
    """

    def __reduce__(self) -> Any:
        # Its coders cannot be pickled; its tensors say all.
        return type(self), (self.tensors,)

    NAMES = ("groups", "logs", "shared", "own", "bias", "predict", "counts", "centroids")

    def __init__(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Take over the tensors above. Raises `ValueError` unless they fit each other."""
        missing = [name for name in self.NAMES if name not in tensors]
        if missing:
            raise ValueError(f"no tensors {', '.join(f'entropy.{name}' for name in missing)}")
        self.tensors = {name: tensors[name] for name in self.NAMES}
        groups, shared, predict, counts = (
            tensors[name] for name in ("groups", "shared", "predict", "counts")
        )
        if (
            groups.ndim != 2
            or groups.shape[1] != 2
            or not len(groups)
            or shared.ndim != 4
            or predict.ndim != 5
        ):
            raise ValueError("entropy.groups, entropy.shared or entropy.predict is malformed")
        self.channels, self.levels = int(groups[-1, 0]), len(shared) - 1
        predicted = predict.shape[3]
        ends, strides = np.append(0, groups[:, 0]), groups[:, 1]
        if (np.diff(ends) < 1).any() or predicted > ends[1]:
            raise ValueError("entropy.groups does not cut the channels into groups")
        if (strides < 1).any() or (strides & (strides - 1)).any() or strides[0] > 1 << DISTANCES:
            raise ValueError("entropy.groups has strides that are no powers of two, or too wide")
        self.grouping = Grouping(
            tuple(groups[:, 0].tolist()), tuple(groups[:, 1].tolist()), predicted, tensors["logs"]
        )
        shapes = {
            "shared": (self.levels + 1, KINDS, self.channels, 2 * len(groups) + 1),
            "own": (self.levels + 1, KINDS, self.channels),
            "bias": (self.levels + 1, ANCHORS, KINDS, self.channels),
            "predict": (self.levels + 1, KINDS - 1, DISTANCES, predicted, 4 * predicted),
            "counts": (len(counts), TOKENS),
            "centroids": (len(counts), 3),
            "logs": (tensors["logs"].size,),
        }
        for name, shape in shapes.items():
            if tensors[name].shape != shape or 0 in shape[:1]:
                raise ValueError(f"entropy.{name} has shape {tensors[name].shape}, not {shape}")
        for name, tensor in self.tensors.items():
            if tensor.dtype.kind != ("f" if name == "centroids" else "i"):
                raise ValueError(f"entropy.{name} holds {tensor.dtype}")
        self.coder = Tables(counts)
        self._biases: dict[tuple[int, float], NDArray[np.float64]] = {}
        self._thresholds: dict[float, Floats] = {}
        # By the rows that a thread's last node had.
        self._kept = threading.local()
        self._kernel_weights: dict[tuple[int, float], tuple[Any, ...]] = {}
        self._bits = -np.log2(counts / (1 << PRECISION))

    # -- integers that both sides compute alike -------------------------------------------------------------

    def tables_and_prediction(
        self, part: Part, level: int, quality: float
    ) -> tuple[Integers, Integers | int]:
        """For a part: the table of each symbol (P, high − low), and the predicted symbols (or 0)."""
        kind = part.scan.kind
        tables = self.tables(level, kind, quality, slice(part.low, part.high), part.shared, part.own)
        if part.signed is None:
            return tables, 0
        near = self.tensors["predict"][level, kind - 1, part.scan.distance.bit_length() - 1]
        predicted = part.signed.astype(np.float64) @ near.T.astype(np.float64)
        prediction = np.zeros_like(tables)
        wide = min(part.high, near.shape[0])
        rounded = np.floor(predicted[:, :wide] / PREDICTION_UNIT + 0.5)
        prediction[:, :wide] = np.clip(rounded, -LIMIT // 2, LIMIT // 2)
        return tables, prediction

    def tables(
        self,
        level: int,
        kind: int,
        quality: float,
        channels: slice,
        shared: NDArray[Any],
        own: NDArray[Any] | None,
    ) -> Integers:
        """Features of `Part`, shared (P, F) and own (P, channels) → table of each symbol (P, channels)."""
        weights = self._weights[level, kind, channels]
        index = shared.astype(np.float64) @ weights.T + self._bias(level, quality)[kind, channels]
        if own is not None:
            index += own * self._own[level, kind, channels]
        return np.clip(np.floor(index / WEIGHT_UNIT), 0, len(self.coder) - 1).astype(np.int32)

    @staticmethod
    def active(values: NDArray[np.floating]) -> int:
        """How many channels of a memory (C, h, w), in steps, have a symbol to code; the rest are zeros.

        Below half a step every symbol is 0; prediction does not reach beyond the first group.
        """
        largest = np.abs(values).max(axis=(1, 2))
        return int(np.flatnonzero(largest >= 0.5).max(initial=-1)) + 1

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return self.tensors["shared"].astype(np.float64)

    @cached_property
    def _own(self) -> NDArray[np.float64]:
        return self.tensors["own"].astype(np.float64)

    def _bias(self, level: int, quality: float) -> NDArray[np.float64]:
        """(KINDS, C): the biases at one level and quality, in units of the weighted features."""
        if (level, quality) not in self._biases:
            self._biases[level, quality] = self._interpolated_bias(level, quality)
        return self._biases[level, quality]

    def _interpolated_bias(self, level: int, quality: float) -> NDArray[np.float64]:
        tenths, spacing = tenths_of_quality(quality), 10 * ANCHOR_SPACING
        anchor = min(tenths // spacing, ANCHORS - 2)
        beyond = tenths - anchor * spacing
        low, high = self.tensors["bias"][level, anchor : anchor + 2].astype(np.int64)
        between = (low * (spacing - beyond) + high * beyond) // spacing
        return (between * (WEIGHT_UNIT // BIAS_UNIT)).astype(np.float64)

    # -- coding ---------------------------------------------------------------------------------------------

    def encode(
        self,
        values: NDArray[np.floating],
        level: int,
        quality: float,
        *,
        lam: float = LAMBDA,
        lanes_from: int | None = None,
    ) -> bytes:
        """Code a memory (C, h, w), in quantisation steps, into a node's bytes.

        Each number becomes the symbol with the least squared error + `lam` · bits; 0 rounds to the nearest.
        lanes_from: a node of so many bytes, or more, is coded in lanes. Raises `ValueError` for numbers that
        are not finite or beyond the coder's range.
        """
        return self.encode_and_restore(values, level, quality, lam=lam, lanes_from=lanes_from)[0]

    def encode_and_restore(
        self,
        values: NDArray[np.floating],
        level: int,
        quality: float,
        *,
        lam: float = LAMBDA,
        lanes_from: int | None = None,
    ) -> tuple[bytes, Floats]:
        """As `encode`, and the memory (C, h, w), in steps, that `decode` will give back."""
        c, h, w = values.shape
        if not np.abs(values).max() < LIMIT // 4:
            raise ValueError("memory out of range")
        active = self.active(values)
        rows = np.ascontiguousarray(values.reshape(c, h * w).T)
        thresholds = self.thresholds(lam)
        visited: list[tuple[Integers, Integers]] = []
        restored = np.zeros((h * w, c), np.float32)
        raw = BitWriter()

        def visit(part: Part) -> Integers:
            tables, prediction = self.tables_and_prediction(part, level, quality)
            wanted = rows[part.scan.positions, part.low : part.high] - prediction
            symbols = choose(wanted, tables, thresholds)
            tokens = tokenise(symbols.ravel())
            raw.write(symbols.ravel(), tokens)
            visited.append((tokens, tables.ravel()))
            values = symbols - self._inward.take(tables * TOKENS + tokens.reshape(tables.shape))
            restored[part.scan.positions, part.low : part.high] = values + prediction
            return symbols + prediction

        self.grouping.walk(h, w, active, visit)
        bits = raw.to_bytes()
        words = self.coder.encode(visited)
        if lanes_from is not None and len(words) and len(bits) + words.nbytes >= lanes_from:
            active, words = active + self.channels + 1, self._in_lanes(visited)
        data = varint(active) + varint(len(bits)) + bits + words.astype("<u4").tobytes()
        return data, np.ascontiguousarray(restored.T).reshape(c, h, w)

    def _in_lanes(self, visited: Sequence[tuple[Integers, Integers]]) -> NDArray[np.uint32]:
        """The words of all passes, each (tokens, table of each token)."""
        # Here, since it takes half a second to import.
        from .token_kernel import encode_lanes

        tokens, tables = (np.concatenate(part) for part in zip(*visited, strict=True))
        words: NDArray[np.uint32] = encode_lanes(tokens, tables, self._tables_of_kernel.left)
        return words

    def decode(
        self, data: bytes, level: int, quality: float, h: int, w: int, *, lanes: bool = True
    ) -> Floats:
        """A node's bytes → the memory restored (C, h, w), in steps.

        It lies position by position, as the network multiplies it. lanes: whether the node may be coded in
        lanes. Raises `ValueError` where the bytes cannot be a node of that shape.
        """
        return self._decoded(data, level, quality, h, w, lanes=lanes, keep=False)[0]

    def decode_symbols(
        self, data: bytes, level: int, quality: float, h: int, w: int
    ) -> tuple[Integers, Floats]:
        """Its symbols (C, h, w) as well, which are the same on every machine."""
        restored, symbols = self._decoded(data, level, quality, h, w, lanes=True, keep=True)
        return symbols, restored

    def _decoded(
        self, data: bytes, level: int, quality: float, h: int, w: int, *, lanes: bool, keep: bool
    ) -> tuple[Floats, Integers]:
        active, at = read_varint(data, 0)
        length, at = read_varint(data, at)
        lanes = lanes and active > self.channels
        active -= (self.channels + 1) * lanes
        if active > self.channels or length > len(data) - at or (len(data) - at - length) % 4:
            raise ValueError("malformed node")
        if len(data) == at and not lanes:
            # Without a word every token is 0, and so is every prediction. Nothing is made but a view of 0.
            shape = self.channels, h, w
            return np.broadcast_to(np.float32(0), shape), np.broadcast_to(np.int32(0), shape)
        # Here, since it takes half a second to import.
        from .node_kernel import BYTES_LEFT_OVER, RAW_BITS_RUN_OUT, decode_node

        raw = np.frombuffer(data, np.uint8, length, at)
        words = np.frombuffer(data[at + length :], "<u4")
        if len(words) and not words[-1]:
            raise ValueError("the last word is 0")
        magnitudes, signed = self._workspace(h * w + 1)
        rows = np.empty((h * w, self.channels), np.float32)
        symbols = np.zeros((h * w if keep else 0, self.channels), np.int32)
        ended = decode_node(
            *(words, raw, active, lanes, h, w, *self._for_kernel(level, quality)),
            *(magnitudes, signed, rows, symbols),
        )
        if ended == RAW_BITS_RUN_OUT:
            raise ValueError("raw bits run out")
        if ended == BYTES_LEFT_OVER:
            raise ValueError("bytes left over")
        restored = rows.T.reshape(-1, h, w)
        return restored, symbols.T.reshape(-1, h, w) if keep else symbols

    def _workspace(self, rows: int) -> tuple[NDArray[np.int16], Integers]:
        """Magnitudes (rows, C) and symbols (rows, predicted) to work in; the last rows are zeros.

        Nothing else is read before it is written, so that a thread keeps small ones.
        """
        kept: dict[Any, tuple[NDArray[np.int16], Integers]] = self._kept.__dict__
        if rows in kept:
            return kept[rows]
        magnitudes = np.zeros((rows, self.channels), np.int16)
        signed = np.zeros((rows, self.grouping.predicted), np.int32)
        if magnitudes.nbytes <= _KEPT_BYTES:
            kept.clear()
            kept[rows] = magnitudes, signed
        return magnitudes, signed

    def _for_kernel(self, level: int, quality: float) -> tuple[Any, ...]:
        """What `decode_node` wants to know of the model, from `ends` to `direct`."""
        key = level, quality
        if key not in self._kernel_weights:
            tensors = self.tensors
            shared = tensors["shared"][level].astype(np.int64).transpose(0, 2, 1)
            own, bias = tensors["own"][level].astype(np.int64), self._bias(level, quality).astype(np.int64)
            # Nothing that a model may hold may overflow.
            largest = np.abs(tensors["logs"].astype(np.int64)).max(initial=0) * (
                np.abs(shared).sum(axis=1).max() + np.abs(own).max()
            )
            narrow = largest + np.abs(bias).max() < 1 << 31
            kind = np.int32 if narrow else np.int64
            groups = tensors["groups"].astype(np.int64)
            self._kernel_weights[key] = (
                *(np.ascontiguousarray(groups[:, 0]), np.ascontiguousarray(groups[:, 1])),
                tensors["logs"].astype(np.int32),
                *(np.ascontiguousarray(part, kind) for part in (shared, own, bias)),
                tensors["predict"][level].astype(np.int64).swapaxes(-1, -2).ravel(),
                *self._tables_of_kernel,
                self._inward,
                self._direct,
            )
        return self._kernel_weights[key]

    @cached_property
    def _tables_of_kernel(self) -> "CoderTables":
        from .token_kernel import coder_tables

        return coder_tables(self.coder.counts)

    @cached_property
    def _inward(self) -> Floats:
        """(K · TOKENS,): how far above the restored value the symbol of each token lies, in steps."""
        magnitude = np.minimum((np.arange(TOKENS) + 1) // 2, 3)
        sign = np.where(np.arange(TOKENS) % 2 == 1, 1, -1)
        by_magnitude = np.pad(self.tensors["centroids"], ((0, 0), (1, 0)))
        return (by_magnitude[:, magnitude] * sign).astype(np.float32).ravel()

    @cached_property
    def _direct(self) -> Floats:
        """(K · TOKENS,): where a token without raw bits and prediction is restored, in steps."""
        return (np.tile(VALUES, len(self.coder)) - self._inward).astype(np.float32)

    def thresholds(self, lam: float) -> Floats:
        """(K, DIRECT): fraction above which a magnitude m + fraction is worth the bits of m + 1 over m."""
        if lam not in self._thresholds:
            magnitudes = np.r_[0, 2 * np.arange(1, DIRECT) - 1]
            bits = self._bits[:, magnitudes]
            extra = np.diff(bits, axis=1, append=bits[:, -1:])
            self._thresholds[lam] = np.maximum(0.5, 0.5 + lam / 2 * extra).astype(np.float32)
        return self._thresholds[lam]


def choose(wanted: NDArray[np.floating], tables: Integers, thresholds: Floats) -> Integers:
    """Symbols for the numbers `wanted` (any shape): the magnitude rounded up above its table's threshold."""
    magnitude = np.abs(wanted)
    whole = magnitude.astype(np.int32)
    # Flat indices: several times faster than indexing with two arrays.
    up = magnitude - whole > thresholds.ravel().take(tables * DIRECT + np.minimum(whole, DIRECT - 1))
    whole += up
    return np.where(wanted < 0, -whole, whole)

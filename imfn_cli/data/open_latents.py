"""Latents that stay open in a process: the last few that were asked for, and one model for all of them."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..latent import Latent
from ..limits import Limits

if TYPE_CHECKING:
    from ..zoo import Model

#: Latents that a worker keeps open unless told otherwise.
OPEN_FILES = 64


class OpenLatents:
    """At most `open_files` latents, opened as they are asked for; each keeps its header and node table.

    cache_bytes: of restored frames that all of them together keep.   model, device, limits: as in
    `imfn.open`. Several threads may ask. It can be pickled; another process opens its own.
    """

    def __init__(
        self,
        open_files: int,
        cache_bytes: int,
        model: "str | Path | Model | None",
        device: str,
        limits: Limits,
    ) -> None:
        if open_files < 1:
            raise ValueError(f"open_files {open_files}: at least 1")
        self._open_files, self._cache_bytes = open_files, cache_bytes
        self._how: dict[str, Any] = {
            "cache_bytes": cache_bytes,
            "model": model,
            "device": device,
            "limits": limits,
        }
        self._open: OrderedDict[str, Latent] = OrderedDict()
        self._models: dict[str, Model] = {}
        self._lock = threading.RLock()

    def __getitem__(self, path: str) -> Latent:
        """The latent at a path or address. Raises what `imfn.open` does."""
        with self._lock:
            if path not in self._open:
                self._open[path] = Latent(path, **self._how)
                if len(self._open) > self._open_files:
                    self._open.popitem(last=False)
            self._open.move_to_end(path)
            return self._open[path]

    def with_model(self, path: str) -> Latent:
        """The same, and its model is loaded: once for all latents that it wrote. Raises `ModelError`."""
        with self._lock:
            latent = self[path]
            sha256 = latent.header.model_sha256
            if sha256 in self._models:
                latent.use(self._models[sha256])
            else:
                self._models[sha256] = latent.model
            return latent

    def keep_within(self) -> None:
        """Forget restored frames of the latents that were not asked for longest, until the others fit."""
        with self._lock:
            held = sum(latent.cached_bytes for latent in self._open.values())
            for latent in self._open.values():
                if held <= self._cache_bytes:
                    return
                held -= latent.cached_bytes
                latent.close()

    def __getstate__(self) -> dict[str, Any]:
        # Each worker opens its own, and loads its own model.
        return {name: value for name, value in vars(self).items() if name != "_lock"} | {
            "_open": OrderedDict(),
            "_models": {},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.RLock())

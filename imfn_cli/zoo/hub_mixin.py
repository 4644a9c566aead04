"""A model as huggingface_hub's mixin takes it: the class exists where that package is installed."""

from pathlib import Path
from typing import Any

from huggingface_hub import ModelHubMixin

from .hub import download
from .model import Model


class HubModel(
    ModelHubMixin,
    library_name="imfn",
    tags=["video-compression", "sequence-compression"],
):
    """Holds a model; gives `from_pretrained`, `save_pretrained` and `push_to_hub` the mixin's behaviour."""

    def __init__(self, held: Model) -> None:
        self.held = held

    def _save_pretrained(self, save_directory: Path) -> None:
        self.held.save(save_directory, force=True)

    @classmethod
    def _from_pretrained(
        cls, *, model_id: str, revision: str | None, device: str = "auto", **how: Any
    ) -> "HubModel":
        # That module makes models.
        from .weights import load

        folder = Path(model_id) if Path(model_id).is_dir() else download(model_id, revision, **how)
        return cls(load(folder, device=device))

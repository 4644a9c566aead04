"""The model that wrote a file: found by the name and the hash in the file, never by its weights' looks."""

from pathlib import Path

from ..bitstream.container.latent_reader import LatentReader
from ..errors import ModelError
from ..limits import DEFAULT_LIMITS, Limits
from ..zoo import PACKAGED, Model, folder_of_weights, load, model_folders


def model_of(reader: LatentReader, model: Model | Path | str | None = None, device: str = "auto") -> Model:
    """The model that wrote the latent: among those that are here, or as the caller named or loaded it.

    Raises ModelError naming both if it is not the one: other weights would decode to noise.
    """
    header = reader.header
    return writer_of(reader.path, header.model, header.model_sha256, model, device, reader.limits)


def writer_of(
    path: object,
    name: str,
    sha256: str,
    model: Model | Path | str | None,
    device: str = "auto",
    limits: Limits = DEFAULT_LIMITS,
) -> Model:
    """`model_of` for any file that names the model that wrote it, and the SHA-256 of its weights."""
    # A name in a file that came from somewhere may not make us read a folder, or ask the hub; a hash may pick
    # one of the models that the user named or added.
    if model is None and (own := folder_of_weights(sha256)) is not None:
        model = own
    if model is None:
        if name not in model_folders():
            remedy = "add its folder with 'imfn models add FOLDER', or give it with -m PATH"
            if name in PACKAGED:
                remedy = f"pip install '{PACKAGED[name]}'"
            raise ModelError(
                f"{path}: was written by model {name!r} (weights {sha256[:12]}), which is not here; {remedy}"
            )
        model = name
    if not isinstance(model, Model):
        model = load(model, device=device, limits=limits)
    if model.sha256 != sha256:
        raise ModelError(
            f"{path}: was written by model {name!r} (weights {sha256[:12]}), not by {model.name!r} "
            f"({model.sha256[:12]}); give the folder of the right one with -m PATH"
        )
    return model

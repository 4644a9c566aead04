"""The model that wrote a file: found by the name and the hash in the file, never by its weights' looks."""

from pathlib import Path

from ..bitstream.container.latent_reader import LatentReader
from ..errors import ModelError
from ..limits import DEFAULT_LIMITS, Limits
from ..zoo import PACKAGED, Model, folder_of_weights, full_name, installed_folder, load, load_embedded


def model_of(reader: LatentReader, model: Model | Path | str | None = None, device: str = "auto") -> Model:
    """The model that wrote the latent: among those that are here, or as the caller named or loaded it.

    Of those the file's own model is the last. Raises ModelError naming both if it is not the one, since
    other weights would decode to noise; and what the file's own raises.
    """
    header = reader.header
    if model is None and reader.model_bytes and folder_of_weights(header.model_sha256) is None:
        files = reader.model_files()
        assert files is not None
        return load_embedded(reader.path, files, header.model_sha256, device=device, limits=reader.limits)
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
    # one of the models that are installed, or that the user named or added.
    if model is None:
        model = folder_of_weights(sha256)
    if model is None:
        if installed_folder(name) is None:
            remedy = "add its folder with 'imfn models add FOLDER', or give it with -m PATH"
            if (extra := PACKAGED.get(full_name(name))) is not None:
                remedy = f"pip install '{extra}'"
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

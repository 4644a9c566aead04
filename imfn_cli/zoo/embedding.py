"""Models inside latents: a model's files for one, and the model that one holds."""

import hashlib
from pathlib import Path

from ..bitstream.container.embedded_model import LARGEST, MODEL_CONFIG, MODEL_WEIGHTS, ModelFiles
from ..errors import ModelError
from ..limits import DEFAULT_LIMITS, Limits
from .folder import CONFIG_FILE, WEIGHTS_FILE, parse_config
from .model import Model
from .tensor_file import TensorFile
from .weights import model_of_files


def files_of(model: Model) -> ModelFiles:
    """What a latent holds of a model. Raises `ModelError` where it is too large, or its folder is gone."""
    found = {}
    for name, tensor in ((CONFIG_FILE, MODEL_CONFIG), (WEIGHTS_FILE, MODEL_WEIGHTS)):
        path, most = model.path / name, LARGEST[tensor]
        try:
            size = path.stat().st_size
            if size > most:
                raise ModelError(
                    f"{path}: has {size:,} bytes, at most {most:,} go into a latent; leave --embed-model out"
                )
            found[tensor] = path.read_bytes()
        except OSError as error:
            raise ModelError(
                f"{path}: cannot be read ({error.strerror}); restore the model folder"
            ) from error
    files = ModelFiles(found[MODEL_CONFIG], found[MODEL_WEIGHTS])
    if hashlib.sha256(files.weights).hexdigest() != model.sha256:
        raise ModelError(f"{model.path}: its weights changed while they were used; try again")
    return files


def load_embedded(
    path: object, files: ModelFiles, sha256: str, *, device: str = "auto", limits: Limits = DEFAULT_LIMITS
) -> Model:
    """The model that the latent at `path` holds, whose weights have to have this SHA-256.

    It is looked at as one in a folder is, and has no student. Raises `ModelError` where it is damaged, or
    another, and `LimitError`.
    """
    found = hashlib.sha256(files.weights).hexdigest()
    if found != sha256:
        raise ModelError(
            f"{path}: the model inside ({found[:12]}) is not the one that wrote it ({sha256[:12]}); "
            "give its folder with -m PATH"
        )
    # What is wrong with it is said as of a folder, whose place is this file.
    place = Path(str(path))
    try:
        config, weights = parse_config(files.config, place), TensorFile(place, files.weights)
        return model_of_files(config, place, weights, sha256, device=device, limits=limits)
    except ModelError as error:
        reason = str(error).removeprefix(f"{place}: ").partition("; restore")[0]
        raise ModelError(
            f"{path}: the model inside cannot be used ({reason}); give its folder with -m PATH"
        ) from error

"""A model inside a latent: the bytes of its `config.json` and of its weights, unchanged, as two tensors."""

from typing import NamedTuple

#: The tensors' names.
MODEL_CONFIG, MODEL_WEIGHTS = "model_config", "model_weights"
#: Bytes of each, at most. Larger models are not for one file; a reader refuses them before it reads any.
LARGEST = {MODEL_CONFIG: 1 << 20, MODEL_WEIGHTS: 1 << 24}


class ModelFiles(NamedTuple):
    """The bytes of `config.json`, and of `model.safetensors`, whose SHA-256 is that in the header."""

    config: bytes
    weights: bytes

    def parts(self) -> dict[str, bytes]:
        """The bytes by the tensors' names."""
        return {MODEL_CONFIG: self.config, MODEL_WEIGHTS: self.weights}

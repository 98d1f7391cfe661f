"""Floor 3: pictures to files and back. Importing this, opening a model and decoding import no jax."""

import os

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.embedded import unpack_embedded
from rec_jax.codec.model_file import find_model_name, shipped_model_paths
from rec_jax.codec.package import Package, open_package
from rec_jax.codec.presets import CUSTOM_PRESET, NO_PRESET, PRESETS, preset_name
from rec_jax.core.errors import UnsupportedVersion, WrongModel

__all__ = ["Package", "decode", "load_codec", "open_package", "shipped_models"]


def shipped_models() -> list[str]:
    """Names of the models inside the package."""
    return list(shipped_model_paths())


def load_codec(name_or_path: str | os.PathLike, preset: str = "default"):
    """The codec of a shipped model's name or of a model file, with a preset's coder.

    Raises:
      MissingFile, CorruptFile: the model is not there or not a model.
      ConfigError: the preset does not exist.
    """
    return open_package(name_or_path).codec(preset)


def decode(blob: bytes, model: str | os.PathLike | None = None) -> np.ndarray:
    """The picture of a `.rec` file, whatever wrote it: [H, W, 3] or grey [H, W], uint8 or uint16.

    model: name or path of the model; by default the shipped one with the file's id.

    Raises CorruptFile, UnsupportedVersion or WrongModel; never returns other pixels.
    """
    header, payload = container.unpack(container.as_bytes(blob))
    if header.kind == container.EMBEDDED:
        return unpack_embedded(header, payload)
    return codec_of(header, model).decompress(blob)


def codec_of(header: container.Header, model: str | os.PathLike | None = None):
    """The codec that wrote a file with this header: of the model given, or of the shipped one with the file's id.

    Raises WrongModel if it is another one or there is none, UnsupportedVersion for an unknown preset.
    """
    preset = header.method >> 4
    if preset == CUSTOM_PRESET:
        raise WrongModel("the file was written by a coder that no preset names; decode it in python with it")
    if preset != NO_PRESET and preset >= len(PRESETS):
        raise UnsupportedVersion("the file uses a preset that this program does not know: update rec_jax")
    package = open_package(find_model_name(header.model_id) if model is None else model)
    if package.model_id != header.model_id:
        raise WrongModel(
            f"the file was written with model {header.model_id:04x}; {package.name} is {package.model_id:04x}"
        )
    return package.codec(None if preset == NO_PRESET else preset_name(preset))

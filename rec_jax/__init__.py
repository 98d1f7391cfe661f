"""Relative entropy coding in JAX: coders, models, and lossless and lossy image codecs whose files decode.

>>> codec = rec_jax.load("cifar10-rvae")
>>> blob = codec.compress(image)  # uint8 [H, W, 3] -> bytes
>>> codec.decompress(blob)  # the same array, on any machine, by numpy alone
>>> rec_jax.decode(blob)  # likewise, whatever shipped model wrote it
"""

import importlib

from rec_jax.version import __version__

__all__ = ["__version__", "coders", "decode", "load"]


def load(name_or_path: str, preset: str = "default"):
    """The codec of a shipped model (`rec-jax models`) or of an exported model file; see codec.load_codec."""
    from rec_jax.codec import load_codec

    return load_codec(name_or_path, preset)


def decode(blob: bytes, model: str | None = None):
    """The picture of any `.rec` file: by the shipped model with its id, or the model given; see codec.decode."""
    from rec_jax.codec import decode as decode_file

    return decode_file(blob, model)


def __getattr__(name: str):
    """`rec_jax.coders` on first use, so that importing rec_jax stays fast."""
    if name == "coders":
        return importlib.import_module("rec_jax.coders")
    raise AttributeError(f"module 'rec_jax' has no attribute {name!r}")

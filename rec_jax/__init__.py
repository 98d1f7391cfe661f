"""Relative entropy coding in JAX: coders, models and a lossless image codec whose files decode.

>>> codec = rec_jax.load("cifar10-small")
>>> blob = codec.compress(image)  # uint8 [H, W, 3] -> bytes
>>> codec.decompress(blob)  # the same array
"""

import importlib

from rec_jax.version import __version__

__all__ = ["__version__", "coders", "load"]


def load(name_or_path: str, preset: str = "default"):
    """The codec of a shipped model (`rec-jax models`) or of an exported model file; see codec.load_codec."""
    from rec_jax.codec import load_codec

    return load_codec(name_or_path, preset)


def __getattr__(name: str):
    """`rec_jax.coders` on first use, so that importing rec_jax stays fast."""
    if name == "coders":
        return importlib.import_module("rec_jax.coders")
    raise AttributeError(f"module 'rec_jax' has no attribute {name!r}")

"""Which codec a command uses."""

import argparse

import numpy as np

from rec_jax.codec import container, load_codec, model_file, open_package
from rec_jax.codec.base import FileCodec
from rec_jax.core.errors import BitstreamMismatch, RecError, WrongModel
from rec_jax.core.loading_jax import without_etils
from rec_jax.core.messages import one_line


def model_word(text: str) -> str:
    """A word of the command line that names a model; an empty one, as of a variable that is not set, names none."""
    if not text:
        raise argparse.ArgumentTypeError("'' names no model; leave it out for the default one")
    return text


def open_codec(name_or_path: str, preset: str, lossy: bool = False) -> FileCodec:
    """The codec of a model, with compiled programs kept on disk between runs; imports jax for one with latents.

    lossy: whether a lossy one is wanted; RecError if it is of the other kind, so that no pixel is lost by accident.
    """
    codec = load_codec(name_or_path, preset)
    if lossy and codec.exact:
        raise RecError(f"{name_or_path} is a lossless model; without --lossy and the like it compresses exactly")
    if not lossy and not codec.exact:
        raise RecError(f"{name_or_path} is a lossy model; add --lossy to lose what it loses, or take another model")
    if not codec.searches:
        return codec
    try:
        with without_etils():
            from rec_jax.core.compilation import cache_folder, check_device, enable_compilation_cache
    except (ValueError, ImportError) as error:  # a JAX_... variable of the environment, or half an installation
        raise RecError(f"jax cannot be loaded ({one_line(error)}); mend the environment") from error
    check_device()
    folder = cache_folder()
    if folder and (keeping := codec.keeping_programs(folder / "programs")):
        return keeping
    enable_compilation_cache()
    return codec


def check_model(name_or_path: str | None) -> None:
    """What opening a model raises, whether or not a file turns out to need it; None: no model was named."""
    if name_or_path is not None:
        open_package(name_or_path)


def verify(codec: FileCodec, data: bytes, image: np.ndarray, source: str) -> str:
    """Decodes a file before it is written; what is to be said of it. BitstreamMismatch if it is not the picture."""
    pixels = codec.decompress(data)  # a lossy one too has the checksum of what the encoder saw
    if np.array_equal(pixels, image):
        return ", verified"
    if codec.exact or pixels.shape != image.shape:
        raise BitstreamMismatch(f"{source}: the file did not decode to its pixels; nothing was written")
    from rec_jax.core.psnr import psnr_db

    return f", verified, {psnr_db(image, pixels):.2f} dB"


def on_device(codec: FileCodec, platform: str | None) -> FileCodec:
    """The codec, decoding there if it can; others decode on the processor, to the same pixels."""
    return codec.on_device(platform) if takes_device(codec) else codec


def takes_device(codec: FileCodec) -> bool:
    """Whether it can decode under jax: a lossless one with latents."""
    return codec.searches and codec.exact


def shipped_name(header: container.Header) -> str | None:
    """The shipped model that wrote a file, or None."""
    try:
        return model_file.find_model_name(header.model_id)
    except WrongModel:
        return None

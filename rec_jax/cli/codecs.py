"""Which codec a command uses."""

from rec_jax.codec import container, load_codec, model_file
from rec_jax.codec.base import FileCodec
from rec_jax.core.errors import RecError, WrongModel
from rec_jax.core.messages import one_line


def open_codec(name_or_path: str, preset: str) -> FileCodec:
    """The codec of a model, with compiled programs kept on disk between runs; imports jax for one with latents."""
    codec = load_codec(name_or_path, preset)
    if not codec.searches:
        return codec
    try:
        from rec_jax.core.compilation import cache_folder, check_device, enable_compilation_cache
    except (ValueError, ImportError) as error:  # a JAX_... variable of the environment, or half an installation
        raise RecError(f"jax cannot be loaded ({one_line(error)}); mend the environment") from error
    check_device()
    folder = cache_folder()
    if folder and (keeping := codec.keeping_programs(folder / "programs")):
        return keeping
    enable_compilation_cache()
    return codec


def shipped_name(header: container.Header) -> str | None:
    """The shipped model that wrote a file, or None."""
    try:
        return model_file.find_model_name(header.model_id)
    except WrongModel:
        return None

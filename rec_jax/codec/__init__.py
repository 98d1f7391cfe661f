"""Floor 3: pictures to files and back. Importing this imports no jax; `load_codec` does."""

from rec_jax.codec.model_file import find_model_path, read_model_file, shipped_model_paths
from rec_jax.core.errors import CorruptFile

__all__ = ["load_codec", "shipped_models"]


def shipped_models() -> list[str]:
    """Names of the models inside the package."""
    return list(shipped_model_paths())


def load_codec(name_or_path: str, preset: str = "default"):
    """The LosslessCodec of a shipped model's name or of a model file, with a preset's coder.

    Raises:
      MissingFile, CorruptFile: the model is not there or not a model.
      ConfigError: the preset does not exist.
    """
    from rec_jax.codec.lossless import LosslessCodec
    from rec_jax.codec.presets import Configured, configured_coder, preset_coder, preset_number, taught
    from rec_jax.models import check_params, make_model

    untaught = Configured(preset_coder(preset), (), ())
    stored = read_model_file(find_model_path(name_or_path))
    try:
        coder, counts, weights = taught(untaught, configured_coder(stored.config.coder))
        model = make_model(stored.config.model)
    except (AttributeError, KeyError, TypeError) as error:
        raise CorruptFile(f"{name_or_path}: its config lacks what a model needs ({error}); export it again") from None
    if counts and len(counts) != model.n_layers:
        raise CorruptFile(f"{name_or_path}: step counts of {len(counts)} layers for {model.n_layers}; export it again")
    channels = [shape[-1] for shape in model.latent_shapes(model.stride, model.stride)]
    if weights and (have := list(map(len, weights))) != channels:
        raise CorruptFile(f"{name_or_path}: weights of {have} channels for {channels}; export it again")
    if name_or_path not in shipped_models():  # those are checked by the tests, and a command should start fast
        check_params(model, stored.params, name_or_path)
    return LosslessCodec(model, stored.params, coder, counts, stored.model_id, preset_number(coder), weights=weights)

"""kind="resnet_vae": levels ((stride, blocks, deterministic, stochastic), ...), finest first, and likelihood.py's."""

from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.core.plugins import check_all_used, field_names, is_plugin
from rec_jax.models.configs.likelihood import make_likelihood
from rec_jax.models.configs.limits import check_rows, check_size, check_strides
from rec_jax.models.resnet_vae import Level, ResNetVAE


def make_resnet_vae(config: Any) -> ResNetVAE:
    """The model of a config's section."""
    model = ResNetVAE(_make_levels(config["levels"]), make_likelihood(config))
    if is_plugin(config["likelihood"]):
        own = field_names(type(model.likelihood))
        check_all_used("model", "resnet_vae", config, {"kind", "levels", "likelihood", "n_components", *own})
    return model


def _make_levels(levels: Any) -> tuple[Level, ...]:
    check_rows(levels, 4, "(stride, blocks, deterministic, stochastic) channels")
    made = tuple(Level(*level) for level in levels)
    check_strides(levels, [level.stride for level in made])
    if min(min(level.blocks, level.deterministic, level.stochastic) for level in made) < 1:
        raise ConfigError(f"model.levels={levels!r}: blocks and channels must be at least 1")
    widest = max(max(level.deterministic, level.stochastic) for level in made)
    check_size(levels, len(made), sum(level.blocks for level in made), widest, made[-1].stride)
    return made

"""kind="rd_vae": levels ((stride, width, layers, channels, blocks), ...), finest first, and curve.py's fields."""

from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.models.configs.curve import curve_fields
from rec_jax.models.configs.limits import check_rows, check_size, check_strides
from rec_jax.models.rd_vae import RDVAE, RDLevel


def make_rd_vae(config: Any) -> RDVAE:
    """The model of a config's section."""
    levels = config["levels"]
    check_rows(levels, 5, "(stride, width, layers, channels, blocks)")
    made = tuple(RDLevel(*level) for level in levels)
    check_strides(levels, [level.stride for level in made])
    if any(min(level.width, level.layers, level.channels) < 1 or level.blocks < 0 for level in made):
        raise ConfigError(f"model.levels={levels!r}: width, layers and channels must be at least 1, blocks at least 0")
    finest = made[0]
    if finest.layers * finest.channels > min(finest.width, 3 * finest.stride**2):
        raise ConfigError(
            f"model.levels={levels!r}: the finest level's layers x channels may not be more than its width or "
            f"3 stride^2: they begin as its strongest features"
        )
    widest = max(max(level.width, level.channels) for level in made)
    check_size(levels, len(made), sum(level.layers + level.blocks for level in made), widest, made[-1].stride)
    return RDVAE(made, *curve_fields(config))

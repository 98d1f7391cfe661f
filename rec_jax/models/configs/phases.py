"""kind="phases" or likelihood="phases": widths, spatial, n_pointwise, window, n_components and border
(likelihoods/phases.py); as a likelihood n_features and n_levels too.
"""

from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.models.configs.limits import ABSENT_FIELDS, MAX_CHANNELS, MAX_LEVELS, n_components
from rec_jax.models.likelihoods.phases import Phases

MAX_WINDOW = 15


def make_phases(config: Any, n_features: int = 0, n_levels: int = 0) -> Phases:
    """The likelihood of a config's section, of pictures without latents if n_features is 0."""
    widths, spatial = config["widths"], config["spatial"]
    if not all(isinstance(some, list | tuple) and all(type(n) is int for n in some) for some in (widths, spatial)) or (
        not 1 <= len(widths) == len(spatial) <= MAX_LEVELS
        or not all(1 <= n <= MAX_CHANNELS for n in widths)
        or not all(0 <= n <= MAX_CHANNELS for n in spatial)
    ):
        raise ConfigError(
            f"model.widths={str(widths)[:80]}, model.spatial={str(spatial)[:80]}: as many of each, finest first, up "
            f"to {MAX_LEVELS} levels, widths of 1 to {MAX_CHANNELS}, spatial 0 (no 3x3 block) to {MAX_CHANNELS}"
        )
    window, n_pointwise = config["window"], config["n_pointwise"]
    if type(window) is not int or window not in range(3, MAX_WINDOW + 1, 2):
        raise ConfigError(f"model.window={window!r}: an odd number, 3 to {MAX_WINDOW}")
    if type(n_pointwise) is not int or not 0 <= n_pointwise <= MAX_LEVELS:
        raise ConfigError(f"model.n_pointwise={n_pointwise!r}: 0 to {MAX_LEVELS}")
    border = config.get("border", ABSENT_FIELDS["border"])
    if type(border) is not bool:
        raise ConfigError(f"model.border={border!r}: True or False")
    sizes = n_components(config), tuple(widths), tuple(spatial), n_pointwise, window, n_features, n_levels
    return Phases(*sizes, border)


def make_phases_of_latents(config: Any) -> Phases:
    """The same, whose first phase is described by a network's features."""
    n_features, n_levels = config["n_features"], config["n_levels"]
    if type(n_features) is not int or not 1 <= n_features <= MAX_CHANNELS:
        raise ConfigError(f"model.n_features={n_features!r}: 1 to {MAX_CHANNELS}")
    if type(n_levels) is not int or not 0 <= n_levels <= MAX_LEVELS:
        raise ConfigError(f"model.n_levels={n_levels!r}: 1 to {MAX_LEVELS}, or 0 for all down to one pixel")
    return make_phases(config, n_features, n_levels)

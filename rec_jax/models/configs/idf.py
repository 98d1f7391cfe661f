"""kind="idf": levels, steps, growth, depth and n_components (models/idf.py)."""

from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.models.configs.limits import MAX_CHANNELS, MAX_STRIDE, n_components
from rec_jax.models.idf import IDF

_MOST = {"levels": MAX_STRIDE.bit_length() - 1, "steps": 16, "growth": MAX_CHANNELS, "depth": 64}
MAX_COUPLINGS = 48  # each moves an integer by less than 2^17, and a file holds integers below 2^23


def make_idf(config: Any) -> IDF:
    """The model of a config's section."""
    for name, most in _MOST.items():
        if type(config[name]) is not int or not 1 <= config[name] <= most:
            raise ConfigError(f"model.{name}={str(config[name])[:60]}: 1 to {most}")
    levels, steps, growth, depth = (config[name] for name in _MOST)
    if levels * steps > MAX_COUPLINGS or depth > growth:
        raise ConfigError(
            f"model.levels={levels}, steps={steps}, growth={growth}, depth={depth}: at most {MAX_COUPLINGS} couplings "
            "in all, and no more layers than channels that they add"
        )
    return IDF(levels, steps, growth, depth, n_components(config))

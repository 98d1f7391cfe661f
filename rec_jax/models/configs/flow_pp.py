"""kind="flow_pp": couplings (three numbers), dequantiser, width, blocks, n_components (models/flow_pp.py)."""

from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.models.configs.limits import MAX_CHANNELS, MAX_LAYERS, n_components
from rec_jax.models.flow_pp import FlowPP


def make_flow_pp(config: Any) -> FlowPP:
    """The model of a config's section."""
    couplings = config["couplings"]
    if not isinstance(couplings, list | tuple) or len(couplings) != 3 or not all(_is(n, 0) for n in couplings):
        raise ConfigError(
            f"model.couplings={couplings!r}: three numbers, of couplings of columns, of channels and again of columns"
        )
    if couplings[0] < 1 or couplings[1] + couplings[2] < 1:
        raise ConfigError(f"model.couplings={couplings!r}: at least 1 before the squares and 1 after")
    for name in ("dequantiser", "blocks"):
        if not _is(config[name], 1):
            raise ConfigError(f"model.{name}={config[name]!r}: 1 to {MAX_LAYERS}")
    width = config["width"]
    if type(width) is not int or not 1 <= width <= MAX_CHANNELS:
        raise ConfigError(f"model.width={width!r}: 1 to {MAX_CHANNELS}")
    return FlowPP(tuple(couplings), config["dequantiser"], width, config["blocks"], n_components(config))


def _is(n: Any, least: int) -> bool:
    return type(n) is int and least <= n <= MAX_LAYERS

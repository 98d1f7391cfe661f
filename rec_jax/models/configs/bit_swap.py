"""kind="bit_swap": side, layers, width, channels, wide_units and units, as models/bit_swap.py has them."""

from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.models.bit_swap import STRIDE, BitSwap
from rec_jax.models.configs.limits import MAX_CHANNELS, MAX_STRIDE

_MOST_LAYERS, _MOST_UNITS = 64, 256
_LIMITS = {  # least, most
    "side": (STRIDE, MAX_STRIDE),
    "layers": (1, _MOST_LAYERS),
    "width": (1, MAX_CHANNELS),
    "channels": (1, MAX_CHANNELS),
    "wide_units": (0, _MOST_UNITS),
    "units": (0, _MOST_UNITS),
}


def make_bit_swap(config: Any) -> BitSwap:
    """The model of a config's section."""
    fields = {name: config[name] for name in _LIMITS}
    for name, (least, most) in _LIMITS.items():
        if type(fields[name]) is not int or not least <= fields[name] <= most:
            raise ConfigError(f"model.{name}={fields[name]!r}: {least} to {most}")
    if fields["side"] % STRIDE:
        raise ConfigError(f"model.side={fields['side']}: a multiple of {STRIDE}")
    return BitSwap(**fields)

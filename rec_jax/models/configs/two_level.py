"""kind="two_level": transform_widths (of strides 2, 4, 8 ...), channels, hyper_width, hyper_channels, and curve.py's
fields.
"""

from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.models.configs.curve import curve_fields
from rec_jax.models.configs.limits import MAX_CHANNELS, MAX_STRIDE
from rec_jax.models.two_level_vae import TwoLevelVAE


def make_two_level(config: Any) -> TwoLevelVAE:
    """The model of a config's section."""
    widths, names = config["transform_widths"], ("channels", "hyper_width", "hyper_channels")
    most = MAX_STRIDE.bit_length() - 4  # z2's stride is 2^(n + 3)
    if not (isinstance(widths, list | tuple) and 1 <= len(widths) <= most and all(map(_is_width, widths))):
        raise ConfigError(
            f"model.transform_widths={str(widths)[:80]}: 1 to {most} widths of 1 to {MAX_CHANNELS}, of strides 2, 4, 8"
        )
    for name in names:
        if not _is_width(config[name]):
            raise ConfigError(f"model.{name}={config[name]!r}: 1 to {MAX_CHANNELS}")
    return TwoLevelVAE(tuple(widths), *(config[name] for name in names), *curve_fields(config))


def _is_width(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MAX_CHANNELS

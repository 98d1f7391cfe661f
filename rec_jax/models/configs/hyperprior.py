"""kind="hyperprior": levels and hyper_levels ((stride, width, down, up), ...), finest first, channels, hyper_channels,
hyperprior ("scale" or "mean_scale"), and curve.py's fields.
"""

from itertools import pairwise
from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.models.configs.curve import curve_fields
from rec_jax.models.configs.limits import MAX_CHANNELS, MAX_LAYERS, MAX_LEVELS, MAX_STRIDE, check_strides
from rec_jax.models.hyperprior import Hyperprior, PyramidLevel

HYPERPRIORS = ("scale", "mean_scale")


def make_hyperprior(config: Any) -> Hyperprior:
    """The model of a config's section."""
    levels, above = (_make_pyramid(config[name], f"model.{name}") for name in ("levels", "hyper_levels"))
    strides = [level.stride for level in levels], [level.stride for level in above]
    check_strides(config["levels"], strides[0])
    if strides[1][0] != strides[0][-1] or any(b % a or b == a for a, b in pairwise(strides[1])):
        raise ConfigError(
            f"model.hyper_levels={config['hyper_levels']!r}: strides must grow by whole factors, from that of the last "
            f"of model.levels, {strides[0][-1]}"
        )
    channels, hyper_channels, kind = (config[name] for name in ("channels", "hyper_channels", "hyperprior"))
    if type(channels) is not int or not 1 <= channels <= levels[-1].width:
        raise ConfigError(f"model.channels={channels!r}: 1 to the last level's width, {levels[-1].width}")
    if type(hyper_channels) is not int or not 1 <= hyper_channels <= MAX_CHANNELS:
        raise ConfigError(f"model.hyper_channels={hyper_channels!r}: 1 to {MAX_CHANNELS}")
    if kind not in HYPERPRIORS:
        raise ConfigError(f"model.hyperprior={kind!r} is unknown; have {', '.join(HYPERPRIORS)}")
    return Hyperprior(levels, channels, above, hyper_channels, kind == "mean_scale", *curve_fields(config))


def _make_pyramid(rows: Any, name: str) -> tuple[PyramidLevel, ...]:
    if not (isinstance(rows, list | tuple) and 1 <= len(rows) <= MAX_LEVELS) or any(
        not isinstance(row, list | tuple) or len(row) != 4 or any(type(n) is not int for n in row) for row in rows
    ):
        raise ConfigError(f"{name}={str(rows)[:80]}: 1 to {MAX_LEVELS} levels, each (stride, width, down, up)")
    made = tuple(PyramidLevel(*row) for row in rows)
    if any(
        not (1 <= level.stride <= MAX_STRIDE and 1 <= level.width <= MAX_CHANNELS)
        or not all(0 <= n <= MAX_LAYERS for n in (level.down, level.up))
        for level in made
    ):
        raise ConfigError(
            f"{name}={str(rows)[:80]}: strides of 1 to {MAX_STRIDE}, widths of 1 to {MAX_CHANNELS}, down and up of 0 "
            f"to {MAX_LAYERS} blocks"
        )
    return made

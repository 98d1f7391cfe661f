"""Floor 2: latent-variable models behind one interface (`base.LatentModel`). Importing this imports no jax."""

from itertools import pairwise
from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.core.plugins import check_all_used, construct, field_names, is_plugin, plugin_class
from rec_jax.models.base import AnyModel, LatentModel
from rec_jax.models.hyperprior import Hyperprior, PyramidLevel
from rec_jax.models.knots import MAX_QUALITY
from rec_jax.models.likelihoods.base import MAX_COMPONENTS, Likelihood
from rec_jax.models.likelihoods.logistic import Logistic, PixelScaleLogistic
from rec_jax.models.likelihoods.mixture import ColourMixture
from rec_jax.models.likelihoods.phases import Phases
from rec_jax.models.phases_model import PhasesModel
from rec_jax.models.rd_vae import RDVAE, RDLevel
from rec_jax.models.resnet_vae import Level, ResNetVAE

MAX_LEVELS, MAX_LAYERS, MAX_CHANNELS, MAX_STRIDE, MAX_WINDOW = 8, 1024, 4096, 64, 15
DISTORTIONS = ("mse",)
HYPERPRIORS = ("scale", "mean_scale")


def make_model(config: Any) -> AnyModel:
    """The model that a config's `model` section describes.

    Args:
      config: kind and n_components; of resnet_vae levels ((stride, blocks, deterministic, stochastic), ...), finest
        first, and likelihood; of phases widths, spatial, n_pointwise and window (likelihoods/phases.py), and where they
        are the likelihood of a resnet_vae n_features and n_levels; of rd_vae levels ((stride, width, layers, channels,
        blocks), ...), knots, lambdas and distortion; of hyperprior levels and hyper_levels ((stride, width, down, up),
        ...), channels, hyper_channels, hyperprior and those three; of 'package.module:Class' (core/plugins.py) that
        dataclass's fields, and its likelihood's.

    Raises:
      ConfigError: naming the field, what it was and what it may be.
    """
    match config["kind"]:
        case "resnet_vae":
            model = ResNetVAE(_make_levels(config["levels"]), _make_likelihood(config))
            if is_plugin(config["likelihood"]):
                own = field_names(type(model.likelihood))
                check_all_used("model", "resnet_vae", config, {"kind", "levels", "likelihood", "n_components", *own})
            return model
        case "phases":
            return PhasesModel(_make_phases(config, 0, 0))
        case "rd_vae":
            return _make_rd_vae(config)
        case "hyperprior":
            return _make_hyperprior(config)
        case kind if is_plugin(kind):
            return _make_plugin(kind, config)
        case other:
            raise ConfigError(
                f"model.kind={other!r} is unknown; have resnet_vae, phases, rd_vae, hyperprior, 'package.module:Class'"
            )


def _make_rd_vae(config) -> RDVAE:
    levels = config["levels"]
    if not isinstance(levels, list | tuple) or any(
        not isinstance(level, list | tuple) or len(level) != 5 or any(type(n) is not int for n in level)
        for level in levels
    ):
        raise ConfigError(f"model.levels={levels!r}: every level is (stride, width, layers, channels, blocks)")
    made = tuple(RDLevel(*level) for level in levels)
    _check_strides(levels, [level.stride for level in made])
    if any(min(level.width, level.layers, level.channels) < 1 or level.blocks < 0 for level in made):
        raise ConfigError(f"model.levels={levels!r}: width, layers and channels must be at least 1, blocks at least 0")
    finest = made[0]
    if finest.layers * finest.channels > min(finest.width, 3 * finest.stride**2):
        raise ConfigError(
            f"model.levels={levels!r}: the finest level's layers x channels may not be more than its width or "
            f"3 stride^2: they begin as its strongest features"
        )
    widest = max(max(level.width, level.channels) for level in made)
    _check_size(levels, len(made), sum(level.layers + level.blocks for level in made), widest, made[-1].stride)
    return RDVAE(made, *_make_curve(config))


def _make_hyperprior(config) -> Hyperprior:
    levels, above = (_make_pyramid(config[name], f"model.{name}") for name in ("levels", "hyper_levels"))
    strides = [level.stride for level in levels], [level.stride for level in above]
    _check_strides(config["levels"], strides[0])
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
    return Hyperprior(levels, channels, above, hyper_channels, kind == "mean_scale", *_make_curve(config))


def _make_pyramid(rows, name: str) -> tuple[PyramidLevel, ...]:
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


def _make_curve(config) -> tuple[int, tuple[float, float], str]:
    """(knots, lambdas, distortion) of a lossy model."""
    knots, lambdas, distortion = config["knots"], config["lambdas"], config["distortion"]
    if type(knots) is not int or knots < 2 or MAX_QUALITY % (knots - 1):
        raise ConfigError(f"model.knots={knots!r}: a number of 2 or more of which, less 1, divides {MAX_QUALITY}")
    fits = isinstance(lambdas, list | tuple) and len(lambdas) == 2 and all(type(x) in (int, float) for x in lambdas)
    if not fits or not 0 < lambdas[0] < lambdas[1] < 1e6:
        raise ConfigError(f"model.lambdas={lambdas!r}: two numbers above 0, rising: those of qualities 0 and 100")
    if distortion not in DISTORTIONS:
        raise ConfigError(f"model.distortion={distortion!r} is unknown; have {', '.join(DISTORTIONS)}")
    return knots, (float(lambdas[0]), float(lambdas[1])), distortion


def _make_levels(levels) -> tuple[Level, ...]:
    if not isinstance(levels, list | tuple) or any(
        not isinstance(level, list | tuple) or len(level) != 4 or any(type(n) is not int for n in level)
        for level in levels
    ):
        raise ConfigError(
            f"model.levels={levels!r}: every level is (stride, blocks, deterministic, stochastic) channels"
        )
    made = tuple(Level(*level) for level in levels)
    _check_strides(levels, [level.stride for level in made])
    if min(min(level.blocks, level.deterministic, level.stochastic) for level in made) < 1:
        raise ConfigError(f"model.levels={levels!r}: blocks and channels must be at least 1")
    widest = max(max(level.deterministic, level.stochastic) for level in made)
    _check_size(levels, len(made), sum(level.blocks for level in made), widest, made[-1].stride)
    return made


def _check_strides(levels, strides: list[int]) -> None:
    if not strides or any(b < 1 or b % a or b == a for a, b in pairwise([1, *strides])):
        raise ConfigError(f"model.levels={levels!r}: strides must grow by whole factors, finest first, as in 2, 4, 8")


def _check_size(levels, n_levels: int, n_layers: int, widest: int, stride: int) -> None:
    if n_levels > MAX_LEVELS or n_layers > MAX_LAYERS or widest > MAX_CHANNELS or stride > MAX_STRIDE:
        raise ConfigError(
            f"model.levels={str(levels)[:80]}: at most {MAX_LEVELS} levels, {MAX_LAYERS} blocks in all, {MAX_CHANNELS} "
            f"channels and a stride of {MAX_STRIDE}"
        )


def _make_phases(config, n_features: int, n_levels: int) -> Phases:
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
    return Phases(_n_components(config), tuple(widths), tuple(spatial), n_pointwise, window, n_features, n_levels)


def _make_phases_of_latents(config) -> Phases:
    n_features, n_levels = config["n_features"], config["n_levels"]
    if type(n_features) is not int or not 1 <= n_features <= MAX_CHANNELS:
        raise ConfigError(f"model.n_features={n_features!r}: 1 to {MAX_CHANNELS}")
    if type(n_levels) is not int or not 0 <= n_levels <= MAX_LEVELS:
        raise ConfigError(f"model.n_levels={n_levels!r}: 1 to {MAX_LEVELS}, or 0 for all down to one pixel")
    return _make_phases(config, n_features, n_levels)


def _n_components(config) -> int:
    n = config["n_components"]
    if type(n) is not int or not 1 <= n <= MAX_COMPONENTS:
        raise ConfigError(f"model.n_components={n!r}: a mixture has 1 to {MAX_COMPONENTS}")
    return n


def _make_likelihood(config) -> Likelihood:
    match config["likelihood"]:
        case "logistic":
            return Logistic()
        case "pixel_scale_logistic":
            return PixelScaleLogistic()
        case "colour_mixture":
            return ColourMixture(_n_components(config))
        case "phases":
            return _make_phases_of_latents(config)
        case kind if is_plugin(kind):
            made = plugin_class("model.likelihood", kind, Likelihood)
            return construct("model.likelihood", kind, made, _picked(config, made))
        case other:
            raise ConfigError(
                f"model.likelihood={other!r} is unknown; have logistic, pixel_scale_logistic, colour_mixture, phases, "
                "'package.module:Class'"
            )


def _make_plugin(kind: str, config) -> LatentModel:
    made = plugin_class("model.kind", kind, LatentModel)
    options, known = _picked(config, made), {"kind", *field_names(made)}
    if "likelihood" in options:
        options["likelihood"] = _make_likelihood(config)
        known |= {"n_components", *field_names(type(options["likelihood"]))}
    check_all_used("model", kind, config, known)
    return construct("model.kind", kind, made, options)


def _picked(config, dataclass: type) -> dict[str, Any]:
    """The fields of a dataclass that a section has; the others keep their defaults."""
    return {name: config[name] for name in field_names(dataclass) if name in config}

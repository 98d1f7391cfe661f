"""Floor 2: latent-variable models behind one interface (`base.LatentModel`)."""

from typing import Any

import jax
import jax.numpy as jnp

from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.core.prng import init_key
from rec_jax.models.likelihoods import ColourMixture, Likelihood, Logistic, PixelScaleLogistic
from rec_jax.models.resnet_vae import Level, ResNetVAE


def make_model(config: Any, compute_dtype: Any = jnp.float32, unroll: bool = False) -> ResNetVAE:
    """The model that a config's `model` section describes.

    Args:
      config: kind, levels ((stride, blocks, deterministic, stochastic), ...) finest first, likelihood, n_components.
      compute_dtype: of the convolutions; parameters and everything between stay float32.
      unroll: see ResNetVAE.

    Raises:
      ConfigError: naming the field, what it was and what it may be.
    """
    match config["kind"]:
        case "resnet_vae":
            return ResNetVAE(_make_levels(config["levels"]), _make_likelihood(config), compute_dtype, unroll)
        case other:
            raise ConfigError(f"model.kind={other!r} is unknown; have resnet_vae")


def check_params(model: ResNetVAE, params: Any, name: str) -> None:
    """CorruptFile if params, of the model file `name`, are not of the names and shapes that the model has."""
    key = jax.eval_shape(lambda: init_key(0))
    image = jax.ShapeDtypeStruct((1, model.stride, model.stride, 3), jnp.uint8)
    wanted = jax.eval_shape(model.init, key, image)
    fits = jax.tree.structure(wanted) == jax.tree.structure(params)
    if not fits or any(a.shape != b.shape for a, b in zip(*map(jax.tree.leaves, (wanted, params)), strict=True)):
        raise CorruptFile(f"{name}: its arrays are not those that its config describes; export the model again")


def _make_levels(levels) -> tuple[Level, ...]:
    if not isinstance(levels, list | tuple) or any(
        not isinstance(level, list | tuple) or len(level) != 4 or not all(isinstance(n, int) for n in level)
        for level in levels
    ):
        raise ConfigError(
            f"model.levels={levels!r}: every level is (stride, blocks, deterministic, stochastic) channels"
        )
    made = tuple(Level(*level) for level in levels)
    strides = [1] + [level.stride for level in made]
    if not made or any(b < 1 or b % a or b == a for a, b in zip(strides, strides[1:], strict=False)):
        raise ConfigError(f"model.levels={levels!r}: strides must grow by whole factors, finest first, as in 2, 4, 8")
    if min(min(level.blocks, level.deterministic, level.stochastic) for level in made) < 1:
        raise ConfigError(f"model.levels={levels!r}: blocks and channels must be at least 1")
    return made


def _make_likelihood(config) -> Likelihood:
    match config["likelihood"]:
        case "logistic":
            return Logistic()
        case "pixel_scale_logistic":
            return PixelScaleLogistic()
        case "colour_mixture":
            if config["n_components"] < 1:
                raise ConfigError(f"model.n_components={config['n_components']}: a mixture has at least 1")
            return ColourMixture(config["n_components"])
        case other:
            raise ConfigError(
                f"model.likelihood={other!r} is unknown; have logistic, pixel_scale_logistic, colour_mixture"
            )

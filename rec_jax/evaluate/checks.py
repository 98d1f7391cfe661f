"""Configs that cannot be, and images that cannot be evaluated, are told before anything is trained or coded."""

from typing import Any

from rec_jax.codec.learned import configured_coder
from rec_jax.codec.package import open_package
from rec_jax.codec.tiles import tile_side
from rec_jax.core.errors import ConfigError
from rec_jax.core.plugins import import_named
from rec_jax.data import make_source
from rec_jax.models import make_model
from rec_jax.models.base import CurveModel, MarkovModel
from rec_jax.train.checks import check_values


def check_config(config: Any) -> None:
    """ConfigError for the first value of a whole config that no run can use; its plugins are imported."""
    import_named(config)
    configured_coder(config.coder)
    check_values(config, make_model(config.model))


def check_evaluation(config: Any, model_name: str | None = None) -> None:
    """ConfigError for the first of a config's images whose ELBO would count more than the picture.

    model_name: a shipped model or a model file, in place of config.model.
    """
    model = open_package(model_name).model if model_name else make_model(config.model)
    stride = model.stride
    if isinstance(model, CurveModel) or (stride == 1 and not model.groups):  # takes any
        return
    source = make_source(config.data, config.evaluate.split)
    for number in range(min(config.evaluate.n_images, len(source))):
        image = source[number]
        height, width = image.shape[:2]
        side = stride if isinstance(model, MarkovModel) else tile_side(height, width, stride)
        if height % side or width % side:
            fitting = [n for n in range(min(height, width), 0, -1) if n % tile_side(n, n, stride) == 0]
            if config.data.kind == "embedded":  # is cut to any size
                fitting = [side]
            way = f"set data.patch_test={fitting[0]}" if fitting else "take larger images"
            raise ConfigError(
                f"image {number} of evaluate.split={config.evaluate.split} is {width}x{height}: for its ELBO, sides "
                f"must be multiples of {side}; {way}"
            )

"""Values of a config that cannot work, told before anything is done."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from ml_collections import ConfigDict

from rec_jax.core.errors import ConfigError
from rec_jax.models.base import AnyModel, CurveModel
from rec_jax.models.knots import MAX_QUALITY


class _Rule(NamedTuple):
    allows: Callable[[Any], bool]
    words: str


def _whole(least: int, most: float = math.inf) -> _Rule:
    words = f"at least {least}" if most == math.inf else f"at least {least} and at most {most}"
    return _Rule(lambda value: _is_whole(value) and least <= value <= most, words)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(allows: Callable[[float], bool], words: str) -> _Rule:
    def check(value: Any) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and allows(value)

    return _Rule(check, words)


def _one_of(*names: Any) -> _Rule:
    return _Rule(lambda value: value in names, f"one of {', '.join(map(str, names))}")


_MOST_STEPS = 2**31 - 2  # what a program on 32-bit integers counts
_POSITIVE = _number(lambda value: 0 < value < math.inf, "a finite number above 0")
_ANY_POSITIVE = _number(lambda value: value > 0, "above 0; inf clips nothing")
_NOT_NEGATIVE = _number(lambda value: 0 <= value < math.inf, "a finite number of at least 0")
_STEPS = _Rule(
    lambda value: (
        isinstance(value, tuple | list) and all(_is_whole(step) and 0 <= step <= _MOST_STEPS for step in value)
    ),
    f"a tuple of steps of at least 0 and at most {_MOST_STEPS}",
)
_QUALITIES = _Rule(
    lambda value: (
        isinstance(value, tuple | list)
        and all(_is_whole(quality) and 0 <= quality <= MAX_QUALITY for quality in value)
        and len(set(value)) == len(value) > 0
    ),
    f"a tuple of different whole numbers from 0 to {MAX_QUALITY}",
)

_RULES = {
    "seed": _whole(0, 2**31 - 1),
    "data.patch": _whole(0),
    "data.patch_test": _whole(0),
    "data.patches_per_image": _whole(0),
    "data.crop_seed": _whole(0, 2**63 - 2),
    "data.variants": _whole(0),
    "train.optimizer": _one_of("adamax", "adam"),
    "train.adam_b2": _number(lambda value: 0 <= value < 1, "at least 0 and below 1"),
    "train.learning_rate": _POSITIVE,
    "train.schedule": _one_of("piecewise", "cosine"),
    "train.warmup_steps": _whole(0, _MOST_STEPS),
    "train.decay_steps": _STEPS,
    "train.decay_factor": _POSITIVE,
    "train.cosine_steps": _whole(1, _MOST_STEPS),
    "train.n_steps": _whole(1, _MOST_STEPS),
    "train.batch_size": _whole(1),
    "train.free_nats": _NOT_NEGATIVE,
    "train.kl_warmup_steps": _whole(0, _MOST_STEPS),
    "train.most_dim_nats": _ANY_POSITIVE,
    "train.beyond_weight": _NOT_NEGATIVE,
    "train.ema_decay": _number(lambda value: 0 <= value < 1, "at least 0 and below 1"),
    "train.clip_norm": _ANY_POSITIVE,
    "train.flip": _one_of(True, False),
    "train.compute_dtype": _one_of("auto", "float32", "bfloat16"),
    "train.unroll": _one_of("auto", "true", "false", True, False),
    "train.steps_per_call": _whole(0),
    "train.images_on_device": _one_of("auto", "true", "false", True, False),
    "train.log_every": _whole(1),
    "train.evaluate_every": _whole(0),
    "train.evaluate_images": _whole(0),
    "train.n_pictures": _whole(0),
    "train.save_every": _whole(1),
    "train.keep_checkpoints": _whole(1),
    "evaluate.split": _one_of("train", "test"),
    "evaluate.n_images": _whole(1),
    "evaluate.batch_size": _whole(1),
    "evaluate.qualities": _QUALITIES,
}


_REQUIRED = {"model": ("kind",), "coder": ("kind",)}  # whose other fields depend on it
_WAY = "begin with base() of configs/base.py and change what differs"


def check_complete(config: ConfigDict, base: ConfigDict) -> None:
    """Refuses a config that lacks what `base` has, but for fields that depend on a kind, of a model or a coder.

    Raises:
      ConfigError: naming the first one.
    """
    if not isinstance(config, ConfigDict):
        raise ConfigError(f"get_config() returned {type(config).__name__}, no ConfigDict; {_WAY}")
    for name, section in base.items():
        if name not in config or isinstance(section, ConfigDict) != isinstance(config[name], ConfigDict):
            raise ConfigError(f"the config has no {name}; {_WAY}")
        for field in _REQUIRED.get(name, section if isinstance(section, ConfigDict) else ()):
            if field not in config[name]:
                raise ConfigError(f"the config has no {name}.{field}; {_WAY}")


def check_values(config: ConfigDict, model: AnyModel) -> None:
    """Refuses numbers and names that no run can use, and crops that the model cannot halve.

    Sides of its images are multiples of the model's stride; but a lossy codec takes test images of any.

    Raises:
      ConfigError: naming the field, its value and what it may be.
    """
    for name, rule in _RULES.items():
        section, _, field = name.rpartition(".")
        values = config[section] if section else config
        if field in values and not rule.allows(values[field]):
            raise ConfigError(f"{name}={values[field]!r} must be {rule.words}")
    for field in ("patch",) if isinstance(model, CurveModel) else ("patch", "patch_test"):
        if config.data[field] % model.stride:
            raise ConfigError(
                f"data.{field}={config.data[field]} must be a multiple of the model's stride {model.stride}"
            )


def check_images(images: np.ndarray, batch_size: int, stride: int) -> None:
    """Refuses training images [N, H, W, 3] that the model or the batch does not fit.

    Raises:
      ConfigError: naming what to change.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ConfigError(f"training images must be uint8 [N, H, W, 3], got {images.dtype} {list(images.shape)}")
    n_images, height, width, _ = images.shape
    if height % stride or width % stride:
        raise ConfigError(
            f"training images are {width}x{height}, sides must be multiples of the model's stride {stride}: "
            f"set data.patch to one"
        )
    if batch_size > n_images:
        raise ConfigError(f"train.batch_size={batch_size} is more than the {n_images} training images")

"""The named coders of `rec-jax --preset`, and the coder that a config describes."""

import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

from rec_jax.codec.container import CUSTOM_PRESET
from rec_jax.codec.preset_options import PRESETS
from rec_jax.coders import BeamSearchCoder, Coder, StepCountModel, TreeCoder, make_coder
from rec_jax.coders.tree.groups import MAX_WEIGHT
from rec_jax.core.errors import ConfigError

_LEARNED = ("layer_step_counts", "layer_weights")  # of a config's coder section: what --mode=export learns


class Configured(NamedTuple):
    """A coder, and what was learned of a model for it (calibrate.py); () where nothing was."""

    coder: Coder
    step_counts: tuple[StepCountModel, ...]  # per layer
    weights: tuple[tuple[int, ...], ...]  # per layer and channel


def preset_coder(name: str) -> Coder:
    """The coder of a preset; ConfigError with the names that exist."""
    if name not in PRESETS:
        raise ConfigError(f"preset {name!r} is unknown; have {', '.join(PRESETS)}")
    return make_coder(**PRESETS[name])


def preset_number(coder: Coder) -> int:
    """What a file says of its coder: the position of the preset with these hyper-parameters, or CUSTOM_PRESET."""
    return next((i for i, name in enumerate(PRESETS) if preset_coder(name) == coder), CUSTOM_PRESET)


def same_steps(coder: Coder, other: Coder) -> bool:
    """Whether two coders take as many steps for a block, so that what was learned for one serves the other."""
    match coder, other:
        case BeamSearchCoder(), BeamSearchCoder():
            names = ("omega", "epsilon", "block_size", "max_nats", "schedule", "rate")
        case TreeCoder(), TreeCoder():
            names = ("n_candidates", "rate", "spacing", "block_size", "max_nats")
        case _:
            return coder == other
    return all(getattr(coder, name) == getattr(other, name) for name in names)


def taught(configured: Configured, by: Configured) -> Configured:
    """The same coder, with what is not learned for it yet from what was learned for another coder of the same model."""
    counts = configured.step_counts or (by.step_counts if same_steps(configured.coder, by.coder) else ())
    return Configured(configured.coder, counts, configured.weights or by.weights)


def configured_coder(section: Mapping[str, Any]) -> Configured:
    """A config's `coder` section.

    Raises ConfigError for a coder of a few nats or dims, which cannot carry a layer.
    """
    coder = make_coder(**{name: value for name, value in section.items() if name not in _LEARNED})
    if not isinstance(coder, BeamSearchCoder | TreeCoder):
        raise ConfigError(f"coder.kind={section['kind']!r} is not for whole layers; the codec takes beam_search, tree")
    counts = tuple(StepCountModel(*row) for row in section["layer_step_counts"])
    weights = tuple(map(tuple, section.get("layer_weights", ())))
    for weight in itertools.chain(*weights):
        if not (isinstance(weight, int) and 1 <= weight <= MAX_WEIGHT):
            raise ConfigError(f"coder.layer_weights has {weight!r}: integers of 1 to {MAX_WEIGHT}, from --mode=export")
    return Configured(coder, counts, weights)

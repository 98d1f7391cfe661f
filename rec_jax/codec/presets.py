"""The named coders of `rec-jax --preset`, and the coder that a config describes."""

from collections.abc import Mapping
from typing import Any

from rec_jax.codec.container import CUSTOM_PRESET, PRESETS
from rec_jax.coders import BeamSearchCoder, Coder, StepCountModel, TreeCoder, make_coder
from rec_jax.core.errors import ConfigError

_BEAM = dict(kind="beam_search", omega=3.0, block_size=1000)


def preset_coder(name: str) -> Coder:
    """The coder of a preset; ConfigError with the names that exist."""
    match name:
        case "fast":
            return make_coder(**_BEAM, epsilon=0.2, n_beams=4)
        case "default":
            return make_coder(**_BEAM, epsilon=0.2, n_beams=20)
        case "best":
            return make_coder(**_BEAM, epsilon=0.0, n_beams=200)
        case _:
            raise ConfigError(f"preset {name!r} is unknown; have {', '.join(PRESETS)}")


def preset_number(coder: Coder) -> int:
    """What a file says of its coder: the position of the preset with these hyper-parameters, or CUSTOM_PRESET."""
    return next((i for i, name in enumerate(PRESETS) if preset_coder(name) == coder), CUSTOM_PRESET)


def same_steps(coder: Coder, other: Coder) -> bool:
    """Whether two coders take as many steps for a block, so that what was learned for one serves the other."""
    if not (isinstance(coder, BeamSearchCoder) and isinstance(other, BeamSearchCoder)):
        return coder == other
    return (coder.omega, coder.block_size) == (other.omega, other.block_size)


def configured_coder(section: Mapping[str, Any]) -> tuple[Coder, tuple[StepCountModel, ...]]:
    """A config's `coder` section as a coder and, per layer, its learned model of step counts (() if not learned).

    Raises ConfigError for a coder of a few nats or dims, which cannot carry a layer.
    """
    options = {name: value for name, value in section.items() if name != "layer_step_counts"}
    coder = make_coder(**options)
    if not isinstance(coder, BeamSearchCoder | TreeCoder):
        raise ConfigError(f"coder.kind={section['kind']!r} is not for whole layers; the codec takes beam_search, tree")
    return coder, tuple(StepCountModel(*row) for row in section["layer_step_counts"])

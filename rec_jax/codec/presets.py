"""The presets: coders whose every option is spelled out here, so that a changed default cannot change the wire.

A file says which preset wrote it, by its place in PRESETS; the options are part of the format (docs/FORMAT.md).
"""

from collections.abc import Mapping
from typing import Any

from rec_jax.coders import LayerCoder, make_layer_coder
from rec_jax.core.errors import ConfigError

_TREE = dict(
    kind="tree",
    n_candidates=16,
    n_beams=8192,
    sequence_length=4096,
    rate=1.0,
    spacing=1.5,
    block_size=65_536,
    max_nats=16_384.0,
    outliers_in_order=False,
    one_sequence=False,
)
PRESETS: Mapping[str, Mapping[str, Any]] = {  # the place is the number in a file
    "fast": _TREE | dict(n_beams=512),
    "default": _TREE,
    "best": _TREE | dict(n_beams=32_768, sequence_length=16_384),
    "irec": dict(  # the paper's
        kind="beam_search",
        omega=3.0,
        epsilon=0.2,
        n_beams=20,
        block_size=1000,
        max_nats=2048.0,
        schedule="power",
        rate=None,
    ),
}
NO_PRESET = 14  # a model without latents, which takes no coder
CUSTOM_PRESET = 15  # a coder that no preset names: the reader must be given the same one
_NOT_PRESETS = {NO_PRESET: "none", CUSTOM_PRESET: "custom"}


def preset_coder(name: str) -> LayerCoder:
    """The coder of a preset; ConfigError with the names that exist."""
    if name not in PRESETS:
        raise ConfigError(f"preset {name!r} is unknown; have {', '.join(PRESETS)}")
    return make_layer_coder(PRESETS[name])


def preset_number(coder: LayerCoder) -> int:
    """What a file says of its coder: the position of the preset with these hyper-parameters, or CUSTOM_PRESET."""
    return next((i for i, name in enumerate(PRESETS) if preset_coder(name) == coder), CUSTOM_PRESET)


def preset_name(number: int) -> str:
    """The preset as the command line calls it, 'none' without a coder, 'custom', or a number that is not known yet."""
    if number in _NOT_PRESETS:
        return _NOT_PRESETS[number]
    return list(PRESETS)[number] if number < len(PRESETS) else f"{number} (unknown)"

"""Floor 2: relative entropy coders behind one interface (`base.Coder`); they know Gaussians, no images and no files.

Importing this imports no jax; the coders' classes are found on first use.
"""

import dataclasses
import importlib
import numbers
import typing
from collections.abc import Mapping
from typing import Any, cast

from rec_jax.coders.base import Coder, LayerCoder
from rec_jax.coders.step_counts import StepCountModel
from rec_jax.core.errors import ConfigError
from rec_jax.core.plugins import check_all_used, construct, field_names, is_plugin, plugin_class

_HOMES = {
    "AStarCoder": "one_dim.a_star",
    "BeamSearchCoder": "irec.beam_search",
    "DitheredCoder": "one_dim.dithered",
    "GreedyPoissonCoder": "one_dim.greedy_poisson",
    "GreedyRejectionCoder": "few_nats.greedy_rejection",
    "GreedySplittingCoder": "one_dim.greedy_splitting",
    "IndexCoder": "few_nats.index",
    "OrderedCoder": "few_nats.ordered",
    "PoissonCoder": "few_nats.poisson",
    "TreeCoder": "tree.coder",
    "UniformTarget": "one_dim.dithered",
}
_KINDS = {
    "a_star": "AStarCoder",
    "beam_search": "BeamSearchCoder",
    "dithered": "DitheredCoder",
    "greedy_poisson": "GreedyPoissonCoder",
    "greedy_rejection": "GreedyRejectionCoder",
    "index": "IndexCoder",
    "ordered": "OrderedCoder",
    "poisson": "PoissonCoder",
    "tree": "TreeCoder",
}
_NUMBERS = {int: numbers.Integral, float: numbers.Real}  # what an option of that type takes
LAYER_KINDS = ("beam_search", "tree")  # of the coders that carry whole layers, base.LayerCoder

__all__ = ["LAYER_KINDS", "Coder", "LayerCoder", "StepCountModel", "make_coder", "make_layer_coder", *_HOMES]


def make_coder(kind: str, **options) -> Coder:
    """The coder of that kind with these hyper-parameters; ConfigError names an unknown kind or option.

    kind: one of rec_jax's, or 'package.module:Class' of a dataclass with the members of Coder (core/plugins.py).

    >>> make_coder(kind="beam_search", omega=3.0, epsilon=0.2, n_beams=20)
    """
    if is_plugin(kind):
        return _make_plugin(kind, Coder, options)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ConfigError(f"coder.kind={kind!r} is unknown; have {', '.join(_KINDS)}, 'package.module:Class'")
    name = _KINDS[kind]
    if kind == "greedy_rejection" and options.get("split") is not None:
        name = "GreedySplittingCoder"
    coder_class = _find(name)
    allowed = [field.name for field in dataclasses.fields(coder_class)]
    if unknown := sorted(set(options) - set(allowed)):
        raise ConfigError(f"coder {kind} has no option {unknown[0]!r}; it has {', '.join(allowed)}")
    _check_types(kind, typing.get_type_hints(coder_class), options)
    return coder_class(**options)


def _make_plugin(kind: str, protocol: type, options: Mapping[str, Any]) -> Any:
    made = plugin_class("coder.kind", kind, protocol)
    check_all_used("coder", kind, options, field_names(made))
    return construct("coder.kind", kind, made, options)


def _check_types(kind: str, hints: Mapping[str, Any], options: Mapping[str, Any]) -> None:
    """ConfigError for a value of another type, such as a float where an integer belongs: configs come from files."""
    for name, value in options.items():
        allowed = typing.get_args(hints[name]) or (hints[name],)
        kinds = tuple(_NUMBERS.get(one, one) for one in allowed)
        if (isinstance(value, bool) and bool not in allowed) or not isinstance(value, kinds):
            have = " or ".join(one.__name__ for one in allowed)
            raise ConfigError(f"coder.{name}={str(value)[:60]} is of type {type(value).__name__}; {kind} takes {have}")


def make_layer_coder(options: Mapping[str, Any]) -> LayerCoder:
    """The coder of these options, `kind` among them; ConfigError if it cannot carry a model's whole layers."""
    if is_plugin(kind := options["kind"]):
        return _make_plugin(kind, LayerCoder, {name: value for name, value in options.items() if name != "kind"})
    coder = make_coder(**options)
    if options["kind"] not in LAYER_KINDS:
        raise ConfigError(
            f"coder.kind={options['kind']!r} is not for whole layers; the codec takes {', '.join(LAYER_KINDS)}"
        )
    return cast(LayerCoder, coder)


def _find(name: str) -> Any:
    return getattr(importlib.import_module(f"rec_jax.coders.{_HOMES[name]}"), name)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return _find(name)
    raise AttributeError(f"module 'rec_jax.coders' has no attribute {name!r}")

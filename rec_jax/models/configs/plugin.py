"""kind='package.module:Class' (core/plugins.py): that dataclass's fields, and its likelihood's."""

from typing import Any

from rec_jax.core.plugins import check_all_used, construct, field_names, plugin_class
from rec_jax.models.base import LatentModel
from rec_jax.models.configs.likelihood import make_likelihood, picked


def make_plugin(kind: str, config: Any) -> LatentModel:
    """The model of a config's section."""
    made = plugin_class("model.kind", kind, LatentModel)
    options, known = picked(config, made), {"kind", *field_names(made)}
    if "likelihood" in options:
        options["likelihood"] = make_likelihood(config)
        known |= {"n_components", *field_names(type(options["likelihood"]))}
    check_all_used("model", kind, config, known)
    return construct("model.kind", kind, made, options)

"""model.likelihood: "logistic", "pixel_scale_logistic", "colour_mixture" (n_components), "phases" (phases.py) or
'package.module:Class' (that dataclass's fields).
"""

from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.core.plugins import construct, field_names, is_plugin, plugin_class
from rec_jax.models.configs.limits import n_components
from rec_jax.models.configs.phases import make_phases_of_latents
from rec_jax.models.likelihoods.base import Likelihood
from rec_jax.models.likelihoods.logistic import Logistic, PixelScaleLogistic
from rec_jax.models.likelihoods.mixture import ColourMixture


def make_likelihood(config: Any) -> Likelihood:
    """The likelihood of a config's section."""
    match config["likelihood"]:
        case "logistic":
            return Logistic()
        case "pixel_scale_logistic":
            return PixelScaleLogistic()
        case "colour_mixture":
            return ColourMixture(n_components(config))
        case "phases":
            return make_phases_of_latents(config)
        case kind if is_plugin(kind):
            made = plugin_class("model.likelihood", kind, Likelihood)
            return construct("model.likelihood", kind, made, picked(config, made))
        case other:
            raise ConfigError(
                f"model.likelihood={other!r} is unknown; have logistic, pixel_scale_logistic, colour_mixture, phases, "
                "'package.module:Class'"
            )


def picked(config: Any, dataclass: type) -> dict[str, Any]:
    """The fields of a dataclass that a section has; the others keep their defaults."""
    return {name: config[name] for name in field_names(dataclass) if name in config}

"""Floor 2: latent-variable models behind one interface (`base.LatentModel`). Importing this imports no jax."""

import re
from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.core.plugins import is_plugin
from rec_jax.models.base import AnyModel
from rec_jax.models.configs.bit_swap import make_bit_swap
from rec_jax.models.configs.flow_pp import make_flow_pp
from rec_jax.models.configs.hyperprior import make_hyperprior
from rec_jax.models.configs.idf import make_idf
from rec_jax.models.configs.phases import make_phases
from rec_jax.models.configs.plugin import make_plugin
from rec_jax.models.configs.rd_vae import make_rd_vae
from rec_jax.models.configs.resnet_vae import make_resnet_vae
from rec_jax.models.configs.two_level import make_two_level
from rec_jax.models.phases_model import PhasesModel

_KINDS = ("resnet_vae", "phases", "rd_vae", "hyperprior", "two_level", "idf", "flow_pp", "bit_swap")


def make_model(config: Any) -> AnyModel:
    """The model that a config's `model` section describes: its kind, and that kind's fields (models/configs).

    Raises:
      ConfigError: naming the field, what it was and what it may be.
    """
    try:
        kind = config["kind"]
        return make_plugin(kind, config) if is_plugin(kind) else _make(kind, config)
    except KeyError as error:  # of a kind of ours; another's constructor raises no KeyError of the config's
        field = "".join(re.findall(r"\w+", str(error))[:1])
        kind = config.get("kind", "none")
        raise ConfigError(
            f"model.{field} is missing, which model.kind={kind!r} needs; take a config of that kind"
        ) from None


def _make(kind: str, config: Any) -> AnyModel:
    match kind:
        case "resnet_vae":
            return make_resnet_vae(config)
        case "phases":
            return PhasesModel(make_phases(config))
        case "rd_vae":
            return make_rd_vae(config)
        case "hyperprior":
            return make_hyperprior(config)
        case "two_level":
            return make_two_level(config)
        case "idf":
            return make_idf(config)
        case "flow_pp":
            return make_flow_pp(config)
        case "bit_swap":
            return make_bit_swap(config)
        case other:
            raise ConfigError(f"model.kind={other!r} is unknown; have {', '.join(_KINDS)}, 'package.module:Class'")

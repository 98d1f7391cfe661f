"""What a training starts from where it does not start anew: the weights of a model."""

from collections.abc import Mapping
from typing import Any

from rec_jax.codec.package import open_package
from rec_jax.core.errors import ConfigError
from rec_jax.core.prng import init_key
from rec_jax.models import make_model
from rec_jax.models.base import StartingModel
from rec_jax.models.configs.limits import ABSENT_FIELDS
from rec_jax.models.exact_params import trainable_params
from rec_jax.models.likelihoods.phases_start import with_border
from rec_jax.models.widen import widen


def params_of_model(name: str, section: Mapping[str, Any], seed: int) -> Any:
    """The float parameters of a shipped model or model file, for the network of a config's model section.

    The sections must be equal, but for the distortion that a lossy model is trained for. Phases may learn of the
    picture's border anew. The paper's likelihood gives way to another over the same network, whose outputs are new
    (models/widen.py), by `seed`.

    Raises MissingFile and CorruptFile as open_package does, ConfigError for another network.
    """
    package, ours = open_package(name), dict(section)
    theirs = package.config["model"]
    new_border = ours.get("border", False) and not theirs.get("border", False)
    free = {"distortion": None, "border": True} if new_border else {"distortion": None}
    same_params = ABSENT_FIELDS | theirs | free == ABSENT_FIELDS | ours | free
    same_network = all(theirs.get(field) == ours.get(field) for field in ("kind", "levels"))
    if not same_params and not (same_network and theirs.get("likelihood") == "logistic"):
        raise ConfigError(
            f"train.initial_model={name!r} is a model of {theirs}, the config's model section is {ours}: make them "
            "equal (but for a lossy model's distortion, or border=True where it was False; of a model with likelihood "
            "'logistic', only kind and levels) or give another model"
        )
    params = trainable_params(package.model, package.stored)
    if same_params:
        return with_border(params) if new_border else params
    model = make_model(ours)
    assert not isinstance(model, StartingModel), "it has one kind of output"
    return widen(params, model.likelihood, init_key(seed))

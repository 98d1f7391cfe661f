"""Which objective a model is trained for."""

import jax
from ml_collections import ConfigDict

from rec_jax.models.base import AnyModel, LossyModel, QuantisedModel
from rec_jax.models.float_net import FloatNet
from rec_jax.train.losses import LossParts, Objective, kl_weight_schedule, negative_elbo
from rec_jax.train.quantised import quantised_objective
from rec_jax.train.rate_distortion import rate_distortion_objective


def make_objective(model: AnyModel, net: FloatNet, settings: ConfigDict) -> Objective:
    """The negative ELBO, of a flow -log p(x), or rate and distortion; settings: a config's train section."""
    if isinstance(model, QuantisedModel):
        return quantised_objective(model, net)
    if isinstance(model, LossyModel):
        return rate_distortion_objective(model, net, settings.most_dim_nats, settings.beyond_weight)

    def objective(params, images, key, step) -> tuple[jax.Array, LossParts]:
        weight = kl_weight_schedule(step, settings.kl_warmup_steps)
        return negative_elbo(params, model, net, images, key, settings.free_nats, weight)

    return objective

"""A model without latents: p(x) is its likelihood alone, and its ELBO is log p(x)."""

from dataclasses import dataclass

from rec_jax.models.base import Group
from rec_jax.models.likelihoods.base import Likelihood


@dataclass(frozen=True)
class PhasesModel:
    """base.LatentModel of no layers; pictures of any size."""

    likelihood: Likelihood

    encoder_only = ()
    stride = 1

    @property
    def groups(self) -> list[Group]:
        return []

    def empty_params(self):
        return {}

    def infer(self, net, params, x):
        return []

    def top_down(self, net, params, draw, batch, size, contexts=None, inputs=None):
        """Nothing is said of any pixel: [B, H, W, 0]."""
        return net.xp.zeros((batch, *size, self.likelihood.n_outputs)), []

    def posterior(self, net, params, hidden, context):
        raise IndexError("a model without layers has no layer whose posterior there could be")

    def group_params(self, params, group):
        raise IndexError(f"group {group} of a model without groups")

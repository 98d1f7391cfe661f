"""One logistic per colour: the paper's likelihood, and two with a scale of its own at every pixel."""

from dataclasses import dataclass

from rec_jax.models.likelihoods.base import OnePhase, PixelParams, matching_log_scale


@dataclass(frozen=True)
class Logistic(OnePhase):
    """The paper's: one logistic per channel, one learned log-scale for all pixels and channels."""

    n_outputs: int = 3

    n_components = 1

    def init(self, x, xp):
        return {"log_scale": matching_log_scale(x, xp)}

    def rows(self, net, params, outputs, pixels, phase, depth=8):
        loc = outputs[..., None]
        zero = net.xp.zeros_like(loc)
        return PixelParams(zero, loc, zero + params["log_scale"], zero)


@dataclass(frozen=True)
class PixelScaleLogistic(OnePhase):
    """One logistic per channel with a scale of its own at every pixel."""

    n_outputs: int = 6

    n_components = 1

    def init(self, x, xp):
        return {"log_scale": matching_log_scale(x, xp)}

    def rows(self, net, params, outputs, pixels, phase, depth=8):
        loc, log_scale = outputs[..., :3, None], params["log_scale"] + outputs[..., 3:, None]
        zero = net.xp.zeros_like(loc)
        return PixelParams(zero, loc, log_scale, zero)


@dataclass(frozen=True)
class FreeScaleLogistic(OnePhase):
    """One logistic per channel, with a learned log-scale for every pixel and channel of pictures side x side, whatever
    the latents: Bit-Swap's (Kingma et al. 2019).
    """

    side: int

    n_outputs = 3
    n_components = 1

    def change_coordinates(self, tree, to_gradient):
        """A quarter of the log-scales: from the data's scale they have farther to go than any weight."""
        del to_gradient
        return {name: 4.0 * x for name, x in tree.items()}

    def init(self, x, xp):
        return {"log_scale": xp.full((self.side, self.side, 3), matching_log_scale(x, xp))}

    def rows(self, net, params, outputs, pixels, phase, depth=8):
        loc = outputs[..., None]
        zero = net.xp.zeros_like(loc)
        return PixelParams(zero, loc, zero + params["log_scale"][..., None], zero)

"""Mixtures of logistics whose locs depend on the colours before them, at every pixel on its own."""

from dataclasses import dataclass

from rec_jax.models.likelihoods.base import OnePhase, PixelParams, matching_log_scale


@dataclass(frozen=True)
class ColourMixture(OnePhase):
    """n logistics per channel; the locs of green and blue depend linearly on the channels before them.

    Outputs per pixel, each [n]: 3 weights, 3 locs, 3 log-scales, and the slopes g|r, b|r, b|g. The dependence is
    PixelCNN++'s (arXiv:1701.05517); differs from it in that every channel has weights of its own.
    """

    n_components: int

    @property
    def n_outputs(self) -> int:
        return 12 * self.n_components

    def init(self, x, xp):
        n = self.n_components
        return {
            "log_scale": xp.full((n,), matching_log_scale(x, xp)),
            "loc": xp.linspace(-0.2, 0.2, n) if n > 1 else xp.zeros(1),
        }

    def rows(self, net, params, outputs, pixels, phase, depth=8):
        part = outputs.reshape(*outputs.shape[:-1], 12, self.n_components)
        loc, log_scale = part[..., 3:6, :] + params["loc"], part[..., 6:9, :] + params["log_scale"]
        return PixelParams(part[..., :3, :], loc, log_scale, part[..., 9:, :])

"""Scale hyperprior and mean-scale hyperprior: the quantised rivals of relative entropy coding, on the same transforms.

    y = g_a(x),  z = h_a(y),  z^ = step round(z / step),  (mu, sigma) = h_s(z^),
    v = round((y - mu) / step),  y^ = mu + step v,  x^ = g_s(y^),
    P(v) = the mass of N(0, sigma^2) between v - 1/2 and v + 1/2,

with mu = 0 where only scales are learned (Balle et al. 2018, arXiv:1802.01436; means: Minnen et al. 2018,
arXiv:1809.02736). sigma is in steps. One set of weights covers the curve: steps per channel and quality, whose
logarithms are linear between knots, and vectors a, b in every block as in rd_vae.py.

Differs from the papers: residual ReLU blocks on pixel-shuffled pyramids in place of strided convolutions and GDN, as in
rd_vae.py, so that two methods are compared and not two networks, and g_s and h_s have an exact form; a mixture of three
logistics per channel in place of their factorised density of z.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rec_jax.models.base import Group, HyperLaw, LatentLaw
from rec_jax.models.hyperprior_start import N_LOGISTICS, start
from rec_jax.models.rd_vae import residual
from rec_jax.models.rd_vae_start import OUTPUT_BITS
from rec_jax.models.shuffle import depth_to_space, space_to_depth


@dataclass(frozen=True)
class PyramidLevel:
    """One resolution of a transform: `width` features, residual blocks on the way down to it and up from it."""

    stride: int
    width: int
    down: int
    up: int


@dataclass(frozen=True)
class Hyperprior:
    """See the module's docstring; base.QuantisedModel documents the methods.

    levels: of g_a and g_s, finest first; the latents y, `channels`, are at the last one's stride.  hyper_levels: the
    same of h_a and h_s and the hyper-latents z.  means: whether mu is learned.
    """

    levels: tuple[PyramidLevel, ...]
    channels: int
    hyper_levels: tuple[PyramidLevel, ...]
    hyper_channels: int
    means: bool = True
    knots: int = 6
    lambdas: tuple[float, float] = (0.001, 0.1)
    distortion: str = "mse"

    encoder_only = ("analysis", "hyper_analysis")

    @property
    def stride(self) -> int:
        return self.hyper_levels[-1].stride

    @property
    def groups(self) -> list[Group]:
        return [Group(1, self.stride, self.hyper_channels), Group(1, self.levels[-1].stride, self.channels)]

    def start(self, x):
        return start(self, x)

    def analyse(self, net, params, x):
        y = _down(net, params["analysis"], self.levels, x, 1)
        return y, _down(net, params["hyper_analysis"], self.hyper_levels, y, self.levels[-1].stride)

    def hyper_law(self, params):
        law = params["hyper_law"]
        parts = (law[name].reshape(-1, self.hyper_channels, N_LOGISTICS) for name in ("logits", "loc", "log_scale"))
        return HyperLaw(*parts, law["log_step"])

    def latent_law(self, net, params, z):
        h = net.conv(params["laws"], _up(net, params["hyper_synthesis"], self.hyper_levels, z))
        log_scale = net.add(h[..., : self.channels], params["log_scale"])
        loc = h[..., self.channels :] if self.means else net.xp.zeros_like(log_scale)
        return LatentLaw(loc, log_scale, params["log_step"])

    def synthesise(self, net, params, y):
        h = _up(net, params["synthesis"], self.levels, y)
        pixels = net.halve(net.output_conv(params["output"], h), OUTPUT_BITS)
        return depth_to_space(pixels, self.levels[0].stride)


def _down(net: Any, params: dict, levels: Sequence[PyramidLevel], h: Any, stride: int) -> Any:
    """The coarsest level's features, and from them what a pyramid puts out; h has `stride`."""
    for own, level in zip(params["levels"], levels, strict=True):
        h = net.conv(own["in"], space_to_depth(h, level.stride // stride))
        h = _blocks(net, own, h)
        stride = level.stride
    return net.conv(params["out"], h)


def _up(net: Any, params: list[dict], levels: Sequence[PyramidLevel], h: Any) -> Any:
    """The finest level's features, from what the coarsest level is given."""
    above = levels[-1].stride
    for own, level in reversed(list(zip(params, levels, strict=True))):
        h = depth_to_space(net.conv(own["in"], h), above // level.stride)
        h = _blocks(net, own, h)
        above = level.stride
    return h


def _blocks(net: Any, own: dict, h: Any) -> Any:
    for block in own.get("blocks", ()):
        h = residual(net, block, h)
    return h

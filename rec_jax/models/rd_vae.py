"""A hierarchical VAE for lossy pictures: all of a file is its latents, sent by relative entropy coding.

Top-down, from the coarsest level: every layer's prior comes from the features h of what is known,

    y = relu(m(conv(h))),   p(z_l | z_<l) = N(loc(y), exp(scale(y) + s)^2),   h <- h + conv([y, z_l]),

and the picture is a last convolution of the finest features, pixel-shuffled. The posterior sees the bottom-up features
of its level, e, beside y. m(x) = a x + b with vectors a, b that depend on the quality (knots.py), and so do the vectors
s: one set of weights covers the whole curve. (After the RD-VAE of Duan et al. 2023, arXiv:2302.05513, with dense
convolutions, which two processors train faster, ReLUs and no norms, so that the top-down half has an exact form.)
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rec_jax.core.layers import Layer
from rec_jax.models.base import Draw, Group
from rec_jax.models.rd_vae_start import OUTPUT_BITS, start
from rec_jax.models.shuffle import depth_to_space, space_to_depth


@dataclass(frozen=True)
class RDLevel:
    """One resolution: the picture's side / stride, `width` features, layers of `channels` latents."""

    stride: int
    width: int
    layers: int
    channels: int
    blocks: int  # residual blocks of the bottom-up pass


@dataclass(frozen=True)
class RDVAE:
    """See the module's docstring; base.LossyModel documents the methods. levels: finest first."""

    levels: tuple[RDLevel, ...]
    knots: int = 6
    lambdas: tuple[float, float] = (0.001, 0.1)
    distortion: str = "mse"

    encoder_only = ("up", "down_sample", "posterior")

    @property
    def stride(self) -> int:
        return self.levels[-1].stride

    @property
    def groups(self) -> list[Group]:
        return [Group(level.layers, level.stride, level.channels) for level in reversed(self.levels)]

    def start(self, x):
        return start(self, x)

    def infer(self, net, params, x):
        h, contexts, stride = x, [], 1
        for i, level in enumerate(self.levels):
            h = net.conv(params["down_sample"][i], space_to_depth(h, level.stride // stride))
            for block in params["up"][i].get("blocks", []):  # a file keeps no empty list
                h = residual(net, block, h)

            def look(h, own):
                return h, (net.conv(own["hidden"], h), net.conv(own["loc"], h))

            _, seen = net.repeat(look, h, params["up"][i]["look"])
            contexts.append(seen)
            stride = level.stride
        return contexts[::-1]

    def top_down(self, net, params, draw: Draw, batch, size, contexts=None, inputs=None):
        """The only place where the order of layers is written."""
        h = net.tile(params["top"], (batch, size[0] // self.stride, size[1] // self.stride))
        records, first = [], 0
        for g, level in enumerate(reversed(self.levels)):
            i = len(self.levels) - 1 - g
            numbers = np.arange(first, first + level.layers, dtype=np.int32)
            layers = Layer(numbers, self.group_params(params, g), contexts and contexts[g], inputs and inputs[g])

            def step(h, layer):
                return self._step(net, draw, h, layer)

            h, record = net.repeat(step, h, layers)
            records.append(record)
            first += level.layers
            if i:
                h = depth_to_space(net.conv(params["up_sample"][i - 1], h), level.stride // self.levels[i - 1].stride)
        h = residual(net, params["tail"], h)
        pixels = net.halve(net.output_conv(params["output"], h), OUTPUT_BITS)
        return depth_to_space(pixels, self.levels[0].stride), records

    def _step(self, net, draw: Draw, h, layer: Layer):
        own = layer.params
        y = net.modulate_relu(net.conv(own["front"], h), own["front_at"])
        prior = net.conv(own["prior"], y)
        s = prior.shape[-1] // 2
        z, record = draw(layer, (prior[..., :s], net.add(prior[..., s:], own["prior_scale"])), y)
        return net.add_scaled(h, 1.0, net.conv(own["merge"], net.concat([y, z]))), record

    def group_params(self, params, group):
        return params["layers"][len(self.levels) - 1 - group]

    def posterior(self, net, params, hidden, context):
        own, (seen, loc) = params["posterior"], context
        y = net.modulate_relu(net.add(seen, net.conv(own["hidden"], hidden)), own["at"])
        r = net.conv(own["head"], y)
        s = loc.shape[-1]
        return loc + r[..., :s], r[..., s:] + own["scale"]


def residual(net: Any, block: dict, h: Any) -> Any:
    """h + conv(relu(m(conv(h))))."""
    y = net.modulate_relu(net.conv(block["first"], h), block["at"])
    return net.add_scaled(h, 1.0, net.conv(block["second"], y))

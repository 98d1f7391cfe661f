"""Bit-Swap's model: a Markov chain of logistic latents, z_1 nearest to the picture.

Kingma, Abbeel and Ho, "Bit-Swap: recursive bits-back coding for lossless compression with hierarchical latent
variables" (ICML 2019, arXiv:1905.06845). Every arrow looks at one neighbour alone,

    p(x, z) = p(x | z_1) p(z_1 | z_2) ... p(z_{L-1} | z_L) p(z_L),
    q(z | x) = q(z_1 | x) q(z_2 | z_1) ... q(z_L | z_{L-1}),

so that z_1 can be pushed on a stack before z_3 is popped (codec/bit_swap.py). All laws of latents are logistic, with
scales bounded below (logistics.py), and p(z_L) is the standard one; p(x | z_1) is a discretised logistic with a free
scale for every pixel and colour.

Differs from the paper: docs/RIVALS.md.
"""

from dataclasses import dataclass
from typing import Any

from rec_jax.models.base import Group
from rec_jax.models.likelihoods.logistic import FreeScaleLogistic
from rec_jax.models.shuffle import depth_to_space, space_to_depth

STRIDE = 2  # picture side / latent side
_WIDE = 5  # side of the kernels nearest to the picture
_PICTURE_GAIN = 0.05


@dataclass(frozen=True)
class BitSwap:
    """See the module's docstring; base.MarkovModel documents the methods.

    side: of a picture.  layers: L.  width: features.  channels: latents at a place of a layer.  wide_units: residual
    units with 5x5 convolutions in q(z_1 | x), as many in p(x | z_1).  units: residual units with 3x3 convolutions,
    divided over the layers, first ones first; as many on both sides.
    """

    side: int = 32
    layers: int = 4
    width: int = 48
    channels: int = 8
    wide_units: int = 2
    units: int = 4

    encoder_only = ()  # a decoder pushes what an encoder popped

    @property
    def stride(self) -> int:
        return self.side

    @property
    def groups(self) -> list[Group]:
        return [Group(self.layers, STRIDE, self.channels)]

    @property
    def likelihood(self) -> FreeScaleLogistic:
        return FreeScaleLogistic(self.side)

    def empty_params(self) -> dict[str, Any]:
        infer = [self._net(number, number == 0) for number in range(self.layers)]
        generate = [self._net(number, number == 0) for number in range(self.layers)]
        return {"infer": infer, "generate": generate}

    def _net(self, number: int, has_wide: bool) -> dict[str, Any]:
        """A file keeps no empty list."""
        counts = {"units": self.units // self.layers + (number < self.units % self.layers)}
        counts["wide_units"] = self.wide_units if has_wide else 0
        units = {name: [{"first": {}, "second": {}} for _ in range(n)] for name, n in counts.items() if n}
        return {"in": {}, "out": {}} | units

    def inference_law(self, net, params, number, below):
        own = params["infer"][number]
        h = space_to_depth(below, STRIDE) if number == 0 else below
        h = net.elu(net.conv(own["in"], h, self.width, size=3 if number else _WIDE))
        h = self._units(net, own, "units", self._units(net, own, "wide_units", h))
        return self._law(net, own, h)

    def generative_law(self, net, params, number, above):
        own = params["generate"][number]
        h = net.elu(net.conv(own["in"], above, self.width))
        return self._law(net, own, self._units(net, own, "units", h))

    def outputs(self, net, params, z):
        own = params["generate"][0]
        h = net.elu(net.conv(own["in"], z, self.width))
        h = self._units(net, own, "wide_units", self._units(net, own, "units", h))
        pixels = net.output_conv(own["out"], net.elu(h), 3 * STRIDE**2, init_scale=_PICTURE_GAIN)
        return depth_to_space(pixels, STRIDE)

    def _units(self, net, own: dict, name: str, h):
        """h + conv(elu(conv(elu(h)))), again and again; the last gains start at 0."""
        size = _WIDE if name == "wide_units" else 3
        for unit in own.get(name, ()):
            y = net.conv(unit["first"], net.elu(h), self.width, size=size)
            y = net.conv(unit["second"], net.elu(y), self.width, init_scale=0.0, size=size)
            h = net.add_scaled(h, 1.0, y)
        return h

    def _law(self, net, own: dict, h):
        law = net.conv(own["out"], net.elu(h), 2 * self.channels, init_scale=self.layers**-0.5)
        return law[..., : self.channels], law[..., self.channels :]

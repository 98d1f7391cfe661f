"""The paper's two-level VAE for lossy pictures: Balle 2018's transforms, Gaussian posteriors in place of quantisation.

    e1 = g_a(x),  e2 = h_a(loc of e1),      z2 ~ p(z2),  z1 ~ p(z1 | z2) = N(h_s(z2)),      picture = g_s(z1)
    q(z_l | x, z_>l) = N(prior_loc + gain (e_loc - prior_loc) + r_loc,  exp(r_scale + s)^2),
    r = conv1x1(elu(m(concat(e, prior)))),

z1 at stride 16, z2 at stride 64, all dims independent. g_a has GDN and g_s its inverse (gdn.py), h_a and h_s ReLUs. One
set of weights covers the curve, as in rd_vae.py: m(x) = a x + b before every nonlinearity, gain, s, the base scales of
p(z1 | z2) and all of p(z2) depend on the quality (knots.py).

Differs from the paper (Flamich et al. 2020, arXiv:2010.01185), which trains one model per lambda and has no m or gain:
p(z2) is a Gaussian per channel, where a learned vector, tiled, goes through two convolutions, which say the same away
from the borders; scales are exp, not softplus; GDN has exponent 1; a 5x5 convolution of stride 2 is a 3x3 one of
shuffled pixels, which sees 6x6; z2's posterior has the form of z1's; 196 features everywhere are `widths`.
"""

from dataclasses import dataclass

import numpy as np

from rec_jax.core.layers import Layer
from rec_jax.models.base import Draw, Group
from rec_jax.models.gdn import gdn, igdn
from rec_jax.models.rd_vae_start import OUTPUT_BITS
from rec_jax.models.shuffle import depth_to_space, space_to_depth
from rec_jax.models.two_level_start import start


@dataclass(frozen=True)
class TwoLevelVAE:
    """See the module's docstring; base.LossyModel documents the methods.

    widths: features of g_a and g_s at strides 2, 4, 8 ...  channels: of z1, at twice the last of these strides.
    hyper_width: features of h_a and h_s.  hyper_channels: of z2, at four times z1's stride.
    """

    widths: tuple[int, ...]
    channels: int
    hyper_width: int
    hyper_channels: int
    knots: int = 6
    lambdas: tuple[float, float] = (0.001, 0.1)
    distortion: str = "mse"

    encoder_only = ("analysis", "hyper_analysis", "posterior")

    @property
    def stride(self) -> int:
        return 2 ** (len(self.widths) + 3)

    @property
    def groups(self) -> list[Group]:
        return [Group(1, self.stride, self.hyper_channels), Group(1, self.stride // 4, self.channels)]

    def start(self, x):
        return start(self, x)

    def infer(self, net, params, x):
        own, h = params["analysis"], x
        for level in own["levels"]:
            h = net.modulate(net.conv(level["in"], space_to_depth(h, 2)), level["at"])
            h = gdn(net, level["gdn"], h)
        e1 = net.conv(own["heads"], space_to_depth(h, 2))
        own = params["hyper_analysis"]
        h = net.modulate_relu(net.conv(own["first"], e1[..., : self.channels]), own["first_at"])
        h = net.modulate_relu(net.conv(own["second"], space_to_depth(h, 2)), own["second_at"])
        e2 = net.conv(own["heads"], space_to_depth(h, 2))
        return [e2[None], e1[None]]

    def top_down(self, net, params, draw: Draw, batch, size, contexts=None, inputs=None):
        """The only place where the order of layers is written."""

        def drawn(group, prior):
            number = np.array([group], np.int32)
            layers = Layer(
                number, self.group_params(params, group), contexts and contexts[group], inputs and inputs[group]
            )
            hidden = net.concat(prior)
            return net.repeat(lambda _, layer: draw(layer, prior, hidden), prior[0], layers)

        top = params["top"]
        at_top = (batch, size[0] // self.stride, size[1] // self.stride)
        h, above = drawn(0, (net.tile(top["loc"], at_top), net.tile(top["log_scale"], at_top)))
        own = params["hyper_synthesis"]
        for level in own["levels"]:
            h = net.modulate_relu(depth_to_space(net.conv(level["in"], h), 2), level["at"])
        h = net.conv(own["heads"], h)
        prior = h[..., : self.channels], net.add(h[..., self.channels :], own["log_scale"])
        h, below = drawn(1, prior)
        for level in reversed(params["synthesis"]):
            h = net.modulate(depth_to_space(net.conv(level["in"], h), 2), level["at"])
            h = igdn(net, level["igdn"], h)
        pixels = net.halve(net.output_conv(params["output"], h), OUTPUT_BITS)
        return depth_to_space(pixels, 2), [above, below]

    def group_params(self, params, group):
        return params["layers"][group]

    def posterior(self, net, params, hidden, context):
        own, n = params["posterior"], hidden.shape[-1] // 2
        r = net.conv(own["head"], net.elu(net.modulate(net.concat([context, hidden]), own["at"])))
        prior_loc = hidden[..., :n]
        loc = prior_loc + own["gain"] * (context[..., :n] - prior_loc) + r[..., :n]
        return loc, r[..., n:] + own["log_scale"]

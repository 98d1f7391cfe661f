"""Integer discrete flows: an invertible map from the integers of a picture to integers that cost less.

A level squeezes 2x2 squares into channels and moves a quarter of them, step by step, by what the others say,

    b <- b + round(256 (s(a) + g t(a))),

which its decoder takes back: s is a convolution, t a dense network, g a gate that begins at 0. Then half of the
channels leave as y_l, under mixtures of logistics that a network makes of the other half, which goes on to the next
level; the last level's are z, under a mixture per channel. Nothing bounds the integers.

After Hoogeboom et al. 2019 (arXiv:1905.07376); gates, and permutations that are undone after each coupling, after van
den Berg et al. 2020 (arXiv:2006.12459). Differs from the papers: s, which begins as a linear prediction; mixtures in
place of one logistic for the y_l, and laws of z that are the same at all positions, so that pictures may have any size;
the channels lie square by square, not colour by colour, so y_l are the lower rows; one permutation per level, of which
each step moves the next quarter.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from rec_jax.models.base import Group, IntegerLaw
from rec_jax.models.channel_order import channel_order
from rec_jax.models.idf_start import LINEAR_BITS, start
from rec_jax.models.shuffle import depth_to_space, space_to_depth

VALUE_BITS = 8  # integers are in units of 2^-8 of what networks see


@dataclass(frozen=True)
class IDF:
    """See the module's docstring; base.IntegerFlow documents the methods.

    steps: couplings per level.  growth, depth: channels that a dense network adds in all, and in how many layers.
    n_components: logistics in the mixtures of y_l.
    """

    levels: int = 3
    steps: int = 3
    growth: int = 96
    depth: int = 6
    n_components: int = 3

    encoder_only = ()

    @property
    def stride(self) -> int:
        return 1 << self.levels

    @property
    def groups(self) -> list[Group]:
        return []

    def start(self, x):
        return start(self, x)

    def forward(self, net, params, values):
        h, parts = values, []
        for level, own in enumerate(params["levels"]):
            h = space_to_depth(h, 2)
            for step in range(self.steps):
                h = _couple(net, own["steps"][step], channel_order(level, step, h.shape[-1]), h, 1)
            if "prior" in own:
                h, leaves = net.xp.split(h, 2, axis=-1)
                parts.append((leaves, self._law(net, own["prior"], h)))
        return [(h, _top_law(params)), *reversed(parts)]

    def inverse(self, net, params, read, size):
        height, width, n_channels = *(side >> self.levels for side in size), 3 << (self.levels + 1)
        h = read(_top_law(params), (height, width, n_channels))
        for level, own in reversed(list(enumerate(params["levels"]))):
            if "prior" in own:
                h = net.concat([h, read(self._law(net, own["prior"], h), h.shape[1:])])
            for step in reversed(range(self.steps)):
                h = _couple(net, own["steps"][step], channel_order(level, step, h.shape[-1]), h, -1)
            h = depth_to_space(h, 2)
        return h

    def _law(self, net, own: dict, kept: Any) -> IntegerLaw:
        seen = net.from_grid(kept, VALUE_BITS)
        said = _dense(net, own["net"], seen).reshape(*kept.shape[:-1], 3, kept.shape[-1], self.n_components)
        predicted = _linear(net, own, seen)[..., None]
        return IntegerLaw(said[..., 0, :, :], said[..., 1, :, :] + predicted, said[..., 2, :, :])


def _top_law(params: dict) -> IntegerLaw:
    law = params["likelihood"]
    return IntegerLaw(law["logits"], law["loc"], law["log_scale"])


def _couple(net: Any, own: dict, order: tuple[int, ...], h: Any, sign: int) -> Any:
    """Moves the last quarter of the channels, in an order that is then undone; sign -1 takes it back."""
    h = net.permute(h, order)
    n_kept = len(order) - len(order) // 4
    a, b = h[..., :n_kept], h[..., n_kept:]
    seen = net.from_grid(a, VALUE_BITS)
    moves = _linear(net, own, seen) + net.gated(_dense(net, own["net"], seen), own["gate"])
    h = net.concat([a, b + sign * net.to_grid(moves, VALUE_BITS)])
    return net.permute(h, tuple(np.argsort(order).tolist()))


def _linear(net: Any, own: dict, x: Any) -> Any:
    """A prediction, of weights that are 2^LINEAR_BITS times as large: so they are learned in smaller steps."""
    return net.halve(net.output_conv(own["linear"], x), LINEAR_BITS)


def _dense(net: Any, own: dict, x: Any) -> Any:
    """A network whose every layer sees those before it; an output."""
    for layer in own["layers"]:
        x = net.concat([x, net.conv_relu(layer["out"], net.conv_relu(layer["in"], x))])
    return net.output_conv(own["last"], x)

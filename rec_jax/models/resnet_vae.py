"""The bidirectional ResNet VAE of HiLLoC (Townsend et al. 2020, after Kingma et al. 2016) and of the paper's files.

Bottom-up, every block passes a mean and a log-scale per latent to the top-down block of its own depth, where

    q(z_l | x, z_<l) = N(up_loc + down_loc, exp(up_log_scale + down_log_scale)^2),   p(z_l | z_<l) top-down alone.

Both passes are residual: h + 0.1 f(h), ELU, 3x3. The blocks of a level have one shape and one stacked parameter tree
[blocks, ...]: scanned where compile time matters, unrolled where XLA's convolutions inside loops are slow (training).

Differs from the paper: 5x5 stride-2 convolutions are 3x3 ones on pixel-unshuffled images (support 6x6), which every
device runs fast; a model may have several levels of resolution, the paper's has one.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from rec_jax.core.layers import Layer, LayerStack
from rec_jax.models.base import Draw, Group
from rec_jax.models.likelihoods.base import Likelihood
from rec_jax.models.shuffle import depth_to_space, space_to_depth

RESIDUAL_SCALE = 0.1


@dataclass(frozen=True)
class Level:
    """Blocks of one resolution: image size / stride, `blocks` of them, with so many channels."""

    stride: int
    blocks: int
    deterministic: int
    stochastic: int


@dataclass(frozen=True)
class ResNetVAE:
    """See the module's docstring; base.LatentModel documents the methods. levels: finest first."""

    levels: tuple[Level, ...]
    likelihood: Likelihood

    encoder_only = ("up", "down_sample", "posterior")

    @property
    def stride(self) -> int:
        return self.levels[-1].stride

    @property
    def groups(self) -> list[Group]:
        return [Group(level.blocks, level.stride, level.stochastic) for level in reversed(self.levels)]

    def empty_params(self) -> dict[str, Any]:
        def blocks(level: Level, *names: str):
            return LayerStack({name: {} for name in names} for _ in range(level.blocks))

        return {
            "top": np.zeros(self.levels[-1].deterministic, np.float32),
            "down_sample": [{} for _ in self.levels],
            "up": [blocks(level, "conv1", "statistics", "conv2") for level in self.levels],
            "down": [blocks(level, "conv1", "prior", "posterior", "conv2") for level in self.levels],
            "up_sample": [{} for _ in self.levels],
        }

    def infer(self, net, params, x):
        h, contexts = x, []
        for i, (level, factor) in enumerate(zip(self.levels, self._factors(), strict=True)):
            h = net.conv(params["down_sample"][i], space_to_depth(h, factor), level.deterministic)

            def step(h, block, level=level):
                return self._up_step(net, level, h, block)

            h, statistics = net.repeat(step, h, params["up"][i], reverse=True)
            contexts.append(statistics)
        return contexts[::-1]

    def _up_step(self, net, level: Level, h, block):
        c, s = level.deterministic, level.stochastic
        y = net.conv(block["conv1"], net.elu(h), c)
        statistics = net.conv(block["statistics"], net.elu(y), 2 * s, init_scale=0.1)
        y = net.conv(block["conv2"], net.elu(y), c)
        return net.add_scaled(h, RESIDUAL_SCALE, y), (statistics[..., :s], statistics[..., s:])

    def top_down(self, net, params, draw: Draw, batch, size, contexts=None, inputs=None):
        """The only place where the order of layers is written."""
        h = net.tile(params["top"], (batch, size[0] // self.stride, size[1] // self.stride))
        records, first, factors = [], 0, self._factors()
        for g, i in enumerate(reversed(range(len(self.levels)))):
            level = self.levels[i]
            numbers = np.arange(first, first + level.blocks, dtype=np.int32)
            layers = Layer(numbers, self.group_params(params, g), contexts and contexts[g], inputs and inputs[g])

            def step(h, layer, level=level):
                return self._down_step(net, level, draw, h, layer)

            h, record = net.repeat(step, h, layers)
            records.append(record)
            first += level.blocks
            h = depth_to_space(self._up_sample(net, params["up_sample"][i], i, net.elu(h), factors[i]), factors[i])
        return h, records

    def _down_step(self, net, level: Level, draw: Draw, h, layer: Layer):
        c, s = level.deterministic, level.stochastic
        hidden = net.elu(net.conv(layer.params["conv1"], net.elu(h), c))
        prior = net.conv(layer.params["prior"], hidden, 2 * s, init_scale=0.1)
        z, record = draw(layer, (prior[..., :s], prior[..., s:]), hidden)
        y = net.conv(layer.params["conv2"], net.concat([hidden, net.elu(z)]), c)
        return net.add_scaled(h, RESIDUAL_SCALE, y), record

    def _up_sample(self, net, params, i: int, h, factor: int):
        if i == 0:
            return net.output_conv(params, h, self.likelihood.n_outputs * factor**2, init_scale=0.1)
        return net.conv(params, h, self.levels[i - 1].deterministic * factor**2)

    def group_params(self, params, group):
        return params["down"][len(self.levels) - 1 - group]

    def posterior(self, net, params, hidden, context):
        s = context[0].shape[-1]
        r = net.conv(params["posterior"], hidden, 2 * s, init_scale=0.1)
        return context[0] + r[..., :s], context[1] + r[..., s:]

    def _factors(self) -> list[int]:
        """By how much each level is coarser than the one before it, the pixels first."""
        return [coarse // fine for fine, coarse in pairwise([1, *(level.stride for level in self.levels)])]

"""The bidirectional ResNet VAE of HiLLoC (Townsend et al. 2020, after Kingma et al. 2016) and of the paper's files.

Bottom-up, every block passes a mean and a log-scale per latent to the top-down block of its own depth, where

    q(z_l | x, z_<l) = N(up_loc + down_loc, exp(up_log_scale + down_log_scale)^2),   p(z_l | z_<l) top-down alone.

Both passes are residual: h + 0.1 f(h), ELU, 3x3, weight norm. The blocks of a level have one shape and one stacked
parameter tree [blocks, ...]: scanned where compile time matters, unrolled where XLA's CPU convolutions inside loops
are slow (training).

Differs from the paper: 5x5 stride-2 convolutions are 3x3 ones on pixel-unshuffled images (support 6x6), which every
device runs fast; a model may have several levels of resolution, the paper's has one.
"""

import math
from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.prng import child_key
from rec_jax.models.base import Draw
from rec_jax.models.layers import WeightNormConv, depth_to_space, space_to_depth
from rec_jax.models.likelihoods import Likelihood, scale_pixels

RESIDUAL_SCALE = 0.1
MAX_LOG_SCALE = 6.0  # exp(+-6): a latent's scale beyond this is a diverged network, not information


@dataclass(frozen=True)
class Level:
    """Blocks of one resolution: image size / stride, `blocks` of them, with so many channels."""

    stride: int
    blocks: int
    deterministic: int
    stochastic: int


class UpBlock(nn.Module):
    """Bottom-up block: h -> (h', (loc, log_scale)) with latents' statistics [B, h, w, S]."""

    level: Level
    dtype: Any

    @nn.compact
    def __call__(self, h):
        c, s = self.level.deterministic, self.level.stochastic
        y = WeightNormConv(c, dtype=self.dtype, name="conv1")(nn.elu(h))
        statistics = WeightNormConv(2 * s, init_scale=0.1, dtype=self.dtype, name="statistics")(nn.elu(y))
        y = WeightNormConv(c, dtype=self.dtype, name="conv2")(nn.elu(y))
        return h + RESIDUAL_SCALE * y, tuple(jnp.split(statistics, 2, axis=-1))


class DownBlock(nn.Module):
    """Top-down block in two halves around the draw: `prior` before it, `update` after it."""

    level: Level
    dtype: Any

    def setup(self):
        c, s = self.level.deterministic, self.level.stochastic
        self.conv1 = WeightNormConv(c, dtype=self.dtype)
        self.statistics = WeightNormConv(4 * s, init_scale=0.1, dtype=self.dtype)
        self.conv2 = WeightNormConv(c, dtype=self.dtype)

    def prior(self, h):
        """h [B, h, w, C] -> (hidden, prior (loc, log_scale), what the posterior adds to the bottom-up's same pair)."""
        hidden = nn.elu(self.conv1(nn.elu(h)))
        p_loc, p_log_scale, r_loc, r_log_scale = jnp.split(self.statistics(hidden), 4, axis=-1)
        return hidden, (p_loc, p_log_scale), (r_loc, r_log_scale)

    def update(self, h, hidden, z):
        """Residual update of h by the drawn z [B, h, w, S]."""
        return h + RESIDUAL_SCALE * self.conv2(jnp.concatenate([hidden, nn.elu(z)], axis=-1))

    def __call__(self, h, up):
        hidden, p, r = self.prior(h)
        z = up[0] + r[0]
        return self.update(h, hidden, z)


def _gaussian(loc, log_scale) -> DiagGaussian:
    return DiagGaussian(loc, jnp.exp(jnp.clip(log_scale, -MAX_LOG_SCALE, MAX_LOG_SCALE)))


@dataclass(frozen=True)
class ResNetVAE:
    """See the module's docstring. levels: finest first. unroll: trade compile time for CPU speed of the gradient."""

    levels: tuple[Level, ...]
    likelihood: Likelihood
    compute_dtype: Any = jnp.float32
    unroll: bool = False

    @property
    def n_layers(self) -> int:
        return sum(level.blocks for level in self.levels)

    @property
    def stride(self) -> int:
        return self.levels[-1].stride

    def latent_shapes(self, height: int, width: int) -> list[tuple[int, int, int]]:
        return [
            (height // level.stride, width // level.stride, level.stochastic)
            for level in reversed(self.levels)
            for _ in range(level.blocks)
        ]

    # ---- the two passes ----------------------------------------------------------------------------------------

    def infer(self, params, images):
        """Bottom-up statistics: a list over levels, finest first, of (loc, log_scale) [blocks, B, h, w, S]."""
        h, statistics, factors = scale_pixels(images), [], self._factors()
        for level, block_params, conv, factor in zip(
            self.levels, params["up"], params["down_sample"], factors, strict=True
        ):
            block = UpBlock(level, self.compute_dtype)
            h = self._conv(level.deterministic).apply({"params": conv}, space_to_depth(h, factor))
            h, stats = self._walk(
                lambda h, p, block=block: block.apply({"params": p}, h), h, block_params, reverse=True
            )
            statistics.append(stats)
        return statistics

    def top_down(self, params, draw: Draw, *, batch, height, width, inference=None, inputs=None):
        """The only place where the order of layers is written; see base.LatentModel."""
        coarsest, n = self.levels[-1], len(self.levels)
        shape = (batch, height // coarsest.stride, width // coarsest.stride, coarsest.deterministic)
        h = jnp.broadcast_to(params["top"], shape)
        records, first, factors = [], 0, self._factors()
        for i in reversed(range(n)):
            level = self.levels[i]
            xs = (
                first + jnp.arange(level.blocks),
                params["down"][i],
                None if inference is None else inference[i],
                None if inputs is None else inputs[n - 1 - i],
            )
            h, record = self._walk(self._down_step(level, draw), h, xs)
            records.append(record)
            first += level.blocks
            features = self.likelihood.n_outputs if i == 0 else self.levels[i - 1].deterministic
            h = self._conv(features * factors[i] ** 2, i == 0).apply({"params": params["up_sample"][i]}, nn.elu(h))
            h = depth_to_space(h, factors[i])
        return {"shared": params["likelihood"], "outputs": h}, records

    def _down_step(self, level: Level, draw: Draw):
        block = DownBlock(level, self.compute_dtype)

        def step(h, x):
            layer, block_params, up, inputs = x
            variables = {"params": block_params}
            hidden, prior, r = block.apply(variables, h, method=block.prior)
            q = None if up is None else _gaussian(up[0] + r[0], up[1] + r[1])
            z, record = draw(layer, q, _gaussian(*prior), inputs)
            return block.apply(variables, h, hidden, z, method=block.update), record

        return step

    def _walk(self, step, h, xs, reverse=False):
        if not self.unroll:
            return jax.lax.scan(step, h, xs, reverse=reverse)
        length = jax.tree.leaves(xs)[0].shape[0]
        order = reversed(range(length)) if reverse else range(length)
        records = [None] * length
        for i in order:
            h, records[i] = step(h, jax.tree.map(lambda x, i=i: x[i], xs))
        return h, jax.tree.map(lambda *leaves: jnp.stack(leaves), *records)

    def _factors(self) -> list[int]:
        strides = [1] + [level.stride for level in self.levels]
        return [fine_to_coarse // fine for fine, fine_to_coarse in zip(strides, strides[1:], strict=False)]

    def _conv(self, features: int, to_pixels: bool = False) -> WeightNormConv:
        return WeightNormConv(features, init_scale=0.1 if to_pixels else 1.0, dtype=self.compute_dtype)

    # ---- initialisation: the same two passes, each block initialised by what reaches it ---------------------------

    def init(self, key, images):
        """Data-dependent initial parameters from uint8 images [B, H, W, 3]; B of 32 or more is wise."""
        keys = jax.random.split(key, 4)
        x = scale_pixels(images)
        top = 0.1 * jax.random.normal(keys[2], (self.levels[-1].deterministic,))
        down_sample, up, ups = self._init_up(keys[:2], x)
        down, up_sample = self._init_down(keys[3], images.shape, top, ups)
        return {
            "top": top,
            "likelihood": self.likelihood.init(x),
            "down_sample": down_sample,
            "up": up,
            "down": down,
            "up_sample": up_sample,
        }

    def _init_up(self, keys, h):
        samplers, stacks, statistics = [], [], []
        for i, (level, factor) in enumerate(zip(self.levels, self._factors(), strict=True)):
            block = UpBlock(level, jnp.float32)
            h = space_to_depth(h, factor)
            h, conv = self._conv(level.deterministic).init_with_output(child_key(keys[0], i), h)
            block_keys = jax.random.split(child_key(keys[1], i), level.blocks)

            def step(h, key, block=block):
                (h, stats), variables = block.init_with_output(key, h)
                return h, (variables["params"], stats)

            h, (stack, stats) = jax.lax.scan(step, h, block_keys, reverse=True)
            samplers.append(conv["params"])
            stacks.append(stack)
            statistics.append(stats)
        return samplers, stacks, statistics

    def _init_down(self, key, image_shape, top, ups):
        coarsest, factors = self.levels[-1], self._factors()
        h = jnp.broadcast_to(
            top, (image_shape[0], *(math.ceil(n / coarsest.stride) for n in image_shape[1:3]), top.shape[0])
        )
        stacks, samplers = [None] * len(self.levels), [None] * len(self.levels)
        for i in reversed(range(len(self.levels))):
            level = self.levels[i]
            block = DownBlock(level, jnp.float32)
            block_keys = jax.random.split(child_key(key, 2 * i), level.blocks)

            def step(h, x, block=block):
                h, variables = block.init_with_output(x[0], h, x[1])
                return h, variables["params"]

            h, stacks[i] = jax.lax.scan(step, h, (block_keys, ups[i]))
            features = self.likelihood.n_outputs if i == 0 else self.levels[i - 1].deterministic
            conv = self._conv(features * factors[i] ** 2, i == 0)
            h, sampler = conv.init_with_output(child_key(key, 2 * i + 1), nn.elu(h))
            samplers[i] = sampler["params"]
            h = depth_to_space(h, factors[i])
        return stacks, samplers

"""p(x | z): mixtures of discretised logistics, one conditional mixture per colour channel.

Pixel value v in 0..255 stands at (v + 1/2) / 256 - 1/2 and owns a bin of width 1/256, so that the 256 bins tile
[-1/2, 1/2]; the outer two reach to infinity. With F the logistic CDF and edges a > b = a - 1/(256 s),

    P(v) = F(a) - F(b) = F(a) F(-b) (1 - e^(b - a))        (stable for every scale s)

Channel c may depend on the channels before it at the same pixel, which is why `components` takes x and a channel.
The same `components` runs under jax (training) and in float64 numpy (the codec's integer tables): `xp` says which.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

N_VALUES = 256
MIN_LOG_SCALE = -8.0  # 1/12 of a bin: sharper than that, a component is a single value


class Mixture(NamedTuple):
    """One channel's mixture of logistics on [-1/2, 1/2]; arrays [..., n] with n components."""

    log_weight: Any
    loc: Any
    log_scale: Any


class Likelihood(Protocol):
    """Maps what the network puts out at a pixel to three conditional mixtures."""

    n_outputs: int  # channels that the network must put out per pixel

    def init(self, x: jax.Array) -> dict[str, jax.Array]:
        """Parameters shared by all pixels, from a first batch of scaled pixels x [B, H, W, 3]."""

    def from_logistic(self, shared: dict[str, jax.Array]) -> tuple[dict[str, jax.Array], list[int | None]]:
        """How to go on from a network trained under `Logistic`: see models.widen.

        Returns own shared parameters that stand for its `shared`, and for each own output the one of its 3 outputs
        that it starts as, or None if it starts at 0.
        """

    def components(self, shared, outputs, x, channel: int, xp=jnp) -> Mixture:
        """Mixture of `channel` given x[..., :channel]; outputs [..., n_outputs], x [..., 3] scaled pixels."""


@dataclass(frozen=True)
class Logistic:
    """The paper's: one logistic per channel, one learned log-scale for all pixels and channels."""

    n_outputs: int = 3

    def init(self, x):
        return {"log_scale": matching_log_scale(x)}

    def from_logistic(self, shared):
        return shared, [0, 1, 2]

    def components(self, shared, outputs, x, channel, xp=jnp):
        loc = outputs[..., channel, None]
        log_scale = xp.maximum(shared["log_scale"], MIN_LOG_SCALE)
        return Mixture(xp.zeros_like(loc), loc, xp.broadcast_to(log_scale, loc.shape))


@dataclass(frozen=True)
class PixelScaleLogistic:
    """One logistic per channel with a scale of its own at every pixel."""

    n_outputs: int = 6

    def init(self, x):
        return {"log_scale": matching_log_scale(x)}

    def from_logistic(self, shared):
        return shared, [0, 1, 2, None, None, None]

    def components(self, shared, outputs, x, channel, xp=jnp):
        loc = outputs[..., channel, None]
        log_scale = xp.maximum(shared["log_scale"] + outputs[..., 3 + channel, None], MIN_LOG_SCALE)
        return Mixture(xp.zeros_like(loc), loc, log_scale)


@dataclass(frozen=True)
class ColourMixture:
    """n logistics per channel; the locs of green and blue depend linearly on the channels before them.

    Outputs per pixel, each [n]: 3 weights, 3 locs, 3 log-scales, and the slopes g|r, b|r, b|g. The dependence is
    PixelCNN++'s (arXiv:1701.05517); differs from it in that every channel has weights of its own.
    """

    n_components: int

    @property
    def n_outputs(self) -> int:
        return 12 * self.n_components

    def init(self, x):
        return {
            "log_scale": jnp.full((self.n_components,), matching_log_scale(x)),
            "loc": jnp.linspace(-0.2, 0.2, self.n_components) if self.n_components > 1 else jnp.zeros(1),
        }

    def from_logistic(self, shared):
        n = self.n_components  # components of one loc differ by their scales, over a factor of e^2
        spread = jnp.linspace(-1.0, 1.0, n) if n > 1 else jnp.zeros(1)
        sources = [None] * 3 * n + [0] * n + [1] * n + [2] * n + [None] * 6 * n
        return {"log_scale": shared["log_scale"] + spread, "loc": jnp.zeros(n)}, sources

    def components(self, shared, outputs, x, channel, xp=jnp):
        part = outputs.reshape(*outputs.shape[:-1], 12, self.n_components)
        logits, slopes = part[..., channel, :], part[..., 9:, :]
        loc = shared["loc"] + part[..., 3 + channel, :]
        if channel == 1:
            loc = loc + slopes[..., 0, :] * x[..., 0, None]
        elif channel == 2:
            loc = loc + slopes[..., 1, :] * x[..., 0, None] + slopes[..., 2, :] * x[..., 1, None]
        log_scale = xp.maximum(shared["log_scale"] + part[..., 6 + channel, :], MIN_LOG_SCALE)
        peak = xp.max(logits, axis=-1, keepdims=True)
        log_weight = logits - peak - xp.log(xp.sum(xp.exp(logits - peak), axis=-1, keepdims=True))
        return Mixture(log_weight, loc, log_scale)


def matching_log_scale(x: jax.Array) -> jax.Array:
    """Log-scale of the logistic with the standard deviation of x (at least a bin): std = pi scale / sqrt(3)."""
    return jnp.log(jnp.maximum(jnp.std(x), 1.0 / N_VALUES) * math.sqrt(3.0) / math.pi)


def scale_pixels(images, xp=jnp):
    """uint8 [...] to the centres of their bins in [-1/2, 1/2]; float32 under jax, float64 under numpy."""
    dtype = xp.float32 if xp is jnp else xp.float64
    return (images.astype(dtype) + 0.5) / N_VALUES - 0.5


def log_likelihood_nats(likelihood: Likelihood, shared, outputs: jax.Array, images: jax.Array) -> jax.Array:
    """log p(x | z) of images uint8 [B, H, W, 3] under outputs [B, H, W, n_outputs]; nats per image, [B]."""
    x = scale_pixels(images)
    per_channel = [_log_prob(likelihood.components(shared, outputs, x, c), x[..., c], images[..., c]) for c in range(3)]
    return sum(jnp.sum(nats, axis=(1, 2)) for nats in per_channel)


def _log_prob(mixture: Mixture, x: jax.Array, values: jax.Array) -> jax.Array:
    inverse = jnp.exp(-mixture.log_scale)
    centre = (x[..., None] - mixture.loc) * inverse
    half = 0.5 / N_VALUES * inverse
    below_upper = jnp.where(values[..., None] == N_VALUES - 1, 0.0, jax.nn.log_sigmoid(centre + half))
    above_lower = jnp.where(values[..., None] == 0, 0.0, jax.nn.log_sigmoid(half - centre))
    inner = (values > 0) & (values < N_VALUES - 1)
    width = jnp.where(inner[..., None], jnp.log(-jnp.expm1(-2.0 * half)), 0.0)
    return jax.nn.logsumexp(mixture.log_weight + below_upper + above_lower + width, axis=-1)

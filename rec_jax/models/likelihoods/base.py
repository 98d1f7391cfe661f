"""p(x | z) as mixtures of discretised logistics, one conditional mixture per colour, coded phase by phase.

Value v of 2^d stands at x = (v + 1/2) / 2^d - 1/2 and owns a bin of width 2^-d, so that the bins tile [-1/2, 1/2]; the
outer two reach to infinity. With F the logistic CDF and the bin's edges at a > b = a - 2^-d / s, in units of s,

    P(v) = F(a) - F(b) = F(a) F(-b) (1 - e^(b - a))        (stable for every scale s)

The locs of green and blue depend linearly on the colours before them at the same pixel. A likelihood may code its
pixels in several phases, each looking at the pixels of those before it.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np

from rec_jax.core.log_sum_exp import log_sum_exp

N_VALUES = 256  # of 8 bits, which networks are trained on
MIN_LOG_SCALE = -8.0  # 1/12 of an 8-bit bin: sharper than that, a component is a single value
ALL = 1 << 30  # more than a picture has
MAX_COMPONENTS = 8  # so that a mixture's integer masses fit 64 bits (exact/mixture.py)


class PixelParams(NamedTuple):
    """Mixtures of n logistics for the pixels of one phase; arrays [..., 3, n] over the colours, in a net's numbers.

    Unnormalised log weights, locs on [-1/2, 1/2], natural log scales, and slopes (g on r, b on r, b on g).
    """

    logits: Any
    loc: Any
    log_scale: Any
    slopes: Any


class Phase(NamedTuple):
    """The pixels (top + i step, left + j step) of a picture, and what else their likelihood wants to know of them."""

    top: int = 0
    left: int = 0
    step: int = 1
    kind: int = 0
    height: int = ALL  # of these pixels, so many rows and columns, or as many as there are
    width: int = ALL

    def of(self, pixels: Any) -> Any:
        """The phase's part of pixels [B, H, W, ...], a view of a numpy array."""
        rows, columns = (
            slice(first, first + n * self.step, self.step)
            for first, n in ((self.top, self.height), (self.left, self.width))
        )
        return pixels[:, rows, columns]


class Likelihood(Protocol):
    """Maps what the network puts out, and the pixels that are known already, to mixtures."""

    @property
    def n_outputs(self) -> int:
        """Channels that the top-down network must put out per pixel."""
        ...

    @property
    def n_components(self) -> int:
        """Logistics in a mixture."""
        ...

    def init(self, x: Any, xp: Any) -> dict[str, Any]:
        """Parameters of its own, from a first batch of scaled pixels x [B, H, W, 3]."""

    def change_coordinates(self, tree: dict[str, Any], to_gradient: bool) -> dict[str, Any]:
        """A gradient of its parameters to the coordinates in which they are learned, or (not to_gradient) an update of
        those back to its parameters. The tree itself, where no others are better.
        """

    def phases(self, height: int, width: int) -> list[Phase]:
        """In coding order; together they hold every pixel of a picture once."""

    def rows(self, net: Any, params: dict, outputs: Any, pixels: Any, phase: Phase, depth: int = 8) -> PixelParams:
        """The mixtures of a phase. outputs [B, H, W, n_outputs]; pixels [B, H, W, 3], values of `depth` bits, of which
        it may look only at those of earlier phases. Under an exact net the results are in units of 2^-16.
        """

    def parts(self, phase: Phase) -> list[Phase]:
        """What a phase can be cut into, so that `rows` of each part are those of the phase there."""

    def reads(self, phase: Phase, earlier: Phase) -> bool:
        """Whether `rows` of a phase may look at pixels of an earlier one; if not, it can be called before."""


class OnePhase:
    """What a likelihood has that codes all pixels at once."""

    def change_coordinates(self, tree: dict[str, Any], to_gradient: bool) -> dict[str, Any]:
        """Its own."""
        del to_gradient
        return tree

    def phases(self, height: int, width: int) -> list[Phase]:
        """All pixels."""
        del height, width
        return [Phase()]

    def parts(self, phase: Phase) -> list[Phase]:
        """One."""
        return [phase]

    def reads(self, phase: Phase, earlier: Phase) -> bool:
        """Nothing is earlier."""
        del phase, earlier
        return False


def scale_pixels(values: Any, depth: int = 8) -> Any:
    """Values 0 .. 2^depth - 1, floats of any array type, to the centres of their bins in [-1/2, 1/2]."""
    return (values + 0.5) * 2.0**-depth - 0.5


def colour_mixture(params: PixelParams, x: Any, channel: int) -> tuple[Any, Any, Any]:
    """(logits, loc, log_scale), [..., n] each, of one colour, given x [..., 3], scaled, of the colours before it."""
    loc = params.loc[..., channel, :]
    if channel == 1:
        loc = loc + params.slopes[..., 0, :] * x[..., 0, None]
    elif channel == 2:
        loc = loc + params.slopes[..., 1, :] * x[..., 0, None] + params.slopes[..., 2, :] * x[..., 1, None]
    return params.logits[..., channel, :], loc, params.log_scale[..., channel, :]


def log_prob_nats(params: PixelParams, values: Any, xp: Any, depth: int = 8, n_channels: int = 3) -> Any:
    """log P of pixel values [..., 3], floats, summed over the first n_channels colours; [...]."""
    x, first, last = scale_pixels(values, depth), values == 0, values == (1 << depth) - 1
    return sum(
        bin_log_prob_nats(colour_mixture(params, x, c), x[..., c], first[..., c], last[..., c], xp, depth)
        for c in range(n_channels)
    )


def bin_log_prob_nats(mixture: tuple[Any, Any, Any], x: Any, first: Any, last: Any, xp: Any, depth: int) -> Any:
    """log of a mixture's mass in the bin of width 2^-depth around x [...]; mixture: see colour_mixture.

    first, last: whether the bin reaches to minus or plus infinity, bool [...].  One logarithm a component:
    log P = log((1 - e^(-2 h)) / ((1 + e^-|a|) (1 + e^-|b|))) - max(-a, 0) - max(b, 0).
    """
    logits, loc, log_scale = mixture
    inverse = xp.exp(-xp.maximum(log_scale, MIN_LOG_SCALE))
    centre, half = (x[..., None] - loc) * inverse, 2.0 ** -(depth + 1) * inverse
    first, last = first[..., None], last[..., None]
    a, b = centre + half, centre - half
    outside = xp.where(last, 1.0, 1.0 + xp.exp(-xp.abs(a))) * xp.where(first, 1.0, 1.0 + xp.exp(-xp.abs(b)))
    width = xp.where(first | last, 1.0, -xp.expm1(-2.0 * half))
    beyond = xp.where(last, 0.0, xp.minimum(a, 0.0)) - xp.where(first, 0.0, xp.maximum(b, 0.0))
    terms = logits + beyond + xp.log(width / outside)
    if terms.shape[-1] == 1:
        return terms[..., 0] - logits[..., 0]
    return log_sum_exp(terms, xp, -1) - log_sum_exp(logits, xp, -1)


def log_likelihood_nats(likelihood: Likelihood, net: Any, params: dict, outputs: Any, images: Any) -> Any:
    """log p(x | z) of images uint8 [B, H, W, 3] under a float net; nats per image, [B]."""
    pixels = images.astype(net.xp.float32)
    return sum(
        log_prob_nats(likelihood.rows(net, params, outputs, pixels, phase), phase.of(pixels), net.xp).sum((1, 2))
        for phase in likelihood.phases(*images.shape[1:3])
    )


def matching_log_scale(x: Any, xp: Any) -> Any:
    """Log-scale of the logistic with the standard deviation of x (at least a bin): std = pi scale / sqrt(3)."""
    return xp.log(xp.maximum(xp.std(x), 1.0 / N_VALUES) * (np.sqrt(3.0) / np.pi))

"""A small Flow++ (Ho et al. 2019, arXiv:1902.00275): a flow of couplings over pixels that a learned flow dequantises.

    x + u,  u = g(e; x) in (0, 1),  e ~ N(0, 1),      z = F(x + u),
    log p(x) >= E[log N(z) + log |dF / dv| - log q(u | x)],      log q(u | x) = log N(e) - log |dg / de|.

One step: both halves of the channels or columns are normalised, affinely per channel; a network of one half says for
every element of the other an increasing map, logit F after an affine one, F a mixture of logistics; and the halves
change places.

Differs from the paper: few couplings; normalised per channel, so that pictures may have any size; no 1x1 matrix, as
their ImageNet models; in the networks neither attention, nor LayerNorm nor dropout, so that they have an exact form.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from rec_jax.models.base import Group
from rec_jax.models.flow_maps import MAX_LOG_SCALE, MIN_LOG_SCALE, Affine, MixtureCoupling, PixelLogit, Sigmoid
from rec_jax.models.flow_pp_start import start
from rec_jax.models.shuffle import depth_to_space, space_to_depth

_SQUEEZE = 2  # pixels to each side of the squares that become channels
Apply = Callable[[Any, Any], Any]  # (an elementwise map f, x) -> f(x), or what codes it; or (f, y) -> x


@dataclass(frozen=True)
class FlowPP:
    """See the module's docstring; base.ContinuousFlow documents the methods.

    couplings: on halves of the columns, on halves of the channels of 2x2 squares, on the squares' columns.
    dequantiser: couplings of g.  width, blocks: of every network.  components: K, of every mixture.
    """

    couplings: tuple[int, int, int] = (2, 1, 2)
    dequantiser: int = 2
    width: int = 32
    blocks: int = 2
    components: int = 4

    encoder_only = ()
    stride = 4

    @property
    def groups(self) -> list[Group]:
        return []

    @property
    def maps_per_value(self) -> int:
        return 2 + self.dequantiser + sum(self.couplings)

    def start(self, x):
        return start(self, x)

    def flow(self, net, params, apply, v):
        h = apply(PixelLogit(), v)
        for own, step in zip(params["main"], self._steps(), strict=True):
            h = _couple(net, own, apply, space_to_depth(h, step.squeeze), step)
        return depth_to_space(h, _SQUEEZE)

    def flow_back(self, net, params, apply, z):
        h = space_to_depth(z, _SQUEEZE)
        for own, step in reversed(list(zip(params["main"], self._steps(), strict=True))):
            h = depth_to_space(_couple_back(net, own, apply, h, step), step.squeeze)
        return apply(PixelLogit(), h)

    def dequantise(self, net, params, apply, e, x):
        own, h = params["dequantiser"], e
        side = _side(net, own, x)
        for i, coupling in enumerate(own["couplings"]):
            h = _couple(net, coupling, apply, h, Step("columns", i % 2 == 1), side)
        return apply(Sigmoid(), h)

    def dequantise_back(self, net, params, apply, u, x):
        own, h = params["dequantiser"], apply(Sigmoid(), u)
        side = _side(net, own, x)
        for i, coupling in reversed(list(enumerate(own["couplings"]))):
            h = _couple_back(net, coupling, apply, h, Step("columns", i % 2 == 1), side)
        return h

    def _steps(self) -> Iterator["Step"]:
        """The steps of F in their order."""
        fine, squares, _ = self.couplings
        for i in range(sum(self.couplings)):
            halves = "channels" if fine <= i < fine + squares else "columns"
            yield Step(halves, i % 2 == 1, _SQUEEZE if i == fine else 1)


@dataclass(frozen=True)
class Step:
    """What a coupling splits; swapped: the second half describes the first.  squeeze: first, squares to channels."""

    halves: str
    swapped: bool
    squeeze: int = 1

    def split(self, h: Any) -> tuple[Any, Any]:
        """(the half that describes, the one that is described)."""
        if self.halves == "columns":
            a, b = h[:, :, 0::2], h[:, :, 1::2]
        else:
            a, b = h[..., : h.shape[-1] // 2], h[..., h.shape[-1] // 2 :]
        return (b, a) if self.swapped else (a, b)

    def merged(self, a: Any, b: Any, xp: Any) -> Any:
        """The inverse of `split`."""
        a, b = (b, a) if self.swapped else (a, b)
        if self.halves == "channels":
            return xp.concatenate([a, b], axis=-1)
        batch, height, width, channels = a.shape
        return xp.stack([a, b], axis=3).reshape(batch, height, 2 * width, channels)


def _couple(net: Any, own: dict, apply: Apply, h: Any, step: Step, side: Any = None) -> Any:
    a, b = step.split(h)
    a = apply(_normalise(net, own["first"]), a)
    b = apply(_coupling_map(net, own, a, side), b)
    return step.merged(a, b, net.xp)


def _couple_back(net: Any, own: dict, apply: Apply, h: Any, step: Step, side: Any = None) -> Any:
    a, b = step.split(h)
    b = apply(_coupling_map(net, own, a, side), b)
    a = apply(_normalise(net, own["first"]), a)
    return step.merged(a, b, net.xp)


def _normalise(net: Any, own: dict) -> Affine:
    return Affine(net.constant(own["log_gain"]), net.constant(own["shift"]))


def _coupling_map(net: Any, own: dict, a: Any, side: Any) -> MixtureCoupling:
    """The map of the described half by the describing one."""
    h = net.conv(own["in"], net.from_reals(a))
    for block in own["blocks"]:
        h = gated(net, block, h, side)
    said = net.to_reals(net.output_conv(own["out"], h))
    log_gain, shift, *mixture = net.xp.moveaxis(said.reshape(*a.shape, -1), -1, 0)
    k = len(mixture) // 3
    logits, loc, log_scale = (net.xp.stack(mixture[first : first + k]) for first in (0, k, 2 * k))
    log_scale = net.xp.clip(log_scale, MIN_LOG_SCALE, MAX_LOG_SCALE)
    return MixtureCoupling(*_normalise(net, own["second"]), logits, loc, log_scale, net.xp.tanh(log_gain), shift)


def _side(net: Any, own: dict, x: Any) -> Any:
    """What the dequantiser knows of the pixels x, of both columns of every pair."""
    pixels = net.pixels(x, 8)
    h = net.conv(own["in"], net.concat([pixels[:, :, 0::2], pixels[:, :, 1::2]]))
    return gated(net, own["block"], h)


def gated(net: Any, block: dict, h: Any, side: Any = None) -> Any:
    """h + a sigmoid(b), (a, b) = W2 ELU(W1 ELU(h) + W side), where ELU gives those of h and of -h."""
    y = net.conv(block["first"], _both_elu(net, h))
    if side is not None:
        y = net.add(y, net.conv(block["side"], side))
    return net.add(h, net.gate(net.conv(block["second"], _both_elu(net, y))))


def _both_elu(net: Any, h: Any) -> Any:
    return net.concat([net.elu(h), net.elu(-h)])

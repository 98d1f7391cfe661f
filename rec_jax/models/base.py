"""What a model must offer, with latents or without; see docs/NOTATION.md for the symbols.

A model is a frozen dataclass of shapes and the order of its layers, nothing else: no parameters, coder, seed, EMA or
file. It is written once, over the methods of a *net*, which supplies the arithmetic: models/float_net.py in float32 for
training and for what an encoder searches, exact/network.py in integers for everything that a decoder computes. Its
top-down walk takes the draw as an argument: training, prior samples, compression and decompression are four draws.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from rec_jax.core.layers import Layer
from rec_jax.models.likelihoods.base import Likelihood

# draw(layer, prior, hidden) -> (z, record).  prior: (loc, log scale) [B, h, w, c] each, in the net's numbers.
# hidden: what `posterior` needs of the top-down side.  z: [B, h, w, c].  record: any pytree.
Draw = Callable[[Layer, tuple[Any, Any], Any], tuple[Any, Any]]


class Group(NamedTuple):
    """Layers of one shape, whose parameters are stacked on a first axis; a walk scans over them."""

    n_layers: int
    stride: int  # of its latents: picture side / latent side
    channels: int


class TopDownModel(Protocol):
    """prod_l p(z_l | z_<l) with q(z_l | x, z_<l), all diagonal Gaussians, walked from the top; and what it ends in."""

    @property
    def stride(self) -> int:
        """Sides of a picture must be multiples of it; the codec pads."""
        ...

    @property
    def encoder_only(self) -> tuple[str, ...]:
        """Names of parameters, at any depth, that no decoder needs."""
        ...

    @property
    def groups(self) -> list[Group]:
        """The layers, top first; a model may have none."""

    def infer(self, net, params: dict, x: Any) -> list[Any]:
        """Bottom-up pass over scaled pixels x [B, H, W, 3]: per group, top first, the layers' contexts, stacked."""

    def top_down(
        self, net, params: dict, draw: Draw, batch: int, size: tuple[int, int], contexts=None, inputs=None
    ) -> tuple[Any, list[Any]]:
        """Walks all layers from the top: (what the network says of every pixel, records per group).

        size: the picture's.  contexts: from `infer`, or None.  inputs: per group, stacked, or None.
        """

    def posterior(self, net, params: dict, hidden: Any, context: Any) -> tuple[Any, Any]:
        """(loc, log scale) of q(z_l | x, z_<l); params of the layer. Only encoders and training call it, in float32."""

    def group_params(self, params: dict, group: int) -> dict:
        """The stacked parameters of a group's layers."""


@runtime_checkable
class MarkovModel(Protocol):
    """p(x | z_1) p(z_1 | z_2) ... p(z_L) with q(z_1 | x) q(z_2 | z_1) ... q(z_L | z_{L-1}), of logistic latents.

    A law is (loc, what its scale is a function of), [B, h, w, c] each (logistics.py, exact/logistic.py).
    """

    @property
    def stride(self) -> int:
        """The side of its pictures; larger ones are cut."""
        ...

    @property
    def encoder_only(self) -> tuple[str, ...]: ...

    @property
    def groups(self) -> list[Group]:
        """One, of all layers."""

    @property
    def likelihood(self) -> Likelihood:
        """p(x | z_1)."""
        ...

    def empty_params(self) -> dict[str, Any]:
        """The parameter tree with an empty dict for every convolution."""

    def inference_law(self, net, params: dict, number: int, below: Any) -> tuple[Any, Any]:
        """q(z_{number + 1} | z_number), number from 0; z_0: scaled pixels."""

    def generative_law(self, net, params: dict, number: int, above: Any) -> tuple[Any, Any]:
        """p(z_number | z_{number + 1}), number from 1 to L - 1."""

    def outputs(self, net, params: dict, z: Any) -> Any:
        """What p(x | z_1) is made of, [B, H, W, n_outputs]."""


class LatentModel(TopDownModel, Protocol):
    """p(x, z) = p(x | z) prod_l p(z_l | z_<l): of a picture's every value."""

    @property
    def likelihood(self) -> Likelihood:
        """p(x | z)."""
        ...

    def empty_params(self) -> dict[str, Any]:
        """The parameter tree with an empty dict for every convolution and a LayerStack for every group."""


@runtime_checkable
class StartingModel(Protocol):
    """A model that makes its own initial parameters, all of them plain: no weight norms."""

    @property
    def stride(self) -> int: ...

    def start(self, x: Any) -> dict[str, Any]:
        """Initial parameters, from a first batch of scaled pixels x [B, H, W, 3], numpy."""


@runtime_checkable
class CurveModel(StartingModel, Protocol):
    """What every model of lossy pictures has: one set of weights for a whole curve of rate and distortion.

    Its parameters hold knots (knots.py); its methods take the tree of one quality.
    """

    @property
    def encoder_only(self) -> tuple[str, ...]: ...

    @property
    def groups(self) -> list[Group]: ...

    @property
    def lambdas(self) -> tuple[float, float]:
        """The Lagrange multipliers of qualities 0 and 100, of a distortion per bit per pixel."""
        ...

    @property
    def distortion(self) -> str:
        """Which one lambda multiplies in training: 'mse' or 'ms_ssim' (train/distortion.py)."""
        ...


@runtime_checkable
class LossyModel(TopDownModel, CurveModel, Protocol):
    """A model whose walk ends in the picture itself, scaled, [B, H, W, 3], good or bad as the quality says."""


class HyperLaw(NamedTuple):
    """Of hyper-latents [B, h, w, N]: u = z / step is a mixture of n logistics, rounded; within -128 .. 127."""

    logits: Any  # [..., N, n], as the next two
    loc: Any
    log_scale: Any
    log_step: Any  # [..., 1, 1, N]


class LatentLaw(NamedTuple):
    """Of latents [B, h, w, M] given the hyper-latents: v = (y - loc) / step is N(0, scale^2), rounded."""

    loc: Any
    log_scale: Any
    log_step: Any  # [..., 1, 1, M]


@runtime_checkable
class QuantisedModel(CurveModel, Protocol):
    """A transform coder: latents y rounded to steps, under laws that rounded hyper-latents z describe.

    groups: the hyper-latents', then the latents'.
    """

    def analyse(self, net, params: dict, x: Any) -> tuple[Any, Any]:
        """(y, z) of scaled pixels x [B, H, W, 3], not rounded; in floats."""

    def hyper_law(self, params: dict) -> HyperLaw:
        """The law of z."""

    def latent_law(self, net, params: dict, z: Any) -> LatentLaw:
        """The law of y, by the rounded z."""

    def synthesise(self, net, params: dict, y: Any) -> Any:
        """The scaled picture of y, put together again from the rounded v; in units of a network's output."""


class IntegerLaw(NamedTuple):
    """Of integers v [..., C]: v / 256 is a mixture of n logistics, rounded to the nearest; all integers have mass."""

    logits: Any  # [..., C, n] as the next two, or broadcast to that; in the numbers of a network's output
    loc: Any
    log_scale: Any


@runtime_checkable
class IntegerFlow(StartingModel, Protocol):
    """An invertible map of a picture's integers to others of known laws; there are no latents, and no bits are lost."""

    @property
    def encoder_only(self) -> tuple[str, ...]: ...

    @property
    def groups(self) -> list[Group]:
        """None: it has no latents."""

    def forward(self, net, params: dict, values: Any) -> list[tuple[Any, IntegerLaw]]:
        """(integers [B, h, w, C], their law) in the order of a file, of pixel values less 128, [B, H, W, 3].

        Each law follows from the integers before it.
        """

    def inverse(self, net, params: dict, read: Callable[[IntegerLaw, tuple[int, int, int]], Any], size) -> Any:
        """The values again; read(law, (h, w, C)) gives the integers of each part.  size: (H, W)."""


@runtime_checkable
class ContinuousFlow(StartingModel, Protocol):
    """A flow z = F(v) of pictures v = x + u, and one that draws u in 0 .. 1 from noise, u = g(e; x).

    Both are walks over elementwise maps (flow_maps.py), which `apply` applies, codes, or takes back: apply(f, x) -> y,
    in the methods whose names end in _back apply(f, y) -> x. All are [B, H, W, C], real numbers.
    """

    @property
    def encoder_only(self) -> tuple[str, ...]: ...

    @property
    def groups(self) -> list[Group]:
        """None: it has no latents."""

    @property
    def maps_per_value(self) -> int:
        """How many maps a value goes through, of F and g together."""
        ...

    def flow(self, net, params: dict, apply: Any, v: Any) -> Any:
        """z of v in 0 .. 256."""

    def flow_back(self, net, params: dict, apply: Any, z: Any) -> Any:
        """v of z."""

    def dequantise(self, net, params: dict, apply: Any, e: Any, x: Any) -> Any:
        """u of e, for the pixels x of 0 .. 255."""

    def dequantise_back(self, net, params: dict, apply: Any, u: Any, x: Any) -> Any:
        """e of u."""


PixelModel = LatentModel | MarkovModel  # whatever has a likelihood
BoundedModel = PixelModel | IntegerFlow | ContinuousFlow  # whatever has a bound of a picture's bits
AnyModel = BoundedModel | LossyModel | QuantisedModel

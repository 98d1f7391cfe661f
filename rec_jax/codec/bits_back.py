"""HiLLoC: bits-back coding with ANS over the same model and the same walk as the REC codec.

Townsend, Bird and Barber, "Practical lossless compression with latent variables using bits back coding" (ICLR 2019);
Townsend, Bird, Kunze and Barber, "HiLLoC: lossless image compression with hierarchical latent variable models" (ICLR
2020). On a stack of bits, an image x is pushed by

    1. popping z_1 ~ q(z_1 | x), ..., z_L ~ q(z_L | x, z_<L), top layer first: the stack's bits are the randomness,
    2. pushing x under p(x | z),
    3. pushing z_L, ..., z_1 under the prior.

The decoder undoes this in reverse and so gets the bits of step 1 back. Net, an image costs about -ELBO; but the first
one needs bits to pop, which are sent along: a single image costs all of steps 2 and 3.

Differs from the paper:
- One ANS state (`constriction`'s), not a vector with a state of 32 bits or more for every dim and pixel.
- A posterior symbol of frequency f out of 2^P is popped as an integer below 2^P, and the offset of the integer in the
  symbol's interval is pushed back as an integer below f. That is one ANS step over an interval, which `constriction`
  does not offer, in two that it runs vectorised. Dims are popped in chunks, so that few bits are on loan at any time.
- Priors, samples and pixels: the REC codec's integers, under any of our likelihoods.

Both sides walk the network once per image, in integers. The posteriors, which the decoder must have as well, are
float32 under jax, by one compiled function per shape of a layer: so both sides must be on one machine with one jax.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from rec_jax.codec import bits_back_message as message
from rec_jax.codec.bits_back_bins import BinnedPosterior, bin_centres
from rec_jax.codec.bits_back_chain import ChainCodec, Ledger
from rec_jax.codec.pixels import read_pixels, write_pixels
from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.core.gaussian import DiagGaussian, standardise
from rec_jax.core.layers import layer_at
from rec_jax.entropy.stack import LastFirst, SymbolStack
from rec_jax.exact.arithmetic import FRACTION_BITS, as_floats
from rec_jax.exact.network import ExactNet
from rec_jax.exact.prior import as_latents, place, prior_integers
from rec_jax.exact.scope import search_jax
from rec_jax.exact.tables import SCALE_BITS
from rec_jax.models.base import TopDownModel
from rec_jax.models.float_net import FloatNet
from rec_jax.models.gaussians import gaussian
from rec_jax.models.likelihoods.base import scale_pixels

BIN_BITS = 12  # the authors' program has 10; measured in docs/BITS_BACK.md
POSTERIOR_BITS = 18  # as there
CHUNKS = 64  # how many a layer is popped in; the integers of one chunk's dims are on loan together
MIN_CHUNK = 64  # dims: less on loan is not worth its time
_NET = FloatNet()
_DEPTH, _COLOURS = 8, 3


@functools.partial(jax.jit, static_argnums=0)
def infer(model: TopDownModel, params: Any, image: jax.Array) -> Any:
    """The bottom-up pass over an image uint8 [1, H, W, 3]: per group, the layers' contexts."""
    return model.infer(_NET, params, scale_pixels(image.astype(jax.numpy.float32)))


@functools.partial(jax.jit, static_argnums=0)
def posterior(model: TopDownModel, params: Any, context: Any, hidden: jax.Array, prior: DiagGaussian) -> DiagGaussian:
    """A layer's q in p's coordinates, [1, h, w, c]; params, context: the layer's own."""
    return standardise(gaussian(*model.posterior(_NET, params, hidden, context)), prior)


class _Visit(NamedTuple):
    """What the walk saw of a layer."""

    hidden: np.ndarray  # float32
    prior: DiagGaussian  # float32, the very numbers of the integers
    bins: np.ndarray  # int64 [D]


@dataclasses.dataclass(frozen=True, eq=False)
class BitsBackCodec(ChainCodec):
    """HiLLoC's, of a package as in LosslessCodec."""

    bin_bits: int = BIN_BITS
    posterior_bits: int = POSTERIOR_BITS

    portable = False

    def __post_init__(self):
        if not 1 <= self.bin_bits < self.posterior_bits <= 24:
            given = f"bin_bits={self.bin_bits}, posterior_bits={self.posterior_bits}"
            raise ConfigError(f"{given}: need 1 <= bin_bits < posterior_bits <= 24")

    @property
    def magic(self) -> int:
        return message.HILLOC

    def enough_words(self, height: int, width: int) -> int:
        """Words of a start that no image of this size can use up: P bits a dim and what is on loan."""
        n_dims = self.n_dims(height, width)
        return (n_dims + _chunk_size(n_dims)) * self.posterior_bits // 32 + 8

    def _least_bits(self, height: int, width: int) -> int:
        return self.bin_bits * self.n_dims(height, width)  # the last image's latents lie on top, n bits each

    def _push_image(self, stack: SymbolStack, image: np.ndarray, ledger: Ledger) -> None:
        posteriors = self._posteriors(image)
        size = image.shape[:2]

        def pop(number: int, hidden, prior: DiagGaussian) -> np.ndarray:
            bins, bits = self._pop_bins(stack, posteriors(number, hidden, prior))
            ledger.popped(bits)
            return bins

        outputs, visits = self._walk(size, pop)
        sink, real = LastFirst(), np.ones((1, *size), bool)
        pixels = image[None].astype(np.int32)
        ledger.pushed(write_pixels(sink, *self._likelihood, outputs, pixels, real, _COLOURS, _DEPTH))
        sink.push_on(stack)
        for visit in reversed(visits):
            stack.push_uniform(visit.bins, self.bin_bits)
            ledger.pushed(self.bin_bits * len(visit.bins))

    def _pop_image(self, stack: SymbolStack, size: tuple[int, int]) -> np.ndarray:
        def pop(number: int, hidden, prior: DiagGaussian) -> np.ndarray:
            del number, hidden
            return stack.pop_uniform(prior.loc.size, self.bin_bits)

        outputs, visits = self._walk(size, pop)
        pixels = read_pixels(stack, *self._likelihood, outputs, np.ones((1, *size), bool), _COLOURS, _DEPTH)
        image = pixels[0].astype(np.uint8)
        posteriors = self._posteriors(image)
        for number, visit in reversed(list(enumerate(visits))):
            self._push_bins(stack, posteriors(number, visit.hidden, visit.prior), visit.bins)
        return image

    def _pop_bins(self, stack: SymbolStack, q: DiagGaussian) -> tuple[np.ndarray, float]:
        """(the bins of one layer's dims, int64 [D], by the bits on the stack; the information in them, bits)."""
        binned = BinnedPosterior(q, self.bin_bits, self.posterior_bits)
        bins, bits = np.zeros(len(binned), np.int64), 0.0
        for dims in _chunks(len(binned)):
            integers = stack.pop_uniform(len(bins[dims]), self.posterior_bits)
            bins[dims] = binned.find(integers, dims)
            first, sizes = binned.interval(bins[dims], dims)
            stack.push_below(integers - first, sizes)
            bits += float(np.sum(self.posterior_bits - np.log2(sizes)))
        return bins, bits

    def _push_bins(self, stack: SymbolStack, q: DiagGaussian, bins: np.ndarray) -> None:
        """The inverse of _pop_bins."""
        binned = BinnedPosterior(q, self.bin_bits, self.posterior_bits)
        for dims in reversed(_chunks(len(binned))):
            first, sizes = binned.interval(bins[dims], dims)
            if not sizes.all():
                raise CorruptFile("the message is damaged: its latents are none that the posterior gives")
            stack.push_uniform(first + stack.pop_below(sizes), self.posterior_bits)

    def _walk(self, size: tuple[int, int], bins_of: Callable) -> tuple[np.ndarray, list[_Visit]]:
        """(what the network puts out, what it saw of every layer), where each layer's bins are bins_of's.

        bins_of(number, hidden, prior) -> int64 [D], called layer by layer from the top.
        """
        visits = []

        def draw(layer, prior, hidden):
            loc, scale = prior_integers(*prior, np)
            hidden = as_floats(hidden, FRACTION_BITS)
            floats = DiagGaussian(as_floats(loc, FRACTION_BITS), as_floats(scale, SCALE_BITS))
            bins = bins_of(int(layer.number), hidden, floats)
            visits.append(_Visit(hidden, floats, bins))
            units = bin_centres(self.bin_bits)[bins].reshape(loc.shape)
            return as_latents(place(loc, scale, units, np), prior[0], np), None

        outputs, _ = self.package.lossless_model.top_down(ExactNet(), self.package.exact_params, draw, 1, size)
        return outputs, visits

    def _posteriors(self, image: np.ndarray) -> Callable[[int, np.ndarray, DiagGaussian], DiagGaussian]:
        """(layer's number, hidden, prior) -> its q of this image in p's coordinates, on the host."""
        model, params = self.package.lossless_model, self.package.float_params
        with search_jax():
            contexts = jax.device_get(infer(model, params, image[None]))
        places = [(g, i) for g, group in enumerate(model.groups) for i in range(group.n_layers)]

        def q_of(number: int, hidden: np.ndarray, prior: DiagGaussian) -> DiagGaussian:
            group, i = places[number]
            own = layer_at(model.group_params(params, group), i), layer_at(contexts[group], i)
            with search_jax():
                return jax.device_get(posterior(model, *own, hidden, prior))

        return q_of

    @property
    def _likelihood(self) -> tuple[Any, ExactNet, Any]:
        return self.package.lossless_model.likelihood, ExactNet(), self.package.exact_params["likelihood"]


def _chunk_size(n_dims: int) -> int:
    return max(MIN_CHUNK, -(-n_dims // CHUNKS))


def _chunks(n_dims: int) -> list[slice]:
    size = _chunk_size(n_dims)
    return [slice(first, min(first + size, n_dims)) for first in range(0, n_dims, size)]

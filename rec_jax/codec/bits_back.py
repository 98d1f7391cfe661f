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
- Pixels: the REC codec's integer tables, under any of our likelihoods.

Law 1 (replay): on both sides the posteriors come from one compiled walk that is given all bins chosen so far, and the
pixels' distributions from another. The encoder runs the first one once per layer, since a walk cannot stop half way;
the decoder runs it once.
"""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from rec_jax.codec import bits_back_message as message
from rec_jax.codec.bits_back_bins import BinnedPosterior, bin_centres, posterior_slices
from rec_jax.codec.container import current_runtime, pixel_crc32
from rec_jax.codec.pixels import PixelCoder
from rec_jax.core.errors import ConfigError, CorruptFile, UnsupportedImage, WrongModel
from rec_jax.core.gaussian import standardise
from rec_jax.entropy.stack import StackExhausted, SymbolStack
from rec_jax.models.base import LatentModel

BIN_BITS = 12  # the authors' program has 10; measured in docs/BITS_BACK.md
POSTERIOR_BITS = 18  # as there
CHUNKS = 64  # how many a layer is popped in; the integers of one chunk's dims are on loan together
MIN_CHUNK = 64  # dims: less on loan is not worth its time


@dataclasses.dataclass(frozen=True)
class BinnedWalks:
    """A model's two walks where each latent is the centre of a bin; compiled for one image at a time.

    bins, everywhere: per level, top first, int32 [blocks, 1, h, w, c].
    """

    model: LatentModel
    bin_bits: int

    @functools.partial(jax.jit, static_argnums=0)
    def infer(self, params: Any, image: jax.Array) -> Any:
        """The bottom-up pass over an image uint8 [1, H, W, 3]."""
        return self.model.infer(params, image)

    @functools.partial(jax.jit, static_argnums=(0, 4))
    def posteriors(self, params: Any, inference: Any, bins: list[jax.Array], size: tuple[int, int]) -> list[Any]:
        """Per level, q in p's coordinates, leaves [blocks, 1, h, w, c]; layer l depends on the bins above it only."""

        def draw(layer, q, p, bins):
            return self._centre(p, bins), standardise(q, p)

        return self._walk(params, draw, bins, size, inference)[1]

    @functools.partial(jax.jit, static_argnums=(0, 3))
    def pixels(self, params: Any, bins: list[jax.Array], size: tuple[int, int]) -> tuple[Any, jax.Array]:
        """The parameters of p(x | z): (shared, outputs [H, W, n_outputs])."""
        pixels, _ = self._walk(params, lambda layer, q, p, bins: (self._centre(p, bins), None), bins, size, None)
        return pixels["shared"], pixels["outputs"][0]

    def no_bins(self, size: tuple[int, int]) -> list[np.ndarray]:
        """Bin 0 everywhere, to be filled."""
        shapes, first, levels = self.model.latent_shapes(*size), 0, []
        for level in reversed(self.model.levels):
            levels.append(np.zeros((level.blocks, 1, *shapes[first]), np.int32))
            first += level.blocks
        return levels

    def _centre(self, p, bins):
        return p.loc + p.scale * jax.numpy.asarray(bin_centres(self.bin_bits))[bins]

    def _walk(self, params, draw, bins, size, inference):
        return self.model.top_down(
            params, draw, batch=1, height=size[0], width=size[1], inference=inference, inputs=bins
        )


@dataclasses.dataclass(frozen=True)
class Chain:
    """A message and what it is made of."""

    header: message.MessageHeader
    words: np.ndarray  # uint32 [n]
    start: np.ndarray  # the words it was started with
    pixel_crc32: int
    net_bits: tuple[int, ...]  # per image, by how much it made the message longer
    n_untouched_words: int  # of the start's, from the first on: nothing that was coded depends on them

    @property
    def blob(self) -> bytes:
        """The message as bytes, header included."""
        check = message.check_of(self.header, self.pixel_crc32, self.start)
        return message.pack(self.header, check, self.words)

    def with_shortest_start(self) -> "Chain":
        """The chain that a start of just enough words gives: the same one without the words that were not touched."""
        n = self.n_untouched_words
        return dataclasses.replace(self, words=self.words[n:], start=self.start[n:], n_untouched_words=0)


@dataclasses.dataclass(frozen=True, eq=False)
class BitsBackCodec:
    """A model and its parameters, as in LosslessCodec, with the two precisions.

    bin_bits: each latent is one of 2^bin_bits bins.  posterior_bits: frequencies are out of 2^posterior_bits.
    """

    model: LatentModel
    params: Any
    model_id: int = 0
    bin_bits: int = BIN_BITS
    posterior_bits: int = POSTERIOR_BITS

    def __post_init__(self):
        if not 1 <= self.bin_bits < self.posterior_bits <= 24:
            given = f"bin_bits={self.bin_bits}, posterior_bits={self.posterior_bits}"
            raise ConfigError(f"{given}: need 1 <= bin_bits < posterior_bits <= 24")

    def encode_chain(self, images: np.ndarray, start: np.ndarray) -> Chain:
        """Pushes images uint8 [N, H, W, 3], first image first, on a start of words uint32 [n].

        Raises StackExhausted if the start is too short (`enough_words` never is), UnsupportedImage for other images.
        """
        images = self._checked(images)
        stack, net_bits = SymbolStack(start), []
        for i, image in enumerate(images):
            before = stack.n_bits
            try:
                self._push_image(stack, image)
            except StackExhausted:
                enough = self.enough_words(*image.shape[:2])
                have = f"the start of {len(start)} words was used up by image {i}"
                raise StackExhausted(f"{have}; {enough} words are enough for any image of this size") from None
            net_bits.append(stack.n_bits - before)
        precisions = (self.bin_bits, self.posterior_bits)
        header = message.MessageHeader(self.model_id, current_runtime(), *precisions, *images.shape[:3])
        untouched = min(stack.n_untouched_words, len(start))
        start = np.asarray(start, np.uint32)
        return Chain(header, stack.message(), start, pixel_crc32(images), tuple(net_bits), untouched)

    def decode_chain(self, blob: bytes) -> tuple[np.ndarray, np.ndarray]:
        """(images uint8 [N, H, W, 3], the start's words uint32 [n]) of a message that this model wrote.

        Raises CorruptFile, UnsupportedVersion, WrongModel or BitstreamMismatch; never returns other pixels.
        """
        header, check, words = message.unpack(blob)
        self._check_ours(header, len(words))
        try:
            stack = SymbolStack(words, sealed=True)
            images = [self._pop_image(stack, (header.height, header.width)) for _ in range(header.n_images)]
            start = stack.start()
        except (StackExhausted, CorruptFile) as error:
            raise message.mismatch(header) from error
        images = np.stack(images[::-1])
        if message.check_of(header, pixel_crc32(images), start) != check:
            raise message.mismatch(header)
        return images, start

    def enough_words(self, height: int, width: int) -> int:
        """Words of a start that no image of this size can use up: P bits a dim and what is on loan."""
        n_dims = self._n_dims(height, width)
        return (n_dims + _chunk_size(n_dims)) * self.posterior_bits // 32 + 8

    # ---- one image -----------------------------------------------------------------------------------------------

    def _push_image(self, stack: SymbolStack, image: np.ndarray) -> None:
        size, bins = image.shape[:2], self._walks.no_bins(image.shape[:2])
        inference = self._walks.infer(self.params, image[None])
        for level, block in self._layers:
            q = self._posteriors(inference, bins, size)[level][block]
            bins[level][block] = self._pop_bins(stack, q).reshape(bins[level][block].shape)
        rows = _Rows()
        self._pixel_coder(bins, size).write(rows, image, 3)
        for symbols, frequencies in reversed(rows):
            stack.write_rows(symbols, frequencies)
        for level, block in reversed(self._layers):
            stack.push_uniform(bins[level][block].ravel(), self.bin_bits)

    def _pop_image(self, stack: SymbolStack, size: tuple[int, int]) -> np.ndarray:
        bins = self._walks.no_bins(size)
        for level, block in self._layers:
            shape = bins[level][block].shape
            bins[level][block] = stack.pop_uniform(int(np.prod(shape)), self.bin_bits).reshape(shape)
        image = self._pixel_coder(bins, size).read(stack, 3).reshape(*size, 3)
        posteriors = self._posteriors(self._walks.infer(self.params, image[None]), bins, size)
        for level, block in reversed(self._layers):
            self._push_bins(stack, posteriors[level][block], bins[level][block].ravel())
        return image

    def _pop_bins(self, stack: SymbolStack, q) -> np.ndarray:
        """The bins of one layer's dims, int64 [D], by the bits on the stack."""
        posterior = BinnedPosterior(q, self.bin_bits, self.posterior_bits)
        bins = np.zeros(len(posterior), np.int64)
        for dims in _chunks(len(posterior)):
            integers = stack.pop_uniform(len(bins[dims]), self.posterior_bits)
            bins[dims] = posterior.find(integers, dims)
            first, sizes = posterior.interval(bins[dims], dims)
            stack.push_below(integers - first, sizes)
        return bins

    def _push_bins(self, stack: SymbolStack, q, bins: np.ndarray) -> None:
        """The inverse of _pop_bins."""
        posterior = BinnedPosterior(q, self.bin_bits, self.posterior_bits)
        for dims in reversed(_chunks(len(posterior))):
            first, sizes = posterior.interval(bins[dims], dims)
            if not sizes.all():
                raise CorruptFile("the message is damaged: its latents are none that the posterior gives")
            stack.push_uniform(first + stack.pop_below(sizes), self.posterior_bits)

    def _posteriors(self, inference, bins, size: tuple[int, int]) -> list[list]:
        """q of every layer in p's coordinates, on the host: per level, per block."""
        records = self._walks.posteriors(self.params, inference, bins, size)
        return [posterior_slices(record, len(level)) for record, level in zip(records, bins, strict=True)]

    def _pixel_coder(self, bins, size: tuple[int, int]) -> PixelCoder:
        shared, outputs = jax.device_get(self._walks.pixels(self.params, bins, size))
        return PixelCoder(self.model.likelihood, shared, outputs)

    # ---- what both sides know ------------------------------------------------------------------------------------

    @property
    def _walks(self) -> BinnedWalks:
        return BinnedWalks(self.model, self.bin_bits)

    @property
    def _layers(self) -> list[tuple[int, int]]:
        """(level, block) of every layer, top first."""
        return [(i, block) for i, level in enumerate(reversed(self.model.levels)) for block in range(level.blocks)]

    def _n_dims(self, height: int, width: int) -> int:
        return sum(int(np.prod(shape)) for shape in self.model.latent_shapes(height, width))

    def _checked(self, images: np.ndarray) -> np.ndarray:
        images = np.asarray(images)
        stride = self.model.stride
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
            raise UnsupportedImage(f"images are {images.dtype} {list(images.shape)}; give uint8 [N, H, W, 3]")
        n, height, width, _ = images.shape
        if not (n and height and width) or height % stride or width % stride or max(images.shape) >= 2**16:
            raise UnsupportedImage(
                f"{n} images of {height} x {width}: sides must be multiples of {stride}, below 65536"
            )
        return images

    def _check_ours(self, header: message.MessageHeader, n_words: int) -> None:
        if header.model_id != self.model_id:
            raise WrongModel(f"the message was written with model {header.model_id:04x}; this is {self.model_id:04x}")
        theirs, ours = (header.bin_bits, header.posterior_bits), (self.bin_bits, self.posterior_bits)
        if theirs != ours:
            raise WrongModel(f"the message was written with bin_bits, posterior_bits {theirs}; this codec has {ours}")
        size = header.height, header.width
        if not header.n_images or any(side == 0 or side % self.model.stride for side in size):
            raise CorruptFile(f"the message is damaged: it claims {header.n_images} images of {size[0]} x {size[1]}")
        if 32 * n_words < self.bin_bits * self._n_dims(*size):  # the last image's latents lie on top, n bits each
            raise CorruptFile(f"the message is damaged: {n_words} words cannot hold an image of {size[0]} x {size[1]}")


class _Rows(list):
    """Keeps what a PixelCoder writes, so that it can be pushed last symbol first."""

    def write_rows(self, symbols: np.ndarray, frequencies: np.ndarray) -> None:
        self.append((symbols, frequencies))


def _chunk_size(n_dims: int) -> int:
    return max(MIN_CHUNK, -(-n_dims // CHUNKS))


def _chunks(n_dims: int) -> list[slice]:
    size = _chunk_size(n_dims)
    return [slice(first, min(first + size, n_dims)) for first in range(0, n_dims, size)]

"""What every bits-back codec shares: chains of images on a stack of words, their messages, and what is refused.

A codec says how one image is pushed on the stack, and popped again; all else is here.
"""

import abc
import dataclasses
from typing import ClassVar

import numpy as np

from rec_jax.codec import bits_back_message as message
from rec_jax.codec.package import Package
from rec_jax.core.errors import CorruptFile, UnsupportedImage, WrongModel
from rec_jax.entropy.stack import StackExhausted, SymbolStack


class Ledger:
    """What theory says of a start: it must hold the most by which pops are ever ahead of pushes."""

    def __init__(self):
        self.start_bits, self._behind = 0.0, 0.0

    def popped(self, bits: float) -> None:
        """Symbols of this information were drawn."""
        self._behind += bits
        self.start_bits = max(self.start_bits, self._behind)

    def pushed(self, bits: float) -> None:
        """Symbols of this information were coded."""
        self._behind -= bits


@dataclasses.dataclass(frozen=True)
class Chain:
    """A message and what it is made of."""

    header: message.MessageHeader
    words: np.ndarray  # uint32 [n]
    start: np.ndarray  # the words it was started with
    pixel_crc32: int
    net_bits: tuple[int, ...]  # per image, by how much it made the message longer
    start_bits: float  # what the start must hold in theory (Ledger)
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
class ChainCodec(abc.ABC):
    """A package with the two precisions of its latents; a method's codec adds what is abstract here.

    bin_bits: each latent is one of 2^bin_bits bins.  posterior_bits: probabilities are out of 2^posterior_bits.
    """

    package: Package
    bin_bits: int
    posterior_bits: int

    portable: ClassVar[bool]  # whether a message decodes on every machine

    @property
    @abc.abstractmethod
    def magic(self) -> int:
        """The first byte of its messages."""

    @abc.abstractmethod
    def _push_image(self, stack: SymbolStack, image: np.ndarray, ledger: Ledger) -> None:
        """Pushes an image uint8 [H, W, 3], and says in the ledger what it pops and pushes."""

    @abc.abstractmethod
    def _pop_image(self, stack: SymbolStack, size: tuple[int, int]) -> np.ndarray:
        """The inverse: the image of this size on top, with the stack as it was before it."""

    @abc.abstractmethod
    def enough_words(self, height: int, width: int) -> int:
        """Words of a start that no image of this size can use up."""

    @abc.abstractmethod
    def _least_bits(self, height: int, width: int) -> int:
        """Bits that an image of this size has in a message at the least."""

    def encode_chain(self, images: np.ndarray, start: np.ndarray) -> Chain:
        """Pushes images uint8 [N, H, W, 3], first image first, on a start of words uint32 [n].

        Raises StackExhausted if the start is too short (`enough_words` never is), UnsupportedImage for other images.
        """
        images = self._checked(images)
        stack, ledger, net_bits = SymbolStack(start), Ledger(), []
        for i, image in enumerate(images):
            before = stack.n_bits
            try:
                self._push_image(stack, image, ledger)
            except StackExhausted:
                enough = self.enough_words(*image.shape[:2])
                have = f"the start of {len(start)} words was used up by image {i}"
                raise StackExhausted(f"{have}; {enough} words are enough for any image of this size") from None
            net_bits.append(stack.n_bits - before)
        header = self._header(*images.shape[:3])
        untouched = min(stack.n_untouched_words, len(start))
        start = np.asarray(start, np.uint32)
        check = message.pixel_crc32(images)
        return Chain(header, stack.message(), start, check, tuple(net_bits), ledger.start_bits, untouched)

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
            raise message.mismatch(self.portable) from error
        images = np.stack(images[::-1])
        if message.check_of(header, message.pixel_crc32(images), start) != check:
            raise message.mismatch(self.portable)
        return images, start

    def n_dims(self, height: int, width: int) -> int:
        """Number of latents of an image."""
        groups = self.package.model.groups
        return sum(g.n_layers * (height // g.stride) * (width // g.stride) * g.channels for g in groups)

    def _header(self, n_images: int, height: int, width: int) -> message.MessageHeader:
        precisions = self.bin_bits, self.posterior_bits
        return message.MessageHeader(self.magic, self.package.model_id, *precisions, n_images, height, width)

    def _checked(self, images: np.ndarray) -> np.ndarray:
        images = np.asarray(images)
        stride = self.package.model.stride
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
            raise UnsupportedImage(f"images are {images.dtype} {list(images.shape)}; give uint8 [N, H, W, 3]")
        n, height, width, _ = images.shape
        if not (n and height and width) or height % stride or width % stride or max(images.shape) >= 2**16:
            raise UnsupportedImage(
                f"{n} images of {height} x {width}: sides must be multiples of {stride}, below 65536"
            )
        return images

    def _check_ours(self, header: message.MessageHeader, n_words: int) -> None:
        model_id, stride = self.package.model_id, self.package.model.stride
        if header.magic != self.magic:
            raise WrongModel(f"the message was written by method {header.magic:#04x}; this codec is {self.magic:#04x}")
        if header.model_id != model_id:
            raise WrongModel(f"the message was written with model {header.model_id:04x}; this is {model_id:04x}")
        theirs, ours = (header.bin_bits, header.posterior_bits), (self.bin_bits, self.posterior_bits)
        if theirs != ours:
            raise WrongModel(f"the message was written with bin_bits, posterior_bits {theirs}; this codec has {ours}")
        size = header.height, header.width
        if not header.n_images or any(side == 0 or side % stride for side in size):
            raise CorruptFile(f"the message is damaged: it claims {header.n_images} images of {size[0]} x {size[1]}")
        if 32 * n_words < self._least_bits(*size):  # the last image's
            raise CorruptFile(f"the message is damaged: {n_words} words cannot hold an image of {size[0]} x {size[1]}")

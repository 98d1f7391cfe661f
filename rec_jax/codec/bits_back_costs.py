"""What bits-back coding costs: in a chain, for one image alone, and for one image on top of other images' files.

Every number is of a message that was decoded back to the exact images and the exact start.
"""

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from absl import logging

from rec_jax.codec.bits_back_chain import Chain, ChainCodec
from rec_jax.codec.bits_back_message import HEADER_BITS, files_of_words, words_of_files
from rec_jax.core.errors import BitstreamMismatch
from rec_jax.entropy.stack import StackExhausted


class ImageCost(NamedTuple):
    """One image, in bits. The last three are None where no files were given, or not enough of them."""

    net_bits: int  # by how much it made the chain longer: the asymptotic rate
    single_random_bits: int  # its whole message from the shortest random start: header, start and all
    initial_bits: int  # of these, the start: random bits, which nobody wants
    single_jxl_bits: int | None = None  # its whole message from a start that holds other images' files
    jxl_bits: int | None = None  # of these, the files
    n_jxl: int | None = None  # how many files it took
    start_bits: float = math.nan  # what theory says of initial_bits, which is whole words and the coder's state


class ChainCost(NamedTuple):
    """A chain and its images."""

    images: tuple[ImageCost, ...]
    message_bits: int  # the chain's whole message
    initial_bits: int  # of these, the shortest random start of the chain
    encode_s: float  # per image of the chain
    decode_s: float

    @property
    def net_bits(self) -> float:
        """Asymptotic rate: mean over the images, in bits."""
        return float(np.mean([image.net_bits for image in self.images]))


def evaluate_chain(
    codec: ChainCodec, images: np.ndarray, jxl_files: Sequence[bytes] | None = None, seed: int = 0
) -> ChainCost:
    """The cost of images uint8 [N, H, W, 3]: as one chain, and each one alone.

    jxl_files: each image as a JPEG XL file (or any other lossless one). Each image is then also coded on a start that
      holds the files of as many of the images before it, cyclically, as it needs: the HiLLoC paper starts from FLIF.
    seed: of the random starts.

    Raises BitstreamMismatch if a message does not decode to its images and its start.
    """
    images = np.asarray(images)
    generator = np.random.default_rng(seed)
    chain, encode_s, decode_s = _coded_chain(codec, images, generator)
    costs = []
    for i, net_bits in enumerate(chain.net_bits):
        alone = codec.encode_chain(images[i : i + 1], _random_start(codec, images, generator)).with_shortest_start()
        _decode_exactly(codec, alone, images[i : i + 1])
        initial_bits = 32 * len(alone.start)
        on_files = () if jxl_files is None else _on_files(codec, images, jxl_files, i, initial_bits)
        cost = ImageCost(net_bits, _message_bits(alone), initial_bits, *on_files)
        costs.append(cost._replace(start_bits=alone.start_bits))
        if (i + 1) % 20 == 0 or i + 1 == len(images):
            logging.info("bits-back alone: %d of %d images", i + 1, len(images))
    return ChainCost(tuple(costs), _message_bits(chain), 32 * len(chain.start), encode_s, decode_s)


def _coded_chain(codec: ChainCodec, images: np.ndarray, generator) -> tuple[Chain, float, float]:
    """(chain, seconds per image to encode and to decode); one image goes ahead, so that compiling is not counted."""
    start = _random_start(codec, images, generator)
    _decode_exactly(codec, codec.encode_chain(images[:1], start), images[:1])
    logging.info("bits-back: a chain of %d images", len(images))
    start_s = time.perf_counter()
    chain = codec.encode_chain(images, start)
    encoded_s = time.perf_counter()
    chain = chain.with_shortest_start()
    _decode_exactly(codec, chain, images)
    return chain, (encoded_s - start_s) / len(images), (time.perf_counter() - encoded_s) / len(images)


def _random_start(codec: ChainCodec, images: np.ndarray, generator) -> np.ndarray:
    return generator.integers(0, 2**32, codec.enough_words(*images.shape[1:3]), np.uint32)


def _on_files(codec: ChainCodec, images, files, i: int, wanted_bits: int) -> tuple[int, int, int] | tuple[()]:
    """(single_jxl_bits, jxl_bits, n_jxl) of image i; () if all other images' files are too few."""
    for n_files in range(1, len(images)):
        below = [files[(i - k) % len(images)] for k in range(n_files, 0, -1)]
        start = words_of_files(below)
        if 32 * len(start) < 0.9 * wanted_bits:  # other bits draw other latents, which need a little more or less
            continue
        try:
            chain = codec.encode_chain(images[i : i + 1], start)
        except StackExhausted:
            continue
        _decode_exactly(codec, chain, images[i : i + 1])
        if files_of_words(chain.start, n_files) != below:
            raise BitstreamMismatch(f"the files below image {i} did not come back; its cost does not count")
        return _message_bits(chain), 8 * sum(map(len, below)), n_files
    return ()


def _decode_exactly(codec: ChainCodec, chain: Chain, images: np.ndarray) -> None:
    decoded, start = codec.decode_chain(chain.blob)
    if not (np.array_equal(decoded, images) and np.array_equal(start, chain.start)):
        raise BitstreamMismatch(f"a chain of {len(images)} images did not come back; its cost does not count")


def _message_bits(chain: Chain) -> int:
    return HEADER_BITS + 32 * len(chain.words)

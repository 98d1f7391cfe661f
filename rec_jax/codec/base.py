"""What every codec offers, and what a file is made of."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Encoded(NamedTuple):
    """A file and what it is made of. The parts sum to 8 * len(blob) up to the stream's last word."""

    blob: bytes
    kind: int  # container.LOSSLESS or EMBEDDED; of an embedded file all numbers below are 0
    header_bits: int
    index_bits: float  # the chosen candidates
    side_bits: float  # the numbers of steps, and the outliers
    pixel_bits: float  # the pixels under the integer tables; NaN if nobody asked, as the next
    ideal_pixel_bits: float  # -log2 p(x | z) at the same z
    kl_bits: float  # KL(q || p) of the targets that were coded


class Codec(Protocol):
    """Pictures to files and back."""

    kind: int  # the header's

    def encode(self, images: Sequence[np.ndarray]) -> list[Encoded]:
        """Files of many pictures, with what each is made of."""

    def decode(self, blob: bytes) -> np.ndarray:
        """The picture of a file."""

"""What a curve of the figure is made by.

Measured rows say of what kind they are: CODED, a file that was written, read back and decoded, or IDEAL, what a perfect
coder of the same model would have given. Curves of others are PUBLISHED (published.py).
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

CODED, IDEAL, PUBLISHED = "coded", "ideal", "published"


class Method(Protocol):
    """A lossy codec. settings: its ladder, from small files to large; what a file gets of it is setting_name.

    id: of its rows and files, such as 'webp'.  title: what the figure calls it.  suffix: of its files.
    ours: whether it is what the others are compared with.
    """

    id: str
    title: str
    suffix: str
    setting_name: str
    settings: Sequence[float]
    ours: bool

    def made_by(self) -> str:
        """The program with its version and its other settings; MissingFile with what to install if it is not there."""

    def key(self) -> dict[str, Any]:
        """All that its files depend on besides picture and setting, as plain values: made_by, code, weights."""

    def encode(self, image: np.ndarray, setting: float) -> bytes:
        """A whole file of a picture uint8 [H, W, 3]."""

    def decode(self, data: bytes) -> np.ndarray:
        """The picture of a file, uint8 [H, W, 3]."""


class Ideal(NamedTuple):
    """An exact posterior sample. bits: its KL.  picture: its decoder's mean, uint8 [H, W, 3]."""

    bits: float
    picture: np.ndarray


@runtime_checkable
class HasIdeal(Protocol):
    """A Method that also knows the point which its files would reach with a perfect coder."""

    def ideal(self, image: np.ndarray, setting: float) -> Ideal:
        """The ideal point of the same setting."""

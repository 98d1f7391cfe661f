"""What every codec of pictures offers and has in common, and what a file is made of."""

import abc
import dataclasses
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.embedded import pack_embedded, quick_embedded, unpack_embedded
from rec_jax.codec.package import Package
from rec_jax.core.errors import CoderOverflow, WrongModel
from rec_jax.core.progress import Progress

# Of what a classical format takes quickly: then it is not tried slowly. Of small pictures the quick one is worse.
_CLEARLY, _CLEARLY_SMALL, _SMALL_PIXELS = 0.95, 0.85, 1 << 16


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


def embedded_file(blob: bytes) -> Encoded:
    """Encoded of a file without a model, which has no parts."""
    return Encoded(blob, container.EMBEDDED, *6 * (0,))


@dataclasses.dataclass(frozen=True, eq=False)
class FileCodec(abc.ABC):
    """Pictures to `.rec` files and back, under a package; a codec adds what is abstract here.

    fallback: what a picture becomes that the model would make larger, or cannot code. "smallest": the smallest
      classical format at hand. "raw": its pixels as they are. "none": the file is larger, or CoderOverflow is raised.
      The latter two are for measurements of models.
    """

    package: Package
    fallback: str = dataclasses.field(default="smallest", kw_only=True)

    exact: ClassVar[bool] = True  # whether its files give back the very pixels
    searches: ClassVar[bool]  # whether encoding runs jax
    progress_of: ClassVar[str]  # what `progress` counts

    @abc.abstractmethod
    def _encode(self, images: list[np.ndarray], progress: Progress | None, measure: bool) -> list[Encoded | None]:
        """Files with the model; None for a picture that it cannot code."""

    @abc.abstractmethod
    def _decode(self, header: container.Header, payload: bytes, progress: Progress | None) -> np.ndarray:
        """The picture of such a file, not compared with its checksum yet."""

    @abc.abstractmethod
    def on_device(self, platform: str | None) -> Self:
        """The same codec, decoding under jax on its first device of a platform; None: under numpy. The same pixels."""

    @abc.abstractmethod
    def pieces(self, image: np.ndarray) -> np.ndarray:
        """What the model's bound of a picture is made of, [n, h, w, 3]: the parts that it is coded in."""

    def compress(self, image: Any, progress: Progress | None = None) -> bytes:
        """A `.rec` file for an image [H, W, 3] or grey [H, W], uint8 or uint16; UnsupportedImage for anything else."""
        return self.encode([image], progress, measure=False)[0].blob

    def decompress(self, blob: bytes, progress: Progress | None = None) -> np.ndarray:
        """The exact pixels of a file that this model and coder wrote.

        Raises CorruptFile, UnsupportedVersion or WrongModel; never returns other pixels.
        """
        header, payload = container.unpack(container.as_bytes(blob))
        if header.kind == container.EMBEDDED:
            return unpack_embedded(header, payload)
        self.check_model(header)
        image = self._decode(header, payload, progress)
        container.check_pixels(header, image)
        return image

    def decompress_many(self, blobs: Sequence[bytes], batch_size: int = 16) -> Iterator[np.ndarray]:
        """The pictures of many files, in order, with the errors of `decompress`; batch_size: decoded at once."""
        del batch_size
        return (self.decompress(blob) for blob in blobs)

    def encode(self, images: Sequence[Any], progress: Progress | None = None, measure: bool = True) -> list[Encoded]:
        """Files of many pictures, with what each file is made of.

        measure: whether the bits of the pixels are wanted; a model without latents is faster without.
        """
        arrays = [container.checked_image(image) for image in images]
        tried = [self.fallback != "smallest" or self.may_win(image) for image in arrays]
        encoded = iter(self._encode(list(itertools.compress(arrays, tried)), progress, measure))
        return [
            self._or_embedded(next(encoded) if by_model else None, image)
            for by_model, image in zip(tried, arrays, strict=True)
        ]

    def may_win(self, image: np.ndarray) -> bool:
        """Whether a picture is worth coding with the model: False where a look at it says that it will not win."""
        del image
        return True

    def without_fallback(self) -> Self:
        """The same codec, whose files all come from the model, however large."""
        return dataclasses.replace(self, fallback="none")

    def keeping_programs(self, folder: str | os.PathLike) -> Self | None:
        """The same codec, which keeps what it compiles in a folder (core/kept_programs.py); None where it cannot."""
        del folder
        return None

    def check_model(self, header: container.Header) -> None:
        """WrongModel if a file was written with another model."""
        theirs, ours = header.model_id, self.package.model_id
        if theirs != ours:
            raise WrongModel(f"the file was written with model {theirs:04x}; this is {ours:04x}")

    def _or_embedded(self, encoded: Encoded | None, image: np.ndarray) -> Encoded:
        """What was encoded, or the picture in a classical format where that is smaller or the only way."""
        if self.fallback == "none":
            if encoded is None:
                raise CoderOverflow("a picture holds more nats than the coder admits; raise max_nats or allow fallback")
            return encoded
        if self.fallback == "raw":
            embedded = container.pack_stored(image)
        else:
            quick = quick_embedded(image)
            clearly = _CLEARLY_SMALL if image.shape[0] * image.shape[1] <= _SMALL_PIXELS else _CLEARLY
            if encoded is not None and len(encoded.blob) <= clearly * len(quick[1]):
                return encoded
            embedded = pack_embedded(image, quick)
        if encoded is not None and len(encoded.blob) <= len(embedded):
            return encoded
        return embedded_file(embedded)

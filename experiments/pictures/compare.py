"""Our file of a synthetic picture beside the WebP or PNG of the same pixels."""

import io
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from experiments.cases import Row
from experiments.pictures.synthetic import SYNTHETIC
from experiments.timing import timed
from rec_jax.codec import container, decode, load_codec
from rec_jax.codec.defaults import default_model
from rec_jax.codec.fallback import KIND_NAMES
from rec_jax.codec.png import png_bytes
from rec_jax.core.errors import BitstreamMismatch
from rec_jax.core.rows import program_key
from rec_jax.data.embedded import read_photograph

MOST_BEHIND = 64  # bytes by which a file may be larger than its rival
_SLOW_PIXELS = 1 << 20  # of noise, for which method 6 at quality 100 takes minutes and gives nothing


class CompareCase(NamedTuple):
    """A case of experiments.cases: one picture, with the model that `rec-jax compress` takes by default."""

    title: str

    def key(self) -> dict[str, Any]:
        """See cases.Case; all of the program decides what a file is."""
        return {"title": self.title, **program_key(without=())}

    def measure(self) -> Row:
        """Sizes in bytes and seconds of compressing in this process; BitstreamMismatch if other pixels come back."""
        image = SYNTHETIC[self.title]()
        codec = load_codec(default_model(image))
        codec.compress(read_photograph("coffee")[:16, :16])  # what is read once is read
        seconds, blob = timed(codec.compress, image)
        if not np.array_equal(decode(blob), image):
            raise BitstreamMismatch(f"{self.title}: the file did not decode to its pixels")
        rival, rival_bytes = rival_of(image)
        header, _ = container.unpack(blob)
        how = "model" if header.kind == container.LOSSLESS else KIND_NAMES[header.method]
        return {
            "bytes": len(blob),
            "rival": rival,
            "rival_bytes": rival_bytes,
            "held_as": how,
            "raw_bytes": image.nbytes,
            "wall_s": seconds.wall_s,
            "cpu_s": seconds.cpu_s,
        }

    def line(self, row: Row) -> str:
        """See cases.Case."""
        behind = row["bytes"] - row["rival_bytes"]
        verdict = "" if behind <= MOST_BEHIND else "  TOO LARGE"
        return (
            f"{row['bytes']} bytes ({row['held_as']}), {row['rival']} {row['rival_bytes']}: {behind:+d}{verdict}; "
            f"{row['wall_s']:.2f} s, {row['cpu_s']:.2f} s of processor time"
        )


def rival_of(image: np.ndarray) -> tuple[str, int]:
    """(name, bytes) of Pillow's lossless WebP, or of a PNG for 16 bits, which WebP does not have."""
    if image.dtype == np.uint16:
        return "PNG", len(png_bytes(image))
    quality = 75 if image.shape[0] * image.shape[1] > _SLOW_PIXELS and _is_noise(image) else 100
    buffer = io.BytesIO()
    picture = Image.fromarray(image).convert("RGB")
    picture.save(buffer, "WEBP", lossless=True, exact=True, method=6, quality=quality)
    return f"WebP (method 6, quality {quality})", len(buffer.getvalue())


def _is_noise(image: np.ndarray) -> bool:
    """Whether a fast WebP is no smaller than the pixels."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", lossless=True, method=0, quality=0)
    return len(buffer.getvalue()) >= image.nbytes

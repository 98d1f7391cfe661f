"""The ideal point of a lossy model: what a coder without loss would send and give back.

An exact sample of the posterior in place of the coded one, and the KL in place of the file's bits. It judges a coder
(figure 3), and is an estimate of a file, at a fraction of the time that the search takes.
"""

from typing import NamedTuple

import numpy as np

from rec_jax.codec.lossy import LossyCodec
from rec_jax.codec.lossy_encoder import posterior, walk
from rec_jax.codec.lossy_pictures import shown
from rec_jax.core.numpy_gaussian import kl_nats
from rec_jax.core.units import nats_to_bits
from rec_jax.exact.arithmetic import FRACTION_BITS, as_floats
from rec_jax.exact.prior import as_latents, prior_integers
from rec_jax.exact.tables import SCALE_BITS


class Ideal(NamedTuple):
    """kl_bits: of the whole picture, and of each layer.  image: as the original, of 8 bits."""

    kl_bits: float
    layer_kl_bits: list[float]
    image: np.ndarray


def ideal(codec: LossyCodec, image: np.ndarray, seed: int = 0) -> Ideal:
    """The ideal point of a picture uint8 at the codec's quality; seed: of the samples."""
    layer_kl_bits: list[float] = []
    rng = np.random.Generator(np.random.Philox(seed))

    def draw(layer, prior, hidden):
        loc, scale = (x.ravel() for x in prior_integers(*prior, np))
        q = posterior(codec.model, layer, hidden)
        p = as_floats(loc, FRACTION_BITS), as_floats(scale, SCALE_BITS)
        layer_kl_bits.append(float(nats_to_bits(kl_nats(*q, *p).sum(dtype=np.float64))))
        z = q.loc + q.scale * rng.standard_normal(q.loc.shape, np.float32)
        return as_latents(np.round(z * 2.0**FRACTION_BITS), prior[0], np), None

    pixels = walk(codec, image, draw)
    return Ideal(sum(layer_kl_bits), layer_kl_bits, shown(pixels, image.shape))

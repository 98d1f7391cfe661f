"""The ideal point of a lossy model: what a coder without loss would send and give back.

An exact sample of the posterior in place of the coded one, and the KL in place of the file's bits. It judges a coder
(figure 3), and is an estimate of a file, at a fraction of the time that the search takes.
"""

from typing import NamedTuple

import numpy as np

from rec_jax.codec.lossy import LossyCodec
from rec_jax.codec.lossy_encoder import NET, posterior
from rec_jax.codec.lossy_pictures import as_colour, padded, shown, to_pixels
from rec_jax.core.units import nats_to_bits
from rec_jax.exact.arithmetic import FRACTION_BITS
from rec_jax.exact.network import ExactNet
from rec_jax.exact.prior import as_latents, prior_integers
from rec_jax.exact.tables import SCALE_BITS
from rec_jax.models.likelihoods.base import scale_pixels


class Ideal(NamedTuple):
    """kl_bits: of the whole picture, and of each layer.  image: as the original, of 8 bits."""

    kl_bits: float
    layer_kl_bits: list[float]
    image: np.ndarray


def ideal(codec: LossyCodec, image: np.ndarray, seed: int = 0) -> Ideal:
    """The ideal point of a picture uint8 at the codec's quality; seed: of the samples."""
    model = codec.model
    pixels = padded(as_colour(image), model.stride)
    params, layer_kl_bits = codec.encoder_params(codec.quality), []
    rng = np.random.Generator(np.random.Philox(seed))

    def draw(layer, prior, hidden):
        loc, scale = (x.ravel() for x in prior_integers(*prior, np))
        q = posterior(model, layer, hidden)
        p_loc, p_scale = loc * 2.0**-FRACTION_BITS, scale * 2.0**-SCALE_BITS
        ratio, shift = q.scale / p_scale, (q.loc - p_loc) / p_scale
        kl_nats = np.sum(0.5 * (ratio**2 + shift**2 - 1.0) - np.log(ratio))
        layer_kl_bits.append(float(nats_to_bits(kl_nats)))
        z = q.loc + q.scale * rng.standard_normal(q.loc.shape, np.float32)
        return as_latents(np.round(z * 2.0**FRACTION_BITS), prior[0], np), None

    x = scale_pixels(pixels[None].astype(np.float32))
    inputs = [model.group_params(params, g) for g in range(len(model.groups))]
    outputs, _ = model.top_down(
        ExactNet(), codec.decoder_params(codec.quality), draw, 1, pixels.shape[:2], model.infer(NET, params, x), inputs
    )
    return Ideal(sum(layer_kl_bits), layer_kl_bits, shown(to_pixels(outputs[0]), image.shape))

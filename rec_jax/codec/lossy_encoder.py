"""Encoding lossy files: the encoder's network under numpy, whatever the picture's size, the search under jax.

The top-down walk is the decoder's own, in integers, so its samples are too. Each layer's posterior is made after the
layers above are fixed, so that it makes up for what they missed.
"""

from typing import Any

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.base import Encoded
from rec_jax.codec.latents import write_code
from rec_jax.codec.lossy import LossyCodec
from rec_jax.codec.lossy_pictures import as_colour, padded, padded_size, shown, to_pixels
from rec_jax.codec.presets import preset_number
from rec_jax.coders.base import Code, LongCall, PatientCoder
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.progress import Progress
from rec_jax.core.units import nats_to_bits
from rec_jax.entropy.queue import SymbolWriter
from rec_jax.exact.arithmetic import FRACTION_BITS, as_floats
from rec_jax.exact.network import ExactNet
from rec_jax.exact.prior import as_latents, prior_integers
from rec_jax.exact.tables import LOG_SCALE_LIMIT, SCALE_BITS
from rec_jax.models.base import Draw
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.models.numpy_net import NumpyNet

_NET = NumpyNet()


class _Overflow(Exception):
    """A layer's target is beyond the coder's static size."""


def encode_picture(codec: LossyCodec, image: np.ndarray, progress: Progress | None = None) -> Encoded | None:
    """The file of a picture uint8 at the codec's quality; None if the coder cannot hold a layer."""
    try:
        codes, pixels, kl_nats = _search(codec, image, progress)
    except _Overflow:
        return None
    writer = SymbolWriter()
    calls = codec.calls(*padded_size(*image.shape[:2], codec.model.stride))
    coders = codec.symbol_coders(calls, codes)
    bits = [write_code(writer, coder, call.n_dims, code) for (call, coder), code in zip(coders, codes, strict=True)]
    index_bits, side_bits = map(sum, zip(*bits, strict=True))
    method = preset_number(codec.coder) << 4 | codec.way
    header = container.image_header(shown(pixels, image.shape), container.LOSSY, method, codec.package.model_id)
    stream = writer.getvalue()
    blob = container.pack(header, bytes([codec.quality]) + stream)
    header_bits, kl_bits = 8 * (len(blob) - len(stream)), float(nats_to_bits(kl_nats))
    return Encoded(blob, container.LOSSY, header_bits, index_bits, side_bits, 0.0, 0.0, kl_bits)


def _search(
    codec: LossyCodec, image: np.ndarray, progress: Progress | None = None
) -> tuple[list[Code], np.ndarray, float]:
    """(the codes of all calls, in order; the padded picture uint8 [H, W, 3] that they stand for; their KL in nats).

    Raises _Overflow at the first layer that the coder cannot hold.
    """
    coder, quality = codec.layer_coder, codec.quality
    coder = coder.with_effort(_effort(quality)) if isinstance(coder, PatientCoder) else coder
    calls = codec.calls(*padded_size(*image.shape[:2], codec.model.stride))
    codes: list[Code] = []
    kl_nats = 0.0

    def draw(layer, prior, hidden):
        nonlocal kl_nats
        number = int(layer.number)
        loc, scale = (x.reshape(1, -1) for x in prior_integers(*prior, np))
        q = posterior(codec.model, layer, hidden)
        p = DiagGaussian(as_floats(loc[0], FRACTION_BITS), as_floats(scale[0], SCALE_BITS))
        shares = codec.shares(number, quality, scale[0])
        own = [call for call in calls if call.layer == number]
        found = coder.after(codes[-1] if codes else None, same_layer=False).encode_long(
            [LongCall(c.keys, _part(q, c.here), _part(p, c.here), _at(shares, c.here)) for c in own], codec.programs
        )
        if any(over for _, _, over in found):
            raise _Overflow
        layer_codes = [code for code, _, _ in found]
        codes.extend(layer_codes)
        kl_nats += sum(kl for _, kl, _ in found)
        z = codec.samples(codec.parts(own, layer_codes), loc, scale, shares)
        progress and progress(number + 1, calls[-1].layer + 1)
        return as_latents(z, prior[0], np), None

    pixels = walk(codec, image, draw)
    return codes, pixels, kl_nats


def _effort(quality: int) -> int:
    """How many times the preset's work: a coarse picture has few nats to search for, and loses more of each."""
    return 4 if quality <= 12 else 2 if quality <= 30 else 1


def walk(codec: LossyCodec, image: np.ndarray, draw: Draw) -> np.ndarray:
    """The padded picture uint8 [H, W, 3] that the draws of an encoder lead to, on the decoder's walk.

    A layer that a draw is given has the context of the image and, as inputs, its float parameters.
    """
    model, quality = codec.model, codec.quality
    pixels, params = padded(as_colour(image), model.stride), codec.encoder_params(quality)
    contexts = model.infer(_NET, params, scale_pixels(pixels[None].astype(np.float32)))
    inputs = [model.group_params(params, g) for g in range(len(model.groups))]
    outputs, _ = model.top_down(ExactNet(), codec.decoder_params(quality), draw, 1, pixels.shape[:2], contexts, inputs)
    return to_pixels(outputs[0])


def posterior(model: Any, layer: Any, hidden: Any) -> DiagGaussian:
    """q(z_l | x, z_<l) of a draw of the exact walk, flat [D]; layer.inputs are its float parameters."""
    loc, log_scale = model.posterior(_NET, layer.inputs, as_floats(hidden, FRACTION_BITS), layer.context)
    scale = np.exp(np.clip(log_scale, -LOG_SCALE_LIMIT, LOG_SCALE_LIMIT))
    return DiagGaussian(loc.reshape(-1), scale.reshape(-1))


def _part(g: DiagGaussian, here: slice) -> DiagGaussian:
    return DiagGaussian(g.loc[here], g.scale[here])


def _at(shares: np.ndarray | None, here: slice) -> np.ndarray | None:
    return None if shares is None else shares[here]

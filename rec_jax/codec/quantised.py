"""The codec of quantised models: rounded hyper-latents, then rounded latents under the laws that they describe.

The stream is a quality, the hyper-latents channel by channel and the latents law by law (rounded_symbols.py). What
gives the laws and the picture is integers (exact/network.py), the same on every machine. Neither direction needs jax.
"""

import dataclasses
from typing import Any, NamedTuple

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.base import Encoded
from rec_jax.codec.curve import CurveCodec, check_8_bits, read_quality
from rec_jax.codec.lossy_pictures import as_colour, padded, padded_size, shown, to_pixels
from rec_jax.codec.presets import NO_PRESET
from rec_jax.codec.rounded_symbols import (
    HYPER_LIMIT,
    MOST_BITS,
    hyper_tables,
    read_hyper,
    read_rounded,
    write_hyper,
    write_rounded,
)
from rec_jax.core.errors import CorruptFile
from rec_jax.core.progress import Progress
from rec_jax.entropy.base import BitCounter
from rec_jax.entropy.queue import SymbolReader, SymbolWriter
from rec_jax.entropy.tables import FrequencyTable
from rec_jax.exact.arithmetic import FRACTION_BITS
from rec_jax.exact.network import ExactNet
from rec_jax.exact.prior import as_latents, place, prior_integers
from rec_jax.exact.rounded import law_of
from rec_jax.exact.tables import SCALE_BITS
from rec_jax.models.base import QuantisedModel
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.models.numpy_net import NumpyNet

METHOD = NO_PRESET << 4  # in a header
_PARTS = 3  # that a picture is made in: symbols or the encoder's network, laws, pixels


class Laws(NamedTuple):
    """Of the latents [1, h, w, M]; integers."""

    loc: np.ndarray  # in units of 2^-12
    step: np.ndarray  # [1, 1, 1, M], in units of 2^-16
    number: np.ndarray  # of the law of (y - loc) / step, rounded


class Rounded(NamedTuple):
    """A picture's integers, and what both sides derive from the first of them."""

    hyper_latents: np.ndarray  # [1, h, w, N]
    latents: np.ndarray  # [1, h, w, M]
    laws: Laws


@dataclasses.dataclass(frozen=True, eq=False)
class QuantisedCodec(CurveCodec):
    """The codec of a package with a quantised model."""

    searches = False
    progress_of = "parts"

    @property
    def model(self) -> QuantisedModel:
        assert isinstance(self.package.model, QuantisedModel)
        return self.package.model

    def estimate(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        rounded, pixels = self.rounded(image)
        counter = BitCounter()
        self._write(counter, counter, rounded)
        return counter.bits, shown(pixels, image.shape)

    def _encode(self, images: list[np.ndarray], progress: Progress | None, measure: bool) -> list[Encoded | None]:
        del measure
        check_8_bits(images)
        return [self._encode_one(image, progress) for image in images]

    def _encode_one(self, image: np.ndarray, progress: Progress | None) -> Encoded:
        rounded, pixels = self.rounded(image, progress)
        writer, side, index = SymbolWriter(), BitCounter(), BitCounter()
        self._write(writer, writer, rounded)
        self._write(side, index, rounded)
        pixels = shown(pixels, image.shape)
        header = container.image_header(pixels, container.LOSSY, METHOD, self.package.model_id)
        stream = writer.getvalue()
        blob = container.pack(header, bytes([self.quality]) + stream)
        header_bits, bits = 8 * (len(blob) - len(stream)), side.bits + index.bits
        return Encoded(blob, container.LOSSY, header_bits, index.bits, side.bits, 0.0, 0.0, bits)

    def rounded(self, image: np.ndarray, progress: Progress | None = None) -> tuple[Rounded, np.ndarray]:
        """(the integers of an image uint8 at the codec's quality, the padded picture uint8 [H, W, 3] of them)."""
        pixels = padded(as_colour(image), self.model.stride)
        x = scale_pixels(pixels[None].astype(np.float32))
        y, z = self.model.analyse(NumpyNet(), self.encoder_params(self.quality), x)
        progress and progress(1, _PARTS)
        params = self.decoder_params(self.quality)
        hyper = _nearest(z / (self._hyper_step(params) * 2.0**-SCALE_BITS), HYPER_LIMIT)
        laws = self._laws(params, hyper)
        progress and progress(2, _PARTS)
        steps = (y - laws.loc * 2.0**-FRACTION_BITS) / (laws.step * 2.0**-SCALE_BITS)
        rounded = Rounded(hyper, _nearest(steps, (1 << MOST_BITS) - 1), laws)
        made = self._pixels(params, rounded)
        progress and progress(3, _PARTS)
        return rounded, made

    def _write(self, hyper_sink: Any, sink: Any, rounded: Rounded) -> None:
        hyper, laws = rounded.hyper_latents, rounded.laws.number
        write_hyper(
            hyper_sink, hyper.reshape(-1, hyper.shape[-1]), self._hyper_tables(self.decoder_params(self.quality))
        )
        write_rounded(sink, rounded.latents.ravel(), laws.ravel())

    def _decode(self, header: container.Header, payload: bytes, progress: Progress | None) -> np.ndarray:
        if header.method != METHOD:
            raise CorruptFile(f"the file is damaged: its method is {header.method:02x}; this model's is {METHOD:02x}")
        params = self.decoder_params(read_quality(header, payload))
        size, reader = padded_size(header.height, header.width, self.model.stride), SymbolReader(payload[1:])
        height, width = (side // self.model.stride for side in size)
        hyper = read_hyper(reader, height * width, self._hyper_tables(params)).reshape(1, height, width, -1)
        progress and progress(1, _PARTS)
        laws = self._laws(params, hyper)
        progress and progress(2, _PARTS)
        latents = read_rounded(reader, laws.number.ravel()).reshape(laws.number.shape)
        pixels = self._pixels(params, Rounded(hyper, latents, laws))
        progress and progress(3, _PARTS)
        return shown(pixels, header.shape)

    def _hyper_tables(self, params: dict[str, Any]) -> list[FrequencyTable]:
        return hyper_tables(self.model.hyper_law(params))

    def _hyper_step(self, params: dict[str, Any]) -> np.ndarray:
        """[1, 1, 1, N], in units of 2^-16."""
        log_step = self.model.hyper_law(params).log_step
        return prior_integers(log_step, log_step, np)[1]

    def _laws(self, params: dict[str, Any], hyper: np.ndarray) -> Laws:
        z = place(0, self._hyper_step(params), hyper << FRACTION_BITS, np)
        law = self.model.latent_law(ExactNet(), params, as_latents(z, z, np).astype(np.float64))
        return Laws(*prior_integers(law.loc, law.log_step, np), law_of(law.log_scale, np))

    def _pixels(self, params: dict[str, Any], rounded: Rounded) -> np.ndarray:
        laws = rounded.laws
        y = place(laws.loc, laws.step, rounded.latents << FRACTION_BITS, np)
        return to_pixels(self.model.synthesise(ExactNet(), params, as_latents(y, y, np).astype(np.float64))[0])


def _nearest(x: np.ndarray, limit: int) -> np.ndarray:
    return np.clip(np.floor(x + 0.5), -limit, limit).astype(np.int64)

"""The pixel part of a file: p(x | z) as one integer frequency table per colour value.

The tables are computed on the host in float64 from the replayed parameters, by the same code on both sides; the
stream sees integers only. Channel by channel, because green and blue may depend on the channels before them.
"""

import numpy as np

from rec_jax.core.units import nats_to_bits
from rec_jax.entropy.stream import SymbolReader, SymbolWriter
from rec_jax.entropy.tables import TOTAL
from rec_jax.models.likelihoods import N_VALUES, Likelihood, Mixture, scale_pixels


class PixelCoder:
    """Codes one tile's pixels under a likelihood and its replayed parameters.

    shared: the likelihood's own parameters.  outputs: [h, w, n_outputs], what the network put out at each pixel.
    """

    def __init__(self, likelihood: Likelihood, shared, outputs: np.ndarray):
        self._likelihood = likelihood
        self._shared = {name: np.asarray(value, np.float64) for name, value in shared.items()}
        self._outputs = np.asarray(outputs, np.float64).reshape(-1, outputs.shape[-1])

    def write(self, writer: SymbolWriter, pixels: np.ndarray, n_channels: int) -> tuple[float, float]:
        """Appends the first n_channels of pixels uint8 [h, w, 3]; returns (ideal bits, bits under the tables)."""
        values = pixels.reshape(-1, 3).astype(np.int64)
        ideal_bits = table_bits = 0.0
        for channel in range(n_channels):
            probabilities = self._probabilities(values, channel)
            frequencies = quantise(probabilities)
            rows, symbols = np.arange(len(values)), values[:, channel]
            writer.write_rows(symbols, frequencies)
            tiny = np.finfo(np.float64).tiny
            ideal_bits -= float(nats_to_bits(np.log(np.maximum(probabilities[rows, symbols], tiny)).sum()))
            table_bits -= float(nats_to_bits(np.log(frequencies[rows, symbols] / TOTAL).sum()))
        return ideal_bits, table_bits

    def read(self, reader: SymbolReader, n_channels: int) -> np.ndarray:
        """The first n_channels of the pixels back, uint8 [N, n_channels]."""
        values = np.zeros((len(self._outputs), 3), np.int64)
        for channel in range(n_channels):
            values[:, channel] = reader.read_rows(quantise(self._probabilities(values, channel)))
        return values[:, :n_channels].astype(np.uint8)

    def _probabilities(self, values: np.ndarray, channel: int) -> np.ndarray:
        x = scale_pixels(values, np)
        with np.errstate(all="ignore"):  # of a network that put out infinities; `quantise` answers them
            return bin_probabilities(self._likelihood.components(self._shared, self._outputs, x, channel, np))


_EDGES = np.arange(1, N_VALUES) / N_VALUES - 0.5  # between the bins; the outer bins reach to infinity


def bin_probabilities(mixture: Mixture) -> np.ndarray:
    """P(v) of all 256 values under a mixture of logistics with arrays [N, n]; float64 [N, 256]."""
    cumulative = np.zeros((len(mixture.loc), N_VALUES + 1))
    cumulative[:, -1] = 1.0
    for weight, loc, scale in zip(
        np.exp(mixture.log_weight).T, mixture.loc.T, np.exp(mixture.log_scale).T, strict=True
    ):
        cumulative[:, 1:-1] += weight[:, None] * _sigmoid((_EDGES - loc[:, None]) / scale[:, None])
    return np.maximum(np.diff(cumulative, axis=1), 0.0)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic CDF, by numpy alone: scipy.special takes half a second to import."""
    return 0.5 * (1.0 + np.tanh(0.5 * x))


def quantise(probabilities: np.ndarray) -> np.ndarray:
    """Rows of probabilities [N, 256] to integer frequencies >= 1 that sum to 2^24; int64.

    A network that put out infinities gets the uniform table, so that any picture can be written.
    """
    finite = np.isfinite(probabilities).all(axis=1, keepdims=True)
    usable = np.where(finite, probabilities, 1.0 / N_VALUES)
    frequencies = 1 + np.floor(np.minimum(usable, 1.0) * (TOTAL - N_VALUES)).astype(np.int64)
    peak = frequencies.argmax(axis=1)
    frequencies[np.arange(len(frequencies)), peak] += TOTAL - frequencies.sum(axis=1)
    return frequencies

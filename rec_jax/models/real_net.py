"""What the arithmetics of networks in real numbers, models/float_net.py and numpy_net.py, have in common."""

from typing import Any

from rec_jax.models.likelihoods.base import scale_pixels


class RealNet:
    """Operations that only an arithmetic of integers has something to do for, and those that read the same in both."""

    xp: Any  # jax.numpy or numpy

    def pixels(self, values, depth: int):
        """Pixel values of a depth, scaled."""
        return scale_pixels(values, depth)

    def from_reals(self, x):
        """Real numbers, as what a convolution takes."""
        return x

    def to_reals(self, x):
        """An output as real numbers."""
        return x

    def constant(self, vector):
        """Parameters as real numbers."""
        return vector

    def add(self, x, y):
        """x + y; y may be a vector."""
        return x + y

    def modulate(self, x, gain_and_bias):
        """gain x + bias, per channel."""
        n = x.shape[-1]
        return x * gain_and_bias[..., :n] + gain_and_bias[..., n:]

    def scale_by(self, x, factors):
        """x times factors, as many features."""
        return x * factors

    def concat(self, parts):
        """Channels one after the other."""
        return self.xp.concatenate(parts, axis=-1)

    def tile(self, vector, shape):
        """A vector at every position of shape."""
        return self.xp.broadcast_to(vector, (*shape, vector.shape[-1]))

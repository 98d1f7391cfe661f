"""What the arithmetics of networks in real numbers, models/float_net.py and numpy_net.py, have in common."""

from rec_jax.models.likelihoods.base import scale_pixels


class RealNet:
    """Operations that only an arithmetic of integers has something to do for."""

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

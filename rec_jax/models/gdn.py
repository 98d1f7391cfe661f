"""Generalised divisive normalisation: features divided by what is around them in channels, and the inverse.

    GDN:  y_i = x_i / (beta_i + sum_j gamma_ij |x_j|),      IGDN:  y_i = x_i (beta_i + sum_j gamma_ij |x_j|)

Balle et al. 2018 (arXiv:1802.01436) have the root of beta + sum gamma x^2. This is the form with exponent 1 (Johnston
et al. 2019, arXiv:1912.08771), which TensorFlow Compression's scripts have too: the inverse, a decoder's half, needs
sums and products alone, so it is exact in integers. beta + sum gamma |x| is a 1x1 convolution of |x|, whose sums are
bounded as every convolution's (below 2^50), and which is clipped to 2^20 units like x; so the product is below 2^40.
"""

from typing import Any

LEAST_DIVISOR = 2.0**-6  # beside beta, so that nothing is divided by 0


def gdn(net: Any, params: dict, x: Any) -> Any:
    """GDN of features [B, h, w, C], in floats; params {"w": gamma [1, 1, C, C] by [j, i], "b": beta [C]}."""
    return x / (LEAST_DIVISOR + _factors(net, params, x))


def igdn(net: Any, params: dict, x: Any) -> Any:
    """IGDN of features [B, h, w, C]; params as of `gdn`."""
    return net.scale_by(x, _factors(net, params, x))


def _factors(net: Any, params: dict, x: Any) -> Any:
    """beta + gamma |x|; what is below 0 in them counts as 0."""
    bounded = {name: net.non_negative(params[name]) for name in ("w", "b")}
    return net.conv(params | bounded, abs(x))

"""Convolutions of integers as dot products, exact in any order of summation.

A sum of K products is exact in float64 while K max|w| max|x| < 2^53; `bounds` proves it from the weights alone, since
every activation is clipped. So a library may add the products in any order, on any number of threads, fused or not.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rec_jax.exact.arithmetic import LIMIT

MAX_SUM = 1 << 50  # of any partial sum: room for rounding, which adds a half
_ROWS_AT_ONCE = 1 << 11  # positions: few, whose sums stay in a cache; many, for threads take turns at each call


def convolve(x: Any, w: Any, valid: bool, xp: Any, finish: Callable = lambda sums: sums) -> Any:
    """Sums of products, [B, H, W, O], of x [B, H, W, C] and w [kh, kw, C, O], odd kernels, stride 1.

    valid: whether there are sums only where a kernel lies inside, fewer than x has; otherwise zeros surround x.
    finish: what becomes of the sums [..., O]; under numpy in place, part by part.
    """
    top, left = w.shape[0] // 2, w.shape[1] // 2
    if (top or left) and not valid:
        x = xp.pad(x, ((0, 0), (top, top), (left, left), (0, 0)))
    return _convolve_numpy(x, w, finish) if xp is np else finish(_sums_jax(x, w))


def _convolve_numpy(padded: np.ndarray, w: np.ndarray, finish: Callable) -> np.ndarray:
    """Part by part: the windows of some positions as rows of a matrix, one product."""
    (kh, kw, n_in, n_out), (batch, height, width, _) = w.shape, padded.shape
    height, width = height - kh + 1, width - kw + 1
    out = np.empty((batch, height, width, n_out), padded.dtype)
    padded, w = np.ascontiguousarray(padded), np.ascontiguousarray(w).reshape(-1, n_out)
    s = padded.strides
    windows = np.lib.stride_tricks.as_strided(
        padded, (batch, height, width, kh, kw * n_in), (*s[:3], s[1], s[3]), writeable=False
    )
    images, rows = max(1, _ROWS_AT_ONCE // (height * width)), max(1, _ROWS_AT_ONCE // width)
    for image in range(0, batch, images):
        for row in range(0, height, rows):
            part = out[image : image + images, row : row + rows]
            sums = part.reshape(-1, n_out)  # a view: of whole rows of one image, or of whole images
            np.matmul(windows[image : image + images, row : row + rows].reshape(len(sums), -1), w, out=sums)
            finish(sums)
    return out


def _sums_jax(padded: Any, w: Any) -> Any:
    """Shifted dot products, one per tap."""
    kh, kw = w.shape[:2]
    height, width = padded.shape[1] - kh + 1, padded.shape[2] - kw + 1
    return sum(padded[:, i : i + height, j : j + width] @ w[i, j] for i in range(kh) for j in range(kw))


def bounds(w: np.ndarray, b: np.ndarray, limit: int = LIMIT) -> int:
    """The largest |sum| that any input within +-limit can give: it must stay below MAX_SUM."""
    sums = np.abs(w.astype(np.int64)).sum(axis=(0, 1, 2)) * limit + np.abs(b.astype(np.int64))
    return int(sums.max(initial=0))

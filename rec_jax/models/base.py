"""What a latent-variable model must offer; see docs/NOTATION.md for the symbols.

A model owns its parameters' shapes and the order of its layers, nothing else: no coder, no seed, no EMA, no file.
Its top-down pass is written once and takes the draw as an argument. Training, prior samples, compression and
decompression are four different draws.
"""

from collections.abc import Callable
from typing import Any, Protocol

import jax

from rec_jax.core.gaussian import DiagGaussian

# draw(layer, q, p, inputs) -> (z, record).  layer: int32 [], 0 is the top.  q: posterior or None.  p: prior.
# p, q, z: [B, h, w, c].  inputs: this layer's slice of the pytree given to `top_down`.  record: any pytree of arrays.
Draw = Callable[[jax.Array, DiagGaussian | None, DiagGaussian, Any], tuple[jax.Array, Any]]


class LatentModel(Protocol):
    """p(x, z) = p(x | z) prod_l p(z_l | z_<l) with q(z_l | x, z_<l), all diagonal Gaussians."""

    n_layers: int
    stride: int  # image height and width must be multiples of it

    def init(self, key: jax.Array, images: jax.Array) -> Any:
        """Parameters, scaled by a first batch of images uint8 [B, H, W, 3]."""

    def infer(self, params: Any, images: jax.Array) -> Any:
        """Bottom-up pass over images uint8 [B, H, W, 3]: what every posterior needs from x."""

    def top_down(
        self, params: Any, draw: Draw, *, batch: int, height: int, width: int, inference: Any = None, inputs: Any = None
    ) -> tuple[Any, list[Any]]:
        """Walks all layers from the top. Returns (pixel parameters, records: one stacked pytree per level).

        inference: from `infer`, else every q is None.  inputs: one pytree per level with leaves [blocks, ...].
        """

    def latent_shapes(self, height: int, width: int) -> list[tuple[int, int, int]]:
        """(h, w, c) of every layer's latent, top layer first."""

"""The latent part of a file: the model's top-down walk with a coder as its draw.

Encoding walks with draws that choose codes, decoding with draws that follow them. Both are compiled here, the decoder
(`replay`) for exactly one tile: whatever batch an encoder worked in, what it writes rests on the numbers that the
decoder's own compiled function returns (docs/FORMAT.md, "Latent mode").
"""

import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.coders import TreeCoder
from rec_jax.coders.base import Code, Coder, Info
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.prng import child_key, coder_key
from rec_jax.models.base import LatentModel

SEED = 0  # of the candidates; part of the format


def _rows(g: DiagGaussian) -> DiagGaussian:
    """[B, h, w, c] to one row of dims per image, [B, D]."""
    return jax.tree.map(lambda x: x.reshape(x.shape[0], -1), g)


def _prior_outside(q: DiagGaussian, p: DiagGaussian, sizes: jax.Array, stride: int) -> DiagGaussian:
    """q [B, h, w, c], but p where a latent lies more than one place beyond the picture's edge.

    Such latents tell of padding, so they are drawn from the prior, for no nats; the decoder need not know. One place is
    left because a latent tells of the pixels beside it too.
    """
    near = [jnp.arange(n) * stride < sizes[:, i, None] + stride for i, n in enumerate(q.loc.shape[1:3])]
    inside = (near[0][:, :, None] & near[1][:, None, :])[..., None]
    return jax.tree.map(lambda q, p: jnp.where(inside, q, p), q, p)


@dataclass(frozen=True)
class LatentCoder:
    """One model with one coder. All layers of a level have codes of one shape, stacked on the first axis.

    weights: per layer and channel, how the KL is expected to be spread, for coders that take it (calibrate.py); ():
      not known.
    seed: of all candidates; a file's is SEED.
    """

    model: LatentModel
    coder: Coder
    weights: tuple[tuple[int, ...], ...] = ()
    seed: int = SEED

    def _tile_key(self, number: jax.Array) -> jax.Array:
        return child_key(coder_key(self.seed), number)

    def _shared(self, layer: jax.Array, shape: tuple[int, ...]) -> tuple[jax.Array, ...]:
        """What both sides know besides the prior: the weights [D] of a layer with latents of shape [.., h, w, c]."""
        if not (self.weights and isinstance(self.coder, TreeCoder)):
            return ()
        widest = max(map(len, self.weights))
        table = np.array([row + (1,) * (widest - len(row)) for row in self.weights], np.int32)
        return (jnp.broadcast_to(jnp.asarray(table)[layer, : shape[-1]], shape[-3:]).reshape(-1),)

    @functools.partial(jax.jit, static_argnums=0)
    def encode(
        self, params: Any, numbers: jax.Array, images: jax.Array, sizes: jax.Array
    ) -> tuple[list[Code], list[Info]]:
        """Codes of a batch of tiles uint8 [B, side, side, 3] with these numbers int [B] in their pictures.

        sizes: int [B, 2], height and width of what is picture in each; the latents of the rest cost nothing.
        Per level, leaves [layers, B, ...].
        """
        keys = jax.vmap(self._tile_key)(numbers)

        def draw(layer, q, p, _):
            q = _prior_outside(q, p, sizes, height // p.loc.shape[1])
            layer_keys = jax.vmap(child_key, (0, None))(keys, layer)
            shared = self._shared(layer, p.loc.shape)
            code, info = self.coder.encode_batch(layer_keys, _rows(q), _rows(p), *shared)
            z = jax.vmap(lambda k, p, c: self.coder.decode(k, p, c, *shared))(layer_keys, _rows(p), code)
            return z.reshape(p.loc.shape), (code, info)

        batch, height, width, _ = images.shape
        inference = self.model.infer(params, images)
        _, records = self.model.top_down(params, draw, batch=batch, height=height, width=width, inference=inference)
        return [code for code, _ in records], [info for _, info in records]

    @functools.partial(jax.jit, static_argnums=(0, 4))
    def replay(self, params: Any, number: jax.Array, codes: list[Code], side: int) -> tuple[Any, jax.Array]:
        """The decoder: pixel parameters of one tile, (shared, outputs [side, side, n_outputs]).

        number: the tile's, in its picture.  codes: per level, leaves [layers, ...].
        """
        key = self._tile_key(number)

        def draw(layer, q, p, code):
            row = jax.tree.map(lambda x: x.reshape(-1), p)
            z = self.coder.decode(child_key(key, layer), row, code, *self._shared(layer, p.loc.shape))
            return z.reshape(p.loc.shape), None

        pixels, _ = self.model.top_down(params, draw, batch=1, height=side, width=side, inputs=codes)
        return pixels["shared"], pixels["outputs"][0]

    def shapes(self, side: int) -> list[DiagGaussian]:
        """Per layer, a prior of the right shape: all that parsing a stream needs to know of p."""
        sizes = [h * w * c for h, w, c in self.model.latent_shapes(side, side)]
        return [DiagGaussian(*2 * (jax.ShapeDtypeStruct((n,), jnp.float32),)) for n in sizes]

    def layers_per_level(self) -> list[int]:
        """How many layers each level's stacked code has, top level first."""
        return [level.blocks for level in reversed(self.model.levels)]

"""The search for the codes of a batch of tiles, on the exact walk that the decoder will walk.

Layer by layer, the network runs in integers under numpy, as in the decoder; the posterior and the coder's search, which
no decoder repeats, run in float32 under jax. So an encoder's samples are the decoder's, and nothing is replayed.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.codec.latents import layer_keys
from rec_jax.codec.lossless import Layout, LosslessCodec
from rec_jax.coders import LayerCoder
from rec_jax.coders.base import Code
from rec_jax.core.blas_threads import one_blas_thread
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.kept_programs import Program
from rec_jax.core.layers import Layer
from rec_jax.exact.arithmetic import FRACTION_BITS, as_floats
from rec_jax.exact.network import ExactNet
from rec_jax.exact.prior import as_latents, prior_integers
from rec_jax.exact.scope import search_jax
from rec_jax.exact.tables import SCALE_BITS
from rec_jax.models.base import TopDownModel
from rec_jax.models.float_net import FloatNet
from rec_jax.models.gaussians import gaussian
from rec_jax.models.likelihoods.base import scale_pixels

_NET = FloatNet()


def encode_tiles(
    codec: LosslessCodec, layout: Layout, cuts: np.ndarray, numbers: np.ndarray, sizes: np.ndarray
) -> tuple[list[Code], np.ndarray, np.ndarray, np.ndarray]:
    """Codes of a batch of tiles [B, side, side, 3] with these numbers in their pictures.

    sizes: int [B, 2], height and width of what is picture in each; the latents of the rest cost nothing.
    Returns (per layer, codes with leading axis B; outputs; KL in nats [B]; whether it overflows [B]).
    """
    package, exact = codec.package, ExactNet()
    model, params = package.lossless_model, package.float_params
    depth = 8 * cuts.dtype.itemsize
    coder, codes, run = layout.coder, [], codec.programs or Program.__call__
    kl_nats, overflow = np.zeros(len(cuts)), np.zeros(len(cuts), bool)

    def draw(layer, prior, hidden):
        i = int(layer.number)
        call, keys = layout.calls[i], layer_keys(numbers, i)
        loc, scale = (x.reshape(len(cuts), -1) for x in prior_integers(*prior, np))
        code, kl, over = search_layer(model, layout, layer, hidden, loc, scale, keys, sizes, run)
        codes.append(code)
        kl_nats[:] += kl
        overflow[:] |= over
        units = coder.units(keys, code, call.n_dims, call.shares, np)
        return as_latents(coder.place(code, loc, scale, units, np), prior[0], np), None

    with search_jax(), one_blas_thread():
        contexts = jax.device_get(run(infer, model, params, cuts.astype(np.float32), depth))
        inputs = [model.group_params(params, g) for g in range(len(model.groups))]
        outputs, _ = model.top_down(exact, package.exact_params, draw, len(cuts), cuts.shape[1:3], contexts, inputs)
    return codes, outputs.astype(np.int32), kl_nats, overflow


@functools.partial(Program, static_argnums=(0, 3))
def infer(model: TopDownModel, params: Any, values: jax.Array, depth: int) -> list[Any]:
    """The model's bottom-up pass over pixel values [B, side, side, 3] of a depth."""
    return model.infer(_NET, params, scale_pixels(values, depth))


def search_layer(
    model: TopDownModel, layout: Layout, layer: Layer, hidden, loc, scale, keys, sizes, run=Program.__call__
):
    """(code, KL in nats [B], whether it overflows [B]) of one layer of a batch, on the host.

    layer, hidden: as a draw of the exact walk sees them; layer.inputs are its float parameters.
    loc, scale: of its prior, in integers [B, D].  run: calls a Program.
    """
    call, seen = layout.calls[int(layer.number)], as_floats(hidden, FRACTION_BITS)
    prior = DiagGaussian(as_floats(loc, FRACTION_BITS), as_floats(scale, SCALE_BITS))
    return jax.device_get(
        run(
            _search_layer, model, layout.coder, layer.inputs, layer.context, seen, prior, keys, sizes,
            layout.side // call.shape[0], call.shares,
        )
    )  # fmt: skip


@functools.partial(Program, static_argnums=(0, 1, 8))
def _search_layer(
    model: TopDownModel,
    coder: LayerCoder,
    params,
    context,
    hidden,
    prior: DiagGaussian,
    keys,
    sizes,
    stride: int,
    shares,
):
    """(code, KL in nats [B], whether it overflows [B]) of one layer of a batch; prior [B, D], hidden [B, h, w, C]."""
    q = gaussian(*model.posterior(_NET, params, hidden, context))
    p = jax.tree.map(lambda x: x.reshape(q.loc.shape), prior)
    q = _prior_outside(q, p, sizes, stride)
    rows = (jax.tree.map(lambda x: x.reshape(x.shape[0], -1), g) for g in (q, p))
    code, info = coder.encode_batch(keys, *rows, shares)
    return code, info.kl_nats, info.overflow


def _prior_outside(q: DiagGaussian, p: DiagGaussian, sizes: jax.Array, stride: int) -> DiagGaussian:
    """q [B, h, w, c], but p where a latent lies more than one place beyond the picture's edge.

    Such latents tell of padding, so they are drawn from the prior, for no nats; the decoder need not know. One place is
    left because a latent tells of the pixels beside it too.
    """
    near = [jnp.arange(n) * stride < sizes[:, i, None] + stride for i, n in enumerate(q.loc.shape[1:3])]
    inside = (near[0][:, :, None] & near[1][:, None, :])[..., None]
    return jax.tree.map(lambda q, p: jnp.where(inside, q, p), q, p)

"""Initial parameters of any model: one walk over a first batch, every convolution scaled by what reaches it."""

from typing import Any

import jax
import jax.numpy as jnp

from rec_jax.core.layers import LayerStack
from rec_jax.models.base import MarkovModel, PixelModel
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.models.markov import kl_samples
from rec_jax.models.weight_norm import InitNet


def init_params(model: PixelModel, key: jax.Array, images: jax.Array) -> dict[str, Any]:
    """Data-dependent initial parameters from uint8 images [B, H, W, 3]; B of 32 or more is wise."""
    net, x = InitNet(jax.random.fold_in(key, 0)), scale_pixels(images.astype(jnp.float32))
    params = model.empty_params()
    if isinstance(model, MarkovModel):
        kl_samples(model, net, params, x, jax.random.fold_in(key, 1))
        return _stacked(params | {"likelihood": model.likelihood.init(x, jnp)})
    if "top" in params:
        params["top"] = 0.1 * jax.random.normal(jax.random.fold_in(key, 1), params["top"].shape)
    contexts = model.infer(net, params, x)

    def draw(layer, prior, hidden):
        del prior
        return model.posterior(net, layer.params, hidden, layer.context)[0], None

    batch, height, width, _ = images.shape
    model.top_down(net, params, draw, batch, (height, width), contexts)
    params["likelihood"] = model.likelihood.init(x, jnp)
    return _stacked(params)


def _stacked(node: Any) -> Any:
    """LayerStacks as one dict of stacked arrays."""
    match node:
        case LayerStack():
            return jax.tree.map(lambda *leaves: jnp.stack(leaves), *node)
        case dict():
            return {name: _stacked(child) for name, child in node.items()}
        case list():
            return [_stacked(child) for child in node]
        case _:
            return node

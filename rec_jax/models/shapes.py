"""The shapes of a model's parameters, by a walk that computes nothing: what a model file is checked against."""

from typing import Any

import numpy as np

from rec_jax.core.layers import Layer, LayerStack, layer_at
from rec_jax.models.base import AnyModel, MarkovModel, StartingModel


class _ShapeNet:
    """Fills a model's empty parameters with the shapes of the convolutions it asks for; all numbers are zeros."""

    xp = np

    def conv(self, params: dict, x, features: int = 0, init_scale: float = 1.0, valid: bool = False, size: int = 3):
        params["conv"] = (size, size, x.shape[-1], features)
        return np.zeros((*x.shape[:-1], features), np.int8)

    output_conv = conv

    def elu(self, x):
        return x

    def add_scaled(self, x, factor, y):
        return x

    def concat(self, parts):
        return np.concatenate(parts, axis=-1)

    def tile(self, vector, shape):
        return np.zeros((*shape, vector.shape[-1]), np.int8)

    def repeat(self, step, state, layers, reverse=False):
        n_layers = len(layers.params if isinstance(layers, Layer) else layers)
        records = []
        for i in range(n_layers):
            state, record = step(state, layer_at(layers, i))
            records.append(record)
        return state, records


def param_shapes(model: AnyModel) -> dict[str, Any]:
    """The parameter tree with ("conv", (layers..., kh, kw, C, O)) for convolutions and plain shapes for arrays."""
    if isinstance(model, StartingModel):
        return _shapes(model.start(np.zeros((1, model.stride, model.stride, 3))))
    params, net, side = model.empty_params(), _ShapeNet(), model.stride
    if isinstance(model, MarkovModel):
        z = model.inference_law(net, params, 0, np.zeros((1, side, side, 3), np.int8))[0]
        model.outputs(net, params, z)
        for number in range(1, model.groups[0].n_layers):
            model.inference_law(net, params, number, z)
            model.generative_law(net, params, number, z)
        params["likelihood"] = model.likelihood.init(np.zeros((1, 1, 1, 3)), np)
        return _shapes(params)
    contexts = model.infer(net, params, np.zeros((1, side, side, 3), np.int8))

    def draw(layer, prior, hidden):
        del prior
        return model.posterior(net, layer.params, hidden, layer.context)[0], None

    model.top_down(net, params, draw, 1, (side, side), contexts)
    params["likelihood"] = model.likelihood.init(np.zeros((1, 1, 1, 3)), np)
    return _shapes(params)


def _shapes(node: Any) -> Any:
    match node:
        case {"conv": shape}:
            return ("conv", shape)
        case {"w": w, "b": _}:
            return ("conv", np.shape(w))
        case LayerStack():
            return _stacked(_shapes(node[0]), len(node))
        case dict():
            return {name: _shapes(child) for name, child in node.items()}
        case list():
            return [_shapes(child) for child in node]
        case _:
            return np.shape(node)


def _stacked(node: Any, n: int) -> Any:
    if isinstance(node, dict):
        return {name: _stacked(child, n) for name, child in node.items()}
    return (node[0], (n, *node[1]))

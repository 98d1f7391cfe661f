"""Layers of one shape: walked one after the other, their parameters stacked on a first axis."""

from typing import Any, NamedTuple


class Layer(NamedTuple):
    """One layer of a walk, as a draw sees it."""

    number: Any  # 0 is the top; traced where the walk is scanned
    params: dict  # its own
    context: Any  # what `infer` says of it; None where nothing was inferred
    inputs: Any  # this layer's slice of what the walk was given


class LayerStack(list):
    """The parameters of a group's layers as a list of dicts, before they are stacked into one."""


def layer_at(tree: Any, i: int) -> Any:
    """The i-th layer of a stacked tree of dicts, tuples and arrays; a list holds one item per layer."""
    match tree:
        case None:
            return None
        case dict():
            return {name: layer_at(node, i) for name, node in tree.items()}
        case Layer():
            return Layer(*(layer_at(node, i) for node in tree))
        case tuple():
            return tuple(layer_at(node, i) for node in tree)
        case _:
            return tree[i]

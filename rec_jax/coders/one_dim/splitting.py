"""A Poisson process of candidates over one dim, unfolded as a binary tree: what `a_star` and `greedy_poisson` search.
`greedy_splitting` walks the same tree without the times.

A node is an interval that holds mass m under p = N(0, 1). Its first arrival comes at time T = T_parent + Exp(1) / m at
a point drawn from p on the interval; the interval is then cut in two, whose own first arrivals come after T. All
arrivals of the tree together are those of a Poisson process of rate p (Maddison, Tarlow, Minka 2014). Cuts:
"dyadic" halves the mass, so that a node of depth d has m = 2^-d; "sample" cuts at the point itself, so that for a
unimodal q/p one of the two halves never matters and the search is a single path (Flamich, Markou, Hernandez-Lobato
2022, AD* and AS*).

A node is named by its depth and one bit per level, and drawn by itself from these: the decoder walks `depth` steps.
Masses are kept on both sides of an interval, so that both tails of p are as fine as floats are near 0.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.coders import draws
from rec_jax.exact.threefry import Key

MAX_DEPTH = 63  # two words of bits
HEAP_SIZE = 64  # nodes that wait at a time
_LEFT, _RIGHT, _POINT, _TIME = range(4)  # children of a node's key


class Node(NamedTuple):
    """An interval and the first arrival in it."""

    below: jax.Array  # mass of p below the interval
    above: jax.Array  # and above it
    mass: jax.Array
    time: jax.Array
    key: Key
    depth: jax.Array  # int32 []
    path: jax.Array  # uint32 [2]


def root(key: Key) -> Node:
    """The whole line."""
    time = draws.exponential(draws.child(key, _TIME))
    none = jnp.float32(0.0)
    return Node(none, none, jnp.float32(1.0), time, key, jnp.int32(0), jnp.zeros(2, jnp.uint32))


def point(node: Node) -> jax.Array:
    """Where the node's arrival is, z ~ p on its interval."""
    share = _share(node)
    return _quantile(node.below + node.mass * share, node.above + node.mass * (1.0 - share))


def ends(node: Node) -> tuple[jax.Array, jax.Array]:
    """The two ends of the node's interval, -inf and inf for the whole line."""
    return _quantile(node.below, node.above + node.mass), _quantile(node.below + node.mass, node.above)


def nearest(node: Node, z: jax.Array) -> jax.Array:
    """The point of the node's interval that is nearest to z."""
    return jnp.clip(z, *ends(node))


def child(node: Node, upper: jax.Array | int, split: str) -> Node:
    """The lower or the upper half; upper is 0 or 1."""
    share = _share(node) if split == "sample" else jnp.float32(0.5)
    cut = jnp.where(upper == 1, node.mass * share, node.mass * (1.0 - share))  # what falls away
    mass = jnp.where(upper == 1, node.mass * (1.0 - share), node.mass * share)
    key = draws.child(node.key, jnp.where(upper == 1, _RIGHT, _LEFT))
    time = node.time + draws.exponential(draws.child(key, _TIME)) / mass
    below = node.below + jnp.where(upper == 1, cut, 0.0)
    above = node.above + jnp.where(upper == 1, 0.0, cut)
    bit = jnp.left_shift(jnp.asarray(upper, jnp.uint32), (node.depth % 32).astype(jnp.uint32))
    path = node.path | jnp.where(jnp.arange(2) == node.depth // 32, bit, jnp.uint32(0))
    return Node(below, above, mass, time, key, node.depth + 1, path)


def _share(node: Node) -> jax.Array:
    """Share of the interval's mass below its point: uniform on (0, 1), never at an end."""
    return draws.uniform(draws.child(node.key, _POINT))


def _quantile(below: jax.Array, above: jax.Array) -> jax.Array:
    """The point of N(0, 1) with these masses on its two sides, from the smaller one."""
    return jnp.where(below < above, jax.scipy.special.ndtri(below), -jax.scipy.special.ndtri(above))


class Heap(NamedTuple):
    """Nodes that wait to be looked at, smallest `order` first; order is inf where there is none."""

    nodes: Node  # [HEAP_SIZE]
    order: jax.Array  # [HEAP_SIZE]
    full: jax.Array  # bool []: a node that mattered was lost


def heap(node: Node, order: jax.Array) -> Heap:
    """A heap of one node."""
    nodes = jax.tree.map(lambda x: jnp.broadcast_to(x, (HEAP_SIZE, *x.shape)), node)
    return Heap(nodes, jnp.where(jnp.arange(HEAP_SIZE) == 0, order, jnp.inf), jnp.bool_(False))


def first(h: Heap) -> Node:
    """The node of smallest order."""
    return jax.tree.map(lambda x: x[jnp.argmin(h.order)], h.nodes)


def replace_first(h: Heap, children: list[Node], orders: list[jax.Array]) -> Heap:
    """The heap with two nodes in place of its first."""
    lower, upper = children
    slot = jnp.argmin(h.order)
    order = h.order.at[slot].set(orders[0])
    nodes = jax.tree.map(lambda x, y: x.at[slot].set(y), h.nodes, lower)
    free = jnp.argmax(order)
    full = h.full | (jnp.isfinite(order[free]) & jnp.isfinite(orders[1]))
    return Heap(jax.tree.map(lambda x, y: x.at[free].set(y), nodes, upper), order.at[free].set(orders[1]), full)

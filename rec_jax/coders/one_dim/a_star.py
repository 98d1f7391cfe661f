"""A* coding with binary splitting: AS*, AD* and its depth-limited form, one dim.

Flamich, Markou, Hernandez-Lobato 2022, "Fast relative entropy coding with A* coding", ICML.

Of the arrivals (T, z) of a Poisson process of rate p the one with the smallest T p(z) / q(z) has z ~ q exactly
(poisson.py looks at them in the order of time). The process is unfolded as a tree (splitting.py), best bound first:
a node whose T min p/q over its interval is above the best so far is never opened. split="dyadic" is AD*,
split="sample" AS*. What is sent is the node, exactly table(depth) + depth bits: AD* takes depth near log2 of q/p and
AS* 1.4 times that, because a cut at random halves the mass less well.

max_depth=d is the depth-limited form, DAD* for the dyadic split: only the 2^(d+1) - 1 nodes down to depth d are
considered, and the node costs d + 1 bits, whatever it is. Approximate: the bias falls as d grows past KL in bits.

Domain: one dim (vmap for more), q narrower than p (or equal), D_inf at most `max_nats`. Expected number of nodes
O(D_inf). Without a limit, a search that needs more than 63 levels or 64 waiting nodes overflows. Use it for single
dims of several nats, where `poisson` takes exp(D_inf) draws.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.coders.density_ratio import Peak
from rec_jax.coders.one_dim.path_code import PathCode, SplittingCoder
from rec_jax.coders.one_dim.splitting import MAX_DEPTH, Heap, child, first, heap, nearest, point, replace_first, root
from rec_jax.core.errors import ConfigError
from rec_jax.entropy.tables import Table, normalise


class _Search(NamedTuple):
    heap: Heap
    score: jax.Array  # log T + log p/q of the best so far
    ratio: jax.Array
    code: PathCode
    lost: jax.Array  # bool []: MAX_DEPTH cut off a node that mattered


@dataclass(frozen=True)
class AStarCoder(SplittingCoder):
    """See the module's docstring and SplittingCoder. max_depth: None for the exact coder, else at most 22."""

    max_depth: int | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.max_depth is not None and not 0 <= self.max_depth <= 22:
            raise ConfigError(f"coder.max_depth={self.max_depth}: need 0 to 22, or None for no limit")

    def depth_table(self) -> Table:
        """Of the depth: a node's share of all nodes if these are limited, a Zipf code otherwise."""
        if self.max_depth is None:
            return super().depth_table()
        return normalise([1 << depth for depth in range(self.max_depth + 1)])

    def _search(self, key, peak: Peak, outside):
        limit = MAX_DEPTH if self.max_depth is None else self.max_depth

        def look(s: _Search) -> _Search:
            node = first(s.heap)
            ratio = peak.log_ratio(point(node))
            score = jnp.log(node.time) - ratio
            better = score < s.score
            found = (score, ratio, PathCode(node.depth, node.path))
            best, ratio, code = jax.tree.map(lambda a, b: jnp.where(better, a, b), found, (s.score, s.ratio, s.code))
            children = [child(node, upper, self.split) for upper in (0, 1)]
            orders = [jnp.log(c.time) - peak.log_ratio(nearest(c, peak.mode)) for c in children]
            orders = [jnp.where(order < best, order, jnp.inf) for order in orders]
            cut = node.depth >= limit
            lost = s.lost | (cut & jnp.isfinite(jnp.minimum(*orders)))
            orders = [jnp.where(cut, jnp.inf, order) for order in orders]
            return _Search(replace_first(s.heap, children, orders), best, ratio, code, lost)

        node = root(key)
        nothing = PathCode(jnp.int32(0), jnp.zeros(2, jnp.uint32))
        start = _Search(
            heap(node, jnp.where(outside, jnp.inf, jnp.log(node.time) - peak.bound)),
            jnp.float32(jnp.inf),
            jnp.float32(0.0),
            nothing,
            jnp.bool_(False),
        )
        end = jax.lax.while_loop(lambda s: (jnp.min(s.heap.order) < s.score) & ~s.heap.full, look, start)
        lost = end.heap.full | (end.lost if self.max_depth is None else False)
        return end.code, end.ratio, lost

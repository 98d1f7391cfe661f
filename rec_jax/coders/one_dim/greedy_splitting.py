"""Greedy rejection coding that splits the line: GRCS and GRCD, exact, one dim; `greedy_rejection` with a `split`.

Flamich, Markou, Hernandez-Lobato 2023, "Faster relative entropy coding with greedy rejection coding", NeurIPS. The
rule of greedy_rejection.py on ever smaller intervals S, from the whole line with L = 0 and R = 1: z ~ p on S is
accepted with probability min(1, (q(z)/p(z) - L)+ / m), where R is the mass of (q - L p)+ on S and m = R / P(S) its
mean in units of p. After a refusal L grows by m, what is left of q on S is (q - L p)+, S is cut in two, and the search
goes on in one half, drawn in proportion to what is left in it. split="sample" cuts at z (GRCS), split="dyadic" halves
P(S) (GRCD). What is sent is the interval, a node of the tree of splitting.py: exactly table(depth) + depth bits.

For Gaussians q/p > L is an interval of z and R an integral without cancellation (density_ratio.py). Where rounding
leaves nothing of q in either half, (q/p - L)+ was flat on S and z is accepted.

Domain: one dim (vmap for more), q narrower than p (or equal), D_inf at most `max_nats`. One path down the tree and
nothing else: with "sample" at most 4.82 KL + O(1) expected nodes, by the paper, which conjectures KL + O(1) for
"dyadic". A search that needs more than 63 levels overflows. Use it for exact samples of single dims, "dyadic" for sharp
targets: there the random cuts of "sample" cost 5 bits more, up to KL + log2(KL + 1) + 6.4 (docs/CODERS.md).
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.coders import draws
from rec_jax.coders.density_ratio import Peak, left_over
from rec_jax.coders.one_dim.path_code import PathCode, SplittingCoder
from rec_jax.coders.one_dim.splitting import MAX_DEPTH, Node, child, ends, point, root

_CHANCES = 1 << 24  # child of a node's key, behind those of splitting.py: what the sender alone draws


class _Search(NamedTuple):
    node: Node  # S
    level: jax.Array  # L
    left: jax.Array  # R
    ratio: jax.Array  # log q/p of the last z
    code: PathCode  # its node
    done: jax.Array  # bool []


@dataclass(frozen=True)
class GreedySplittingCoder(SplittingCoder):
    """See the module's docstring and SplittingCoder."""

    def _search(self, key, peak: Peak, outside):
        def omega(level):
            """tau at the ends of q/p > level; inf for level 0."""
            return jnp.sqrt(jnp.maximum(2.0 * (peak.bound - jnp.log(level)), 0.0))

        def look(s: _Search) -> _Search:
            accept, turn = draws.uniform(draws.child(s.node.key, _CHANCES), (2,))
            z = point(s.node)
            ratio = peak.log_ratio(z)
            fall = 0.5 * jnp.maximum(omega(s.level) ** 2 - peak.tau(z) ** 2, 0.0)  # log q/p - log L
            above = -jnp.exp(ratio) * jnp.expm1(-fall)
            mean = s.left / s.node.mass
            level = s.level + mean
            halves = [child(s.node, upper, self.split) for upper in (0, 1)]
            lower, upper = (left_over(peak, omega(level), *ends(half)) for half in halves)
            done = (accept * mean < above) | ~(lower + upper > 0)
            turns_up = turn * (lower + upper) < upper
            node = jax.tree.map(lambda a, b: jnp.where(turns_up, b, a), *halves)
            code = PathCode(s.node.depth, s.node.path)
            return _Search(node, level, jnp.where(turns_up, upper, lower), ratio, code, done)

        node, none = root(key), jnp.float32(0.0)
        start = _Search(node, none, jnp.float32(1.0), none, PathCode(node.depth, node.path), outside)
        end = jax.lax.while_loop(lambda s: ~s.done & (s.node.depth <= MAX_DEPTH), look, start)
        return end.code, end.ratio, ~end.done

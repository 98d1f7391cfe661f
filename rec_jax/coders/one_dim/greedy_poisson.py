"""Greedy Poisson rejection sampling (Flamich 2023, NeurIPS), over a binary tree: exact, one dim.

Of the arrivals (T_i, z_i) of a Poisson process of rate p the first one with T_i <= sigma(q(z_i)/p(z_i)) is sent; its z
follows q exactly if sigma(0) = 0 and sigma'(h) = 1 / (Q(q/p >= h) - h P(q/p >= h)) (section 3; for Gaussians the two
probabilities are those of an interval). The process is unfolded as a tree (splitting.py), earliest arrival first; a
half whose T is above max sigma over its interval holds nothing acceptable and is dropped. split="sample" is the
paper's branch and bound, a single path for a unimodal q/p; split="dyadic" has a few more nodes and shorter codes,
because halves of equal mass are what a fair bit per level pays for. What is sent is the node: exactly table(depth) +
depth bits.

sigma is tabulated once per call over log omega, where tau = omega bounds a level set (density_ratio.py): the integral
of h omega^2 / S by Gauss quadrature and Hermite interpolation of log sigma, relative error about 1e-5.

Domain: one dim (vmap for more), q narrower than p (or equal), D_inf at most `max_nats`. Expected number of nodes
O(KL) with split="sample", by the paper. A search that needs more than 63 levels or 64 waiting nodes overflows. Use it
for exact samples of single dims.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.coders.density_ratio import Peak, left_over
from rec_jax.coders.one_dim.path_code import PathCode, SplittingCoder
from rec_jax.coders.one_dim.splitting import MAX_DEPTH, Heap, child, first, heap, nearest, point, replace_first, root

_CELLS = 128
_SMALLEST = 0.01  # omega of the first grid point: the chance to get nearer to the mode is below 1e-4
_FAINTEST = 9.0  # -log h of the last: below that sigma(h) = h
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)


class Stretch(NamedTuple):
    """log sigma on a grid of log omega."""

    start: jax.Array  # first grid point
    step: jax.Array
    values: jax.Array  # [_CELLS + 1]
    slopes: jax.Array  # [_CELLS + 1]
    bound: jax.Array  # D_inf

    def log_sigma(self, tau: jax.Array) -> jax.Array:
        """log sigma(q/p) where log q/p = D_inf - tau^2 / 2; tau []."""
        x = (jnp.log(jnp.abs(tau)) - self.start) / self.step
        cell = jnp.clip(jnp.floor(x), 0, _CELLS - 1).astype(jnp.int32)
        t = jnp.clip(x - cell, 0.0, 1.0)
        left, right = self.values[cell], self.values[cell + 1]
        rise_left, rise_right = self.step * self.slopes[cell], self.step * self.slopes[cell + 1]
        inside = left + (right - left) * t * t * (3.0 - 2.0 * t)
        inside += t * (1.0 - t) * ((1.0 - t) * rise_left - t * rise_right)
        nearer = inside - jnp.minimum(x, 0.0) * self.step  # sigma ~ 1 / omega at the mode
        return jnp.where(x > _CELLS, self.bound - 0.5 * tau**2, nearer)


def stretch(peak: Peak) -> Stretch:
    """sigma for one target: sigma = integral of h omega^2 / S over log omega, from infinity down."""
    start = jnp.log(_SMALLEST)
    step = (0.5 * jnp.log(2.0 * (peak.bound + _FAINTEST)) - start) / _CELLS
    grid = start + step * jnp.arange(_CELLS + 1)

    def integrand(s):
        omega = jnp.exp(s)
        return jnp.exp(peak.bound - 0.5 * omega**2) * omega**2 / left_over(peak, omega)

    middles = grid[:-1, None] + step * (0.5 + 0.5 * jnp.float32(_NODES))
    cells = 0.5 * step * (integrand(middles) @ jnp.float32(_WEIGHTS))
    last = jnp.exp(peak.bound - 0.5 * jnp.exp(2.0 * grid[-1]))
    sigma = jnp.cumsum(jnp.append(last, cells[::-1]))[::-1]
    return Stretch(start, step, jnp.log(sigma), -integrand(grid) / sigma, peak.bound)


class _Search(NamedTuple):
    heap: Heap
    ratio: jax.Array
    code: PathCode
    done: jax.Array  # bool []
    lost: jax.Array  # bool []: a node that mattered was below MAX_DEPTH


@dataclass(frozen=True)
class GreedyPoissonCoder(SplittingCoder):
    """See the module's docstring and SplittingCoder."""

    def _search(self, key, peak: Peak, outside):
        sigma = stretch(peak)

        def look(s: _Search) -> _Search:
            node = first(s.heap)
            z = point(node)
            done = jnp.log(node.time) <= sigma.log_sigma(peak.tau(z))
            children = [child(node, upper, self.split) for upper in (0, 1)]
            times = [jnp.log(c.time) for c in children]
            latest = [sigma.log_sigma(peak.tau(nearest(c, peak.mode))) for c in children]
            orders = [jnp.where(a <= b, a, jnp.inf) for a, b in zip(times, latest, strict=True)]
            code = PathCode(node.depth, node.path)
            return _Search(
                replace_first(s.heap, children, orders), peak.log_ratio(z), code, done, node.depth >= MAX_DEPTH
            )

        node, no = root(key), jnp.bool_(False)
        start = _Search(
            heap(node, jnp.where(outside, jnp.inf, jnp.log(node.time))),
            jnp.float32(0.0),
            PathCode(node.depth, node.path),
            no,
            no,
        )
        end = jax.lax.while_loop(
            lambda s: jnp.isfinite(jnp.min(s.heap.order)) & ~(s.done | s.heap.full | s.lost), look, start
        )
        return end.code, end.ratio, ~end.done

"""The same number of steps for every block of a call, but for blocks that would lose by it.

Blocks are random parts of a call, so their KLs differ by chance, and telling each number of steps costs more than
sending a few nats too many or too few. A block of W nats whose log q/p has variance V (under q) and that is sent R
nats instead loses about

    (sqrt(R) - sqrt(W))^2 2 W / V   nats,

exact for dims of a few percent of a nat (V = 2 W), and (R - W)^2 / (2 V) near R = W for all. While that is below
MAX_LOSS_NATS a block takes as many steps as those before it; where it is not, a few sharp dims or a far mean among
them, the number moves towards its own as far as it must.
"""

import jax
import jax.numpy as jnp

from rec_jax.core.gaussian import DiagGaussian

MAX_LOSS_NATS = 2.0  # a number of steps that stands out costs 3 bits and more
_FIRST_STEP = 0.25  # nats, in steps, from which one step loses less than none: sqrt(W) = sqrt(R) / 2


def even_steps(target: DiagGaussian, wanted_nats: jax.Array, step_nats: float) -> jax.Array:
    """Numbers of steps, int32 [n_blocks]: near wanted_nats [n_blocks], at step_nats a step.

    target: in p's coordinates, [n_blocks, d].
    """
    variance = jnp.sum(0.5 * (1.0 - target.scale**2) ** 2 + (target.loc * target.scale) ** 2, axis=1)
    root = jnp.sqrt(jnp.maximum(wanted_nats, 1e-6))
    slack = jnp.sqrt(0.5 * MAX_LOSS_NATS * variance) / root
    fewest = _nearest(jnp.maximum(root - slack, 0.0) ** 2 / step_nats)
    most = _nearest((root + slack) ** 2 / step_nats)

    def choose(state, bounds):
        done, total, first = state
        mean = jnp.where(done == 0, first, (total + done // 2) // jnp.maximum(done, 1))  # step_counts.py's centre
        steps = jnp.clip(mean, *bounds)
        return (done + 1, total + steps, first), steps

    start = (jnp.int32(0), jnp.int32(0), _nearest(jnp.mean(wanted_nats) / step_nats))
    return jax.lax.scan(choose, start, (fewest, most))[1]


def _nearest(steps: jax.Array) -> jax.Array:
    """The whole number of steps of least loss, int32."""
    return jnp.where(steps < 0.5, steps >= _FIRST_STEP, jnp.round(steps)).astype(jnp.int32)

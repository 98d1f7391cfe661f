"""Every key derivation of the project.

Random access (docs/FORMAT.md): candidate i of step k of block b of layer l of tile t is a pure function of
(seed, t, l, b, k, path, i). Keys form a tree whose levels are always entered in this order, each by one
`fold_in`, so that two different positions never share a key. The generator is threefry2x32: counter-based,
and bit-identical under vmap, in loops and across devices.
"""

import jax

_CODER, _INIT, _TRAIN, _EVALUATE = range(4)  # first level: what the randomness is for


def root_key(seed: int) -> jax.Array:
    """The typed threefry key of a seed; everything random in a run starts here."""
    return jax.random.key(seed, impl="threefry2x32")


def coder_key(seed: int) -> jax.Array:
    """Shared by sender and receiver: the root of all candidates of a file."""
    return jax.random.fold_in(root_key(seed), _CODER)


def init_key(seed: int) -> jax.Array:
    """Initial parameters."""
    return jax.random.fold_in(root_key(seed), _INIT)


def train_key(seed: int, step) -> jax.Array:
    """Posterior samples of one training step; step may be traced."""
    return jax.random.fold_in(jax.random.fold_in(root_key(seed), _TRAIN), step)


def evaluate_key(seed: int, image_index) -> jax.Array:
    """Posterior sample of the ELBO of one image, whatever the batch it is in."""
    return jax.random.fold_in(jax.random.fold_in(root_key(seed), _EVALUATE), image_index)


def child_key(key: jax.Array, index) -> jax.Array:
    """One level down the tree: tile of a file, layer of a tile, block, step, candidate, next path node."""
    return jax.random.fold_in(key, index)

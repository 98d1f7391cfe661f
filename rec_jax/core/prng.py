"""Every key derivation of the project.

Keys form a tree whose levels are always entered in this order, each by one `fold_in`, so that two different positions
never share a key. The generator is threefry2x32: counter-based, and bit-identical under vmap, in loops and across
devices. The same tree below a file's picture (docs/FORMAT.md) is that of exact/threefry.py and codec/latents.py.
"""

import jax

_CODER, _INIT, _TRAIN, _EVALUATE = range(4)  # first level: what the randomness is for


def root_key(seed: int) -> jax.Array:
    """The typed threefry key of a seed; everything random in a run starts here."""
    return jax.random.key(seed, impl="threefry2x32")


def coder_key(seed: int) -> jax.Array:
    """Shared by sender and receiver of a coder alone; the keys of a file are those of exact/threefry.py."""
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

"""Keys: the golden words that every .rec file rests on, and that no two positions share a key."""

import itertools

import jax
import numpy as np

from rec_jax.core import prng


def words(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


def test_golden_words_of_the_coders_keys():
    key = prng.child_key(prng.child_key(prng.coder_key(0), 3), 5)
    assert [hex(w) for w in words(prng.coder_key(0))] == ["0x6b200159", "0x99ba4efe"]
    assert [hex(w) for w in words(key)] == ["0xcbc2d1ad", "0xc1a69824"]
    drawn = [hex(w) for w in np.asarray(jax.random.bits(key, (4,), np.uint32))]
    assert drawn == ["0x96ba75e6", "0x49d8afd8", "0xc248c9cc", "0xd563e557"]


def test_golden_normals():
    """Made of floats, so only to their accuracy; the file's promise is for one runtime (docs/FORMAT.md)."""
    drawn = jax.random.normal(prng.coder_key(0), (4,))
    np.testing.assert_allclose(drawn, [1.0040143, -0.9063372, -0.7481722, -1.171367], rtol=1e-5)


def test_purposes_and_positions_never_share_a_key():
    roots = [make(seed) for seed in range(3) for make in (prng.root_key, prng.coder_key, prng.init_key)]
    roots += [prng.train_key(0, step) for step in range(3)] + [prng.evaluate_key(0, i) for i in range(3)]
    tree = [
        prng.child_key(prng.child_key(prng.child_key(prng.coder_key(0), a), b), c)
        for a, b, c in itertools.product(range(4), repeat=3)
    ]
    tree += [prng.child_key(prng.child_key(prng.coder_key(0), a), b) for a, b in itertools.product(range(4), repeat=2)]
    seen = [words(key) for key in roots + tree]
    assert len(set(seen)) == len(seen)


def test_children_are_the_same_under_jit_and_vmap():
    key = prng.coder_key(1)
    alone = [words(prng.child_key(key, i)) for i in range(5)]
    batched = jax.jit(jax.vmap(prng.child_key, (None, 0)))(key, np.arange(5))
    assert [words(k) for k in batched] == alone


def test_traced_steps_give_the_same_training_key():
    assert words(jax.jit(lambda step: prng.train_key(7, step))(9)) == words(prng.train_key(7, 9))


def test_the_generator_is_threefry_whatever_the_default():
    assert str(jax.random.key_impl(prng.root_key(0))) == "threefry2x32"

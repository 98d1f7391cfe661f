"""The boundary of all coders: what a call may be given, and that no setting of jax changes what comes out."""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.coders import UniformTarget, make_coder
from rec_jax.coders.keys import as_words
from rec_jax.core.errors import CoderOverflow, ConfigError
from rec_jax.core.gaussian import DiagGaussian

# kind: (coder, dims)
CODERS = {
    "tree": (make_coder("tree", n_beams=8, sequence_length=64, block_size=2, max_nats=30.0), 4),
    "beam_search": (make_coder("beam_search", n_beams=2, block_size=2, max_nats=30.0), 4),
    "index": (make_coder("index"), 2),
    "ordered": (make_coder("ordered"), 2),
    "poisson": (make_coder("poisson"), 2),
    "a_star": (make_coder("a_star"), 1),
    "greedy_rejection": (make_coder("greedy_rejection"), 1),
    "greedy_rejection, split": (make_coder("greedy_rejection", split="sample"), 1),
    "greedy_poisson": (make_coder("greedy_poisson"), 1),
    "dithered": (make_coder("dithered", target_scale=0.5), 3),
}
N_CALLS = 3
SETTINGS = {
    "64 bits": lambda: jax.enable_x64(True),
    "the old threefry": lambda: jax.threefry_partitionable(False),
    "no promotion of ranks": lambda: jax.numpy_rank_promotion("raise"),
    "no promotion of types": lambda: jax.numpy_dtype_promotion("strict"),
    "no compilation": jax.disable_jit,
}


class Case:
    """A coder, N_CALLS calls [N, D] and their codes under jax's own settings."""

    def __init__(self, name):
        self.coder, self.n_dims = CODERS[name]
        shape = N_CALLS, self.n_dims
        self.keys = jax.random.split(jax.random.key(3), N_CALLS)
        self.p = DiagGaussian(np.full(shape, 0.5, np.float32), np.full(shape, 2.0, np.float32))
        loc = np.random.default_rng(0).normal(0.5, 1.0, shape).astype(np.float32)
        self.q = DiagGaussian(loc, np.full(shape, 1.0, np.float32))
        self.codes, self.infos = jax.device_get(self.coder.encode_batch(self.keys, self.q, self.p))
        self.z = [np.asarray(self.coder.decode(*self.received(i))) for i in range(N_CALLS)]
        assert not self.infos.overflow.any()

    def sent(self, i=0):
        return self.keys[i], *jax.tree.map(lambda x: x[i], (self.q, self.p))

    def received(self, i=0):
        return self.keys[i], *jax.tree.map(lambda x: x[i], (self.p, self.codes))


@pytest.fixture(scope="module", params=list(CODERS))
def case(request):
    return Case(request.param)


def assert_equal(found, expected):
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(found), expected)


@pytest.mark.parametrize("case", ["index"], indirect=True)  # a key is read before any coder sees it
def test_every_kind_of_key_of_one_seed_gives_one_code(case):
    key, q, p = case.sent()
    words = np.asarray(jax.random.key_data(key))
    for same in (words, jnp.asarray(words), as_words(key)):
        code, _ = case.coder.encode(same, q, p)
        assert_equal(code, jax.tree.map(lambda x: x[0], case.codes))
        assert_equal(case.coder.decode(same, p, code), case.z[0])


def test_what_is_no_key_is_refused_by_name(case):
    _, q, p = case.sent()
    code = case.received()[2]
    rbg = jax.random.key(0, impl="rbg")
    for wrong in (7, None, "key", np.zeros(2, np.float32), np.zeros(4, np.uint32), case.keys, rbg, [case.keys[0]]):
        with pytest.raises(ConfigError, match="key"):
            case.coder.encode(wrong, q, p)
        with pytest.raises(ConfigError, match="key"):
            case.coder.decode(wrong, p, code)
    for wrong in (case.keys[0], case.keys[:2], case.keys.reshape(N_CALLS, 1)):
        with pytest.raises(ConfigError, match="key"):
            case.coder.encode_batch(wrong, case.q, case.p)


def test_shapes_that_do_not_fit_are_refused_also_under_jit(case):
    key, q, p = case.sent()
    longer = DiagGaussian(*(np.append(x, x[:1]) for x in p))
    row, scalar, empty = (
        DiagGaussian(*(x.reshape(s) for x in p)) if s != (0,) else DiagGaussian(p.loc[:0], p.scale[:0])
        for s in ((1, -1), p.loc.shape, (0,))
    )
    scalar = DiagGaussian(np.float32(0.0), np.float32(1.0))
    pairs = [
        (q, longer),
        (longer, p),
        (row, row),
        (q, row),
        (scalar, scalar),
        (empty, empty),
        (q, scalar),
        (DiagGaussian(q.loc, q.scale[0]), p),
    ]
    for wrong_q, wrong_p in pairs:
        with pytest.raises(ConfigError, match=r"shapes q.loc \["):
            case.coder.encode(key, wrong_q, wrong_p)
        with pytest.raises(ConfigError, match=r"shapes q.loc \["):
            jax.jit(case.coder.encode)(key, wrong_q, wrong_p)
    with pytest.raises(ConfigError, match=r"shapes.*\[N, D\]"):
        case.coder.encode_batch(key, q, p)
    with pytest.raises(ConfigError, match=r"shapes p.loc \[1, "):
        case.coder.decode(key, row, case.received()[2])


def test_what_is_no_distribution_is_refused(case):
    key, q, p = case.sent()
    words = DiagGaussian(np.array(["a"] * case.n_dims), q.scale)
    for wrong in (q.loc, None, (q.loc,), UniformTarget(*q), words, DiagGaussian(q.loc * 1j, q.scale)):
        with pytest.raises(ConfigError, match="^q(.loc)? is .*; give"):
            case.coder.encode(key, wrong, p)
    with pytest.raises(ConfigError, match="^p is a NoneType; give DiagGaussian"):
        case.coder.decode(key, None, case.received()[2])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.float64(1e300)])
def test_locs_that_are_not_finite_are_refused_by_name(case, value):
    key, q, p = case.sent()
    wrong = DiagGaussian(np.append(np.float64(q.loc[:-1]), value), q.scale)
    with pytest.raises(ConfigError, match=rf"^q.loc\[{case.n_dims - 1}\] is .* must be finite"):
        case.coder.encode(key, wrong, p)
    for call in (lambda: case.coder.encode(key, q, wrong), lambda: case.coder.decode(key, wrong, case.received()[2])):
        with pytest.raises(ConfigError, match=r"^p.loc"):
            call()


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0, 1e-60])
def test_scales_that_are_not_positive_are_refused_by_name(case, value):
    key, q, p = case.sent()
    wrong = DiagGaussian(q.loc, np.append(value, np.float64(q.scale[1:])))
    with pytest.raises(ConfigError, match=r"^q.scale\[0\] is .* must be positive and finite"):
        case.coder.encode(key, wrong, p)
    for call in (lambda: case.coder.encode(key, q, wrong), lambda: case.coder.decode(key, wrong, case.received()[2])):
        with pytest.raises(ConfigError, match=r"^p.scale"):
            call()


@pytest.mark.parametrize("field", ["loc", "scale"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_in_batches_and_under_jit_impossible_values_overflow_and_spoil_no_other(case, field, value):
    def spoil(x, i):
        part = np.array(getattr(x, field))
        part[i, -1] = value
        return x._replace(**{field: part})

    codes, infos = jax.device_get(case.coder.encode_batch(case.keys, spoil(case.q, 0), spoil(case.p, 1)))
    np.testing.assert_array_equal(infos.overflow, [True, True, False])
    assert_equal(jax.tree.map(lambda x: x[2], codes), jax.tree.map(lambda x: x[2], case.codes))
    for wrong in (codes, jax.tree.map(lambda x: x[0], codes)):
        with pytest.raises(CoderOverflow):
            case.coder.index_bits(wrong)
    with pytest.raises(CoderOverflow):
        case.coder.decode(*case.sent()[::2], jax.tree.map(lambda x: x[0], codes))


def test_lists_and_integers_are_distributions(case):
    key, _, p = case.sent()
    q = DiagGaussian([0] * case.n_dims, [1] * case.n_dims)
    code, _ = case.coder.encode(key, q, DiagGaussian(p.loc.tolist(), p.scale.astype(np.float64)))
    assert np.isfinite(case.coder.decode(key, p, code)).all()


def test_the_bits_of_many_calls_are_those_of_each(case):
    for name in ("index_bits", "side_bits"):
        if bits := getattr(case.coder, name, None):
            alone = [bits(case.received(i)[2]) for i in range(N_CALLS)]
            assert all(isinstance(one, float) for one in alone)
            np.testing.assert_array_equal(bits(case.codes), alone)
            nested = jax.tree.map(lambda x: jnp.stack([x, x[::-1]]), case.codes)
            np.testing.assert_array_equal(bits(nested), [alone, alone[::-1]])


def test_vmap_is_one_compiled_program(case):
    """What makes it as fast as encode_batch: tracing the checks leaves a single call to run."""
    jaxpr = jax.make_jaxpr(jax.vmap(case.coder.encode))(case.keys, case.q, case.p)
    assert [str(one.primitive) for one in jaxpr.eqns if one.primitive.name in ("jit", "pjit")][-1:]
    assert len(jaxpr.eqns) <= 8


def test_what_is_no_code_of_the_coder_is_refused_by_its_type(case):
    key, p, _ = case.received()
    for other in (None, (), np.zeros(3), {"index": 1}):
        for call in (lambda: case.coder.decode(key, p, other), lambda: case.coder.index_bits(other)):  # noqa: B023
            with pytest.raises(ConfigError, match=rf"the code is a \w+; {type(case.coder).__name__} takes a \w+Code"):
                call()


def test_many_codes_are_not_taken_for_one(case):
    key, p, _ = case.received()
    with pytest.raises(ConfigError, match="1 leading axes of calls"):
        case.coder.decode(key, p, case.codes)
    with pytest.raises(ConfigError, match="1 leading axes of calls"):
        case.coder.symbols(case.codes, p)


# The rule that makes rows of a vmap is one for all coders; test_exact.py and test_conformance.py put each under a vmap.
@pytest.mark.parametrize("case", ["beam_search", "ordered"], indirect=True)
def test_vmap_in_any_order_gives_what_the_batch_gives(case):
    def twice(tree):
        return jax.tree.map(lambda x: jnp.stack([x, x[::-1]]), tree)

    keys = jnp.stack([case.keys, case.keys[::-1]])
    codes, _ = jax.vmap(jax.vmap(case.coder.encode))(keys, *twice((case.q, case.p)))
    assert_equal(codes, twice(case.codes))
    codes, _ = jax.vmap(jax.jit(case.coder.encode), (0, 0, None))(case.keys, case.q, case.sent()[2])
    assert_equal(codes, case.codes)
    codes, _ = jax.vmap(case.coder.encode_batch)(keys, *twice((case.q, case.p)))
    assert_equal(codes, twice(case.codes))


def test_vmap_shares_one_search(monkeypatch):
    """The calls of a vmap are rows of one batch, whose memory is that of a few blocks."""
    from rec_jax.coders.irec import search

    seen, found = [], search.map_sorted
    monkeypatch.setattr(
        search, "map_sorted", lambda f, size, *a, **k: seen.append(size.shape) or found(f, size, *a, **k)
    )
    coder = make_coder("beam_search", n_beams=3, block_size=2, max_nats=20.0)
    p = DiagGaussian(jnp.zeros((5, 4)), jnp.ones((5, 4)))
    jax.eval_shape(jax.vmap(coder.encode), jax.random.split(jax.random.key(0), 5), p, p)
    assert seen[-1] == (10,)


@pytest.mark.parametrize("many", [False, True])
def test_shares_go_with_a_call_under_vmap(many):
    coder, case = CODERS["tree"][0], Case("tree")
    shares = np.array([[1, 9, 3, 2], [1, 1, 1, 1], [7, 1, 1, 5]], np.int32)
    given = shares if many else shares[0]
    codes, _ = jax.vmap(coder.encode, (0, 0, 0, 0 if many else None))(case.keys, case.q, case.p, given)
    for i in range(N_CALLS):
        alone, _ = coder.encode(*case.sent(i), shares[i] if many else shares[0])
        assert_equal(jax.tree.map(lambda x, i=i: x[i], codes), jax.device_get(alone))


@pytest.mark.parametrize("setting", SETTINGS)
def test_no_setting_of_jax_changes_a_code_or_a_sample(case, setting):
    with SETTINGS[setting]():
        _, q, p = case.sent()
        key = jax.random.wrap_key_data(np.asarray(jax.random.key_data(case.keys))[0])
        code, info = jax.device_get(case.coder.encode(key, q, p))
        z = case.coder.decode(key, p, code)
        batch, _ = jax.device_get(case.coder.encode_batch(case.keys, case.q, case.p))
    assert_equal(code, jax.tree.map(lambda x: x[0], case.codes))
    assert_equal(batch, case.codes)
    assert_equal(z, case.z[0])
    assert info.kl_nats.dtype == np.float32


@pytest.mark.parametrize("case", ["tree", "index", "a_star", "dithered"], indirect=True)  # one of each kind
def test_no_setting_of_jax_changes_a_code_under_the_callers_own_jit(case):
    """All settings at once; the caller's arrays are of 64 bits."""
    with contextlib.ExitStack() as stack:
        for name in list(SETTINGS)[:-1]:
            stack.enter_context(SETTINGS[name]())
        q, p = (DiagGaussian(*(jnp.asarray(np.float64(x)) for x in d)) for d in (case.q, case.p))
        codes, _ = jax.device_get(jax.jit(jax.vmap(case.coder.encode))(case.keys, q, p))
        z = jax.jit(case.coder.decode)(case.keys[0], *jax.tree.map(lambda x: x[0], (p, codes)))
    assert_equal(codes, case.codes)
    np.testing.assert_allclose(z, case.z[0], rtol=1e-6, atol=1e-6)

"""What the one-shot coders share: the bytes alone decode, a batch finds what a loop finds, refusals are clear."""

import jax
import numpy as np
import pytest

from rec_jax.coders import make_coder
from rec_jax.core.errors import CoderOverflow, ConfigError
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.prng import child_key, coder_key
from rec_jax.entropy.queue import SymbolReader, SymbolWriter

CODERS = {
    "index sampled": (make_coder("index", selection="sampled"), 3),
    "ordered": (make_coder("ordered"), 3),
    "poisson": (make_coder("poisson"), 3),
    "a_star": (make_coder("a_star"), 1),
    "a_star, limited": (make_coder("a_star", max_depth=8), 1),
    "greedy_rejection": (make_coder("greedy_rejection"), 1),
    "greedy_rejection, split": (make_coder("greedy_rejection", split="dyadic"), 1),
    "greedy_poisson": (make_coder("greedy_poisson", split="sample"), 1),
    "dithered": (make_coder("dithered", target_scale=0.2), 5),
}
N_CALLS = 12
IMPOSSIBLE = [
    (1e4, 0.5),
    (0.0, 1e-30),
    (0.0, 0.0),
    (np.nan, 0.5),
    (0.0, np.nan),
    (np.inf, 0.5),
    (0.0, np.inf),
    (0.0, -0.5),
]


class Case:
    def __init__(self, name):
        self.coder, self.n_dims = CODERS[name]
        self.keys = jax.vmap(child_key, (None, 0))(coder_key(0), np.arange(N_CALLS))
        rng = np.random.default_rng(0)
        shape = (N_CALLS, self.n_dims)
        self.p = DiagGaussian(*np.float32([rng.normal(size=shape), np.exp(0.5 * rng.normal(size=shape))]))
        loc = rng.normal(size=shape) / self.n_dims
        scale = rng.uniform(0.15, 0.6, size=shape) ** (1.0 / self.n_dims)
        scale = getattr(self.coder, "target_scale", scale) * np.ones(shape)
        self.q = DiagGaussian(np.float32(self.p.loc + self.p.scale * loc), np.float32(self.p.scale * scale))
        self.codes, self.info = jax.device_get(self.coder.encode_batch(self.keys, self.q, self.p))

    def row(self, i):
        return self.keys[i], *jax.tree.map(lambda x: x[i], (self.q, self.p, self.codes))


@pytest.fixture(scope="module", params=list(CODERS))
def case(request):
    return Case(request.param)


def test_the_bytes_alone_decode_and_are_as_long_as_said(case):
    writer, rows = SymbolWriter(), [case.row(i) for i in range(N_CALLS)]
    runs = [run for _, _, p, code in rows for run in zip(*case.coder.symbols(code, p), strict=True)]
    for values, table in 20 * runs:
        writer.write(values, table)
    bits = 20 * sum(case.coder.index_bits(code) for *_, code in rows)
    stream = writer.getvalue()
    assert bits - 64 <= 8 * len(stream) <= 1.01 * bits + 64
    reader = SymbolReader(stream)
    for key, _, p, code in rows:
        assert all(np.issubdtype(leaf.dtype, np.integer) for leaf in jax.tree.leaves(code))
        shape = jax.eval_shape(lambda x: x, p)
        received = case.coder.from_symbols(case.coder.read_symbols(reader.read, shape), shape)
        z = np.asarray(case.coder.decode(key, p, received))
        np.testing.assert_array_equal(z, case.coder.decode(key, p, code))
        assert z.shape == (case.n_dims,) and np.isfinite(z).all()


def test_a_batch_finds_what_a_loop_finds(case):
    assert not case.info.overflow.any()
    for i in range(N_CALLS):
        key, q, p, code = case.row(i)
        alone, _ = case.coder.encode(key, q, p)
        jax.tree.map(np.testing.assert_array_equal, jax.device_get(alone), code)


def test_a_target_that_is_the_prior_costs_little(case):
    if hasattr(case.coder, "target_scale"):
        return  # has another scale
    key, _, p, _ = case.row(0)
    code, info = case.coder.encode(key, p, p)
    assert info.kl_nats == 0.0 and case.coder.index_bits(jax.device_get(code)) < 10
    assert np.isfinite(case.coder.decode(key, p, code)).all()


def test_impossible_targets_overflow_and_do_not_hang(case):
    full = np.ones((N_CALLS, case.n_dims), np.float32)  # as many as have been compiled
    loc, scale = np.float32((IMPOSSIBLE + IMPOSSIBLE)[:N_CALLS]).T
    q, p = DiagGaussian(loc[:, None] * full, scale[:, None] * full), DiagGaussian(0.0 * full, full)
    codes, info = jax.device_get(case.coder.encode_batch(case.keys, q, p))
    assert info.overflow.all()
    with pytest.raises(CoderOverflow, match="a target of"):
        case.coder.symbols(jax.tree.map(lambda x: x[0], codes), None)
    with pytest.raises(CoderOverflow, match="a target of"):
        case.coder.encode(case.keys[0], *jax.tree.map(lambda x: x[0], (q, p)))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("index", dict(selection="worst")),
        ("ordered", dict(max_nats=20.0)),
        ("ordered", dict(expected_kl_nats=-1.0)),
        ("poisson", dict(max_nats=11.0)),
        ("poisson", dict(expected_kl_nats=-1.0)),
        ("greedy_rejection", dict(max_nats=11.0)),
        ("a_star", dict(split="middle")),
        ("a_star", dict(max_depth=23)),
        ("greedy_poisson", dict(max_nats=10.5)),
        ("dithered", dict(target="laplace")),
        ("dithered", dict(target_scale=0.0)),
    ],
)
def test_impossible_options_are_refused_by_name(kind, options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        make_coder(kind, **options)


@pytest.mark.parametrize("kind", ["a_star", "greedy_rejection", "greedy_poisson"])
def test_coders_of_one_dim_refuse_more(kind):
    two = DiagGaussian(np.zeros(2, np.float32), np.full(2, 0.5, np.float32))
    with pytest.raises(ConfigError, match="one dim.*vmap"):
        make_coder(kind).encode(coder_key(0), two, two)

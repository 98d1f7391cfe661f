"""What every relative entropy coder must do; a new coder joins by one line of CODERS."""

import jax
import numpy as np
import pytest
from scipy import stats

from rec_jax.coders import make_coder
from rec_jax.core.errors import CoderOverflow
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.prng import child_key, coder_key
from rec_jax.entropy.queue import SymbolReader, SymbolWriter

# name: (coder, dims, nats of the targets below)
CODERS = {
    "beams in blocks": (make_coder("beam_search", n_beams=8, block_size=20, max_nats=60.0), 50, 24.0),
    "beams, one block": (make_coder("beam_search", n_beams=8, block_size=None, max_nats=60.0), 50, 24.0),
    "greedy": (make_coder("beam_search", n_beams=1, epsilon=0.0, block_size=20, max_nats=60.0), 50, 24.0),
    "index": (make_coder("index"), 3, 4.0),
    "tree": (make_coder("tree", n_beams=1024, block_size=30, max_nats=120.0), 50, 48.0),
}
N_CALLS = 16


class Case:
    """A coder and a batch of targets [N_CALLS, D] with what it made of them."""

    def __init__(self, name):
        self.coder, self.n_dims, self.nats = CODERS[name]
        self.keys = jax.vmap(child_key, (None, 0))(coder_key(0), np.arange(N_CALLS))
        self.q, self.p = make_targets(self.n_dims, self.nats)
        self.codes, self.infos = jax.device_get(self.coder.encode_batch(self.keys, self.q, self.p))
        self.z = np.asarray(jax.jit(jax.vmap(self.coder.decode))(self.keys, self.p, self.codes))

    def decode(self, key, p, code):
        return np.asarray(self.coder.decode(key, p, code))

    def encode_quietly(self, q, p):
        """(code, info) under the first key, in a batch that has a program already; an overflow is not raised."""
        n_calls = N_CALLS if q.loc.size == self.n_dims else 1
        calls = jax.tree.map(lambda x: np.broadcast_to(x, (n_calls, *x.shape)), (q, p))
        found = self.coder.encode_batch(self.keys[:n_calls], *calls)
        return jax.tree.map(lambda x: x[0], jax.device_get(found))

    def row(self, i):
        """(key, q, p, code) of one call."""
        return self.keys[i], *jax.tree.map(lambda x: x[i], (self.q, self.p, self.codes))


def make_targets(n_dims, nats):
    """Targets of about `nats` nats, unevenly spread over the dims, with priors that are not standard."""
    rng = np.random.default_rng(0)
    shape = (N_CALLS, n_dims)
    share = rng.gamma(0.5, size=shape)
    kl = nats * share / share.sum(1, keepdims=True)
    p = DiagGaussian(*np.float32([rng.normal(size=shape), np.exp(0.5 * rng.normal(size=shape))]))
    loc = rng.normal(size=shape) * np.sqrt(1.0 - np.exp(-2.0 * kl))
    q = DiagGaussian(np.float32(p.loc + p.scale * loc), np.float32(p.scale * np.exp(-kl)))
    return q, p


@pytest.fixture(scope="module", params=list(CODERS))
def case(request):
    return Case(request.param)


def write(coder, code, p) -> bytes:
    writer = SymbolWriter()
    for values, table in zip(*coder.symbols(code, p), strict=True):
        writer.write(values, table)
    return writer.getvalue()


def test_a_code_holds_integers_only(case):
    assert all(np.issubdtype(leaf.dtype, np.integer) for leaf in jax.tree.leaves(case.codes))


def test_decoding_twice_gives_the_same_bits(case):
    key, _, p, code = case.row(0)
    np.testing.assert_array_equal(case.decode(key, p, code), case.decode(key, p, code))


def test_the_bytes_alone_are_enough(case):
    """Nothing but key, p and the stream reaches the decoder."""
    for i in range(4):
        key, _, p, code = case.row(i)
        reader = SymbolReader(write(case.coder, code, p))
        shape = jax.eval_shape(lambda x: x, p)  # parsing looks at the shape of p only
        received = case.coder.from_symbols(case.coder.read_symbols(reader.read, shape), shape)
        np.testing.assert_array_equal(case.decode(key, p, received), case.decode(key, p, code))


def test_symbols_come_back_from_symbols(case):
    _, _, p, code = case.row(1)
    values, tables = case.coder.symbols(code, p)
    again, _ = case.coder.symbols(case.coder.from_symbols(values, p), p)
    assert len(values) == len(tables)
    for a, b in zip(values, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_index_bits_are_what_the_stream_takes(case):
    writer, bits = SymbolWriter(), 0.0
    for _ in range(20):
        for i in range(N_CALLS):
            _, _, p, code = case.row(i)
            bits += case.coder.index_bits(code)
            for values, table in zip(*case.coder.symbols(code, p), strict=True):
                writer.write(values, table)
    assert bits > 1000
    assert abs(8 * len(writer.getvalue()) - bits) <= 0.01 * bits + 64


def test_tables_do_not_depend_on_p(case):
    _, _, p, code = case.row(0)
    other = DiagGaussian(p.loc + 1.0, 2.0 * p.scale)
    for a, b in zip(case.coder.symbols(code, p)[1], case.coder.symbols(code, other)[1], strict=True):
        assert a == b


def test_a_batch_finds_what_a_loop_finds(case):
    for i in range(N_CALLS):
        key, q, p, code = case.row(i)
        alone, _ = case.coder.encode(key, q, p)
        jax.tree.map(np.testing.assert_array_equal, jax.device_get(alone), code)
        np.testing.assert_allclose(case.decode(key, p, alone), case.z[i], rtol=1e-5, atol=1e-5)


def test_vmap_finds_what_a_batch_finds(case):
    codes, _ = jax.device_get(jax.jit(jax.vmap(case.coder.encode))(case.keys, case.q, case.p))
    jax.tree.map(np.testing.assert_array_equal, codes, case.codes)


def test_new_values_do_not_compile_again(case):
    compiled = []

    def listen(event, seconds, **_):
        del seconds
        compiled.append(event)

    for i in range(3):
        key, q, p, code = case.row(i)
        if i == 1:  # the first has compiled all there is
            jax.monitoring.register_event_duration_secs_listener(listen)
        case.coder.encode(key, q, p)
        case.decode(key, p, code)
    jax.monitoring.unregister_event_duration_listener(listen)
    assert not [event for event in compiled if "compile" in event or "trac" in event]


def test_info_gives_the_kl_and_the_ratio_of_what_was_sent(case):
    q, p = case.q, case.p
    expected = stats.norm.logpdf(case.z, q.loc, q.scale) - stats.norm.logpdf(case.z, p.loc, p.scale)
    np.testing.assert_allclose(case.infos.log_ratio_nats, expected.sum(1), rtol=1e-3, atol=2e-3)
    kl = np.log(p.scale / q.scale) + (q.scale**2 + (q.loc - p.loc) ** 2) / (2 * p.scale**2) - 0.5
    np.testing.assert_allclose(case.infos.kl_nats, kl.sum(1), rtol=1e-4)
    assert not case.infos.overflow.any()


def test_the_length_is_near_the_kl(case):
    """Index coding pays KL plus a constant per block and an overhead; twice is where something is broken."""
    bits = np.mean([case.coder.index_bits(case.row(i)[3]) for i in range(N_CALLS)])
    kl_bits = case.infos.kl_nats.mean() / np.log(2.0)
    assert kl_bits <= bits <= 1.6 * kl_bits + 12


def test_what_arrives_resembles_the_target(case):
    """log q/p of the sent z, whose mean under exact samples is the KL."""
    assert 0.5 <= case.infos.log_ratio_nats.mean() / case.infos.kl_nats.mean() <= 1.5


def test_random_codes_decode_to_the_prior(case):
    """Codes chosen at random give z ~ p in every dim: the candidates, or sums of them, are draws from the prior."""
    n = 2000
    rng = np.random.default_rng(1)
    some, (nothing, _) = case.row(0)[3], case.encode_quietly(*one(case, 0.0, 1.0))
    some = type(some)(*some[:2], *nothing[2:])  # as many steps as a target takes, and no outliers
    codes = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (n, *leaf.shape)), some)
    m = getattr(case.coder, "n_candidates", 16)
    indices = rng.integers(0, m, np.shape(codes[1])).astype(np.uint32)
    keys = jax.vmap(child_key, (None, 0))(coder_key(1), np.arange(n))
    p = jax.tree.map(lambda x: x[0], case.p)
    z = jax.jit(jax.vmap(case.coder.decode, (0, None, 0)))(keys, p, codes._replace(**{codes._fields[1]: indices}))
    u = (np.asarray(z) - p.loc) / p.scale
    assert min(stats.kstest(u[:, d], "norm").pvalue for d in range(case.n_dims)) > 1e-3 / case.n_dims
    correlation = np.corrcoef(u.T) - np.eye(case.n_dims)
    assert np.abs(correlation).max() < 5.5 / np.sqrt(n)


def one(case, loc, scale):
    """A call with p = N(0, 1) and every dim of q = N(loc, scale^2)."""
    full = np.full(case.n_dims, 1.0, np.float32)
    return DiagGaussian(loc * full, scale * full), DiagGaussian(0.0 * full, full)


def test_a_target_that_is_the_prior_costs_next_to_nothing(case):
    q, p = one(case, 0.0, 1.0)
    code, info = case.encode_quietly(q, p)
    assert info.kl_nats == 0.0 and not info.overflow
    assert case.coder.index_bits(code) < 10
    assert np.isfinite(case.decode(case.keys[0], p, code)).all()


@pytest.mark.parametrize(
    ("loc", "scale"),
    [(1e9, 1.0), (0.0, 1e-30), (0.0, 0.0), (np.nan, 1.0), (0.0, np.nan), (np.inf, 1.0), (0.0, np.inf), (0.0, -1.0)],
)
def test_an_impossible_target_overflows_and_does_not_hang(case, loc, scale):
    q, p = one(case, loc, scale)
    code, info = case.encode_quietly(q, p)
    assert info.overflow
    with pytest.raises(CoderOverflow, match="max_nats"):
        case.coder.symbols(code, p)


def test_overflow_raises_in_a_direct_call(case):
    with pytest.raises(CoderOverflow, match="max_nats=.* blocks"):
        case.coder.encode(case.keys[0], *one(case, 1e9, 1.0))


def test_one_overflow_in_a_batch_spoils_no_other_call(case):
    spoilt = np.arange(N_CALLS)[:, None] == 5
    q = DiagGaussian(np.where(spoilt, np.nan, case.q.loc).astype(np.float32), case.q.scale)
    codes, infos = jax.device_get(case.coder.encode_batch(case.keys, q, case.p))
    np.testing.assert_array_equal(infos.overflow, spoilt[:, 0])
    rest = ~spoilt[:, 0]
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[rest], b[rest]), codes, case.codes)


@pytest.mark.parametrize("scale", [1e-3, 1e-6, 1e-20])
def test_a_single_dim_of_tiny_scale(case, scale):
    q = DiagGaussian(np.float32([0.3]), np.float32([scale]))
    p = DiagGaussian(np.float32([0.0]), np.float32([1.0]))
    code, info = case.encode_quietly(q, p)
    if info.overflow:  # the index coder cannot
        return
    z = case.decode(case.keys[0], p, code)
    assert z.shape == (1,) and abs(z[0] - 0.3) < 0.2

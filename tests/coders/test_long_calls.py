"""Calls of any size under the tree coder: the codes of encode_batch, by one compiled search."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rec_jax.coders import make_coder
from rec_jax.coders.base import LongCall
from rec_jax.coders.tree.outliers import MAX_OUTLIERS
from rec_jax.core.gaussian import DiagGaussian, log_ratio
from rec_jax.exact.threefry import Key

CODER = make_coder(kind="tree", n_beams=64, sequence_length=256, block_size=128, max_nats=400.0)


def target(n_dims: int, seed: int = 0, sharp: int = 0):
    rng = np.random.default_rng(seed)
    p = DiagGaussian(rng.normal(size=n_dims), np.exp(rng.normal(size=n_dims) / 2))
    k = rng.gamma(0.3, 1.0, n_dims)
    k[:sharp] = 12.0
    rho = np.exp(-k)
    loc = p.loc + p.scale * np.sqrt(1 - rho**2) * rng.normal(size=n_dims)
    q = DiagGaussian(loc, p.scale * rho)
    return (DiagGaussian(*(x.astype(np.float32) for x in g)) for g in (q, p))


def key(seed: int) -> Key:
    return Key(np.array([seed], np.uint32), np.array([7], np.uint32))


@pytest.mark.parametrize(("n_dims", "sharp"), [(128, 0), (300, 3)])
def test_codes_are_those_of_encode_batch(n_dims, sharp):
    q, p = target(n_dims, sharp=sharp)
    shares = np.random.default_rng(1).integers(1, 100, n_dims).astype(np.int32)
    (found,) = CODER.encode_long([LongCall(key(1), q, p, shares)])
    batch = (DiagGaussian(g.loc[None], g.scale[None]) for g in (q, p))
    code, info = CODER.encode_batch(key(1), *batch, shares)
    np.testing.assert_array_equal(found.code.n_steps, code.n_steps[0])
    for ours, theirs in zip(found.code.outliers, code.outliers, strict=True):
        np.testing.assert_array_equal(ours, theirs[0])
    assert found.kl_nats == pytest.approx(float(info.kl_nats[0]), rel=1e-4) and not found.overflow
    z = CODER.decode(key_of_one(1), p, found.code, shares)
    theirs = CODER.decode(key_of_one(1), p, type(code)(code.n_steps[0], code.indices[0], first(code.outliers)), shares)
    ratios = [float(np.sum(log_ratio(x, q, p))) for x in (z, theirs)]
    assert ratios[0] == pytest.approx(ratios[1], abs=0.02 * found.kl_nats + 2)


def key_of_one(seed: int) -> Key:
    return Key(np.uint32(seed), np.uint32(7))


def first(outliers):
    return type(outliers)(*(x[0] for x in outliers))


def test_calls_are_searched_together_and_do_not_disturb_each_other():
    targets = [tuple(target(n, seed=n)) for n in (130, 40, 600)]
    calls = [LongCall(key(i), q, p, None) for i, (q, p) in enumerate(targets)]
    together = CODER.encode_long(calls)
    for call, found in zip(calls, together, strict=True):
        (alone,) = CODER.encode_long([call])
        np.testing.assert_array_equal(alone.code.indices, found.code.indices)


def test_too_many_nats_overflow_and_carry_nothing():
    q, p = target(256)
    far = DiagGaussian(q.loc + 1e4, q.scale)
    found = CODER.encode_long([LongCall(key(0), far, p, None), LongCall(key(1), q, p, None)])
    assert [f.overflow for f in found] == [True, False]


def test_at_most_so_many_outliers_are_named():
    q, p = target(2 * MAX_OUTLIERS, sharp=MAX_OUTLIERS + 20)
    (found,) = CODER.encode_long([LongCall(key(0), q, p, None)])
    dims = found.code.outliers.dims
    assert (dims[:-1] < q.loc.size).all() and dims[-1] == q.loc.size and (np.diff(dims[:-1]) > 0).all()


@pytest.mark.parametrize(("n_moved", "refused"), [(MAX_OUTLIERS + 5, False), (180, True)])  # of 200; an eighth is 25
@pytest.mark.parametrize(("loc", "scale"), [(5.0, 0.5), (0.0, 1e-4)], ids=["far", "narrow"])
def test_what_encode_batch_refuses_is_refused(loc, scale, n_moved, refused):
    moved = np.arange(200) < n_moved
    p = DiagGaussian(np.full(200, -1.0, np.float32), np.full(200, 0.5, np.float32))
    q_loc, q_scale = p.loc + np.where(moved, loc, 0.2) * p.scale, p.scale * np.where(moved, scale, 0.8)
    coder = make_coder(kind="tree", n_beams=64, sequence_length=1024, max_nats=5000.0)
    (found,) = coder.encode_long([LongCall(key(1), DiagGaussian(np.float32(q_loc), np.float32(q_scale)), p, None)])
    assert found.overflow is refused and (found.code.n_steps < 0).all() == refused


def test_every_search_runs_on_the_callers_device():
    program = """
import jax
import numpy as np
from test_long_calls import CODER, key, target
from rec_jax.coders.base import LongCall

devices = []

def run(program, static, blocks):
    found = program(static, blocks)
    devices.append(found.devices())
    return found

with jax.default_device(jax.devices()[1]):
    CODER.encode_long([LongCall(key(i), *target(600, seed=i), None) for i in range(3)], run)
assert len(devices) > 2 and all(found == {jax.devices()[1]} for found in devices), devices
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)

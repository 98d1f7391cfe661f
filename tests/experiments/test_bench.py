"""The benchmark's parts at their smallest sizes, and the targets they use."""

import json

import jax
import numpy as np
import pytest

from experiments import bench
from experiments.bench_coder import CASES, SETTINGS, measure
from experiments.targets import TARGETS, TargetFamily, make_target
from rec_jax.coders import make_coder
from rec_jax.core.gaussian import kl_nats
from rec_jax.core.prng import root_key


@pytest.mark.parametrize("name", TARGETS)
def test_targets_have_their_kl(name):
    family = TARGETS[name]
    make = jax.jit(make_target, static_argnums=1)
    kl = [float(kl_nats(*make(jax.random.fold_in(root_key(0), i), family)).sum()) for i in range(8)]
    standard_error = np.std(kl, ddof=1) / np.sqrt(len(kl))
    assert abs(np.mean(kl) - family.kl_nats) < 5 * standard_error
    q, p = make(root_key(1), family)
    assert q.loc.shape == (family.n_dims,) and np.isfinite(q.scale).all() and (np.asarray(q.scale) <= p.scale).all()


def test_cases_name_targets_and_settings():
    assert all(target in TARGETS and setting in SETTINGS for target, setting in CASES)


def test_measure_coder(monkeypatch):
    monkeypatch.setitem(TARGETS, "tiny", TargetFamily(64, 6.0))
    row = measure("tiny", make_coder("beam_search", n_beams=4, max_nats=60.0), n_seeds=6, budget_s=60.0)
    assert row["n_seeds"] == 6 and row["total_overhead"] == pytest.approx(row["index_overhead"] + row["k_overhead"])
    assert 0 < row["k_overhead"] < 1 and -0.2 < row["index_overhead"] < 1.5
    assert row["encode_s"] > 0 and row["decode_s"] > 0 and 0.5 < row["z2"] < 1.5


def test_main_writes_json_and_reports_what_failed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("experiments.bench_coder.bench_coder", lambda quick, say: say("measured") or {"rows": [quick]})
    words = ["--quick", "--only=coder,codec", "--model=absent", f"--out={tmp_path}"]
    assert bench.main(words) == 1
    result = json.loads((tmp_path / "bench.json").read_text())
    assert result["parts"]["coder"]["rows"] == [True] and "absent" in result["parts"]["codec"]["error"]
    assert result["machine"]["jax"] == jax.__version__
    assert "measured" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        bench.main(["--only=nonsense"])

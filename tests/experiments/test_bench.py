"""The benchmark's parts at their smallest sizes, and the targets they use."""

import json

import jax
import numpy as np
import pytest

from experiments import bench, coder_table
from experiments.bench_coder import bench_coder, cases
from experiments.coder_settings import few_nats_coders
from experiments.measure_coder import compiled, measure, one_beam
from experiments.targets import FEW_DIMS, GROWING, LEARNED_FROM, MEASURED, ONE_DIM, TARGETS, TargetFamily
from rec_jax.coders import make_coder
from rec_jax.core.gaussian import kl_nats

ALL_TARGETS = TARGETS | GROWING | ONE_DIM | FEW_DIMS
TINY = TargetFamily(64, 6.0)


@pytest.mark.parametrize("name", [*TARGETS, "even_128", "one_dim_3", "three_dims_3"])
def test_targets_have_their_kl(name):
    family = ALL_TARGETS[name]
    n_seeds = 8 if family.n_dims > 100 else 400
    calls = [family.calls(MEASURED, seed)[0] for seed in range(n_seeds)]
    kl = [float(kl_nats(*call).sum()) for call in calls]
    standard_error = np.std(kl, ddof=1) / np.sqrt(len(kl))
    assert abs(np.mean(kl) - family.kl_nats) < 5 * standard_error
    q, p = calls[0]
    assert q.loc.shape == (family.n_dims,) and np.isfinite(q.scale).all() and (np.asarray(q.scale) <= p.scale).all()


def test_what_is_learned_from_is_not_measured():
    (q, _), (other, _) = (TINY.calls(purpose, 0)[0] for purpose in (MEASURED, LEARNED_FROM))
    assert not np.array_equal(q.loc, other.loc)


def test_the_bench_names_every_kind_of_coder_and_options_that_exist():
    coders = [make_coder(**options) for _, _, options in cases(quick=False)]
    kinds = {options["kind"] for _, _, options in cases(quick=False)}
    assert all(target in ALL_TARGETS for target, _, _ in cases(quick=False)) and len(coders) > len(kinds)
    assert kinds == {
        "a_star", "beam_search", "dithered", "greedy_poisson", "greedy_rejection", "index", "ordered", "poisson", "tree"
    }  # fmt: skip


def test_a_model_of_k_that_was_learned_is_cheaper():
    coder = make_coder("tree", n_beams=1, sequence_length=64, max_nats=60.0)
    assert one_beam(coder) == coder
    learned = measure(TINY, coder, n_seeds=6, n_learned_from=12)
    default = measure(TINY, coder, n_seeds=6, n_learned_from=0)
    assert learned["n_seeds"] == 6 and learned["failures"] == 0
    assert 0 < learned["k_overhead"] < default["k_overhead"]
    assert learned["index_overhead"] == default["index_overhead"]
    assert learned["total_overhead"] == pytest.approx(learned["index_overhead"] + learned["k_overhead"])
    assert learned["encode_s"] > 0 and learned["decode_s"] > 0 and 0.5 < learned["z2"] < 2.0


def test_one_beam_takes_as_many_steps():
    """What K is learned from may be searched with one beam, which is fast."""
    coder = make_coder("beam_search", n_beams=4, max_nats=60.0)
    (q, p), key = TINY.calls(MEASURED, 3)[0], jax.random.key(0)
    steps = [np.asarray(compiled(c, 64).encode(key, q, p)[0].n_steps) for c in (coder, one_beam(coder))]
    np.testing.assert_array_equal(*steps)
    assert one_beam(make_coder("poisson")) == make_coder("poisson")


def test_measure_of_an_exact_coder_meets_the_bound():
    """KL + log2(KL + 1) + 6 bits, 6 standard errors aside; z follows q."""
    family = ONE_DIM["one_dim_2"]
    row = measure(family, make_coder(**few_nats_coders(family)["poisson"]), n_seeds=300)
    kl_bits = row["kl_nats"] / np.log(2.0)
    assert 0 < row["overhead_bits"] < np.log2(kl_bits + 1.0) + 6.0
    assert abs(row["z2"] - 1.0) < 6 * np.sqrt(2 / 300) and row["k_overhead"] == 0.0


def test_an_overflow_is_a_failure_and_no_number():
    row = measure(TINY, make_coder("index", max_nats=0.5), n_seeds=3)
    assert row["failures"] == row["n_seeds"] == 3 and row["total_overhead"] is None and row["encode_s"] is None


def test_bench_coder_reports_both_yardsticks(monkeypatch):
    quick = [("one_dim_3", "poisson", dict(kind="poisson"))]
    monkeypatch.setattr("experiments.bench_coder.cases", lambda quick_, quick=quick: quick)
    lines = []
    (row,) = bench_coder(True, lines.append)["rows"]
    assert row["encode_yardsticks"] == row["encode_s"] / row["normals_1e7_s"] > 0
    assert row["encode_cpu_yardsticks"] > 0 and any("one_dim_3, poisson" in line for line in lines)


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


def test_the_table_of_whole_layers_finds_its_place(monkeypatch):
    beam = dict(kind="beam_search", n_beams=1, epsilon=0.0, block_size=None, max_nats=60.0)
    monkeypatch.setattr(coder_table, "LAYER_CODERS", {"greedy": beam})
    monkeypatch.setattr(coder_table, "LAYER_TARGETS", {"tiny": TINY, "large": TARGETS["large"]})
    text = coder_table.layer_table(n_targets=3)
    assert "| greedy: n_beams=1, epsilon=0.0, block_size=None, max_nats=60.0 |" in text
    assert " bits; " in text and "| not run |" in text  # tiny has few nats; large in one block is not measured
    page = coder_table.between_markers(coder_table.PAGE.read_text(encoding="utf-8"), "layers", text)
    assert text in page and text not in coder_table.between_markers(page, "layers", "other")
    few = coder_table.MARKERS["few"]
    assert page.split(few[0])[1].split(few[1])[0].count("\n| ") > len(coder_table.CODERS)

"""The benchmark's parts at their smallest sizes, and the targets they use."""

import subprocess
import sys
from unittest.mock import Mock

import jax
import numpy as np
import pytest

from experiments.bench import __main__ as bench
from experiments.bench import command
from experiments.bench.codec import measure as measure_codec
from experiments.bench.network import network_cases
from experiments.bench.sizes import photograph_of_size
from experiments.bench.training import training_cases
from experiments.coders import table
from experiments.coders.cells import Cell, bench_cells, few_table_cells, layer_table_cells
from experiments.coders.measure import compiled, fit_steps, fit_steps_and_laws, measure, one_beam
from experiments.coders.settings import LAYER_CODERS, family_coders
from experiments.coders.targets import (
    FEW_DIMS,
    GAUSSIANS,
    GROWING,
    LEARNED_FROM,
    MEASURED,
    ONE_DIM,
    TARGETS,
    TargetFamily,
)
from experiments.timing import Clock
from rec_jax.coders import make_coder
from rec_jax.core.errors import BitstreamMismatch, MissingFile, RecError
from rec_jax.core.gaussian import kl_nats
from rec_jax.core.json_rows import read_rows, write_rows
from tests.codec.tiny_codec import smooth_image, tiny_codec

ALL_TARGETS = TARGETS | GROWING | ONE_DIM | FEW_DIMS
TINY = TargetFamily(64, 6.0)


@pytest.mark.parametrize("name", [*TARGETS, "even_128", "one_dim_3", "three_dims_3"])
def test_targets_have_their_kl(name):
    family = ALL_TARGETS[name]
    n_seeds = 8 if family.n_dims > 100 else 100
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
    cells = bench_cells(quick=False)
    kinds = {cell.options["kind"] for cell in cells}
    assert len({cell.title for cell in cells}) == len(cells) == len([make_coder(**c.options) for c in cells])
    assert kinds == {
        "a_star", "beam_search", "dithered", "greedy_poisson", "greedy_rejection", "index", "ordered", "poisson", "tree"
    }  # fmt: skip
    assert {cell.target for cell in cells} == {*TARGETS, "one_dim_3", "three_dims_3"}


def test_a_model_of_k_that_was_learned_is_cheaper():
    coder = make_coder("tree", n_beams=1, sequence_length=64, max_nats=60.0)
    learned = measure(TINY, coder, n_seeds=6, fit=fit_steps, n_learned_from=12)
    default = measure(TINY, coder, n_seeds=6, fit=fit_steps, n_learned_from=0)
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


def test_the_law_of_matched_variances_is_learned_too():
    coder = make_coder("beam_search", n_beams=2, max_nats=60.0, schedule="matched", rate=1.1)
    fitted = [measure(TINY, coder, n_seeds=3, fit=fit, n_learned_from=8) for fit in (fit_steps, fit_steps_and_laws)]
    assert fitted[1]["k_overhead"] < fitted[0]["k_overhead"]
    assert fitted[1]["index_overhead"] == fitted[0]["index_overhead"]


def test_measure_of_an_exact_coder_meets_the_bound():
    """KL + log2(KL + 1) + 6 bits, 6 standard errors aside; z follows q."""
    family = ONE_DIM["one_dim_2"]
    row = measure(family, make_coder(**family_coders(family)["poisson"]), n_seeds=300)
    kl_bits = row["kl_nats"] / np.log(2.0)
    assert 0 < row["overhead_bits"] < np.log2(kl_bits + 1.0) + 6.0
    assert abs(row["z2"] - 1.0) < 6 * np.sqrt(2 / 300) and row["k_overhead"] == 0.0
    assert row["ks_distance"] < 2.0 / np.sqrt(300) and row["sent_bits"] > row["overhead_bits"]


def test_an_overflow_is_a_failure_and_no_number():
    row = measure(TINY, make_coder("index", max_nats=0.5), n_seeds=3)
    assert row["failures"] == row["n_seeds"] == 3 and row["total_overhead"] is None and row["encode_s"] is None


def poisson_cell(n_seeds=3):
    return Cell("coder", "one_dim_3", "poisson", ONE_DIM["one_dim_3"], dict(kind="poisson"), n_seeds, 0)


def test_rows_have_both_yardsticks():
    row = poisson_cell().measure()
    assert row["encode_yardsticks"] == row["encode_s"] / row["yardstick_s"] > 0 and row["encode_cpu_yardsticks"] > 0


def test_main_writes_rows_resumes_and_reports_what_failed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "bench_cells", lambda quick: [poisson_cell()])
    monkeypatch.setattr(bench, "codec_case", lambda *words: Mock(title="codec", key=Mock(side_effect=MissingFile("x"))))
    words = ["--quick", "--only=coder,codec", f"--out={tmp_path}"]
    assert bench.main(words) == 1
    out, err = capsys.readouterr()
    assert "one_dim_3, poisson" in out and "bench: codec: x" in err
    (row,) = read_rows(tmp_path / "rows.jsonl")
    assert row["jax"] == jax.__version__.split("+")[0] and row["git"]

    monkeypatch.setattr(Cell, "measure", None)
    assert bench.main(["--only=coder", f"--out={tmp_path}"]) == 0
    out = capsys.readouterr().out
    assert "1 cases, 1 of them done before" in out and "| one_dim_3 | poisson |" in out
    assert read_rows(tmp_path / "rows.jsonl") == [row]
    with pytest.raises(TypeError):
        bench.main(["--only=coder", "--again", f"--out={tmp_path}"])
    with pytest.raises(SystemExit):
        bench.main(["--only=nonsense"])


def test_the_parts_measure_what_they_say():
    small, large = network_cases("absent", quick=True), bench.part_cases("sizes", "cifar10-rvae", quick=False)
    assert len({case.title for case in (*small, *large)}) == len(small) + len(large)
    assert large[0].key() != large[1].key() and large[0].key() == large[0].key()
    assert photograph_of_size(512, 768).shape == (512, 768, 3)
    with pytest.raises(MissingFile):
        small[-1].key()


def test_training_is_measured_with_and_without_its_memory(monkeypatch):
    (case,) = training_cases(quick=True)
    assert {case.title for case in training_cases(quick=False)} > {case.title}
    row = case.measure()
    assert row["ratio"] == pytest.approx(row["images_s"] / row["given_back_images_s"]) and row["images_s"] > 0
    monkeypatch.setitem(case.options, "config", "absent")
    with pytest.raises(RecError, match=r"code 1: ModuleNotFoundError.*configs\.absent"):
        case.measure()


def test_the_tables_find_their_places(monkeypatch, tmp_path, capsys):
    page = tmp_path / "CODERS.md"
    text = table.PAGE.read_text(encoding="utf-8")
    page.write_text(text, encoding="utf-8")
    monkeypatch.setattr(table, "PAGE", page)
    monkeypatch.setattr(table, "layer_table_cells", lambda n: [poisson_cell(n)])
    assert table.main(["--only=layers", "--n_targets=3", f"--workdir={tmp_path}/w", "--write"]) == 0
    written = page.read_text(encoding="utf-8")
    assert "| one_dim_3 | poisson |" in written and written != text
    assert written.split(table.MARKERS["few"][0])[1] == text.split(table.MARKERS["few"][0])[1]
    assert table.main(["--only=layers", "--n_targets=3", f"--workdir={tmp_path}/w", "--write"]) == 0
    assert page.read_text(encoding="utf-8") == written


def test_the_tables_name_all_coders_and_targets():
    few, layers = few_table_cells(10), layer_table_cells(8)
    assert len(few) == 3 * 13 and {cell.target for cell in few} == set(GAUSSIANS) and few[0].n_seeds == 10
    assert {(c.target, c.setting) for c in layers} == {(t, c) for t in TARGETS for c in LAYER_CODERS} - {
        ("large", "iREC one block")
    }


def test_the_stages_of_the_codec_are_the_codec():
    """Written and read stage by stage, a file is the same, and its stages are timed, all of them once."""
    codec, image = tiny_codec(fallback="none"), smooth_image(32, 32)
    measured = measure_codec(codec, image)
    assert set(measured) == {
        *(f"encode_{n}_s" for n in ("inference", "search_0", "search_1", "samples", "walk", "symbols", "pixels")),
        *(f"decode_{n}_s" for n in ("samples", "walk", "symbols", "pixels")),
        *(f"{verb}{n}_s" for verb in ("encode", "decode") for n in ("", "_entropy", "_rest")),
    }
    assert all(seconds > 0 for name, seconds in measured.items() if "rest" not in name)


def test_a_file_that_is_another_stage_by_stage_is_no_measurement(monkeypatch):
    codec, image = tiny_codec(fallback="none"), smooth_image(32, 32)
    monkeypatch.setattr("experiments.bench.codec.encode_in_stages", lambda *_: ({"walk": 1.0}, b"another"))
    with pytest.raises(BitstreamMismatch, match="no times count"):
        measure_codec(codec, image)


def test_a_stage_inside_another_counts_once(monkeypatch):
    times = iter([0.0, 1.0, 3.0, 4.0])
    monkeypatch.setattr("experiments.timing.time.perf_counter", lambda: next(times))
    clock = Clock()
    with clock("outer"), clock("inner"):
        pass
    assert clock.seconds == {"outer": 2.0, "inner": 2.0}


def test_decompressing_imports_no_jax():
    code = f"import sys; {command.IMPORTS['decompress']}; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_history_of_a_bench_is_by_commit(tmp_path, capsys):
    stamp = dict(device="2 x CPU", date="2026-01-01 00:00")
    cell = dict(group="layers", target="small", setting="tree", encode_s=0.25, kl_nats=3.0, **stamp)
    rows = [dict(title="codec", encode_s=0.5, git="aaa", **stamp), cell | dict(git="bbb"), cell | dict(git="ccc")]
    write_rows(tmp_path / "rows.jsonl", rows)
    assert bench.main(["--history", f"--out={tmp_path}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "codec" and lines[1].split()[2] == "aaa" and lines[1].endswith("2 x CPU: encode_s 0.5")
    assert lines[2] == "layers: small, tree" and [line.split()[2] for line in lines[3:]] == ["bbb", "ccc"]

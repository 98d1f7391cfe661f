"""The sweep: cells run once, a killed run resumes, failures are told, the report says what was not run."""

import dataclasses
import json

import numpy as np
import pytest

from experiments.cases import rows_of, run_cases
from experiments.coders import sweep
from experiments.coders.cells import GROUPS, Cell, all_cells, quick_cells
from experiments.coders.plots import pareto_front
from experiments.coders.posteriors import _images, posterior_targets
from experiments.coders.posteriors import _key as posterior_key
from experiments.coders.targets import LEARNED_FROM, MEASURED, ONE_DIM, TargetFamily
from rec_jax.codec import open_package
from rec_jax.codec.model_file import write_model_file
from rec_jax.coders import make_coder
from rec_jax.core.gaussian import kl_nats
from rec_jax.core.json_rows import read_rows
from rec_jax.core.rows import row_id
from rec_jax.core.units import bits_to_nats
from rec_jax.data import make_source
from rec_jax.evaluate.elbo import image_elbo
from tests.codec.tiny_codec import CODER, tiny_package

TINY = TargetFamily(64, 6.0)
POISSON = dict(kind="poisson", expected_kl_nats=3.0)


@pytest.fixture(scope="module")
def posteriors():
    return posterior_targets("cifar10-rvae", data_dir="", n_images=2)


def cell(setting="poisson", options=POISSON, targets=ONE_DIM["one_dim_3"], group="few"):
    return Cell(group, "one_dim_3", setting, targets, options, 3, 0)


def test_cells_are_distinct_and_their_coders_exist(posteriors):
    for cells in (all_cells(posteriors), quick_cells(posteriors)):
        assert len({c.title for c in cells}) == len({row_id(c.key()) for c in cells}) == len(cells)
        assert all(c.group in GROUPS and make_coder(**c.options) for c in cells)
    grid = [c for c in all_cells(posteriors) if c.group == "grid"]
    assert len(grid) == 5 * 4 * 3  # the authors': omega, 1 + epsilon, beams


def test_a_killed_run_resumes(tmp_path, capsys):
    path = tmp_path / "rows.jsonl"
    first, second = cell(), cell("ordered", dict(kind="ordered", expected_kl_nats=3.0))
    assert run_cases([first], path) == {}
    (row,) = read_rows(path)
    with path.open("a") as out:
        out.write('{"id": "cut off by a ki')
    assert run_cases([first, second], path) == {}
    rows = read_rows(path)
    assert rows[0] == row and [r["setting"] for r in rows] == ["poisson", "ordered"]
    assert "2 cases, 1 of them done before" in capsys.readouterr().out


def test_an_impossible_coder_is_told_and_the_others_run(tmp_path):
    path = tmp_path / "rows.jsonl"
    failures = run_cases([cell("bad", dict(kind="poisson", nonsense=1)), cell()], path)
    assert list(failures) == ["few: one_dim_3, bad"] and "nonsense" in failures["few: one_dim_3, bad"]
    assert [row["setting"] for row in read_rows(path)] == ["poisson"]


def test_main_measures_draws_and_says_what_was_not_run(tmp_path, monkeypatch):
    beam = dict(kind="beam_search", n_beams=1, omega=3.0, epsilon=0.0, max_nats=60.0)
    cells = [cell(), cell("iREC", beam, TINY, "grid"), cell("iREC kl", beam, TINY, "kl")]
    monkeypatch.setattr(sweep, "quick_cells", lambda _: cells[:2])
    words = [f"--workdir={tmp_path}", "--quick"]
    assert sweep.main(words) == 0
    rows = read_rows(tmp_path / "rows.jsonl")
    assert len(rows) == 2 and all({"total_overhead", "encode_yardsticks", "z2", "git"} <= set(row) for row in rows)
    assert {"time.png", "kl.png", "grid.png", "report.md"} <= {path.name for path in tmp_path.iterdir()}

    monkeypatch.setattr(sweep, "quick_cells", lambda _: cells)
    assert sweep.main([*words, "--render"]) == 0
    report = (tmp_path / "report.md").read_text()
    assert "## Not run" in report and "- kl: one_dim_3, iREC kl" in report and "| iREC |" in report
    assert len(read_rows(tmp_path / "rows.jsonl")) == 2


def test_main_tells_what_is_wrong_in_one_line(tmp_path, capsys):
    assert sweep.main([f"--workdir={tmp_path}", "--render", "--model=absent"]) == 1
    assert capsys.readouterr().err.startswith("sweep_coders: no model 'absent'")
    for words in (["--render", "--n_images=0"], ["--only=nonsense"]):
        with pytest.raises(SystemExit):
            sweep.main([f"--workdir={tmp_path}", *words])


def test_rows_are_plain_json(tmp_path):
    path = tmp_path / "rows.jsonl"
    run_cases([cell()], path)
    row = json.loads(path.read_text())
    assert row["options"] == POISSON and row["n_seeds"] == 3 and row["failures"] == 0


def test_options_and_code_are_part_of_what_a_row_is_of(tmp_path, monkeypatch):
    """Spelled in full: a default that changes makes another row, and an option given at its default does not."""
    path = tmp_path / "rows.jsonl"
    cells = [cell()]
    run_cases(cells, path)
    assert rows_of(cells, path) != [None]
    spelled = dataclasses.asdict(make_coder(**POISSON)) | {"kind": "poisson"}
    assert rows_of([cell(options=spelled)], path) == rows_of(cells, path)
    others = [cell(options=POISSON | dict(expected_kl_nats=4.0)), cell(targets=ONE_DIM["one_dim_2"])]
    assert rows_of([others[0]], path) == rows_of([others[1]], path) == [None]
    monkeypatch.setattr("experiments.coders.cells.program_key", lambda without: {"code": "other"})
    assert rows_of(cells, path) == [None]


def test_other_pixels_are_other_targets(monkeypatch, posteriors):
    key = posteriors.key()
    assert posteriors.key() == key != posterior_targets("cifar10-rvae", data_dir="", n_images=3).key()
    images = _images(posteriors, "test", 2)
    changed = [images[0], images[1] ^ 1]
    monkeypatch.setattr("experiments.coders.posteriors._images", lambda *_: changed)
    posterior_key.cache_clear()
    assert posteriors.key() != key
    posterior_key.cache_clear()


def test_the_pareto_front_holds_what_nothing_beats():
    rows = [
        {"encode_yardsticks": t, "total_overhead": o}
        for t, o in [(3.0, 0.1), (1.0, 0.3), (2.0, 0.4), (1.0, 0.2), (4.0, 0.1)]
    ]
    assert [(r["encode_yardsticks"], r["total_overhead"]) for r in pareto_front(rows)] == [(1.0, 0.2), (3.0, 0.1)]


def test_posteriors_are_those_of_the_model(tmp_path):
    """One (q, p) per layer; the KL is what the model's own ELBO says of the image."""
    levels, path = ((4, 2, 4, 2),), str(tmp_path / "tiny.safetensors")
    section = dict(kind="resnet_vae", levels=levels, likelihood="logistic", n_components=2)
    write_model_file(path, tiny_package(levels, "logistic").stored, dict(model=section, coder=CODER))
    targets, package = posterior_targets(path, data_dir="", n_images=2), open_package(path)
    layers = targets.calls(MEASURED, 1)
    assert [p.loc.size for _, p in layers] == 2 * [8 * 8 * 2]
    kl = sum(float(kl_nats(q, p).sum()) for q, p in layers)
    image = make_source(dict(kind="embedded", patch=32), "test")[1]
    elbo = image_elbo(package.model, package.float_params, image[None], [1], seed=0, batch_size=1)
    assert kl == pytest.approx(bits_to_nats(float(elbo.kl_bits[0])), rel=1e-4)
    assert not np.array_equal(layers[0][0].loc, targets.calls(LEARNED_FROM, 1)[0][0].loc)
    for shares, (q, _) in zip(targets.shares(), layers, strict=True):
        dims = package.coder.shares_of(*shares)
        assert dims.shape == q.loc.shape and dims.dtype == np.int32 and dims.min() >= 1
        assert len(np.unique(dims.reshape(-1, 2), axis=0)) == 1  # one number per channel

"""Table 1 on a tiny model: what a run writes and shows, what is refused, what resumes."""

import json
import re

import numpy as np
import pytest

from configs.base import base
from experiments.readme import markers
from experiments.table1 import __main__ as table1
from experiments.table1 import bits_back, classical, learned
from experiments.table1.cells import rows_path
from experiments.table1.columns import Column, make_columns
from experiments.table1.markdown import main_table, measured_words
from experiments.table1.readme import write_readme
from experiments.table1.results import make_table
from experiments.table1.rows import Row, make_rows
from experiments.table1.run import Plan, chosen, plan_jobs, run_jobs
from rec_jax.codec.model_file import read_model_file, write_model_file
from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.core.json_rows import read_rows, write_rows
from rec_jax.core.locks import locked
from rec_jax.evaluate import chains
from rec_jax.models.exact_params import quantise_params
from tests.experiments.quick_table import PIXELS, QUICK, quick_column
from tests.models.tiny_bit_swap import BARE, tiny_bit_swap

BEGIN, END = markers("table1")


@pytest.fixture(scope="module")
def measured(model, tmp_path_factory):
    """(workdir, words) of a finished run of one column with a model, and of one without data."""
    workdir, empty = tmp_path_factory.mktemp("table1"), tmp_path_factory.mktemp("no data")
    words = [f"--workdir={workdir}", "--quick", f"--data_dir={empty}", f"--config.cifar10.models={model}"]
    words += [f"--config.cifar10.{rival}=" for rival in ("idf", "lbb", "bit_swap")]
    words += ["--config.cifar10.n_learned=2", "--config.imagenet32.kind=tfds", "--config.kodak.models=absent"]
    words += [
        "--config.cifar10.n_classical=2",
        "--only=cifar10/png,cifar10/idf,cifar10/lbb,cifar10/bitswap,cifar10/hilloc,cifar10/rec,cifar10/phases,cifar10/elbo,"
        "imagenet32,kodak/rec",
    ]
    assert table1.main(words) == 0
    return workdir, words


def test_the_tiling_is_told(model):
    codec = learned.opened(model).codec()
    kodak = "96 tiles of 64x64 an image, each coded by itself; at most 16 tiles a search"
    assert learned.tiling(codec, np.zeros((512, 768, 3), np.uint8)) == kodak
    assert learned.tiling(codec, PIXELS).startswith("an image is one tile")


def test_a_run_writes_the_table(measured):
    workdir, _ = measured
    table = json.loads((workdir / "table1.json").read_text())
    rows = {row["id"]: row["cells"] for row in table["rows"]}
    for row in ("png", "hilloc", "rec", "phases", "elbo"):
        (found,) = rows[row]["cifar10"]["measured"]
        assert found["n_images"] == 2 and found["stand_in"] == "stand-in, not CIFAR10"
        assert found["command"].endswith(f"--only=cifar10/{row}") and "--data_dir=DIR" in found["command"]
        assert found["git"] and found["device"] and found["date"]
    rates = {row: rows[row]["cifar10"]["measured"][0]["bpd"] for row in ("hilloc", "rec", "phases", "elbo")}
    assert rates["phases"]["single"] < 4.5  # the model that ships
    assert rates["rec"]["single"] < rates["elbo"]["bound"] < rates["hilloc"]["single"]
    assert rates["rec"]["single"] == pytest.approx(8.0, abs=0.1)
    assert rates["hilloc"]["asymptotic"] == pytest.approx(rates["elbo"]["bound"], rel=0.1)
    assert len(table["images"]["cifar10"]) == 2 and len(table["images"]["cifar10"][0]["bpd"]) == 5
    whats = " ".join(check["what"] for check in table["checks"])
    assert table["coder_losses"][0]["n_stored"] == 2 and "coder loss" not in whats  # stored files judge no coder
    assert "HiLLoC's single image (random start)" in whats and "peak memory" in whats
    learned = {entry["row"]: entry for entry in table["trainings"]}
    assert list(learned["rec_jax, phases (no latents)"]["here"]) == ["cifar10"]
    assert "images of CIFAR10" in learned["rec_jax, phases (no latents)"]["here"]["cifar10"]
    assert learned["ELBO (RVAE)"]["published"].endswith("16 M images (500,000 steps of 32)")
    assert all("not known" in words for words in learned["ELBO (RVAE)"]["here"].values())
    assert "PNG" not in learned and "How long the models learned" in (workdir / "table1.html").read_text()


def test_what_is_not_there_is_not_run_and_says_why(measured):
    workdir, _ = measured
    rows = {row["id"]: row["cells"] for row in json.loads((workdir / "table1.json").read_text())["rows"]}
    assert "tiny_imagenet32" not in str(rows) and not rows["png"]["imagenet32"]["measured"]
    assert "photographs" in rows["png"]["imagenet32"]["not_run"]  # the name of the data set that is missing
    assert "'absent'" in rows["rec"]["kodak"]["not_run"]
    for row in ("idf", "lbb", "bit_swap"):
        told = rows[row.replace("_", "")]["cifar10"]["not_run"]
        assert told == f"config.cifar10.{row} is empty; name a shipped model or a model file"
    assert rows["idf"]["cifar10"]["published"] == {"single": 3.34} and not rows["idf"]["cifar10"]["measured"]
    text = (workdir / "table1.md").read_text()
    assert "| IDF | not run | *3.34* | not run | *4.18* | not run | – |" in text


def test_the_outputs_say_stand_in_name_no_folder_and_load_nothing(measured):
    workdir, _ = measured
    for name in ("table1.md", "table1.json", "table1.html", "cells.json"):
        text = (workdir / name).read_text()
        assert "stand-in, not CIFAR10" in text and str(workdir.parent) not in text and str(workdir) not in text
    page = (workdir / "table1.html").read_text()
    assert not re.search(r"https?:|<script|<link|@import|url\(", page)
    assert page.count('src="data:image/png;base64,') == page.count("src=") == 2
    assert page.count("<svg") == 2 and "tiny" in page and "config.preset" in page


def test_a_finished_run_measures_nothing_and_draws_the_same(measured, monkeypatch):
    workdir, words = measured
    before = (workdir / "table1.md").read_text()
    monkeypatch.setattr(learned, "compress_images", None)
    monkeypatch.setattr(chains, "evaluate_chain", None)
    monkeypatch.setattr(classical.Classical, "_row", None)
    assert table1.main(words) == 0
    (workdir / "table1.md").unlink()
    assert table1.main([words[0], "--render"]) == 0
    assert (workdir / "table1.md").read_text() == before


def test_rows_of_other_code_or_weights_are_not_taken(measured, monkeypatch, tmp_path):
    _, words = measured
    column = Column("cifar10", dict(QUICK.cifar10) | dict(models=words[3].partition("=")[2], n_learned=2))
    other = tmp_path / "other.safetensors"
    stored = read_model_file(column.models[0])
    write_model_file(other, stored.params | {"top": stored.params["top"] + np.int32(1)}, stored.config)
    for row in (row for row in make_rows(QUICK) if row.id in ("rec", "hilloc")):
        name = first_cell(row, column).rows_name
        assert name == first_cell(row, column).rows_name
        assert name != first_cell(row, quick_column(n_learned=2, models=str(other))).rows_name
        with monkeypatch.context() as context:
            context.setattr(learned, "program_key", lambda: {"code": "other"})
            assert name != first_cell(row, column).rows_name


def first_cell(row: Row, column: Column):
    return next(iter(row.method.jobs(column))).cell


def test_a_model_that_is_not_there_does_not_take_the_others_along(model):
    (row,) = (row for row in make_rows(QUICK) if row.id == "rec")
    plan = Plan(config={"n_samples": 1})
    jobs = plan_jobs(plan, [(row, quick_column(models=f"{model},absent"))], "command", lambda line: None)
    assert [job.cell.model for job in jobs] == [learned.model_title(model)] and "absent" in plan.not_run["cifar10/rec"]


def test_a_workdir_has_one_config_and_one_run_at_a_time(measured, capsys):
    workdir, words = measured
    assert table1.main([*words, "--config.preset=best"]) == 1
    assert "another config (preset differ)" in capsys.readouterr().err
    with locked(workdir):
        assert table1.main(words) == 1
    assert "is in use by another run" in capsys.readouterr().err


def test_a_damaged_plan_is_told_in_one_line(tmp_path, capsys):
    for content in ("{", '{"cells": [{"nonsense": 1}]}'):
        (tmp_path / "cells.json").write_text(content)
        assert table1.main([f"--workdir={tmp_path}", "--render"]) == 1
        error = capsys.readouterr().err
        assert "is damaged" in error and error.count("\n") == 1


def test_a_killed_cell_resumes_without_gap_or_duplicate(tmp_path):
    seen = []

    def file_bytes(pixels):
        seen.append(pixels)
        if len(seen) == 4:
            raise KeyboardInterrupt
        return 300

    (job,) = classical.Classical("x", lambda: "made up", file_bytes).jobs(quick_column())
    with pytest.raises(KeyboardInterrupt):
        job.run(tmp_path)
    path = rows_path(tmp_path, job.cell.rows_name)
    with path.open("a") as file:
        file.write('{"image": 3, "n_d')
    job.run(tmp_path)
    assert (
        [row["image"] for row in job.cell.rows(tmp_path)]
        == [row["image"] for row in read_rows(path)]
        == [0, 1, 2, 3, 4]
    )
    assert len(seen) == 6
    job.run(tmp_path)
    assert len(seen) == 6
    write_rows(path, 2 * read_rows(path))
    assert [row["image"] for row in job.cell.rows(tmp_path)] == [0, 1, 2, 3, 4]


def test_bits_back_resumes_after_the_last_whole_chain(model, tmp_path, monkeypatch):
    evaluate_chain, calls = chains.evaluate_chain, []

    def interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return evaluate_chain(*arguments)

    monkeypatch.setattr(chains, "CHAIN_IMAGES", 1)
    monkeypatch.setattr(chains, "evaluate_chain", interrupted)
    (job,) = bits_back.BitsBack("hilloc", 0).jobs(quick_column(n_learned=2, models=model))
    with pytest.raises(KeyboardInterrupt):
        job.run(tmp_path)
    assert [row["image"] for row in job.cell.rows(tmp_path)] == [0]
    job.run(tmp_path)
    assert [row["image"] for row in job.cell.rows(tmp_path)] == [0, 1] and len(calls) == 3


def test_bit_swap_is_measured_with_a_model_of_its_own(tmp_path):
    model, params = tiny_bit_swap(bare=True)
    config = base().to_dict() | dict(model=BARE)
    write_model_file(tmp_path / "tiny.safetensors", quantise_params(model, params), config)
    (row,) = (row for row in make_rows(QUICK) if row.id == "bitswap")
    with pytest.raises(ConfigError, match="bit_swap is empty"):
        list(row.method.jobs(quick_column(bit_swap="")))
    (job,) = row.method.jobs(quick_column(n_learned=1, bit_swap=str(tmp_path / "tiny.safetensors")))
    job.run(tmp_path)
    rates = row.method.rates(job.cell.rows(tmp_path))
    assert rates["single"] > rates["asymptotic"] and "10 bits a bin" in job.cell.made_by


def test_a_failing_cell_is_told_and_does_not_stop_the_others(tmp_path, capsys):
    def broken(pixels):
        raise OSError("the disk is full")

    rows = [
        Row("bad", "Bad", method=classical.Classical("bad", lambda: "made up", broken)),
        Row("good", "Good", method=classical.Classical("good", lambda: "made up", lambda pixels: 384)),
    ]
    plan = Plan(config={"n_samples": 2})
    jobs = plan_jobs(plan, [(row, quick_column()) for row in rows], "command", lambda line: None)
    assert run_jobs(plan, jobs, tmp_path, lambda line: None, lambda: None) == 1
    assert "the disk is full" in capsys.readouterr().err
    table = make_table(plan, rows, tmp_path)
    bad, good = (row["cells"]["cifar10"] for row in table["rows"])
    assert not bad["measured"] and bad["not_run"] == "failed: the disk is full"
    assert good["measured"][0]["bpd"] == {"single": 1.0}
    assert good["measured"][0]["bpd_error"] == {"single": 0.0}
    assert "| Good | **1.00 ± 0.00ˢ** (n=5) | – |" in main_table(table)


def run_one(plan, method, workdir):
    """How many cells failed of a row of one column, whose sizes `method` gives."""
    row = Row("bad", "Bad", method=classical.Classical("bad", lambda: "made up", method))
    jobs = plan_jobs(plan, [(row, quick_column())], "command", lambda line: None)
    return run_jobs(plan, jobs, workdir, lambda line: None, lambda: None)


def test_a_mistake_in_the_program_is_no_failed_cell(tmp_path):
    def mistaken(pixels):
        raise ValueError("not enough values to unpack")

    plan = Plan(config={"n_samples": 2})
    with pytest.raises(ValueError, match="unpack"):
        run_one(plan, mistaken, tmp_path)
    assert plan.not_run == {}


def test_what_a_classical_program_raises_is_a_failed_cell(tmp_path):
    def jpeg_xl(pixels):
        raise RuntimeError("JxlEncoderProcessOutput returned 1")

    plan = Plan(config={"n_samples": 2})
    assert run_one(plan, jpeg_xl, tmp_path) == 1
    assert plan.not_run == {"cifar10/bad": "failed: made up: JxlEncoderProcessOutput returned 1"}


def test_a_partial_cell_says_so(tmp_path):
    row = Row("x", "X", method=classical.Classical("x", lambda: "made up", lambda pixels: 384))
    plan = Plan(config={"n_samples": 2})
    (job,) = plan_jobs(plan, [(row, quick_column())], "command", lambda line: None)
    job.run(tmp_path)
    path = rows_path(tmp_path, job.cell.rows_name)
    write_rows(path, read_rows(path)[:2])
    (found,) = make_table(plan, [row], tmp_path)["rows"]
    assert "partial: n=2 of 5" in measured_words(found["cells"]["cifar10"])


def test_a_classical_rate_of_more_images_stands_beside_that_of_the_learned_ones(tmp_path):
    sizes = iter([384, 384, 384, 768, 768])
    row = Row("x", "X", method=classical.Classical("x", lambda: "made up", lambda pixels: next(sizes)))
    plan = Plan(config={"n_samples": 2, "cifar10": {"n_learned": 3}})
    (job,) = plan_jobs(plan, [(row, quick_column())], "command", lambda line: None)
    job.run(tmp_path)
    (found,) = make_table(plan, [row], tmp_path)["rows"]
    assert measured_words(found["cells"]["cifar10"]) == "**1.40 ± 0.24ˢ** (n=5, 1.00 ± 0.00 on the first 3)"


def test_only_names_columns_rows_and_pairs():
    rows, columns = make_rows(QUICK), list(make_columns(QUICK, "", ""))
    pairs = [(row.id, column.id) for row, column in chosen("png,kodak/rec", rows, columns)]
    assert pairs == [("png", "cifar10"), ("png", "imagenet32"), ("png", "kodak"), ("rec", "kodak")]
    assert len(chosen("", rows, columns)) == 36 and len(chosen("kodak", rows, columns)) == 12
    with pytest.raises(ConfigError, match="--only=nonsense: have cifar10, .*png"):
        chosen("nonsense", rows, columns)


def test_the_readme_is_written_between_its_markers(tmp_path):
    table = make_table(Plan("command", {"n_samples": 1}), make_rows(QUICK), tmp_path)
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\noutdated\n{END}\nafter\n")
    with pytest.raises(ConfigError, match="nothing of this table is measured"):
        write_readme(path, table)
    assert "outdated" in path.read_text()
    measured = dict(
        bpd={"single": 5.0}, bpd_error={"single": 0.1}, of_learned_images=None, n_images=2, crop=0, model=""
    )
    measured |= dict(n_images_wanted=2, stand_in="", data="x", made_by="", command="", rows="", git=[], device=[])
    table["rows"][0]["cells"]["kodak"]["measured"] = [measured | dict(python=[], jax=[], date=["", ""])]
    write_readme(path, table)
    text = path.read_text()
    assert (
        text.startswith(f"before\n{BEGIN}\n| bits/dim")
        and text.endswith(f"command\n{END}\nafter\n")
        and "outdated" not in text
    )
    write_readme(path, table)
    assert path.read_text() == text
    path.write_text("no markers")
    with pytest.raises(CorruptFile, match="markers"):
        write_readme(path, table)
    assert path.read_text() == "no markers"
    for name in ("README.md", "docs/RESULTS.md"):
        assert (table1.ROOT / name).read_text().count(BEGIN) == 1


@pytest.mark.parametrize(
    "words, match",
    [
        (["--render"], "cells.json; run the table there first"),
        (["--only=nonsense"], "--only=nonsense"),
        (["--config.kodak.modles=x"], "no field 'modles'"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, words, match):
    assert table1.main([f"--workdir={tmp_path}/w", "--quick", *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("table1: ") and error.count("\n") == 1 and match in error


def test_unknown_arguments_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        table1.main([f"--workdir={tmp_path}", "--nonsense"])
    assert "--nonsense" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--data_dir", "--kodak_dir"])
def test_a_folder_that_is_not_there_is_told_before_any_table_is_written(flag, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN}\nmeasured\n{END}\n")
    words = [f"--workdir={tmp_path / 'w'}", f"{flag}={tmp_path / 'absent'}", f"--readme={readme}"]
    assert table1.main(words) == 1
    assert f"{tmp_path / 'absent'}: no such folder" in capsys.readouterr().err
    assert "measured" in readme.read_text() and not (tmp_path / "w").exists()

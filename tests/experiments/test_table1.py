"""Table 1 on a tiny model and on made-up rows: what is shown, what is refused, what resumes."""

import dataclasses
import json
import re
import stat
import subprocess
import sys

import jax
import numpy as np
import pytest
from PIL import Image

from configs.base import base, shrink
from configs.table1 import get_config
from experiments.table1 import __main__ as table1
from experiments.table1 import classical, learned
from experiments.table1.bits_back import chains
from experiments.table1.cells import Cell, rows_path
from experiments.table1.checks import make_checks
from experiments.table1.code_digest import source_digest
from experiments.table1.coder_losses import bits_back_details, coder_losses
from experiments.table1.columns import Column, make_columns
from experiments.table1.markdown import main_table, measured_words
from experiments.table1.readme import BEGIN, END, write_readme
from experiments.table1.results import make_table, read_published
from experiments.table1.rows import Row, make_rows
from experiments.table1.run import Plan, chosen, plan_jobs, public_command, run_jobs, without_folders
from rec_jax.codec.model_file import write_model_file
from rec_jax.core.errors import ConfigError, CorruptFile, MissingFile, RecError
from rec_jax.core.json_rows import read_rows, write_rows
from rec_jax.core.prng import init_key
from rec_jax.data.embedded import embedded_patches
from rec_jax.evaluate.compression import RATES
from rec_jax.models import make_model

QUICK = get_config("quick")
PIXELS = embedded_patches("test", 32).array()[0]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Path of a model file with a tiny untrained model so poor that its files are stored pixels."""
    config = shrink(base())
    with config.unlocked():
        config.model.levels = ((4, 1, 4, 2),)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    params = jax.jit(make_model(config.model).init)(init_key(0), embedded_patches("test", 32).array()[:16])
    write_model_file(path, params, config)
    return str(path)


@pytest.fixture(scope="module")
def measured(model, tmp_path_factory):
    """(workdir, words) of a finished run of one column with a model, and of one without data."""
    workdir = tmp_path_factory.mktemp("table1")
    words = [f"--workdir={workdir}", "--quick", f"--data_dir={workdir}/absent", f"--config.cifar10.models={model}"]
    words += ["--config.cifar10.n_learned=2", "--config.imagenet32.kind=tfds", "--config.kodak.models=absent"]
    words += [
        "--config.cifar10.n_classical=2",
        "--only=cifar10/png,cifar10/hilloc,cifar10/rec,cifar10/elbo,imagenet32,kodak/rec",
    ]
    assert table1.main(words) == 0
    return workdir, words


# ---- a whole run ---------------------------------------------------------------------------------------------------


def test_a_run_writes_the_table(measured):
    workdir, _ = measured
    table = json.loads((workdir / "table1.json").read_text())
    rows = {row["id"]: row["cells"] for row in table["rows"]}
    for row in ("png", "hilloc", "rec", "elbo"):
        (found,) = rows[row]["cifar10"]["measured"]
        assert found["n_images"] == 2 and found["stand_in"] == "stand-in, not CIFAR10"
        assert found["command"].endswith(f"--only=cifar10/{row}") and "--data_dir=DIR" in found["command"]
        assert found["git"] and found["device"] and found["date"]
    rates = {row: rows[row]["cifar10"]["measured"][0]["bpd"] for row in ("hilloc", "rec", "elbo")}
    assert rates["rec"]["single"] < rates["elbo"]["bound"] < rates["hilloc"]["single"]
    assert rates["rec"]["single"] == pytest.approx(8.0, abs=0.1)
    assert rates["hilloc"]["asymptotic"] == pytest.approx(rates["elbo"]["bound"], rel=0.1)
    assert len(table["images"]["cifar10"]) == 2 and len(table["images"]["cifar10"][0]["bpd"]) == 4
    whats = " ".join(check["what"] for check in table["checks"])
    assert table["coder_losses"][0]["n_stored"] == 2 and "coder loss" not in whats  # stored files judge no coder
    assert "HiLLoC's single image (random start)" in whats and "peak memory" in whats


def test_what_is_not_there_is_not_run_and_says_why(measured):
    workdir, _ = measured
    rows = {row["id"]: row["cells"] for row in json.loads((workdir / "table1.json").read_text())["rows"]}
    assert "tiny_imagenet32" not in str(rows) and not rows["png"]["imagenet32"]["measured"]
    assert "photographs" in rows["png"]["imagenet32"]["not_run"]  # the name of the data set that is missing
    assert "'absent'" in rows["rec"]["kodak"]["not_run"]
    assert rows["idf"]["cifar10"] == {"published": {"single": 3.34}, "measured": [], "not_run": "a published row"}
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
    monkeypatch.setattr(classical.Classical, "_row", None)
    assert table1.main(words) == 0
    (workdir / "table1.md").unlink()
    assert table1.main([words[0], "--render"]) == 0
    assert (workdir / "table1.md").read_text() == before


def test_rows_of_other_code_or_weights_are_not_taken(measured, monkeypatch):
    _, words = measured
    column = Column("cifar10", dict(QUICK.cifar10) | dict(models=words[3].partition("=")[2], n_learned=2))
    (row,) = (row for row in make_rows(QUICK) if row.id == "rec")
    name = row.method.jobs(column)[0].cell.rows_name
    assert name == row.method.jobs(column)[0].cell.rows_name
    monkeypatch.setattr(learned, "code_digest", lambda: "other")
    assert name != row.method.jobs(column)[0].cell.rows_name


def test_comments_and_docstrings_are_not_code():
    assert source_digest('def f(x):\n    """A."""\n    return x  # y') == source_digest("def f(x):\n    return (x)\n")
    assert source_digest("x = 1") != source_digest("x = 2")


# ---- cells: resuming and failing -----------------------------------------------------------------------------------


def quick_column(**changes) -> Column:
    return Column("cifar10", dict(QUICK.cifar10) | dict(n_classical=5) | changes)


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
    assert "| Good | **1.00**ˢ | – |" in main_table(table)


def test_a_partial_cell_says_so(tmp_path):
    row = Row("x", "X", method=classical.Classical("x", lambda: "made up", lambda pixels: 384))
    plan = Plan(config={"n_samples": 2})
    (job,) = plan_jobs(plan, [(row, quick_column())], "command", lambda line: None)
    job.run(tmp_path)
    path = rows_path(tmp_path, job.cell.rows_name)
    write_rows(path, read_rows(path)[:2])
    (found,) = make_table(plan, [row], tmp_path)["rows"]
    assert "partial: 2 of 5" in measured_words(found["cells"]["cifar10"])


def test_only_names_columns_rows_and_pairs():
    rows, columns = make_rows(QUICK), list(make_columns(QUICK, "", ""))
    pairs = [(row.id, column.id) for row, column in chosen("png,kodak/rec", rows, columns)]
    assert pairs == [("png", "cifar10"), ("png", "imagenet32"), ("png", "kodak"), ("rec", "kodak")]
    assert len(chosen("", rows, columns)) == 33 and len(chosen("kodak", rows, columns)) == 11
    with pytest.raises(ConfigError, match="--only=nonsense: have cifar10, .*png"):
        chosen("nonsense", rows, columns)


# ---- classical codecs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", [classical.PNG, classical.WEBP, classical.JXL], ids=lambda codec: codec.id)
def test_classical_files_are_smaller_than_pixels(codec):
    assert 100 < codec.file_bytes(PIXELS) < PIXELS.size
    assert codec.file_bytes(np.full((32, 32, 3), 7, np.uint8)) < 150
    assert re.search(r"\d", codec.made_by())


def test_without_imagecodecs_jpeg_xl_is_not_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(MissingFile, match="pip install"):
        classical.JXL.jobs(quick_column())


FLIF = """#!{python}
import sys
from PIL import Image
if sys.argv[1] == "--version":
    print("FLIF 0.4 (made up)")
else:
    picture = Image.open(sys.argv[3])
    picture.load()
    picture = picture.transpose(Image.Transpose.ROTATE_180) if {lossy} else picture
    picture.save(sys.argv[4], "PNG")
"""


@pytest.mark.parametrize("lossy", [False, True])
def test_flif_is_run_where_it_is_on_the_path(tmp_path, monkeypatch, lossy):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingFile, match="no program flif"):
        classical.FLIF.made_by()
    program = tmp_path / "flif"
    program.write_text(FLIF.format(python=sys.executable, lossy=lossy))
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    assert classical.FLIF.made_by() == "FLIF 0.4 (made up), defaults"
    pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    if lossy:  # upside down twice is right again, so only one of the two calls may turn it
        monkeypatch.setattr(classical, "read_image", lambda path: np.zeros_like(pixels))
        with pytest.raises(ValueError, match="not lossless"):
            classical.FLIF.file_bytes(pixels)
    else:
        assert classical.FLIF.file_bytes(pixels) > 50


# ---- columns, published numbers, commands --------------------------------------------------------------------------


def test_columns_know_whether_they_are_what_the_heading_says(tmp_path):
    cifar10, imagenet32, kodak = make_columns(get_config(), "DIR", str(tmp_path))
    assert cifar10.stand_in == "" and imagenet32.stand_in == "stand-in, not ImageNet32"
    assert imagenet32.data == "tiny_imagenet32 validation"
    true = dict(imagenet32.options) | dict(name="downsampled_imagenet/32x32")
    assert dataclasses.replace(imagenet32, options=true).stand_in == ""
    assert dataclasses.replace(cifar10, options=dict(cifar10.options) | dict(split="train")).stand_in
    for i in range(1, 25):
        Image.fromarray(PIXELS).save(tmp_path / f"kodim{i:02d}.png")
    assert kodak.stand_in == "" and len(kodak.classical_images()) == 24 and kodak.models[0] == "photos-small"
    (tmp_path / "kodim01.png").rename(tmp_path / "mine.png")
    assert dataclasses.replace(kodak).stand_in == "stand-in, not Kodak"
    assert all(column.stand_in for column in make_columns(QUICK, "", ""))


def test_other_images_never_share_rows():
    a, b = quick_column().classical_images(), quick_column(patch=64).classical_images()
    assert a.digest == quick_column(n_classical=2).classical_images().digest != b.digest
    with pytest.raises(RecError):
        quick_column(kind="nonsense").classical_images()


def test_every_published_number_is_shown_once():
    published, rows = read_published(), make_rows(QUICK)
    named = [row.published for row in rows if row.published]
    assert sorted(named) == sorted(published["rows"]) and "2020" in published["source"]
    assert len({row.id for row in rows}) == len(rows)
    text = main_table(make_table(Plan(config={"n_samples": 1}), rows, table1.ROOT / "absent"))
    for numbers in ("*54.96 (3.12)*", "*24.51 (3.56)*", "*3.67*", "*17.50 (3.00)*"):
        assert text.count(numbers) == 1
    assert "**" not in text  # nothing is measured


def test_commands_name_no_folder_of_this_machine(tmp_path):
    assert (
        without_folders("--config.kodak.models=a,/home/me/runs/b.safetensors")
        == "--config.kodak.models=a,PATH/b.safetensors"
    )
    assert without_folders("--config.imagenet32.name=downsampled_imagenet/32x32").endswith(
        "=downsampled_imagenet/32x32"
    )
    command = public_command(tmp_path, ["--quick"], has_data_dir=True, has_kodak_dir=True)
    assert command == "python -m experiments.table1 --workdir=WORKDIR --data_dir=DIR --kodak_dir=FOLDER --quick"


# ---- comparisons, on made-up rows ----------------------------------------------------------------------------------


def cell(row: str, **changes) -> Cell:
    fields = dict(row=row, column="kodak", data="kodak", stand_in="", made_by="", n_images=2, rows_name="", model="m")
    return Cell(**fields | changes)


def rec_row(image: int, file_bytes: int) -> dict:
    """1,000 dims; KL 1, ELBO 3 bits/dim."""
    rates = dict.fromkeys(RATES, 0.0) | dict(elbo=3.0, kl=1.0, header=0.016, file=8 * file_bytes / 1000)
    row = {f"{name}_bpd": rate for name, rate in rates.items()} | dict(image=image, n_dims=1000, mode=1)
    return row | dict(file_bytes=file_bytes, encode_s=0.1, decode_s=0.2, peak_memory_bytes=2e9)


def chain_row(image: int, net_bits: int, single_bits: int) -> dict:
    row = dict(image=image, n_dims=1000, net_bits=net_bits, single_random_bits=single_bits, initial_bits=800)
    row |= dict(single_jxl_bits=9000, jxl_bits=5900, n_jxl=2)
    return row | dict(chain_images=100, elbo_bits=3000.0)


def test_files_are_compared_with_bits_back_image_by_image():
    measured = {
        cell("rec"): [rec_row(0, 390), rec_row(1, 400)],
        cell("hilloc"): [chain_row(0, 3060, 3500), chain_row(1, 3080, 3100)],
        cell("hilloc", model="other"): [chain_row(0, 3010, 3500)],
    }
    checks = {check["what"]: check for check in make_checks(measured, coder_losses(measured, read_published()["rows"]))}
    by_words = lambda *words: [c for what, c in checks.items() if all(word in what for word in words)]  # noqa: E731
    (random,) = by_words("single image (random start)", "m")
    assert not random["holds"] and "smaller on 1 of 2; at most 1.03" in random["measured"]
    (jxl,) = by_words("single image (jxl start)")
    assert jxl["holds"] and "2 of 2" in jxl["measured"]
    (asymptotic,) = by_words("asymptotic rate")
    assert asymptotic["measured"].startswith("9.0%") and asymptotic["holds"]  # (3120 + 3200 - 3060 - 3080) / 2000
    over = {check["measured"]: check["holds"] for check in by_words("chains over the ELBO")}
    assert over == {"+2.33%, chains of 100 images": False, "+0.33%, chains of 100 images": True}
    (loss,) = by_words("coder loss")
    assert loss["measured"] == "14.4%" and not loss["holds"]  # (3.16 - 0.016 - 3) / 1
    (time,) = by_words("encoding")
    assert time["measured"].startswith("0.144 ms per nat") and time["holds"]  # 0.1 s, 1000 bits
    (memory,) = by_words("peak memory")
    assert memory["measured"] == "2.00 GB" and memory["holds"]


def test_bits_back_in_detail():
    rows = [chain_row(0, 3060, 3500), chain_row(1, 3080, 3100)]
    (details,) = bits_back_details({cell("hilloc"): rows})
    assert details["bpd"] == dict(elbo=3.0, net=3.07, single_random=3.3, initial=0.8, on_jxl=3.1, collection=3.0)
    (details,) = bits_back_details({cell("hilloc"): [rows[0], rows[1] | dict(single_jxl_bits=None, n_jxl=None)]})
    assert details["bpd"]["on_jxl"] is None and details["bpd"]["net"] == 3.07


def test_a_loss_stands_beside_the_papers():
    measured = {cell("rec", column="cifar10"): [rec_row(0, 390)], cell("irec"): [rec_row(0, 400)]}
    rec, irec = coder_losses(measured, read_published()["rows"])
    assert rec["published_over_elbo"] == pytest.approx(0.177, abs=1e-3)
    assert irec["published_over_elbo"] == pytest.approx(0.223, abs=1e-3)
    assert rec["over_elbo"] == pytest.approx(0.04) and irec["coder_loss"] == pytest.approx(0.184)


@pytest.mark.parametrize("n", [1, 99, 100, 250, 500])
def test_chains_are_long_and_hold_every_image_once(n):
    parts = chains(n)
    assert sum(parts, []) == list(range(n)) and min(map(len, parts)) >= min(n, 100)


# ---- the README and the command line -------------------------------------------------------------------------------


def test_the_readme_is_written_between_its_markers(tmp_path):
    table = make_table(Plan("command", {"n_samples": 1}), make_rows(QUICK), tmp_path)
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\noutdated\n{END}\nafter\n")
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
    assert (table1.ROOT / "README.md").read_text().count(BEGIN) == 1


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


def test_it_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "experiments.table1", "--help"], cwd=table1.ROOT, capture_output=True)
    assert done.returncode == 0 and b"--render" in done.stdout

"""Figure 3 on methods whose results are known: what a run writes and shows, what is refused, what resumes."""

import json
import re
import shutil
import subprocess

import pytest

from experiments.figure3 import __main__ as figure3
from experiments.figure3 import figure as drawing
from experiments.figure3 import methods as declared
from experiments.figure3 import pictures as chosen_pictures
from experiments.figure3.published import published_curves
from experiments.readme import markers
from rec_jax.core.json_rows import read_rows
from rec_jax.core.locks import locked
from rec_jax.core.psnr import psnr_db
from rec_jax.evaluate.bd_rate import bd_rate, cubic, pchip
from rec_jax.evaluate.picture_quality import ms_ssim_db
from tests.experiments.figure3_methods import IDEAL_SHARE, Broken, Quantiser, QuantiserWithIdeal, three_pictures

CHROMIUM = next(filter(shutil.which, ("chromium", "chromium-browser", "google-chrome")), None)


def run(monkeypatch, workdir, methods, *words, plots=False):
    """The exit code. plots: whether matplotlib draws too, which takes a second."""
    with monkeypatch.context() as context:
        if not plots:
            context.setattr(drawing, "draw", lambda figure, workdir: None)
        context.setattr(declared, "make_methods", lambda: methods)
        context.setattr(chosen_pictures, "open_pictures", lambda quick, data_dir, kodak_dir: three_pictures())
        return figure3.main([f"--workdir={workdir}", *words])


def all_rows(workdir):
    return [row for path in sorted((workdir / "rows").glob("*.jsonl")) for row in read_rows(path)]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The workdir of a finished run of a method with ideal points, one without, and one that is not installed."""
    workdir = tmp_path_factory.mktemp("figure3")
    others = [Quantiser("plain", ours=False, title="Plain"), Quantiser("absent", installed=False)]
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert run(monkeypatch, workdir, [QuantiserWithIdeal(), *others], plots=True) == 0
    return workdir


def test_rows_are_of_files_that_were_read_back(measured):
    rows, pictures = all_rows(measured), three_pictures()
    assert len(rows) == 3 * 5 * (2 + 1)  # pictures, settings, coded and ideal and plain
    files = list((measured / "files").glob("figure3-plain-*/*.z"))
    assert len(files) == 3 * 5
    for path in files:
        name, step = path.stem.split("-")
        image = pictures[pictures.names.index(name)]
        row = next(
            r for r in rows if "file_bytes" in r and (pictures.names[r["image"]], r["setting"]) == (name, int(step))
        )
        assert row["kind"] == "coded" and row["file_bytes"] == path.stat().st_size
        assert row["bpp"] == pytest.approx(8 * path.stat().st_size / (170 * 163))
        assert row["psnr_db"] == psnr_db(image, Quantiser().decode(path.read_bytes()))
        assert 0.3 < row["ms_ssim"] < 1 and row["encode_s"] > 0 and row["git"] and row["device"]


def test_curves_are_means_over_pictures_and_the_known_loss_is_found(measured):
    figure, rows = json.loads((measured / "figure3.json").read_text()), all_rows(measured)
    coded, ideal, plain = figure["curves"]
    assert [curve["kind"] for curve in figure["curves"]] == ["coded", "ideal", "coded"] and coded["n_pictures"] == 3
    for i, step in enumerate(coded["settings"]):
        mine = [row for row in rows if row["kind"] == "ideal" and row["setting"] == step]
        similarity = sum(row["ms_ssim"] for row in mine) / 3
        assert ideal["means"]["psnr_db"][i] == pytest.approx(sum(row["psnr_db"] for row in mine) / 3, abs=1e-5)
        assert ideal["means"]["ms_ssim_db"][i] == pytest.approx(ms_ssim_db(similarity), abs=1e-5)
    assert len(figure["coder_losses"]) == 2
    for loss in figure["coder_losses"]:
        assert (loss["tested"], loss["anchor"], loss["n_pictures"]) == ("quantiser", "quantiser-ideal", 3)
        for fit in ("pchip", "cubic"):
            assert loss[fit]["percent"] == pytest.approx(100 * (1 / IDEAL_SHARE - 1))
            assert loss[fit]["error"] == pytest.approx(0.0, abs=1e-6)
    assert plain["means"]["bpp"] == coded["means"]["bpp"] and list(coded["of_pictures"]) == ["a", "b", "c"]
    assert coded["of_pictures"]["b"] != coded["of_pictures"]["c"]


def test_what_is_not_there_is_not_run_and_stand_ins_have_no_published_curves_beside_them(measured):
    figure = json.loads((measured / "figure3.json").read_text())
    assert figure["not_run"] == {"absent": "quantiser is not there; run: pip install quantiser"}
    assert figure["published"] == [] and figure["stand_in"] == "stand-in, not Kodak"


def test_the_outputs_name_no_folder_and_load_nothing(measured):
    page = (measured / "figure3.html").read_text()
    for text in (page, (measured / "figure3.json").read_text(), (measured / "series.json").read_text()):
        assert "stand-in, not Kodak" in text and str(measured) not in text and str(measured.parent) not in text
    assert not re.search(r"https?:(?!//www\.w3\.org/2000/svg)|<link|@import|url\((?!#)", page)
    assert page.count("</script>") == 2 and "{{" not in page
    for path in re.findall(r'"(?:path|original)": "([^"]+)"', page):
        assert (measured / path).read_bytes()[8:12] == b"WEBP"
    assert (measured / "figure3.png").read_bytes()[1:4] == b"PNG" and "<svg" in (measured / "figure3.svg").read_text()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium or google-chrome on the PATH")
def test_a_browser_draws_the_page(measured):
    words = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--dump-dom"]
    page = (measured / "figure3.html").as_uri()
    done = subprocess.run([*words, page], capture_output=True, text=True, timeout=120)
    drawn = done.stdout.partition('<script type="application/json"')[0]
    assert drawn.count("<svg") == 2 and drawn.count("<path") == 2 * 3 and drawn.count("<circle") == 2 * 3 * 5
    assert "Quantiser &lt;/script&gt;" in drawn and "25.0 ± 0.0 %" in drawn
    assert re.search(r'id="left_image"[^>]*src="pictures/a.webp"', drawn) and "absent: not run" in drawn


def test_a_finished_run_measures_nothing_and_draws_the_same(measured, monkeypatch):
    before = {name: (measured / name).read_bytes() for name in ("figure3.json", "figure3.html", "figure3.svg")}
    again = [QuantiserWithIdeal(dies_after=0), Quantiser("plain", ours=False, title="Plain", dies_after=0)]
    again.append(Quantiser("absent", installed=False))
    for words in ((), ("--render",)):
        for name in before if words else ("figure3.json", "figure3.html"):
            (measured / name).unlink()
        assert run(monkeypatch, measured, again, *words, plots=bool(words)) == 0
        assert {name: (measured / name).read_bytes() for name in before} == before


def test_a_killed_run_resumes_and_does_nothing_twice(tmp_path, monkeypatch, capsys):
    killed, resumed = QuantiserWithIdeal(dies_after=7), QuantiserWithIdeal()
    assert run(monkeypatch, tmp_path, [killed]) == 1 and "interrupted" in capsys.readouterr().err
    path = next((tmp_path / "rows").glob("*.jsonl"))
    with path.open("a") as file:
        file.write('{"image": 1, "sett')  # what a kill leaves
    assert run(monkeypatch, tmp_path, [QuantiserWithIdeal()], "--render") == 0
    (coded, _) = json.loads((tmp_path / "figure3.json").read_text())["curves"]
    assert (coded["n_pictures"], coded["n_pictures_wanted"]) == (
        1,
        3,
    )  # of a picture with some settings nothing is shown
    assert "partial: 1 of 3" in (tmp_path / "figure3.html").read_text()
    assert run(monkeypatch, tmp_path, [resumed]) == 0
    assert len(killed.encoded) == 7 and len(resumed.encoded) == 8
    assert not set(killed.encoded) & set(resumed.encoded)
    places = [(row["image"], row["setting"], row["kind"]) for row in read_rows(path)]
    assert len(places) == len(set(places)) == 30


def test_a_failing_method_is_told_and_does_not_stop_the_others(tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, tmp_path, [Broken("broken"), Quantiser()]) == 1
    assert "figure3: broken: no space left" in capsys.readouterr().err
    figure = json.loads((tmp_path / "figure3.json").read_text())
    assert figure["not_run"] == {"broken": "failed: no space left"} and len(figure["curves"]) == 1


def test_only_adds_methods_in_the_figures_order(tmp_path, monkeypatch, capsys):
    methods = [Quantiser("first"), Quantiser("second")]
    assert run(monkeypatch, tmp_path, methods, "--only=second") == 0
    assert json.loads((tmp_path / "figure3.json").read_text())["not_run"] == {"first": "not started"}
    assert run(monkeypatch, tmp_path, methods, "--only=first") == 0
    assert [curve["id"] for curve in json.loads((tmp_path / "figure3.json").read_text())["curves"]] == [
        "first",
        "second",
    ]
    assert len(methods[1].encoded) == 15
    assert run(monkeypatch, tmp_path, methods, "--only=third") == 1
    assert "--only=third: have first, second" in capsys.readouterr().err


def test_a_workdir_has_one_set_of_pictures_and_one_run_at_a_time(measured, monkeypatch, capsys):
    assert figure3.main([f"--workdir={measured}", "--quick", "--only=jpeg"]) == 1
    assert "figure of other pictures (crops)" in capsys.readouterr().err
    with locked(measured):
        assert run(monkeypatch, measured, [Quantiser()]) == 1
    assert "in use" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, match",
    [
        (["--render"], "run the figure there first"),
        (["--kodak_dir=absent"], "no folder absent"),
        (["--only=gif"], "--only=gif: have rec, rec-ms-ssim, rec-two-level"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, words, match):
    assert figure3.main([f"--workdir={tmp_path}/new", *words]) == 1
    error = capsys.readouterr().err
    assert match in error and error.count("\n") == 1


def test_a_damaged_plan_is_told_in_one_line(tmp_path, capsys):
    (tmp_path / "series.json").write_text('{"series": [{}]}')
    assert figure3.main([f"--workdir={tmp_path}", "--render"]) == 1
    assert "series.json is damaged" in capsys.readouterr().err


def test_the_readme_gets_the_numbers(measured, monkeypatch, tmp_path):
    begin, end = markers("figure3")
    readme, results = tmp_path / "README.md", tmp_path / "docs" / "RESULTS.md"
    results.parent.mkdir()
    for path in (readme, results):
        path.write_text(f"before\n{begin}\noutdated\n{end}\nafter\n")
    assert run(monkeypatch, measured, [QuantiserWithIdeal()], "--render", f"--readme={readme}") == 0
    for path in (readme, results):
        text = path.read_text()
        assert text.startswith("before\n") and text.endswith("after\n") and "outdated" not in text
        assert "absent: not run" in text
        assert ("25.0 ± 0.0 % (+25) | 25.0 ± 0.0 % (+25)" in text) == (path == results)
    before = readme.read_text()
    results.write_text("no markers")
    assert run(monkeypatch, measured, [QuantiserWithIdeal()], "--render", f"--readme={readme}") == 1
    assert readme.read_text() == before


def test_published_curves_have_sources_and_the_published_bd_rates():
    curves = {curve["id"]: curve for curve in published_curves()}
    for curve in curves.values():
        assert curve["source"]["repo"] and curve["source"]["paths"] and curve["optimised_for"] in ("", "mse", "ms_ssim")
        for metric in ("psnr_db", "ms_ssim_db"):
            assert curve[metric] == sorted(curve[metric]) and all(0.04 < bpp < 2.2 for bpp, _ in curve[metric])
    coded, ideal, balle = (curves[i]["psnr_db"] for i in ("irec_mse_coded", "irec_mse_ideal", "balle2018_mse"))
    for fit in (pchip, cubic):
        assert bd_rate(ideal, coded, fit).percent == pytest.approx(32.5, abs=0.1)
        assert bd_rate(balle, coded, fit).percent == pytest.approx(16.0, abs=0.5)
        assert bd_rate(balle, ideal, fit).percent == pytest.approx(-11.0, abs=0.5)

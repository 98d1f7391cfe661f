"""Lossy files over a split: what a row says of a file, what a summary says of rows, and what stops an evaluation."""

import json
import math

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image
from tiny_lossy import CODER, SECTION, photograph, tiny_lossy

from configs.photos_lossy import get_config
from rec_jax.codec import calibrate
from rec_jax.codec.curve import CurveCodec
from rec_jax.codec.lossy import LossyCodec
from rec_jax.codec.lossy_ideal import ideal
from rec_jax.codec.model_file import write_model_file
from rec_jax.core.errors import BitstreamMismatch, CoderOverflow, RecError
from rec_jax.core.psnr import psnr_db
from rec_jax.core.rows import open_rows
from rec_jax.evaluate import run
from rec_jax.evaluate.bd_rate import bd_rate
from rec_jax.evaluate.checks import check_evaluation
from rec_jax.evaluate.lossy import code_pictures, picture_row
from rec_jax.evaluate.lossy_summary import summarise_pictures, summary_of
from rec_jax.evaluate.picture_quality import picture_quality
from rec_jax.evaluate.shares import Share
from rec_jax.evaluate.summary import write_summary
from tests.codec.tiny_quantised import tiny_quantised

IMAGES = [photograph(16, 24), photograph(17, 15, 1)]
QUALITIES = (0, 40, 70, 100)
SEED = 3


@pytest.fixture(scope="module")
def codec():
    return tiny_lossy(taught=False).without_fallback()


@pytest.fixture(scope="module")
def measured(codec, tmp_path_factory):
    """(path, rows)."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    return path, code_pictures(codec, QUALITIES, IMAGES, path, seed=SEED, numbers=[4, 7], stamp=lambda: {"git": "abc"})


def without_clock(rows):
    return [{name: value for name, value in row.items() if name not in ("encode_s", "decode_s")} for row in rows]


def test_a_row_is_of_the_files_themselves(codec, measured):
    path, rows = measured
    assert [json.loads(line) for line in path.read_text().splitlines()] == rows
    assert [(row["image"], row["git"], row["n_pixels"]) for row in rows] == [(4, "abc", 384), (7, "abc", 255)]
    row, at_40 = rows[1], codec.at(40)
    blob, exact = at_40.compress(IMAGES[1]), ideal(at_40, IMAGES[1], (SEED << 32) + 7)
    assert row["qualities"] == list(QUALITIES) and row["file_bytes"][1] == len(blob)
    assert row["psnr_db"][1] == psnr_db(IMAGES[1], codec.decompress(blob))
    assert (row["ideal_bits"][1], row["ideal_psnr_db"][1]) == (exact.kl_bits, psnr_db(IMAGES[1], exact.image))
    assert row["ms_ssim"] == 4 * [None] and min(row["encode_s"] + row["decode_s"]) > 0
    for row in rows:
        assert row["file_bytes"] == sorted(row["file_bytes"]) and row["psnr_db"] == sorted(row["psnr_db"])
        parts = np.sum([row[f"{name}_bits"] for name in ("header", "index", "side")], axis=0)
        assert parts == pytest.approx(8 * np.array(row["file_bytes"]), abs=64)


def test_a_killed_evaluation_resumes_to_the_same_rows_and_a_finished_one_codes_nothing(
    codec, measured, tmp_path, monkeypatch
):
    path = tmp_path / "rows.jsonl"
    path.write_text(measured[0].read_text()[:-20])
    options = dict(seed=SEED, numbers=[4, 7], stamp=lambda: {"git": "abc"})
    with open_rows(path), pytest.raises(RecError, match="in use by another run"):
        code_pictures(codec, QUALITIES, IMAGES, path, **options)
    assert code_pictures(codec, QUALITIES, IMAGES, path, share=Share(0, 2), **options) is None  # the other one's is cut
    rows = code_pictures(codec, QUALITIES, IMAGES, path, share=Share(1, 2), **options)
    assert without_clock(rows) == without_clock(measured[1])
    monkeypatch.setattr(LossyCodec, "encode", None)
    assert code_pictures(codec, QUALITIES, IMAGES, path, **options) == rows


def test_what_does_not_come_back_stops_the_evaluation(codec, tmp_path, monkeypatch):
    path, walk = tmp_path / "rows.jsonl", LossyCodec.walk
    monkeypatch.setattr(LossyCodec, "walk", lambda *args: walk(*args) ^ 1)
    with pytest.raises(BitstreamMismatch, match="image 7 at quality 40: the file did not decode to what its encoder"):
        code_pictures(codec, (40,), IMAGES[1:], path, numbers=[7])
    monkeypatch.setattr(CurveCodec, "encode", lambda *args: (_ for _ in ()).throw(CoderOverflow("too much")))
    with pytest.raises(CoderOverflow, match="image 7 at quality 40: too much"):
        code_pictures(codec, (40,), IMAGES[1:], path, numbers=[7])
    assert path.read_text() == ""


def test_the_curve_of_real_rows_has_a_coder_loss(measured, tmp_path):
    _, rows = measured
    summary = summarise_pictures(rows)
    for i in range(len(QUALITIES)):
        rates = [8 * row["file_bytes"][i] / row["n_pixels"] for row in rows]
        assert summary.means["bpp"][i] == pytest.approx(np.mean(rates))
        assert summary.errors["bpp"][i] == pytest.approx(np.std(rates, ddof=1) / math.sqrt(2))
    means = summary.means
    coded, exact = (
        [*zip(means[rate], means[psnr], strict=True)]
        for rate, psnr in (("bpp", "psnr_db"), ("ideal_bpp", "ideal_psnr_db"))
    )
    assert summary.coder_loss_percent == pytest.approx(bd_rate(exact, coded).percent)
    write_summary(tmp_path / "summary.json", summary)
    assert summary_of(json.loads((tmp_path / "summary.json").read_text())) == summary


def test_a_model_that_rounds_has_no_ideal_points_and_large_pictures_have_ms_ssim():
    codec, image = tiny_quantised(), photograph(161, 170)
    row = picture_row(codec, (50,), image, 0, 0)
    found = picture_quality(image, codec.decompress(codec.at(50).compress(image)))
    assert (row["psnr_db"], row["ms_ssim"]) == ([found.psnr_db], [found.ms_ssim])
    summary = summarise_pictures([row, row])
    assert summary.means["ms_ssim_db"] == [pytest.approx(-10 * math.log10(1 - found.ms_ssim))]
    assert "ideal_bits" not in row and "ideal bpp" not in summary.text()
    assert summary.no_coder_loss == "the model rounds its latents, so there is no coder to judge"


def test_a_model_file_is_evaluated_and_what_it_lacks_is_learned_once(codec, tmp_path, monkeypatch):
    config = get_config("quick")
    with config.unlocked():
        config.model, config.coder = ConfigDict(SECTION), ConfigDict(CODER)
    config.data.update(dict(kind="folder", data_dir=str(tmp_path), patch=32, patches_per_image=4))
    config.evaluate.update(dict(n_images=1, qualities=(50,)))
    for split, image in (("train", photograph(40, 40)), ("test", IMAGES[1])):
        (tmp_path / split).mkdir()
        Image.fromarray(image).save(tmp_path / split / "0.png")
    model = tmp_path / "tiny.safetensors"
    write_model_file(model, codec.package.stored, config.to_dict())
    monkeypatch.setattr(calibrate, "_N_KNOTS", 3)
    check_evaluation(config, str(model))
    summary = run.evaluate(config, tmp_path / "run", str(model))
    (learned,) = (tmp_path / "run" / "evaluate").glob("learned-*.json")
    tables = json.loads(learned.read_text())["by_scale"]
    assert [len(table) for table in tables] == 3 * [3] and summary.n_images == 1
    monkeypatch.setattr(run, "calibrate", None)
    assert run.evaluate(config, tmp_path / "run", str(model)) == summary
    config.evaluate.qualities = (50, 60)
    assert run.evaluate(config, tmp_path / "run", str(model)).means["bpp"][0] == summary.means["bpp"][0]
    assert len(list((tmp_path / "run" / "evaluate").glob("photographs-test-*.jsonl"))) == 2


def made_row(scale, psnr_db, ms_ssim=(0.9, 0.9)):
    """Of 100 pixels at qualities 10 and 90: `scale` bytes and 4 times as many."""
    lists = dict(header_bits=[8, 8], index_bits=[6 * scale, 30 * scale], side_bits=[scale, 2 * scale])
    files = dict(file_bytes=[scale, 4 * scale], kl_bits=[7 * scale, 31 * scale], encode_s=[1, 3], decode_s=[2, 2])
    exact = dict(ideal_bits=[5 * scale, 25 * scale], ideal_psnr_db=[31.0, 36.0])
    scores = dict(psnr_db=psnr_db, ms_ssim=ms_ssim)
    return dict(image=0, n_pixels=100, qualities=[10, 90]) | lists | files | exact | scores


def test_the_printed_table():
    rows = [made_row(20, [30.0, 35.0]), made_row(40, [32.0, 37.0], ms_ssim=(None, None))]
    lines = summarise_pictures([*rows, made_row(10, [None, 50.0])]).text().splitlines()
    assert lines[0] == "2 images, 4 files, each read back and decoded to what its encoder saw"
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines[1:4]]
    assert cells[0][:6] == ["quality", "bpp", "PSNR dB", "MS-SSIM dB", "KL bpp", "side+header"]
    assert cells[1][:5] == ["10", "2.400 ± 0.800", "31.00 ± 1.00", "10.00", "2.100 ± 0.700"]
    assert cells[1][5].startswith("15.8 ± 1.") and cells[1][5].endswith(" %")  # 28 of 160 bits, and 48 of 320
    assert cells[2][-4:] == ["7.500 ± 2.500", "36.00 ± 0.00", "3.0 ± 0.0", "2.0 ± 0.0"]
    assert lines[4].startswith("coder loss not run: the anchor curve has 2 points")
    assert "MS-SSIM leaves out 1 images with a side below 161 pixels" in lines
    assert "1 images are left out: they came back exactly at some quality, without a PSNR" in lines


def test_a_coder_loss_stays_where_its_error_needs_an_image():
    """Without the first image the curve of the files falls."""

    def row(psnr_db):
        rates = {name: [100, 200, 300, 400] for name in ("file_bytes", "header_bits", "index_bits", "side_bits")}
        rates |= {"kl_bits": [800, 1600, 2400, 3200], "ideal_bits": [700, 1400, 2100, 2800]}
        scores = dict(psnr_db=psnr_db, ideal_psnr_db=[30.0, 32.0, 34.0, 36.0], ms_ssim=4 * [None])
        return (
            dict(image=0, n_pixels=100, qualities=[0, 40, 70, 100], encode_s=4 * [1], decode_s=4 * [1]) | rates | scores
        )

    falling = [30.0, 31.9, 31.8, 36.0]
    summary = summarise_pictures([row([30.0, 32.1, 36.2, 37.0]), row(falling), row(falling)])
    assert summary.coder_loss_percent > 0 and summary.coder_loss_error is None and summary.no_coder_loss == ""
    line = next(line for line in summary.text().splitlines() if line.startswith("coder loss"))
    assert (
        line.startswith(f"coder loss {summary.coder_loss_percent:.1f} % (no error: without some image")
        and "n=1" not in line
    )
    alone = summarise_pictures([row([30.0, 32.1, 36.2, 37.0])])
    assert "(n=1, no error)" in alone.text() and "without some image" not in alone.text()


def test_pictures_that_all_come_back_exactly_have_no_curve():
    with pytest.raises(RecError, match="every picture came back exactly"):
        summarise_pictures([made_row(20, [30.0, None])])

"""Rates of real files: every row is measured, decoded and written once."""

import json

import jax
import numpy as np
import pytest
from tiny_codec import smooth_image

from rec_jax.codec.container import EMBEDDED, LOSSLESS
from rec_jax.codec.lossless import LosslessCodec
from rec_jax.core.errors import BitstreamMismatch, ConfigError
from rec_jax.evaluate import compression
from rec_jax.evaluate.compression import compress_images
from rec_jax.evaluate.elbo import elbo_evaluator, image_elbo
from rec_jax.evaluate.summary import RATES, summarise, write_summary

IMAGES = [smooth_image(32, 32, seed) for seed in range(3)]


def without_clock(rows):
    """All that must not depend on when, where or with whom an image was coded."""
    return [{name: value for name, value in row.items() if name not in ("encode_s", "decode_s")} for row in rows]


@pytest.fixture(scope="module")
def measured(tiny, tmp_path_factory):
    """(path, rows)."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    return path, compress_images(tiny, IMAGES, path, batch_size=3, stamp=lambda: {"git": "abc"})


def test_a_row_has_every_rate_and_they_add_up(tiny, measured):
    _, rows = measured
    assert [row["image"] for row in rows] == [0, 1, 2]
    for image, row in zip(IMAGES, rows, strict=True):
        assert row["n_dims"] == image.size and row["kind"] == LOSSLESS
        assert row["file_bpd"] == pytest.approx(8 * row["file_bytes"] / image.size)
        parts = sum(row[f"{name}_bpd"] for name in ("index", "side", "pixel", "header"))
        assert abs(parts - row["file_bpd"]) * image.size <= 64 + 1e-3 * 8 * row["file_bytes"]
        assert row["elbo_bpd"] > row["kl_bpd"] > 0
        assert min(row["encode_s"], row["decode_s"]) > 0


def test_rows_are_on_disk_with_what_they_were_made_by(measured):
    path, rows = measured
    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert written == rows and {row["git"] for row in rows} == {"abc"}


def test_a_cut_off_last_line_is_measured_again_to_the_same_bits(tiny, measured, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(measured[0].read_text()[:-20])
    before = path.read_text().splitlines()
    rows = compress_images(tiny, IMAGES, path, batch_size=3, stamp=lambda: {"git": "abc"})
    assert path.read_text().splitlines()[:2] == before[:2]
    assert without_clock(rows) == without_clock(measured[1])
    assert [row["image"] for row in map(json.loads, path.read_text().splitlines())] == [0, 1, 2]


def test_a_finished_evaluation_measures_nothing(tiny, measured, monkeypatch):
    monkeypatch.setattr(LosslessCodec, "encode", None)
    assert len(compress_images(tiny, IMAGES, measured[0], batch_size=3)) == 3


def test_an_image_that_does_not_come_back_stops_the_evaluation(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(LosslessCodec, "decompress", lambda self, blob: IMAGES[1])
    path = tmp_path / "rows.jsonl"
    with pytest.raises(BitstreamMismatch, match="image 7 "):
        compress_images(tiny, IMAGES[:1], path, numbers=[7])
    assert path.read_text() == ""


def test_the_summary_is_the_sums(measured, tmp_path):
    _, rows = measured
    rows = [dict(rows[0]), dict(rows[1], n_dims=2 * rows[1]["n_dims"], kind=EMBEDDED)]
    summary = summarise(rows)
    assert summary.n_images == 2 and summary.n_stored == 1
    for name in RATES:
        expected = (rows[0][f"{name}_bpd"] + 2 * rows[1][f"{name}_bpd"]) / 3
        assert summary.rates_bpd[name] == pytest.approx(expected)
    rates, coded = summary.rates_bpd, rows[0]
    loss_bpd = coded["file_bpd"] - coded["header_bpd"] - coded["elbo_bpd"]
    assert summary.coder_loss == pytest.approx(loss_bpd / coded["kl_bpd"])  # the stored image has no coder to judge
    assert summarise(rows[1:]).coder_loss is None and "coder loss not run" in summarise(rows[1:]).text()
    text = summary.text()
    encode_s = [row["encode_s"] for row in rows]
    assert summary.encode_s_error == pytest.approx(abs(encode_s[0] - encode_s[1]) / 2)
    assert f"{summary.encode_s:.3f} ± {summary.encode_s_error:.3f} s to encode" in text
    assert f"file {rates['file']:.4f} ± {summary.errors_bpd['file']:.4f}" in text
    assert f"coder loss {100 * summary.coder_loss:.1f} (n=1, no error) % of KL" in text
    assert "2 images" in text and "1 images took stored mode" in text and f"{rates['file']:.4f}" in text
    write_summary(tmp_path / "summary.json", summary)
    assert json.loads((tmp_path / "summary.json").read_text())["rates_bpd"] == rates


@pytest.mark.parametrize("image", [IMAGES[0][..., 0], IMAGES[0][:31], np.tile(IMAGES[0], (2, 3, 1))])
def test_pictures_whose_bound_would_count_padding_are_refused(tiny, tmp_path, image):
    with pytest.raises(ConfigError, match="image 0 has shape .* multiples of"):
        compress_images(tiny, [image], tmp_path / "rows.jsonl")


def test_the_bound_of_an_image_does_not_depend_on_its_batch(tiny):
    images = np.stack(IMAGES)
    whole = image_elbo(tiny.package.model, tiny.package.float_params, images, [5, 6, 7], seed=0, batch_size=3)
    pairs = image_elbo(tiny.package.model, tiny.package.float_params, images, [5, 6, 7], seed=0, batch_size=2)
    np.testing.assert_allclose(whole.elbo_bits, pairs.elbo_bits, rtol=1e-5)
    other = image_elbo(tiny.package.model, tiny.package.float_params, images, [5, 6, 8], seed=0, batch_size=3)
    np.testing.assert_allclose(whole.elbo_bits[:2], other.elbo_bits[:2], rtol=1e-5)
    assert whole.elbo_bits[2] != other.elbo_bits[2]


def test_files_cost_more_than_the_bound_and_not_by_much(measured):
    summary = summarise(measured[1])
    assert 0.0 < summary.coder_loss < 1.5
    assert summary.over_elbo > 0.0


def test_the_training_loop_gets_named_numbers(tiny):
    values = dict(
        elbo_evaluator(tiny.package.model, np.stack(IMAGES), seed=0, batch_size=3)(10, tiny.package.float_params)
    )
    means = {f"test/{name}_bpd{of}" for name in ("elbo", "kl") for of in ("", "_error")}
    assert set(values) == means | {f"test/kl_bpd_stride_{n}{of}" for n in (4, 2) for of in ("", "_error")}
    assert values["test/elbo_bpd"] > values["test/kl_bpd"] > values["test/kl_bpd_stride_4"] > 0
    levels = values["test/kl_bpd_stride_4"] + values["test/kl_bpd_stride_2"]
    assert values["test/kl_bpd"] == pytest.approx(levels, rel=1e-5)


def test_other_weights_give_another_bound(tiny):
    params = tiny.package.float_params
    a, b = (
        image_elbo(tiny.package.model, one, np.stack(IMAGES), range(3), 0, 3).elbo_bits
        for one in (params, params | {"top": params["top"] + 5.0})
    )
    assert (a != b).all()


def test_every_tile_of_a_picture_has_samples_of_its_own(tiny, monkeypatch):
    """Under one key for all of them a picture's bound would vary as much as a tile's."""
    keys, original = [], compression.keyed_elbo

    def recorded(model, params, cuts, tile_keys, batch_size):
        keys.extend(map(tuple, np.asarray(jax.random.key_data(tile_keys))))
        return original(model, params, cuts, tile_keys, batch_size)

    monkeypatch.setattr(compression, "keyed_elbo", recorded)
    for number, seed in ((5, 0), (6, 0), (5, 1)):
        compression._elbo_bits(tiny, smooth_image(128, 64, 0), number, seed)
    assert len(set(keys)) == len(keys) == 6

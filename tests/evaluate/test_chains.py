"""What `--mode=evaluate` says of a model that codes chains: rows that resume, shares, the lines that it prints."""

import dataclasses

import pytest

from configs.cifar10_bit_swap import get_config
from rec_jax.codec.chain_codecs import chain_codec
from rec_jax.codec.package import package_of_params
from rec_jax.codec.presets import preset_coder
from rec_jax.core.errors import ConfigError
from rec_jax.evaluate import chains, run
from rec_jax.evaluate.checks import check_evaluation
from rec_jax.evaluate.shares import Share
from tests.models.tiny_bit_swap import BARE, smooth_tiles, tiny_bit_swap


@pytest.fixture(scope="module")
def codec():
    package = package_of_params(*tiny_bit_swap(bare=True), preset_coder("default"))
    return chain_codec(dataclasses.replace(package, model_id=1))


def test_rows_are_kept_and_shares_meet(codec, tmp_path, monkeypatch):
    monkeypatch.setattr(chains, "CHAIN_IMAGES", 1)
    images, path = smooth_tiles(2), tmp_path / "rows.jsonl"
    first = chains.measure_chains(codec, images, path, range(2), 0, share=Share(0, 2))
    assert first is None
    rows = chains.measure_chains(codec, images, path, range(2), 0, share=Share(1, 2))
    assert [row["image"] for row in rows] == [0, 1]
    monkeypatch.setattr(chains, "measure_chain", None)
    assert chains.measure_chains(codec, images, path, range(2), 0) == rows
    summary = chains.summarise_chains(rows)
    text = summary.text()
    assert "2 images, in chains of 1 and alone" in text and "initial by theory" in text
    assert summary.rates_bpd["single"] == pytest.approx(
        summary.rates_bpd["net"] + summary.rates_bpd["initial"], rel=0.1
    )
    assert abs(summary.over_elbo) < 0.1


def test_the_whole_evaluation(codec, tmp_path, monkeypatch):
    config = get_config("quick")
    with config.unlocked():
        config.model.update(BARE)
        config.data.patch, config.evaluate.n_images = 8, 1
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(run, "read_config", lambda workdir: config)
    monkeypatch.setattr(run, "restore_params", lambda workdir: tiny_bit_swap(bare=True)[1])
    check_evaluation(config)
    summary = run.evaluate(config, tmp_path / "run")
    assert isinstance(summary, chains.ChainSummary) and summary.n_images == 1
    names = {path.suffix for path in (tmp_path / "run" / "evaluate").iterdir()}
    assert {".json", ".jsonl"} <= names
    monkeypatch.setattr(chains, "measure_chain", None)
    assert run.evaluate(config, tmp_path / "run") == summary


def test_a_picture_that_has_no_whole_tiles_is_told():
    config = get_config("quick")
    with config.unlocked():
        config.data.patch = 24
        config.model.side = 16
    with pytest.raises(ConfigError, match="multiples of 16"):
        check_evaluation(config)

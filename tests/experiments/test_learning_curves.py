"""Methods at equal compute: what is counted, what a folder must hold."""

import json

import pytest

from configs import cifar10_idf, quickstart
from experiments.learning_curves import gflop_per_image, main
from rec_jax.train.saved_config import write_config

ROWS = [
    {"step": 10, "kind": "train", "loss_bpd": 5.0},
    {"step": 20, "kind": "evaluate", "test/elbo_bpd": 4.5, "test/elbo_bpd_error": 0.1},
    {"step": 10, "kind": "evaluate", "test/elbo_bpd": 4.9, "test/elbo_bpd_error": 0.2},
    {"step": 20, "kind": "evaluate", "test/elbo_bpd": 4.4, "test/elbo_bpd_error": 0.1},  # after a resume
]
KILLED = '{"step": 30, "kind": "eval'  # a line that a kill cut


def workdir_of(folder, config, rows):
    write_config(folder, config)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + KILLED)
    return str(folder)


def test_a_curve_is_what_the_rows_say(tmp_path, capsys):
    config = quickstart.get_config("quick")
    run = workdir_of(tmp_path / "run", config, ROWS)
    assert main(["--out", str(tmp_path / "out"), run]) == 0
    (curve,) = json.loads((tmp_path / "out" / "learning_curves.json").read_bytes())
    batch = config.train.batch_size
    assert curve["n_images"] == [10 * batch, 20 * batch] and curve["elbo_bpd"] == [4.9, 4.4]
    assert (tmp_path / "out" / "learning_curves.png").read_bytes().startswith(b"\x89PNG")
    assert "4.400 ± 0.100" in capsys.readouterr().out


def test_the_count_is_that_of_the_convolutions():
    """A dense network that grows twice as fast has two to four times the products, beside what does not grow."""
    config = cifar10_idf.get_config("quick")
    with config.unlocked():
        config.model.depth, config.model.growth = 1, 8
    one = gflop_per_image(config)
    config.model.growth = 16
    assert 1.5 * one < gflop_per_image(config) < 4 * one


@pytest.mark.parametrize(
    ("rows", "said"),
    [([], "no evaluation yet"), ([{"step": 1, "kind": "evaluate", "test/bpp_q10": 0.1}], "a lossy model")],
)
def test_a_folder_without_a_curve_is_named(tmp_path, capsys, rows, said):
    run = workdir_of(tmp_path, quickstart.get_config("quick"), rows)
    assert main(["--out", str(tmp_path / "out"), run]) == 1
    error = capsys.readouterr().err
    assert said in error and str(tmp_path) in error and error.count("\n") == 1

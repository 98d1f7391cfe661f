"""The row of integer flows: from a model file to rates, as the bound says."""

import numpy as np
import pytest

from configs.table1 import get_config
from experiments.table1.columns import Column
from experiments.table1.rows import make_rows
from rec_jax.codec.model_file import write_model_file
from rec_jax.core.json_rows import read_rows
from rec_jax.models.exact_params import quantise_params
from tests.models.tiny_idf import SECTION, tiny_idf

QUICK = get_config("quick")


def test_files_are_measured_against_their_bound(tmp_path):
    """Of a model that starts from these very pictures."""
    path = tmp_path / "flow.safetensors"
    column = Column("cifar10", dict(QUICK.cifar10) | dict(n_learned=2, idf=str(path)))
    images = column.learned_images()
    model, params = tiny_idf(0.0, images=np.stack([images[i] for i in range(len(images))]))
    coder = dict(kind="tree", n_candidates=16, n_beams=4096, sequence_length=4096)
    write_model_file(path, quantise_params(model, params), dict(model=SECTION, coder=coder))
    (row,) = (row for row in make_rows(QUICK) if row.id == "idf")
    assert row.method is not None
    (job,) = row.method.jobs(column)
    assert job.cell.made_by == "by idf: no latents, no coder; all files are the model's"
    job.measure(tmp_path / "rows.jsonl", dict, lambda n: None)
    rows = read_rows(tmp_path / "rows.jsonl")
    assert [found["image"] for found in rows] == [0, 1] and all(found["kl_bpd"] == 0 for found in rows)
    for found in rows:
        assert found["pixel_bpd"] == pytest.approx(found["elbo_bpd"], rel=0.01)
        assert row.method.image_rate(found) == pytest.approx(found["elbo_bpd"] + 0.05, abs=0.05)
    rate = row.method.rates(rows)["single"]
    assert rate == pytest.approx(np.mean([found["file_bpd"] for found in rows]))

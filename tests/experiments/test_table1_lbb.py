"""The row of local bits-back: from a model file to rates, the auxiliary bits among them."""

import pytest

from configs.table1 import get_config
from experiments.table1.columns import Column
from experiments.table1.rows import make_rows
from rec_jax.codec.model_file import write_model_file
from rec_jax.core.errors import ConfigError
from rec_jax.core.json_rows import read_rows
from rec_jax.models.exact_params import quantise_params
from tests.models.tiny_flow_pp import SECTION, tiny_flow

QUICK = get_config("quick")


def column(**options):
    return Column("cifar10", dict(QUICK.cifar10) | dict(patch=16, n_learned=1) | options)


def test_a_chain_is_measured_against_its_bound(tmp_path):
    path = tmp_path / "flow.safetensors"
    coder = dict(kind="tree", n_candidates=16, n_beams=4096, sequence_length=4096)
    write_model_file(path, quantise_params(*tiny_flow(0.05)), dict(model=SECTION, coder=coder))
    (row,) = (row for row in make_rows(QUICK) if row.id == "lbb")
    with pytest.raises(ConfigError, match=r"cifar10.lbb is empty"):
        list(row.method.jobs(column(lbb="")))
    (job,) = row.method.jobs(column(lbb=str(path)))
    assert "a grid of 2^-32, local noise of 2^-14" in job.cell.made_by
    job.measure(tmp_path / "rows.jsonl", dict, lambda n: None)
    rows = read_rows(tmp_path / "rows.jsonl")
    rates, bound_bpd = row.method.rates(rows), rows[0]["elbo_bits"] / rows[0]["n_dims"]
    assert rates["asymptotic"] == pytest.approx(bound_bpd, rel=0.05)  # each of one draw
    assert rates["single"] == pytest.approx(rates["asymptotic"] + 34.05 + 2.5, abs=1.0)

"""What Table 1 compares, on made-up rows."""

import pytest

from experiments.table1.bits_back import chains
from experiments.table1.cells import Cell
from experiments.table1.checks import make_checks
from experiments.table1.coder_losses import bits_back_details, coder_losses
from experiments.table1.results import read_published
from rec_jax.evaluate.compression import RATES


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

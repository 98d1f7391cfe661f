"""What Table 1 compares, on made-up rows."""

import pytest

from experiments.table1.bits_back import chains
from experiments.table1.cells import Cell
from experiments.table1.checks import make_checks
from experiments.table1.coder_losses import bits_back_details, coder_losses
from experiments.table1.results import read_published
from rec_jax.codec.container import EMBEDDED, LOSSLESS
from rec_jax.evaluate.compression import RATES


def cell(row: str, **changes) -> Cell:
    fields = dict(row=row, column="kodak", data="kodak", stand_in="", made_by="", n_images=2, rows_name="", model="m")
    fields["weights"] = "0123"
    return Cell(**fields | changes)


def rec_row(image: int, file_bytes: int) -> dict:
    """1,000 dims; KL 1, ELBO 3 bits/dim."""
    rates = dict.fromkeys(RATES, 0.0) | dict(elbo=3.0, kl=1.0, header=0.016, file=8 * file_bytes / 1000)
    row = {f"{name}_bpd": rate for name, rate in rates.items()} | dict(image=image, n_dims=1000, kind=LOSSLESS)
    return row | dict(file_bytes=file_bytes, encode_s=0.1, decode_s=0.2, peak_memory_bytes=2e9)


def chain_row(image: int, net_bits: int, single_bits: int) -> dict:
    row = dict(image=image, n_dims=1000, net_bits=net_bits, single_random_bits=single_bits, initial_bits=800)
    row |= dict(single_jxl_bits=9000, jxl_bits=5900, n_jxl=2)
    return row | dict(chain_images=100, elbo_bits=3000.0)


def checks_of(measured):
    """words -> the checks in whose names they are."""
    checks = {check["what"]: check for check in make_checks(measured, coder_losses(measured, read_published()["rows"]))}
    return lambda *words: [check for what, check in checks.items() if all(word in what for word in words)]


def test_files_are_compared_with_bits_back_image_by_image():
    measured = {
        cell("rec"): [rec_row(0, 390), rec_row(1, 400)],
        cell("hilloc"): [chain_row(0, 3060, 3500), chain_row(1, 3080, 3100)],
        cell("hilloc", model="other", weights="4567"): [chain_row(0, 3010, 3500), chain_row(1, 3010, 3500)],
    }
    by_words = checks_of(measured)
    (random,) = by_words("single image (random start)", "m")
    assert random["holds"] is False and "smaller on 1 of 2; at most 1.03" in random["measured"]
    (jxl,) = by_words("single image (start of JPEG XL files")
    assert jxl["holds"] and "2 of 2" in jxl["measured"]
    (added,) = by_words("adds to JPEG XL files")
    assert added["holds"] is None and added["measured"] == "smaller on 0 of 2"  # 3120, 3200 and twice 9000 - 5900 bits
    (asymptotic,) = by_words("asymptotic rate")
    assert asymptotic["measured"].startswith("9.0 ± 3.0%") and asymptotic["holds"]  # (3120 + 3200 - 3060 - 3080) / 2000
    over = {check["measured"]: check["holds"] for check in by_words("chains over the ELBO")}
    assert over == {"2.33 ± 0.33%, chains of 100 images": False, "0.33 ± 0.00%, chains of 100 images": True}
    (loss,) = by_words("coder loss")
    assert (
        loss["measured"].startswith("14.4 ± 4.0% (2 images; 0 stored") and loss["holds"] is False
    )  # (3.16 - 0.016 - 3) / 1
    (time,) = by_words("encoding")
    assert time["measured"].startswith("0.144 ms per nat") and time["holds"]  # 0.1 s, 1000 bits
    (memory,) = by_words("peak memory")
    assert memory["measured"] == "2.00 GB" and memory["holds"]


def test_stored_images_are_no_part_of_what_the_coder_loses():
    stored = rec_row(1, 999) | dict(kind=EMBEDDED)
    measured = {
        cell("rec"): [rec_row(0, 390), stored],
        cell("hilloc"): [chain_row(0, 3060, 3500), chain_row(1, 3080, 9000)],
    }
    (asymptotic,) = checks_of(measured)("asymptotic rate")
    assert asymptotic["measured"].startswith("6.0 (n=1, no error)% (1 images; 1 stored")  # (3120 - 3060) / 1000
    measured = {cell("rec"): [stored], cell("hilloc"): [chain_row(1, 3080, 9000)]}
    assert not checks_of(measured)("asymptotic rate")


def test_a_partial_cell_may_fail_but_not_hold():
    partial = {cell("rec"): [rec_row(0, 380)], cell("hilloc"): [chain_row(0, 3050, 3500)]}
    limited = ("coder loss", "single image (random", "asymptotic", "chains over", "encoding", "peak memory")
    for words in limited:
        (check,) = checks_of(partial)(words)
        assert check["holds"] is None, words
    failing = {cell("rec"): [rec_row(0, 500)], cell("hilloc"): [chain_row(0, 3600, 3500)]}
    for words in ("coder loss", "single image (random", "asymptotic", "chains over"):
        (check,) = checks_of(failing)(words)
        assert check["holds"] is False, words


def test_bits_back_in_detail():
    rows = [chain_row(0, 3060, 3500), chain_row(1, 3080, 3100)]
    (details,) = bits_back_details({cell("hilloc"): rows})
    assert details["bpd"] == dict(
        elbo=3.0, net=3.07, single_random=3.3, initial=0.8, single_jxl=9.0, jxl=5.9, on_jxl=3.1, collection=3.0
    )
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
    assert [image for part in parts for image in part] == list(range(n)) and min(map(len, parts)) >= min(n, 100)

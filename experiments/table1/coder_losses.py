"""What our coders lose: files against the ELBO of the same images under the same weights; and bits-back in detail."""

from typing import Any

import numpy as np

from experiments.table1.cells import Cell
from rec_jax.core.estimates import ratio
from rec_jax.evaluate.summary import summarise

CODERS = ("irec", "rec")  # the rows whose files are ours
CHAINS = {"hilloc": "HiLLoC", "bitswap": "Bit-Swap", "lbb": "LBB"}  # rows of bits-back coding


def coder_losses(measured: dict[Cell, list[dict[str, Any]]], published: dict[str, Any]) -> list[dict[str, Any]]:
    """One entry per measured cell of relative entropy coding, crops that are for comparison included.

    coder_loss: (file - header - ELBO) / KL of the images that were not stored.  over_elbo: file / ELBO - 1.
    published_over_elbo: iREC's, from the paper's own ELBO.
    """
    return [_loss(cell, rows, published) for cell, rows in measured.items() if cell.row in CODERS]


def _loss(cell: Cell, rows: list[dict[str, Any]], published: dict[str, Any]) -> dict[str, Any]:
    summary = summarise(rows)
    single, bound = published["iREC"][cell.column]["single"], published["ELBO"][cell.column]["bound"]
    return {
        **_identity(cell),
        "n_images": summary.n_images,
        "n_images_wanted": cell.n_images,
        "n_stored": summary.n_stored,
        "bpd": summary.rates_bpd,
        "bpd_error": summary.errors_bpd,
        "coder_loss": summary.coder_loss,
        "coder_loss_error": summary.coder_loss_error,
        "over_elbo": summary.over_elbo,
        "over_elbo_error": summary.over_elbo_error,
        "published_over_elbo": single / bound - 1.0,
    }


def bits_back_details(measured: dict[Cell, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """One entry per measured cell of bits-back: how many images, in which chains, and bits_back_means."""
    return [
        {
            **_identity(cell),
            "n_images": len(rows),
            "chain_images": min(row["chain_images"] for row in rows),
            **bits_back_means(rows),
        }
        for cell, rows in measured.items()
        if cell.row in CHAINS
    ]


def bits_back_means(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """{'bpd': {...}, 'bpd_error': {...}, 'n_jxl': files that a start of JPEG XL takes}; bits per dimension.

    Means over the images with their standard errors.

    single_random: a message with one image, its random start included; initial: that start.
    single_jxl: a message with one image and the JPEG XL files of others that start it, jxl of them the files;
    on_jxl: what of it is more than those; collection: the message per image in it. None without JPEG XL.
    """
    n_dims = [row["n_dims"] for row in rows]
    names = dict(elbo="elbo_bits", net="net_bits", single_random="single_random_bits", initial="initial_bits")
    bits = {name: np.array([row[field] for row in rows], float) for name, field in names.items()}
    on_files = [row for row in rows if row["n_jxl"]]
    if len(on_files) == len(rows):
        bits |= {name: np.array([row[f"{name}_bits"] for row in rows], float) for name in ("single_jxl", "jxl")}
        bits["on_jxl"] = bits["single_jxl"] - bits["jxl"]
        bits["collection"] = bits["single_jxl"] / [row["n_jxl"] + 1 for row in rows]
    bpd = dict.fromkeys(("single_jxl", "jxl", "on_jxl", "collection"))
    rates = {name: ratio(of_images, n_dims) for name, of_images in bits.items()}
    return {
        "bpd": bpd | {name: rate.value for name, rate in rates.items()},
        "bpd_error": {name: rate.error for name, rate in rates.items()},
        "n_jxl": sum(row["n_jxl"] for row in on_files) / len(on_files) if on_files else None,
    }


def _identity(cell: Cell) -> dict[str, Any]:
    names = ("row", "column", "data", "stand_in", "model", "crop")
    return {name: getattr(cell, name) for name in names}

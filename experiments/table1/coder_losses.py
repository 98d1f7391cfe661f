"""What our coders lose: files against the ELBO of the same images under the same weights."""

from typing import Any

from experiments.table1.cells import Cell
from rec_jax.evaluate.compression import summarise

CODERS = ("irec", "rec")  # the rows whose files are ours


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
        "row": cell.row,
        "column": cell.column,
        "data": cell.data,
        "stand_in": cell.stand_in,
        "model": cell.model,
        "crop": cell.crop,
        "n_images": summary.n_images,
        "n_stored": summary.n_stored,
        "bpd": summary.rates_bpd,
        "coder_loss": summary.coder_loss,
        "over_elbo": summary.over_elbo,
        "published_over_elbo": single / bound - 1.0,
    }

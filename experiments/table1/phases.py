"""Models by phases, without latents: every file written, read back and decoded, as the command writes them."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from experiments.table1.cells import Cell, Job, rows_name
from experiments.table1.columns import Column
from experiments.table1.learned import codec_key, model_title, opened
from rec_jax.evaluate.compression import compress_images
from rec_jax.evaluate.summary import summarise

_MADE_BY = "by phases: no latents, no coder; what the model makes larger takes a classical format"


@dataclasses.dataclass(frozen=True)
class Phases:
    """Whole files of the column's images under its model without latents.

    seed: of the evaluation, whose bound is exact here.
    """

    id: str
    seed: int

    def jobs(self, column: Column) -> Iterator[Job]:
        """One; a RecError when it comes to data or a model that are not there."""
        model, images = column.phases_model, column.learned_images()
        codec = opened(model).codec()
        key = codec_key(_MADE_BY, model, images, self.seed)
        cell = Cell(
            self.id, column.id, column.data, column.stand_in, _MADE_BY, len(images),
            rows_name(column.id, self.id, key), model_title(model), key["model"],
        )  # fmt: skip

        def measure(path, stamp, progress):
            compress_images(codec, images, path, batch_size=1, seed=self.seed, stamp=stamp, progress=progress)

        return iter([Job(cell, measure)])

    def rates(self, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
        """Bits per dimension of whole files."""
        return {"single": summarise(rows).rates_bpd["file"]}

    def image_rate(self, row: dict[str, Any]) -> float:
        """Bits per dimension of one image."""
        return row["file_bpd"]

"""Models without latents, by phases or flows: every file written, read back and decoded, as the command writes them."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from experiments.table1.cells import Cell, Job, rows_name
from experiments.table1.columns import Column
from experiments.table1.learned import codec_key, model_title, opened
from rec_jax.evaluate.compression import compress_images
from rec_jax.evaluate.summary import summarise

_FALLBACKS = {"smallest": "what the model makes larger takes a classical format", "none": "all files are the model's"}


@dataclasses.dataclass(frozen=True)
class WithoutLatents:
    """Whole files of the column's images under one of its models without latents.

    seed: of the evaluation, whose bound is exact here.  kind: the option of a column that names the model.
    fallback: the codec's.
    """

    id: str
    seed: int
    kind: str
    fallback: str = "smallest"

    def jobs(self, column: Column) -> Iterator[Job]:
        """One; a RecError when it comes to data or a model that are not there."""
        model, images = column.model_of(self.kind), column.learned_images()
        codec = dataclasses.replace(opened(model).codec(), fallback=self.fallback)
        made_by = f"by {self.kind}: no latents, no coder; {_FALLBACKS[self.fallback]}"
        key = codec_key(made_by, model, images, self.seed)
        cell = Cell(
            self.id, column.id, column.data, column.stand_in, made_by, len(images),
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

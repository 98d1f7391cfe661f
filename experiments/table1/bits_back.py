"""Bits-back coding, in chains and image by image: HiLLoC over the column's models, others over their own."""

import dataclasses
import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.table1.cells import Cell, Job, rows_name
from experiments.table1.classical import JXL, jxl_file
from experiments.table1.columns import Column, Images
from experiments.table1.learned import codec_key, model_title, opened
from rec_jax.codec import Package
from rec_jax.codec.bits_back import BitsBackCodec
from rec_jax.codec.bits_back_chain import ChainCodec
from rec_jax.core.errors import MissingFile
from rec_jax.core.rows import files_digest, open_rows
from rec_jax.core.units import bits_to_bpd
from rec_jax.evaluate.chains import chains, measure_chain

BIN_PRECISIONS = "{} bits a bin, posteriors to {} bits"
LOCAL_PRECISIONS = "a grid of 2^-{}, local noise of 2^-{}"


@dataclasses.dataclass(frozen=True)
class BitsBack:
    """Per model a cell of the column's images, or of their centre crops where it has a crop size.

    seed: of the random starts, and of the posterior samples of the ELBO.  models_of: of a column.
    precisions: the codec's two, in words.
    """

    id: str
    seed: int
    codec_of: Callable[[Package], ChainCodec] = BitsBackCodec
    models_of: Callable[[Column], list[str]] = operator.attrgetter("models")
    precisions: str = BIN_PRECISIONS

    def jobs(self, column: Column) -> Iterator[Job]:
        """Raises a RecError when it comes to data or a model that are not there."""
        images = column.cropped_images() if column.crop else column.learned_images()
        return (self._job(column, model, images) for model in self.models_of(column))

    def rates(self, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
        """Bits per dimension: 'single' with its whole random start, 'asymptotic' a chain's net rate."""
        n_dims = sum(row["n_dims"] for row in rows)
        bits = {name: sum(row[name] for row in rows) for name in ("single_random_bits", "net_bits")}
        return {
            "single": bits_to_bpd(bits["single_random_bits"], n_dims),
            "asymptotic": bits_to_bpd(bits["net_bits"], n_dims),
        }

    def image_rate(self, row: dict[str, Any]) -> float:
        """Bits per dimension of one image alone, with a random start."""
        return bits_to_bpd(row["single_random_bits"], row["n_dims"])

    def _job(self, column: Column, model: str, images: Images) -> Job:
        codec = self.codec_of(opened(model))
        precisions = self.precisions.format(codec.bin_bits, codec.posterior_bits)
        made_by = f"bits-back with ANS, {precisions}, an image at once"
        key = codec_key(made_by, model, images, self.seed)
        key |= {"measured_by": files_digest(__file__), "start": jxl_or_none()}
        cell = Cell(
            self.id, column.id, column.data, column.stand_in, made_by, len(images), rows_name(column.id, self.id, key),
            model_title(model), key["model"], column.crop,
        )  # fmt: skip
        return Job(cell, functools.partial(self._measure, codec, images))

    def _measure(self, codec: ChainCodec, images: Images, path: Path, stamp, progress) -> None:
        with open_rows(path) as log:
            for numbers in chains(len(images)):
                if not set(numbers) <= {row["image"] for row in log.rows}:
                    rows = chain_rows(codec, np.stack([images[i] for i in numbers]), numbers, self.seed)
                    log.append(*({**row, **stamp()} for row in rows))  # half a chain is measured again
                    progress(len(numbers))


def chain_rows(codec: ChainCodec, images: np.ndarray, numbers: list[int], seed: int) -> list[dict[str, Any]]:
    """One row per image of a chain; the start that holds JPEG XL files is measured where there is a JPEG XL."""
    return measure_chain(codec, images, numbers, seed, _jxl_files(images))


def jxl_or_none() -> str | None:
    """Which JPEG XL makes the other start, None where there is none."""
    try:
        return JXL.made_by()
    except MissingFile:
        return None


def _jxl_files(images: np.ndarray) -> list[bytes] | None:
    """Every image as a JPEG XL file; None where there is no JPEG XL, and that start is not measured."""
    try:
        return [jxl_file(image) for image in images]
    except MissingFile:
        return None

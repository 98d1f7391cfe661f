"""Relative entropy coding and its bound: every file written, read back and decoded (rec_jax.evaluate.compression)."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.table1.cells import Cell, Job, rows_name
from experiments.table1.columns import Column, Images
from rec_jax.codec import Package, open_package
from rec_jax.codec.calibrate import N_IMAGES, calibrate_step_counts
from rec_jax.codec.lossless import LosslessCodec
from rec_jax.codec.model_file import find_model_path
from rec_jax.codec.presets import preset_coder
from rec_jax.codec.search_batches import BATCH_SIZE
from rec_jax.codec.tiles import tiles
from rec_jax.coders import LayerCoder, StepCountModel, make_layer_coder
from rec_jax.core.files import read_bytes
from rec_jax.core.rows import program_key
from rec_jax.evaluate.compression import compress_images
from rec_jax.evaluate.summary import summarise

_MAX_MODEL_BYTES = 2**32


@dataclasses.dataclass(frozen=True)
class Rec:
    """Our files with one coder: per model a cell of the column's images. What the model makes larger is raw pixels.

    preset, seed: a named coder, or `options` of make_layer_coder; the seed is that of the ELBO's posterior samples.
    crops: where a column has a crop size, show the centre crops. Otherwise whole images are shown, and the crops are
      measured for the comparison with the rows that have crops only.
    """

    id: str
    seed: int
    preset: str = "default"
    options: Mapping[str, Any] | None = None
    crops: bool = False

    def jobs(self, column: Column) -> Iterator[Job]:
        """Raises a RecError when it comes to data or a model that are not there."""
        whole = [] if self.crops and column.crop else [(column.learned_images(), 0)]
        crops = [(column.cropped_images(), column.crop)] if column.crop else []
        return (self._job(column, model, *images) for model in column.models for images in whole + crops)

    def rates(self, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
        """Bits per dimension of whole files."""
        return {"single": summarise(rows).rates_bpd["file"]}

    def image_rate(self, row: dict[str, Any]) -> float:
        """Bits per dimension of one image."""
        return row["file_bpd"]

    def _job(self, column: Column, model: str, images: Images, crop: int) -> Job:
        codec = self._codec(model, column)
        made_by = f"{codec.coder!r}, {codec.package.learned!r}"
        key = codec_key(made_by, model, images, self.seed)
        shown = f"{codec.coder!r}, {tiling(codec, images[0])}"
        cell = Cell(
            self.id, column.id, column.data, column.stand_in, shown, len(images), rows_name(column.id, self.id, key),
            model_title(model), key["model"], crop, main=self.crops or not crop,
        )  # fmt: skip

        def measure(path, stamp, progress):
            size = batch_size(codec, images)
            compress_images(codec, images, path, batch_size=size, seed=self.seed, stamp=stamp, progress=progress)

        return Job(cell, measure)

    def _codec(self, model: str, column: Column) -> LosslessCodec:
        """With the preset as it is, or with the other coder and its numbers of steps, learned if need be."""
        package = opened(model)
        coder = make_layer_coder(self.options) if self.options else preset_coder(self.preset)
        learned = package.learned.for_coder(coder, package.coder)
        if self.options and not learned.step_counts:
            images = np.asarray(column.training_images(N_IMAGES))
            learned = learned._replace(step_counts=_step_counts(model, coder, images.tobytes(), images.shape))
        return LosslessCodec(dataclasses.replace(package, coder=coder, learned=learned), coder, fallback="raw")


@dataclasses.dataclass(frozen=True)
class Bound:
    """The negative ELBO of the images that `rec` codes, from the same rows."""

    id: str
    rec: Rec

    def jobs(self, column: Column) -> Iterator[Job]:
        """Those of `rec`."""
        return (Job(_bound_of(job.cell, self.id), job.measure) for job in self.rec.jobs(column))

    def rates(self, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
        """Bits per dimension."""
        return {"bound": summarise(rows).rates_bpd["elbo"]}

    def image_rate(self, row: dict[str, Any]) -> float:
        """Bits per dimension of one image."""
        return row["elbo_bpd"]


def _bound_of(cell: Cell, row: str) -> Cell:
    sample = "one posterior sample per image and layer, of the same images in the same tiles as our files"
    return dataclasses.replace(cell, row=row, made_by=sample)


def codec_key(made_by: str, model: str, images: Images, seed: int) -> dict[str, Any]:
    """Everything that the files and their rows depend on; made_by: the coder with all its settings."""
    weights = weights_digest(model)
    return {"images": images.digest, "model": weights, "made_by": made_by, "seed": seed, **program_key()}


def weights_digest(model: str) -> str:
    """SHA-256 of a model file; MissingFile where there is none."""
    return hashlib.sha256(read_bytes(find_model_path(model), _MAX_MODEL_BYTES)).hexdigest()


def batch_size(codec: LosslessCodec, images: Images) -> int:
    """How many images fill the encoder's batch of tiles; 1 if there are fewer: it would search a whole batch for them.

    Of the size of the first image.
    """
    size = max(1, BATCH_SIZE // _n_tiles(codec, images[0]))
    return 1 if len(images) < size else size


def tiling(codec: LosslessCodec, image: np.ndarray) -> str:
    """How much of an image of this size is coded at once, which bounds the memory."""
    side, n_tiles = codec.tile_side(image), _n_tiles(codec, image)
    each = f"{n_tiles} tiles of {side}x{side} an image, each coded by itself" if n_tiles > 1 else "an image is one tile"
    return f"{each}; at most {BATCH_SIZE} tiles a search"


def _n_tiles(codec: LosslessCodec, image: np.ndarray) -> int:
    return len(list(tiles(*image.shape[:2], codec.tile_side(image))))


def model_title(model: str) -> str:
    """A shipped model's name; of a model file its name and folder, since export calls every file the same."""
    path = Path(model)
    return path.stem if len(path.parts) == 1 else f"{path.parent.name}/{path.stem}"


@functools.cache
def opened(model: str) -> Package:
    """open_package, once per model."""
    return open_package(model)


@functools.cache
def _step_counts(model: str, coder: LayerCoder, pixels: bytes, shape: tuple[int, ...]) -> tuple[StepCountModel, ...]:
    """Learned as `launch.py --mode=export` does, once per model, coder and images: columns may share them."""
    images = np.frombuffer(pixels, np.uint8).reshape(shape)
    return calibrate_step_counts(dataclasses.replace(opened(model), coder=coder), images)

"""Relative entropy coding and its bound: every file written, read back and decoded (rec_jax.evaluate.compression)."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

import rec_jax
from experiments.table1.cells import Cell, Job, rows_name
from experiments.table1.code_digest import code_digest
from experiments.table1.columns import Column, Images
from rec_jax.codec.calibrate import calibrate_step_counts
from rec_jax.codec.lossless import BATCH_SIZE, LosslessCodec
from rec_jax.codec.model_file import find_model_path, read_model_file
from rec_jax.codec.presets import configured_coder, preset_number, same_steps
from rec_jax.codec.tiles import tiles
from rec_jax.coders import Coder, StepCountModel, make_coder
from rec_jax.core.files import read_bytes
from rec_jax.core.json_rows import read_rows
from rec_jax.evaluate.compression import compress_images, summarise

CALIBRATION_IMAGES = 64
_MAX_MODEL_BYTES = 2**32


@dataclasses.dataclass(frozen=True)
class Rec:
    """Our files with one coder: per model a cell of the column's images.

    preset, seed: a named coder, or `options` of make_coder; the seed is that of the ELBO's posterior samples.
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
        codec = _codec(model, self.preset, tuple(sorted(self.options.items())) if self.options else None, column)
        made_by = f"{codec.coder!r}, {codec.step_counts!r}"
        key = codec_key(made_by, model, images, self.seed)
        shown = f"{codec.coder!r}, {tiling(codec, images[0])}"
        cell = Cell(
            self.id, column.id, column.data, column.stand_in, shown, len(images), rows_name(column.id, self.id, key),
            model_title(model), key["model"], crop, main=self.crops or not crop,
        )  # fmt: skip

        def measure(path, stamp, progress):
            done = {row["image"] for row in read_rows(path)}
            for numbers in batches([i for i in range(len(images)) if i not in done], images[0], codec):
                chunk = [images[i] for i in numbers]
                compress_images(codec, chunk, path, batch_size=len(chunk), seed=self.seed, stamp=stamp, numbers=numbers)
                progress(len(chunk))

        return Job(cell, measure)


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
    return {
        "images": images.digest,
        "model": hashlib.sha256(read_bytes(find_model_path(model), _MAX_MODEL_BYTES)).hexdigest(),
        "made_by": made_by,
        "seed": seed,
        "code": code_digest(),
        "jax": jax.__version__,
        "platform": jax.default_backend(),
    }


def batches(numbers: list[int], image: np.ndarray, codec: LosslessCodec) -> list[list[int]]:
    """Numbers of images of this one's size, in groups that fill the encoder's batches of tiles.

    Fewer images than fill one go one by one: the encoder would search a whole batch for them.
    """
    size = max(1, BATCH_SIZE // _n_tiles(codec, image))
    size = 1 if len(numbers) < size else size
    return [numbers[first : first + size] for first in range(0, len(numbers), size)]


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
def loaded_codec(model: str, preset: str) -> LosslessCodec:
    """As rec_jax.load, once per model and preset."""
    return rec_jax.load(model, preset)


def _codec(model: str, preset: str, options: tuple | None, column: Column) -> LosslessCodec:
    """A model with a preset's coder, or with another one and its numbers of steps as learned on training images."""
    codec = loaded_codec(model, preset)
    if options is None:
        return codec
    coder = make_coder(**dict(options))
    counts = _step_counts(model, coder, column)
    return dataclasses.replace(codec, coder=coder, step_counts=counts, preset=preset_number(coder))


def _step_counts(model: str, coder: Coder, column: Column) -> tuple[StepCountModel, ...]:
    """The model file's own if it has them for this coder, else learned as `launch.py --mode=export` does."""
    learned_for, counts = configured_coder(read_model_file(find_model_path(model)).config.coder)[:2]
    if counts and same_steps(coder, learned_for):
        return counts
    images = np.asarray(column.training_images(CALIBRATION_IMAGES))
    return _learned_step_counts(model, coder, images.tobytes(), images.shape)


@functools.cache
def _learned_step_counts(model: str, coder: Coder, pixels: bytes, shape: tuple[int, ...]):
    """Once per model, coder and images: columns may share them."""
    codec, images = loaded_codec(model, "default"), np.frombuffer(pixels, np.uint8).reshape(shape)
    return calibrate_step_counts(codec.model, codec.params, coder, images)

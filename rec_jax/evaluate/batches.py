"""The rows of an evaluation, measured batch by batch, on all devices, by one or several processes.

Rows go to a JSONL file batch by batch; a killed evaluation resumes after the last whole one.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import logging

from rec_jax.data import ImageSource
from rec_jax.evaluate.devices import map_on_devices
from rec_jax.evaluate.shares import WHOLE, Share, open_shared_rows, rows_of

Row = dict[str, Any]
# measure(images of a batch, their numbers, those of the numbers that have no row yet) -> the rows of the latter
Measure = Callable[[list[np.ndarray], list[int], Collection[int]], Iterable[Row]]


def measure_in_batches(
    measure: Measure,
    images: ImageSource | Sequence[np.ndarray],
    path: Path,
    *,
    batch_size: int,
    stamp: Callable[[], Row] = dict,
    progress: Callable[[int], None] = lambda n_images: None,
    numbers: Sequence[int] | None = None,
    share: Share = WHOLE,
) -> list[Row] | None:
    """One row per image; rows already in `path` are not measured again, so it must name all that they depend on.

    Returns the rows in the order of the images; None as long as other shares have not folded in theirs.

    images: read when their batch comes.
    stamp: gives what is written into a row beside the numbers (core.rows.make_stamp); called when it is measured.
    progress: takes the number of images done since its last call.
    numbers: the images' numbers in their split (default 0, 1, ...).
    share: which batches this process takes; see shares.py.

    Batches are the same whoever takes them, and each is measured on one local device. Raises RecError if another
    process has `path` open.
    """
    named = list(range(len(images)) if numbers is None else numbers)
    reading = threading.Lock()  # not every source may be read by several threads

    with open_shared_rows(path, share) as (done, log):
        batches = list(range(0, len(named), batch_size))[share.index :: share.count]

        def measured(first: int) -> tuple[int, list[Row]]:
            places = range(first, min(first + batch_size, len(named)))
            with reading:
                batch = [images[i] for i in places]
            missing = {named[i] for i in places} - done
            rows = measure(batch, [named[i] for i in places], missing)
            return len(missing), [{**row, **stamp()} for row in rows]

        left = [first for first in batches if not done.issuperset(named[first : first + batch_size])]
        for n_done, (n_images, rows) in enumerate(map_on_devices(measured, left, jax.local_devices()), 1):
            log.append(*rows)
            progress(n_images)
            logging.info("%d of %d batches", n_done, len(left))
    return rows_of(path, named)

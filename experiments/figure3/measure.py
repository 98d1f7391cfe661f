"""Points: a picture at a setting becomes a file that is read back, decoded and compared."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from experiments.figure3.method import CODED, IDEAL, HasIdeal, Method
from rec_jax.core.errors import RecError
from rec_jax.core.files import read_bytes, write_bytes_atomic
from rec_jax.evaluate.picture_quality import picture_quality

_MAX_BYTES = 2**30


def measure(method: Method, image: np.ndarray, setting: float, path: Path) -> list[dict[str, Any]]:
    """The row of the file, which is left at `path`, and that of the ideal point where the method has one.

    bpp = 8 bytes of the file / pixels; quality of the 8-bit picture; seconds by the wall's clock.
    """
    rows = [_coded(method, image, setting, path)]
    if isinstance(method, HasIdeal):
        ideal = method.ideal(image, setting)
        rows.append({"kind": IDEAL, "setting": setting, **_scores(image, ideal.picture, ideal.bits)})
    return rows


def _coded(method: Method, image: np.ndarray, setting: float, path: Path) -> dict[str, Any]:
    start_s = time.perf_counter()
    data = method.encode(image, setting)
    encode_s = time.perf_counter() - start_s
    write_bytes_atomic(path, data)
    data = read_bytes(path, _MAX_BYTES)
    start_s = time.perf_counter()
    decoded = method.decode(data)
    seconds = {"encode_s": encode_s, "decode_s": time.perf_counter() - start_s}
    scores = _scores(image, decoded, 8 * len(data))
    return {"kind": CODED, "setting": setting, "file_bytes": len(data), **scores, **seconds}


def _scores(image: np.ndarray, decoded: np.ndarray, bits: float) -> dict[str, float]:
    quality = picture_quality(image, decoded)
    if not math.isfinite(quality.psnr_db):
        raise RecError("the picture came back exactly and has no PSNR; this figure is of lossy codecs")
    return {"bpp": bits / (image.shape[0] * image.shape[1]), **quality._asdict()}

"""Curves that others have published, as data: reference/figure3.json."""

import json
from pathlib import Path
from typing import Any

from experiments.figure3.method import PUBLISHED
from rec_jax.core.files import read_bytes
from rec_jax.evaluate.picture_quality import ms_ssim_db

PATH = Path(__file__).resolve().parents[1] / "reference" / "figure3.json"
N_PICTURES = 24  # of which the curves are means


def published_curves(path: Path = PATH) -> list[dict[str, Any]]:
    """Each {'id', 'title', 'optimised_for', 'ideal', 'source', 'kind', 'psnr_db', 'ms_ssim_db'}.

    The last two: [[bits per pixel, dB], ...] by growing rate, [] if not published. Means over Kodak's 24 pictures.
    """
    curves = json.loads(read_bytes(path, 2**20))["curves"]
    return [
        {**curve, "kind": PUBLISHED, "ms_ssim_db": [[bpp, ms_ssim_db(value)] for bpp, value in curve.pop("ms_ssim")]}
        for curve in curves
    ]

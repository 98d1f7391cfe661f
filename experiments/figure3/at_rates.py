"""A curve of figure3.json read at one rate, with the standard error over pictures."""

from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from rec_jax.core.estimates import Estimate, jackknife, mean
from rec_jax.evaluate.picture_quality import ms_ssim_db


class _Beyond(Exception):
    """A curve of means does not rise, or does not reach the rate."""


def quality_at(curve: dict[str, Any], metric: str, bpp: float) -> Estimate | None:
    """dB of the curve of means at a rate, between its points monotone cubic in log rate.

    None beyond them, also where only the curve without some picture does not reach so far: the error needs it.
    """

    def between_points(pictures: list[str]) -> float:
        found = {name: _mean_of(curve, name, pictures) for name in ("bpp", "psnr_db", "ms_ssim")}
        if not (found["bpp"][0] <= bpp <= found["bpp"][-1]) or (np.diff(found["bpp"]) <= 0).any():
            raise _Beyond
        found["ms_ssim_db"] = np.array([ms_ssim_db(float(value)) for value in found["ms_ssim"]])
        return float(PchipInterpolator(np.log(found["bpp"]), found[metric])(np.log(bpp)))

    try:
        return jackknife(between_points, list(curve["of_pictures"]))
    except _Beyond:
        return None


def seconds_near(curve: dict[str, Any], name: str, bpp: float) -> Estimate | None:
    """Mean of 'encode_s' or 'decode_s' at the setting nearest to a rate; None of ideal points, which take none."""
    if name not in curve["means"]:
        return None
    place = int(np.abs(np.log(np.array(curve["means"]["bpp"]) / bpp)).argmin())
    return mean([values[name][place] for values in curve["of_pictures"].values()])


def _mean_of(curve: dict[str, Any], name: str, pictures: list[str]) -> np.ndarray:
    return np.mean([curve["of_pictures"][picture][name] for picture in pictures], axis=0)

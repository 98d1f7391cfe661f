"""A curve of figure3.json read at one rate, with the standard error over pictures."""

from typing import Any

import numpy as np
from scipy.interpolate import PchipInterpolator

from rec_jax.core.estimates import Estimate, jackknife, mean
from rec_jax.evaluate.picture_quality import ms_ssim_db


def quality_at(curve: dict[str, Any], metric: str, bpp: float) -> Estimate | None:
    """dB of the curve of means at a rate, between its points monotone cubic in log rate; None beyond them."""
    rates = np.array(curve["means"]["bpp"])
    if not (rates[0] <= bpp <= rates[-1]) or (np.diff(rates) <= 0).any():
        return None

    def between_points(pictures: list[str]) -> float:
        found = {name: _mean_of(curve, name, pictures) for name in ("bpp", "psnr_db", "ms_ssim")}
        found["ms_ssim_db"] = np.array([ms_ssim_db(float(value)) for value in found["ms_ssim"]])
        return float(PchipInterpolator(np.log(found["bpp"]), found[metric])(np.log(bpp)))

    return jackknife(between_points, list(curve["of_pictures"]))


def seconds_near(curve: dict[str, Any], name: str, bpp: float) -> Estimate | None:
    """Mean of 'encode_s' or 'decode_s' at the setting nearest to a rate; None of ideal points, which take none."""
    if name not in curve["means"]:
        return None
    place = int(np.abs(np.log(np.array(curve["means"]["bpp"]) / bpp)).argmin())
    return mean([values[name][place] for values in curve["of_pictures"].values()])


def _mean_of(curve: dict[str, Any], name: str, pictures: list[str]) -> np.ndarray:
    return np.mean([curve["of_pictures"][picture][name] for picture in pictures], axis=0)

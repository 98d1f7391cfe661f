"""From rows to curves: per setting the mean over pictures, as published curves are made."""

import dataclasses
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from experiments.figure3.method import CODED, IDEAL
from experiments.figure3.series import Row, Series
from rec_jax.evaluate.picture_quality import ms_ssim_db

METRICS = {"psnr_db": "PSNR (RGB), dB", "ms_ssim_db": "MS-SSIM (RGB), dB"}
Points = list[tuple[float, float]]  # (bits per pixel, dB)


@dataclasses.dataclass(frozen=True)
class Measured:
    """A series on the pictures that have all its settings. kind: CODED or IDEAL.

    values: name -> [pictures, settings] of bpp, psnr_db, ms_ssim and, of files, encode_s and decode_s.
    """

    series: Series
    kind: str
    pictures: tuple[int, ...]
    values: dict[str, np.ndarray]

    @property
    def id(self) -> str:
        """The method's, or of its ideal points."""
        return self.series.id if self.kind == CODED else f"{self.series.id}-ideal"

    @property
    def title(self) -> str:
        """Of the curve."""
        return self.series.title if self.kind == CODED else f"{self.series.title}, ideal"

    def means(self, pictures: Collection[int] | None = None) -> dict[str, np.ndarray]:
        """name -> [settings], of all pictures or those given; 'ms_ssim_db' is that of the mean of ms_ssim."""
        rows = [n for n, i in enumerate(self.pictures) if pictures is None or i in pictures]
        means = {name: value[rows].mean(axis=0) for name, value in self.values.items()}
        return means | {"ms_ssim_db": np.array([ms_ssim_db(float(value)) for value in means["ms_ssim"]])}

    def points(self, metric: str, pictures: Collection[int] | None = None) -> Points:
        """The curve of the figure."""
        means = self.means(pictures)
        return list(zip(means["bpp"].tolist(), means[metric].tolist(), strict=True))

    def of_picture(self, picture: int) -> dict[str, np.ndarray]:
        """name -> [settings] of one picture."""
        return self.means([picture])


def measured_curves(series: Series, rows: Sequence[Row]) -> Iterator[Measured]:
    """Of a method's files and, where it has them, of its ideal points; none without a whole picture."""
    for kind in (CODED, IDEAL):
        found = {(row["image"], row["setting"]): row for row in rows if row["kind"] == kind}
        images = sorted({image for image, _ in found})
        whole = [i for i in images if all((i, setting) in found for setting in series.settings)]
        if whole:
            names = ["bpp", "psnr_db", "ms_ssim"] + ["encode_s", "decode_s"] * (kind == CODED)
            table = {name: np.array([[found[i, s][name] for s in series.settings] for i in whole]) for name in names}
            yield Measured(series, kind, tuple(whole), table)

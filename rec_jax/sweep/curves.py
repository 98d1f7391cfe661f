"""Rate and distortion of the finished lossy runs of a sweep, a curve for each."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

from rec_jax.core.files import open_atomic
from rec_jax.evaluate.lossy_summary import LossySummary
from rec_jax.sweep.runs import Run

matplotlib.use("Agg")  # draws to files, also where there is no screen

from matplotlib import pyplot as plt


def draw_curves(path: Path, results: Sequence[tuple[Run, LossySummary]]) -> None:
    """PSNR of files against their bits per pixel, with standard errors; the ideal points dashed."""
    figure, panel = plt.subplots(figsize=(6.4, 4.8))
    for run, summary in results:
        means = summary.means
        x_errors, y_errors = ([error or 0.0 for error in summary.errors[name]] for name in ("bpp", "psnr_db"))
        (drawn, *_) = panel.errorbar(
            means["bpp"], means["psnr_db"], xerr=x_errors, yerr=y_errors, marker="o", capsize=3, label=run.name
        )
        if "ideal_bpp" in means:
            panel.plot(means["ideal_bpp"], means["ideal_psnr_db"], "--", color=drawn.get_color())
    panel.set_xlabel("bits per pixel")
    panel.set_ylabel("PSNR, dB")
    panel.legend(fontsize="small")
    figure.tight_layout()
    with open_atomic(path) as file:
        figure.savefig(file, format="png", dpi=120)
    plt.close(figure)

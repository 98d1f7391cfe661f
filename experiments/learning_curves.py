"""Bits per dimension against the compute of training: methods compared at equal compute.

python -m experiments.learning_curves --out=runs/curves runs/idf runs/bit_swap runs/lbb

Reads the workdirs of `launch.py --mode=train`; writes learning_curves.png and .json and prints the table. Compute is
the floating-point operations of the loss and its gradient, as XLA counts them, times the images that were seen; the
bound is that of the averaged weights on test images, which a run's config says how many.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import matplotlib
import numpy as np
import optax
from ml_collections import ConfigDict

from experiments.program import ends_in_a_line
from experiments.progress import stage
from experiments.table1.markdown import plain_table
from rec_jax.core.errors import ConfigError, MissingFile
from rec_jax.core.estimates import Estimate
from rec_jax.core.files import make_folder, open_atomic, write_bytes_atomic
from rec_jax.core.json_rows import read_rows
from rec_jax.models import make_model
from rec_jax.models.base import StartingModel
from rec_jax.models.float_net import FloatNet
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.train.objective import make_objective
from rec_jax.train.saved_config import read_config
from rec_jax.train.state import create_state

matplotlib.use("Agg")  # draws to files, also where there is no screen
from matplotlib import pyplot as plt

_TITLES = {"idf": "IDF", "bit_swap": "Bit-Swap", "flow_pp": "LBB (Flow++)", "resnet_vae": "RVAE", "phases": "phases"}
_BATCH = 4  # of the counted step; what is not linear in it is small
_BOUND = "test/elbo_bpd"


@ends_in_a_line("learning_curves")
def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m experiments.learning_curves", description=__doc__.splitlines()[0])
    parser.add_argument("workdirs", nargs="+", metavar="WORKDIR", help="of a run of launch.py --mode=train")
    parser.add_argument("--out", required=True, help="folder for the picture and its numbers")
    args = parser.parse_args(argv)
    curves = []
    for workdir in args.workdirs:
        with stage(f"{workdir}: counting the operations of a step"):
            curves.append(curve_of(Path(workdir)))
    folder = Path(args.out)
    make_folder(folder)
    write_bytes_atomic(folder / "learning_curves.json", (json.dumps(curves, indent=1) + "\n").encode())
    draw(curves, folder / "learning_curves.png")
    print(plain_table(table_lines(curves)))
    print(f"written: {folder / 'learning_curves.png'}, learning_curves.json")
    return 0


def curve_of(workdir: Path) -> dict[str, Any]:
    """{'title', 'workdir', 'gflop_per_image', 'n_images', 'elbo_bpd', 'elbo_bpd_error'}; lists over evaluations.

    Raises MissingFile, CorruptFile, or ConfigError for a model that has no bound on log p(x).
    """
    config = read_config(workdir)
    rows = [row for row in read_rows(workdir / "metrics.jsonl") if row.get("kind") == "evaluate"]
    if not rows:
        raise MissingFile(f"{workdir} has no evaluation yet; train on, or lower train.evaluate_every")
    found = {row["step"]: row for row in rows if _BOUND in row}  # the last of each step
    if not found:
        raise ConfigError(f"{workdir} has no {_BOUND}: it trains a lossy model; give runs of lossless ones")
    steps = sorted(found)
    return {
        "title": _TITLES.get(config.model.kind, config.model.kind),
        "workdir": str(workdir),
        "gflop_per_image": gflop_per_image(config),
        "n_images": [step * config.train.batch_size for step in steps],
        "elbo_bpd": [found[step][_BOUND] for step in steps],
        "elbo_bpd_error": [found[step].get(f"{_BOUND}_error") for step in steps],
    }


def gflop_per_image(config: ConfigDict) -> float:
    """10^9 floating-point operations of the training loss and its gradient for an image, counted before compilation."""
    model, settings = make_model(config.model), config.train
    side = config.data.patch or 32
    images = np.random.default_rng(0).integers(0, 256, (_BATCH, side, side, 3), dtype=np.uint8)
    given = model.start(scale_pixels(images.astype(np.float32))) if isinstance(model, StartingModel) else None
    key = jax.random.key(0)
    state = jax.eval_shape(lambda: create_state(model, optax.identity(), key, images, given))
    objective = make_objective(model, FloatNet(unroll=True), settings)  # what is scanned is counted once
    step = jax.jit(jax.value_and_grad(objective, has_aux=True)).lower(state.params, images, key, 0)
    return step.cost_analysis()["flops"] / _BATCH / 1e9


def table_lines(curves: Sequence[dict[str, Any]]) -> list[list[str]]:
    """The end of each curve."""
    lines = [["method", "images seen", "GFLOP an image", "TFLOP in all", "bits/dim"]]
    for curve in curves:
        images, cost = curve["n_images"][-1], curve["gflop_per_image"]
        bound = Estimate(curve["elbo_bpd"][-1], curve["elbo_bpd_error"][-1]).text(3)
        lines.append([curve["title"], f"{images:,}", f"{cost:.2f}", f"{images * cost / 1e3:.1f}", bound])
    return lines


def draw(curves: Sequence[dict[str, Any]], path: Path) -> None:
    """Every curve, on logarithmic compute."""
    figure, panel = plt.subplots(figsize=(6, 4), layout="constrained")
    for curve in curves:
        compute = np.array(curve["n_images"]) * curve["gflop_per_image"] / 1e3
        errors = [0.0 if error is None else error for error in curve["elbo_bpd_error"]]
        panel.errorbar(compute, curve["elbo_bpd"], errors, marker=".", capsize=2, label=curve["title"])
    panel.set(xscale="log", xlabel="compute of training, TFLOP", ylabel="bits/dim of test images (bound)")
    panel.grid(alpha=0.3)
    panel.legend()
    with open_atomic(path) as file:
        figure.savefig(file, format="png", dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    sys.exit(main())

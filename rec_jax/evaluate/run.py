"""`launch.py --mode=evaluate`: the weights of a workdir, or of a model file, on a config's images, down to files."""

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import logging

from rec_jax.codec.calibrate import calibrate_step_counts, calibrate_weights
from rec_jax.codec.lossless import LosslessCodec
from rec_jax.codec.model_file import find_model_path, read_model_file
from rec_jax.codec.presets import Configured, configured_coder, preset_number, taught
from rec_jax.coders import Coder, StepCountModel
from rec_jax.core.files import write_bytes_atomic
from rec_jax.data import evenly_spaced, make_source
from rec_jax.evaluate.compression import Summary, compress_images, summarise, write_summary
from rec_jax.models import make_model
from rec_jax.train.checkpoint import restore_params
from rec_jax.train.saved_config import read_config

_CALIBRATION_IMAGES = 64


def evaluate(config: Any, workdir: str | Path, model_name: str | None = None) -> Summary:
    """Codes the first config.evaluate.n_images of config.evaluate.split; writes and returns what they cost.

    model_name: a shipped model or a model file, instead of what was trained in workdir. Either brings its
      own model section; config.model is not looked at. A model file also brings what was learned for its coder.

    Writes WORKDIR/evaluate/NAME.jsonl, one row per image, and NAME.json; NAME says split, weights and coder, so that
    other weights or another coder never share rows. A killed evaluation resumes.
    """
    configured = configured_coder(config.coder)
    if model_name:
        stored = read_model_file(find_model_path(model_name))
        params, model = stored.params, make_model(stored.config.model)
        configured = taught(configured, configured_coder(stored.config.coder))
    else:
        params, model = restore_params(workdir), make_model(read_config(workdir).model)
    folder = Path(workdir) / "evaluate"
    name = _run_name(config, params, configured)
    if not (configured.step_counts and configured.weights):
        configured = taught(configured, _learned(model, params, configured, config, folder / f"{name}.learned.json"))
    coder, counts, weights = configured
    codec = LosslessCodec(model, params, coder, counts, preset=preset_number(coder), weights=weights)
    images = load_images(config.data, config.evaluate.split, config.evaluate.n_images)
    run = provenance(coder)
    rows = compress_images(
        codec,
        images,
        folder / f"{name}.jsonl",
        batch_size=config.evaluate.batch_size,
        seed=config.seed,
        stamp=lambda: run,
    )
    summary = summarise(rows)
    write_summary(folder / f"{name}.json", summary)
    logging.info("rows in %s", folder / f"{name}.jsonl")
    return summary


def load_images(data: Any, split: str, n_images: int) -> Sequence[np.ndarray]:
    """The first n_images of a split ('train' or 'test') in file order."""
    source = make_source(data, split)
    return [source[i] for i in range(min(n_images, len(source)))]


def provenance(coder: Coder) -> dict[str, str]:
    """What every row says of where it came from."""
    return {
        "coder": repr(coder),
        "jax": jax.__version__,
        "device": jax.devices()[0].device_kind,
        "git": _git_hash(),
    }


def _git_hash() -> str:
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def _run_name(config: Any, params: Any, configured: Configured) -> str:
    """Data set, split, and a hash of everything else that the rows depend on."""
    data = config.data.to_dict()
    if data["kind"] != "folder":
        del data["data_dir"]  # where a named data set lies does not matter
    digest = hashlib.sha256(repr((configured, sorted(data.items()), config.seed)).encode())
    for leaf in jax.tree.leaves(params):
        digest.update(np.ascontiguousarray(leaf))
    return f"{config.data.name.replace('/', '_')}-{config.evaluate.split}-{digest.hexdigest()[:12]}"


def _learned(model, params, configured: Configured, config: Mapping, path: Path) -> Configured:
    """What training images teach the coder, kept in a file so that a resumed evaluation has the same."""
    if not path.exists():
        images = evenly_spaced(make_source(config.data, "train"), _CALIBRATION_IMAGES)
        weights = configured.weights or calibrate_weights(model, params, images)
        counts = calibrate_step_counts(model, params, configured.coder, images, weights)
        path.parent.mkdir(parents=True, exist_ok=True)
        learned = dict(step_counts=[vars(count) for count in counts], weights=weights)
        write_bytes_atomic(path, json.dumps(learned).encode())
    learned = json.loads(path.read_text(encoding="utf-8"))
    counts = tuple(StepCountModel(**row) for row in learned["step_counts"])
    return Configured(configured.coder, counts, tuple(map(tuple, learned["weights"])))

"""Trains, evaluates, exports or sweeps an experiment.

python launch.py --config=configs/cifar10_rvae.py --workdir=runs/x --mode=train      # resumes by itself
python launch.py --config=configs/cifar10_rvae.py:quick --config.coder.omega=4 ...   # small, and an override

On several hosts: the same command with --coordinator=HOST:PORT --num_processes=N --process_id=I in every process.
"""

import dataclasses
import runpy
import sys
from pathlib import Path

import numpy as np
from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags

from rec_jax.core.compilation import enable_compilation_cache
from rec_jax.core.errors import ConfigError, RecError
from rec_jax.core.messages import flag_error_line, is_warning_or_ours, one_line
from rec_jax.train.parallel import initialize_processes

_CALIBRATION_IMAGES = 128

_CONFIG = config_flags.DEFINE_config_file("config", None, "A file of configs/, FILE.py or FILE.py:ARGUMENT.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run: checkpoints, metrics, results.")
_MODE = flags.DEFINE_enum("mode", "train", ["train", "evaluate", "export", "sweep"], "What to do.")
_OUTPUT = flags.DEFINE_string("output", None, "Model file that export writes; by default WORKDIR/model.safetensors.")
_MODEL = flags.DEFINE_string("model", None, "Shipped model or model file that evaluate takes instead of the workdir's.")
_COORDINATOR = flags.DEFINE_string("coordinator", None, "HOST:PORT of process 0 of a run on several hosts, or auto.")
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "How many processes the run has.")
_PROCESS_ID = flags.DEFINE_integer("process_id", None, "Which of them this is, from 0.")
flags.mark_flags_as_required(["config", "workdir"])


def train(config: ConfigDict, workdir: Path) -> None:
    """Trains to config.train.n_steps; a workdir with a checkpoint resumes."""
    from rec_jax.data import make_source
    from rec_jax.train.loop import train as run

    images = make_source(config.data, "train").array()
    initial_params = (lambda: _initial_params(config)) if config.train.initial_model else None
    run(config, workdir, images, _evaluators(config), initial_params)


def evaluate(config: ConfigDict, workdir: Path) -> None:
    """ELBO and real files of config.evaluate's images with the weights of workdir, or of --model."""
    from rec_jax.evaluate.compression import format_summary
    from rec_jax.evaluate.run import evaluate as run

    print(format_summary(run(config, workdir, _MODEL.value)))


def export(config: ConfigDict, workdir: Path, path: Path) -> None:
    """Writes the averaged weights of workdir, with what the default coder must know of them, as one model file."""
    from configs.base import choose_coder
    from rec_jax.codec.calibrate import calibrate_step_counts, calibrate_weights
    from rec_jax.codec.model_file import write_model_file
    from rec_jax.codec.presets import configured_coder
    from rec_jax.data import evenly_spaced, make_source
    from rec_jax.models import make_model
    from rec_jax.train.checkpoint import restore_params
    from rec_jax.train.saved_config import read_config

    params, data = restore_params(workdir), config.data
    config = choose_coder(ConfigDict(config.to_dict()), "tree")
    config.model = read_config(workdir).model
    config.data.data_dir = ""  # a path of this machine is nothing that a model should carry
    config.train.initial_model = Path(config.train.initial_model).name
    images, model = evenly_spaced(make_source(data, "train"), _CALIBRATION_IMAGES), make_model(config.model)
    weights = calibrate_weights(model, params, images)
    counts = calibrate_step_counts(model, params, configured_coder(config.coder).coder, images, weights)
    config.coder.update(dict(layer_weights=weights, layer_step_counts=tuple(map(dataclasses.astuple, counts))))
    model_id = write_model_file(path, params, config.lock())
    print(f"{path}: {path.stat().st_size} bytes, model id {model_id:04x}; try rec-jax compress --model {path}")


def check_coder(config: ConfigDict) -> None:
    """A coder that cannot be is told before a run, not after it."""
    from rec_jax.codec.presets import configured_coder

    configured_coder(config.coder)


def sweep(config: ConfigDict, workdir: Path, all_overrides: list[dict]) -> None:
    """Trains and evaluates config with each of the overrides in WORKDIR/NAME=VALUE,...; skips finished ones.

    Overrides that move no trained number share the weights of workdir itself. A failure does not stop the next run.
    """
    from rec_jax.train.checkpoint import link_checkpoints
    from rec_jax.train.saved_config import training_difference, with_overrides, write_config

    failed = []
    for overrides in all_overrides:
        folder = workdir / ",".join(f"{name}={value}" for name, value in overrides.items()).replace("/", "_")
        if (folder / "finished").exists():
            continue
        print(f"sweep: {folder}", file=sys.stderr)
        try:
            changed = with_overrides(config, overrides)
            if training_difference(config, changed):
                train(changed, folder)
            else:
                train(config, workdir)
                write_config(folder, changed)
                link_checkpoints(folder, workdir)
            evaluate(changed, folder)
            (folder / "finished").touch()
        except (RecError, OSError, RuntimeError) as error:
            failed.append(folder.name)
            print(f"sweep: {folder.name}: {error}", file=sys.stderr)
    if failed:
        raise RecError(f"{len(failed)} runs of the sweep failed: {'; '.join(failed)}")


def _evaluators(config: ConfigDict) -> list:
    """The ELBO of the first config.train.evaluate_images test images, cut to the training images' size."""
    from rec_jax.data import CenterCrops, make_source
    from rec_jax.evaluate.elbo import elbo_evaluator
    from rec_jax.models import make_model

    if not (config.train.evaluate_images and config.train.evaluate_every):
        return []
    source = make_source(config.data, "test")
    source = CenterCrops(source, config.data.patch) if config.data.patch else source
    images = np.stack([source[i] for i in range(min(config.train.evaluate_images, len(source)))])
    return [elbo_evaluator(make_model(config.model), images, config.seed, config.evaluate.batch_size)]


def _initial_params(config: ConfigDict):
    """The parameters of config.train.initial_model: of the config's network, under its likelihood or the paper's."""
    from rec_jax.codec.model_file import find_model_path, read_model_file
    from rec_jax.core.prng import init_key
    from rec_jax.models import check_params, make_model
    from rec_jax.models.widen import widen

    name = config.train.initial_model
    stored = read_model_file(find_model_path(name))
    theirs, ours = stored.config.model, config.model
    same_network = all(theirs[field] == ours[field] for field in ("kind", "levels"))
    if theirs != ours and not (same_network and theirs.likelihood == "logistic"):
        raise ConfigError(
            f"train.initial_model={name!r} is a model of {theirs.to_dict()}, the config's model section is "
            f"{ours.to_dict()}: make them equal (of a model with likelihood 'logistic', only kind and levels) or give "
            f"another model"
        )
    check_params(make_model(theirs), stored.params, name)
    if theirs == ours:
        return stored.params
    return widen(stored.params, make_model(ours).likelihood, init_key(config.seed))


def _load_sweep() -> list[dict]:
    path = config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")[0]
    if (sweep_of := runpy.run_path(path).get("sweep")) is None:
        raise ConfigError(f"{path} has no sweep() that returns a list of overrides: write one or use another --mode")
    return sweep_of()


def _parse(argv: list[str]) -> list[str]:
    try:
        return flags.FLAGS(argv)
    except (flags.Error, AttributeError, KeyError, ValueError, TypeError, OSError) as error:
        sys.exit(f"launch.py: {flag_error_line(error, argv)}")


def main(argv: list[str]) -> None:
    """Runs one mode; every failure that is the input's is one line and exit code 1."""
    try:
        if len(argv) > 1:
            raise ConfigError(f"unknown argument {argv[1]!r}; flags begin with --")
        logging.get_absl_handler().addFilter(is_warning_or_ours)
        enable_compilation_cache()
        initialize_processes(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
        config, workdir = _CONFIG.value, Path(_WORKDIR.value)
        check_coder(config)
        {
            "train": lambda: train(config, workdir),
            "evaluate": lambda: evaluate(config, workdir),
            "export": lambda: export(config, workdir, Path(_OUTPUT.value or workdir / "model.safetensors")),
            "sweep": lambda: sweep(config, workdir, _load_sweep()),
        }[_MODE.value]()
    except (RecError, OSError) as error:
        sys.exit(f"launch.py: {one_line(error)}")
    except KeyboardInterrupt:
        sys.exit("launch.py: interrupted; the same command goes on from the last checkpoint")


if __name__ == "__main__":
    app.run(main, flags_parser=_parse)

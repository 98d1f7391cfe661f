"""Trains, evaluates, exports or sweeps an experiment.

python launch.py --config=configs/cifar10_rvae.py --workdir=runs/x --mode=train      # resumes by itself
python launch.py --config=configs/cifar10_rvae.py:quick --config.coder.omega=4 ...   # small, and an override

On several hosts: the same command with --coordinator=HOST:PORT --num_processes=N --process_id=I in every process.
Evaluations and sweeps need no network, only one folder: --shard=I/N (docs/SCALING.md).
"""

import contextlib
import dataclasses
import functools
import math
import runpy
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import jax
from absl import app, flags, logging
from ml_collections import ConfigDict, config_flags

from configs.base import base, choose_coder
from rec_jax.cli.failures import failure_line
from rec_jax.core.compilation import check_device, enable_compilation_cache, keep_memory_of_programs
from rec_jax.core.errors import ConfigError, RecError
from rec_jax.core.flag_errors import check_config_file, flag_error_line
from rec_jax.core.locks import InUse, locked
from rec_jax.core.messages import is_warning_or_ours, one_line
from rec_jax.core.paths import expand_home
from rec_jax.evaluate.checks import check_config, check_evaluation
from rec_jax.evaluate.shares import WHOLE, Share
from rec_jax.train.checks import check_complete
from rec_jax.train.parallel import initialize_processes, is_main_process
from rec_jax.train.stop import Stopped, raise_on_sigterm

if TYPE_CHECKING:
    from rec_jax.evaluate.chains import ChainSummary
    from rec_jax.evaluate.lossy_summary import AnySummary

_CONFIG = config_flags.DEFINE_config_file("config", None, "A file of configs/, FILE.py or FILE.py:ARGUMENT.")
_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of the run: checkpoints, metrics, results.")
_MODE = flags.DEFINE_enum("mode", "train", ["train", "evaluate", "export", "sweep"], "What to do.")
_OUTPUT = flags.DEFINE_string("output", None, "Model file that export writes; by default WORKDIR/model.safetensors.")
_MODEL = flags.DEFINE_string("model", None, "Shipped model or model file that evaluate takes instead of the workdir's.")
_COORDINATOR = flags.DEFINE_string("coordinator", None, "HOST:PORT of process 0 of a run on several hosts, or auto.")
_NUM_PROCESSES = flags.DEFINE_integer("num_processes", None, "How many processes the run has.")
_PROCESS_ID = flags.DEFINE_integer("process_id", None, "Which of them this is, from 0.")
_SHARD = flags.DEFINE_string("shard", None, "I/N: part I, from 1, of N of an evaluation's images or a sweep's runs.")
flags.mark_flags_as_required(["config", "workdir"])


def train(config: ConfigDict, workdir: Path) -> None:
    """Trains to config.train.n_steps; a workdir with a checkpoint resumes."""
    from rec_jax.codec.training_start import params_of_model
    from rec_jax.data import make_source
    from rec_jax.evaluate.during_training import make_evaluators
    from rec_jax.train.loop import train as run

    images, name = make_source(config.data, "train").array(), config.train.initial_model
    start = functools.partial(params_of_model, name, config.model.to_dict(), config.seed) if name else None
    run(config, workdir, images, make_evaluators(config), start)


def train_alone(config: ConfigDict, workdir: Path) -> None:
    """As `train`, while no other run has the workdir: two at once would take each other's rows and checkpoints away.

    Of several processes that train together the main one, which writes, holds it for all. InUse if another run has it.
    """
    with locked(workdir) if is_main_process() else contextlib.nullcontext():
        train(config, workdir)


def evaluate(config: ConfigDict, workdir: Path, share: Share = WHOLE) -> "AnySummary | ChainSummary | None":
    """Prints ELBO (or distortion) and real files of config.evaluate's images with the weights of workdir or --model.

    share: this process's part of the images, where it is not one of several that began together.
    """
    from rec_jax.evaluate.run import evaluate as run

    check_evaluation(config, _MODEL.value)
    together = jax.process_count() > 1
    share = Share(jax.process_index(), jax.process_count()) if together else share
    summary = run(config, workdir, _MODEL.value, share, together)
    if summary is None:
        print(f"share {share.index + 1}/{share.count} is done; the summary comes with the last one")
    elif is_main_process():
        print(summary.text())
    return summary


def export(config: ConfigDict, workdir: Path, path: Path) -> None:
    """Writes the averaged weights of workdir as integers, with what the default coder must know, as one model file.

    What only an encoder needs are floats, of 16 bits.
    """
    from rec_jax.codec.calibrate import N_IMAGES, calibrate
    from rec_jax.codec.chain_codecs import chain_codec
    from rec_jax.codec.learned import configured_coder
    from rec_jax.codec.model_file import check_model_output, write_model_file
    from rec_jax.codec.package import package_of_params
    from rec_jax.data import evenly_spaced, make_source
    from rec_jax.models import make_model
    from rec_jax.train.checkpoint import restore_params
    from rec_jax.train.saved_config import read_config

    if workdir.is_dir():  # else it is the workdir that is not there
        check_model_output(path)
    params, data = restore_params(workdir), config.data
    config = choose_coder(ConfigDict(config.to_dict()), "tree")
    trained = read_config(workdir)
    config.model, config.train = trained.model, trained.train
    config.data.data_dir = ""  # a path of this machine is nothing that a model should carry
    config.train.initial_model = Path(config.train.initial_model).name
    package = package_of_params(make_model(config.model), params, configured_coder(config.coder)[0])
    learned = calibrate(package, evenly_spaced(make_source(data, "train"), N_IMAGES))
    counts = tuple(map(dataclasses.astuple, learned.step_counts))
    config.coder.update(
        dict(layer_weights=learned.shares, layer_step_counts=counts, layer_weights_by_scale=learned.by_scale)
    )
    model_id = write_model_file(path, package.stored, config.to_dict(), "float16")
    hint = f"--mode=evaluate --model={path}" if chain_codec(package) else f"rec-jax compress --model {path}"
    print(f"{path}: {path.stat().st_size} bytes, model id {model_id:04x}; try {hint}")


def sweep(config: ConfigDict, workdir: Path, all_overrides: list[dict], share: Share = WHOLE) -> None:
    """Trains and evaluates config with each of the overrides in WORKDIR/NAME=VALUE,...; skips finished ones.

    Overrides that move no trained number share the weights of workdir itself. All overrides are checked before the
    first run; a run's failure does not stop the next one. In the end WORKDIR/sweep.csv and pictures show all runs that
    are finished, those of other processes too.
    share: the runs of this process; without it, any number of processes take what no other one has.
    """
    from rec_jax.evaluate.lossy_summary import AnySummary
    from rec_jax.sweep.checked import checked_runs
    from rec_jax.sweep.report import write_report
    from rec_jax.sweep.runs import Run, Waiting, do_runs
    from rec_jax.train.checkpoint import link_checkpoints
    from rec_jax.train.saved_config import training_difference, write_config

    if jax.process_count() > 1:
        raise ConfigError("a sweep is shared without --coordinator: give all processes one command, or --shard=I/N")
    runs = checked_runs(config, workdir, all_overrides)

    @functools.cache
    def train_shared() -> None:
        train(config, workdir)

    def work(run: Run, wait: bool) -> "AnySummary":
        if training_difference(config, run.config):
            train(run.config, run.folder)
        else:
            try:
                with locked(workdir, math.inf if wait else 0.0):
                    train_shared()
            except InUse as error:
                raise Waiting from error
            write_config(run.folder, run.config)
            link_checkpoints(run.folder, workdir)
        summary = evaluate(run.config, run.folder)
        assert isinstance(summary, AnySummary), "of all images, and their files"
        return summary

    failed = do_runs(runs[share.index :: share.count], work)
    print(write_report(workdir, runs))
    if failed:
        raise RecError(f"{len(failed)} runs of the sweep failed: {'; '.join(failed)}")


def _load_sweep() -> list[dict]:
    path = config_flags.get_config_filename(flags.FLAGS["config"]).partition(":")[0]
    try:
        if (sweep_of := runpy.run_path(path).get("sweep")) is not None:
            return sweep_of()
    except Exception as error:  # whatever a config file does
        raise ConfigError(flag_error_line(error, [f"--config={path}"])) from None
    raise ConfigError(f"{path} has no sweep() that returns a list of overrides: write one or use another --mode")


def _share() -> Share:
    if _SHARD.value is None:
        return WHOLE
    if _MODE.value not in ("evaluate", "sweep") or _COORDINATOR.value:
        raise ConfigError("--shard=I/N is for --mode=evaluate and --mode=sweep, without --coordinator")
    return Share.parse(_SHARD.value)


def _parse(argv: list[str]) -> list[str]:
    try:
        argv = flags.FLAGS.read_flags_from_files(argv, force_gnu=False)
        check_config_file(argv)
        return flags.FLAGS(argv)
    except Exception as error:  # whatever a config file does
        sys.exit(f"launch.py: {flag_error_line(error, argv)}")


def _check_words() -> None:
    for flag in (_WORKDIR, _OUTPUT, _MODEL, _COORDINATOR, _SHARD):
        if flag.value == "":
            raise ConfigError(f"--{flag.name}= is empty; name what it takes, or leave it out if it is not required")


def main(argv: list[str]) -> None:
    """Runs one mode; every failure that is the input's is one line and exit code 1."""
    try:
        if len(argv) > 1:
            raise ConfigError(f"unknown argument {argv[1]!r}; flags begin with --")
        logging.get_absl_handler().addFilter(is_warning_or_ours)
        raise_on_sigterm()
        _check_words()
        if _MODE.value in ("train", "sweep"):
            keep_memory_of_programs()
        enable_compilation_cache()
        initialize_processes(_COORDINATOR.value, _NUM_PROCESSES.value, _PROCESS_ID.value)
        check_device()
        assert _WORKDIR.value is not None, "a required flag"
        config, workdir = _CONFIG.value, expand_home(_WORKDIR.value)
        if workdir.exists() and not workdir.is_dir():
            raise ConfigError(f"--workdir={workdir} is a file; name a folder, which is made if there is none")
        check_complete(config, base())
        check_config(config)
        output = expand_home(workdir / "model.safetensors" if _OUTPUT.value is None else _OUTPUT.value)
        share = _share()
        {
            "train": lambda: train_alone(config, workdir),
            "evaluate": lambda: evaluate(config, workdir, share),
            "export": lambda: export(config, workdir, output),
            "sweep": lambda: sweep(config, workdir, _load_sweep(), share),
        }[_MODE.value]()
    except (RecError, OSError) as error:
        sys.exit(f"launch.py: {one_line(failure_line(error))}")
    except KeyboardInterrupt:
        _leave(Stopped(signal.SIGINT))
    except Stopped as stopped:
        _leave(stopped)


def _leave(stopped: Stopped) -> None:
    print(f"launch.py: {stopped}", file=sys.stderr)
    sys.exit(stopped.exit_code)


if __name__ == "__main__":
    app.run(main, flags_parser=_parse)

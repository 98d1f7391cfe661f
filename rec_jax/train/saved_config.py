"""The config of a workdir: written when training starts, compared when it resumes, read by whoever uses the weights."""

import json
import os
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from rec_jax.core.errors import ConfigError, CorruptFile, MissingFile

FILE_NAME = "config.json"

# What may change between two starts of one run: nothing here moves a trained number except n_steps, which
# says how far to go (and stretches a cosine schedule).
_FREE_SECTIONS = ("coder", "evaluate")
_FREE_FIELDS = (
    "data.data_dir",
    "data.split_test",
    "train.n_steps",
    "train.log_every",
    "train.evaluate_every",
    "train.evaluate_images",
    "train.save_every",
    "train.keep_checkpoints",
)


def write_config(workdir: str | Path, config: ConfigDict) -> None:
    """Writes config as workdir/config.json, atomically."""
    path = Path(workdir) / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".json.tmp")
    unfinished.write_text(json.dumps(config.to_dict(), indent=1, sort_keys=True) + "\n")
    os.replace(unfinished, path)


def read_config(workdir: str | Path) -> ConfigDict:
    """The locked config of a workdir; lists come back as tuples, as configs have them.

    Raises:
      MissingFile: if workdir has no config.json.
      CorruptFile: if it is not JSON.
    """
    path = Path(workdir) / FILE_NAME
    if not path.is_file():
        raise MissingFile(f"{path} does not exist: {workdir} is no training workdir; train it first")
    try:
        return ConfigDict(_with_tuples(json.loads(path.read_text()))).lock()
    except json.JSONDecodeError as error:
        raise CorruptFile(f"{path} is not valid JSON ({error}): restore it or start in another --workdir") from error


def check_same_run(workdir: str | Path, config: ConfigDict) -> None:
    """Refuses a config that would train other numbers than the one the workdir was started with.

    Raises:
      ConfigError: naming the first field that differs.
    """
    saved, given = _fields(read_config(workdir)), _fields(config)
    for name in sorted(saved.keys() | given.keys()):
        old, new = saved.get(name, "absent"), given.get(name, "absent")
        if old != new:
            raise ConfigError(
                f"{workdir} was started with {name}={old}, now it is {new}: give the old value or another --workdir"
            )


def _fields(config: ConfigDict) -> dict[str, Any]:
    """{'section.field': value} of what a run may not change."""
    flat = {}
    for section, value in config.to_dict().items():
        if not isinstance(value, dict):
            flat[section] = _with_tuples(value)
        elif section not in _FREE_SECTIONS:
            flat |= {f"{section}.{name}": _with_tuples(field) for name, field in value.items()}
    return {name: value for name, value in flat.items() if name not in _FREE_FIELDS}


def _with_tuples(value):
    if isinstance(value, dict):
        return {name: _with_tuples(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_with_tuples(item) for item in value)
    return value

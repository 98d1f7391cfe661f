"""The config of a workdir: written when training starts, compared when it resumes, read by whoever uses the weights."""

import json
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from rec_jax.core.config_values import with_tuples
from rec_jax.core.errors import ConfigError, CorruptFile, MissingFile
from rec_jax.core.files import write_bytes_atomic
from rec_jax.core.messages import one_line
from rec_jax.models.configs.limits import ABSENT_FIELDS

FILE_NAME = "config.json"

# What may change between two starts of one run: nothing here moves a trained number.
_FREE_SECTIONS = ("coder", "evaluate")
_FREE_FIELDS = (
    "data.data_dir",
    "data.split_test",
    "data.patch_test",
    "train.n_steps",
    "train.images_on_device",
    "train.log_every",
    "train.evaluate_every",
    "train.evaluate_images",
    "train.n_pictures",
    "train.save_every",
    "train.keep_checkpoints",
)
# What a field means that workdirs older than it lack.
_ABSENT = {"train.initial_model": "", "train.steps_per_call": 0, "train.beyond_weight": 1.0}
_ABSENT |= {f"model.{name}": value for name, value in ABSENT_FIELDS.items()}


def write_config(workdir: str | Path, config: ConfigDict) -> None:
    """Writes config as workdir/config.json, atomically."""
    path = Path(workdir) / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes_atomic(path, (json.dumps(config.to_dict(), indent=1, sort_keys=True) + "\n").encode())


def read_config(workdir: str | Path) -> ConfigDict:
    """The locked config of a workdir; lists come back as tuples, as configs have them.

    Raises:
      MissingFile: if workdir has no config.json.
      CorruptFile: if it is no JSON of a config.
    """
    path = Path(workdir) / FILE_NAME
    if not path.is_file():
        raise MissingFile(f"{path} does not exist: {workdir} is no training workdir; train it first")
    try:
        values = json.loads(path.read_bytes())
        if not isinstance(values, dict) or not isinstance(values.get("model"), dict):
            raise ValueError("no sections")
        return ConfigDict(with_tuples(values)).lock()
    except (ValueError, TypeError, RecursionError) as error:
        reason = one_line(error)[:100]
        raise CorruptFile(f"{path} is not valid JSON ({reason}): restore it or start in another --workdir") from error


def check_same_run(workdir: str | Path, config: ConfigDict) -> None:
    """Refuses a config that would train other numbers than the one the workdir was started with.

    Raises:
      ConfigError: naming the first field that differs.
    """
    difference = training_difference(read_config(workdir), config)
    if difference:
        name, old, new = difference
        raise ConfigError(
            f"{workdir} was started with {name}={old}, now it is {new}: give the old value or another --workdir"
        )


def training_difference(one: ConfigDict, other: ConfigDict) -> tuple[str, Any, Any] | None:
    """(name, its value in one, in other) of the first field by name that moves a trained number; None if none does."""
    old, new = _ABSENT | _fields(one), _ABSENT | _fields(other)
    for name in sorted(old.keys() | new.keys()):
        if old.get(name, "absent") != new.get(name, "absent"):
            return name, old.get(name, "absent"), new.get(name, "absent")
    return None


def with_overrides(config: ConfigDict, overrides: dict[str, Any]) -> ConfigDict:
    """A locked copy of config with {'section.field': value} changed.

    Raises:
      ConfigError: for a field that does not exist or a value of another type.
    """
    changed = ConfigDict(config.to_dict()).lock()
    for name, value in overrides.items():
        try:
            changed.update_from_flattened_dict({name: value})
        except (AttributeError, KeyError) as error:
            raise ConfigError(f"override {name}={value}: the config has no field {name}") from error
        except (TypeError, ValueError) as error:
            raise ConfigError(f"override {name}={value}: {one_line(error)}") from error
    return changed


def _fields(config: ConfigDict) -> dict[str, Any]:
    """{'section.field': value} of what a run may not change."""
    flat = {}
    for section, value in config.to_dict().items():
        if not isinstance(value, dict):
            flat[section] = with_tuples(value)
        elif section not in _FREE_SECTIONS:
            flat |= {f"{section}.{name}": with_tuples(field) for name, field in value.items()}
    return {name: value for name, value in flat.items() if name not in _FREE_FIELDS}

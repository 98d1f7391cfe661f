"""Which runs a sweep has, all of them checked before the first one starts."""

from pathlib import Path

from ml_collections import ConfigDict

from rec_jax.core.errors import ConfigError, RecError
from rec_jax.evaluate.checks import check_config, check_evaluation
from rec_jax.models import make_model
from rec_jax.models.base import ContinuousFlow, MarkovModel
from rec_jax.sweep.runs import Run
from rec_jax.train.saved_config import with_overrides


def checked_runs(config: ConfigDict, workdir: Path, all_overrides: list[dict]) -> list[Run]:
    """All runs; ConfigError for the first that cannot be."""
    if not isinstance(all_overrides, list | tuple) or not all(isinstance(one, dict) for one in all_overrides):
        raise ConfigError("sweep() must return a list of {'section.field': value}")
    runs, checked = [], set()
    for overrides in all_overrides:
        name = ",".join(f"{name}={value}" for name, value in overrides.items()).replace("/", "_")
        if not name or workdir / name in (run.folder for run in runs):
            raise ConfigError(f"sweep() has {name or 'no override'!r} twice, or a run that changes nothing")
        changed = with_overrides(config, overrides)
        try:
            check_config(changed)
            if isinstance(make_model(changed.model), ContinuousFlow | MarkovModel):
                raise ConfigError("a sweep compares files, and this model codes chains of images")
            images = repr((changed.data, changed.evaluate.split, changed.evaluate.n_images, changed.model))
            if images not in checked:
                check_evaluation(changed)
                checked.add(images)
        except RecError as error:
            raise type(error)(f"override {name}: {error}") from error
        runs.append(Run(workdir / name, dict(overrides), changed))
    return runs

import json

import jax
import pytest

from rec_jax.train import loop

# What the loop does around its steps, which no step is compiled from.
_AROUND = (
    *("n_steps", "log_every", "evaluate_every", "save_every", "keep_checkpoints"),
    *("n_pictures", "initial_model", "steps_per_call", "images_on_device"),
)


@pytest.fixture(scope="session", autouse=True)
def _runs_compile_once():
    """Runs of one config share their compiled start and step: tracing these is most of what a tiny run takes."""
    compiled, compile_start, compile_steps = {}, loop._compiled_start, loop._compiled_steps

    def start(config, model, mesh):
        key = "start", _settings(config), mesh
        if key not in compiled:
            compiled[key] = compile_start(config, model, mesh)
        return compiled[key]

    def steps(config, model, net, mesh, state, fed):
        key = "steps", _settings(config), jax.tree.map(lambda array: array.shape, fed), mesh
        if key not in compiled:
            compiled[key] = compile_steps(config, model, net, mesh, state, fed)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_compiled_start", start)
        patch.setattr(loop, "_compiled_steps", steps)
        yield


def _settings(config):
    """All of a config that reaches what is compiled."""
    sections = config.to_dict()
    train = {name: value for name, value in sections["train"].items() if name not in _AROUND}
    return json.dumps([sections["seed"], sections["model"], train], default=str)

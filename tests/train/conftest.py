import json

import pytest

from rec_jax.train import loop

# What the loop does around its steps, which no step is compiled from.
_AROUND = ("log_every", "evaluate_every", "save_every", "keep_checkpoints", "n_pictures", "initial_model")


@pytest.fixture(scope="session", autouse=True)
def _steps_are_compiled_once():
    """Runs of one config and batch share their compiled step: tracing it is most of what a tiny run takes."""
    compiled, compile_step = {}, loop._compiled_step

    def shared(config, model, net, optimizer, mesh, state, batch):
        sections = config.to_dict()
        train = {name: value for name, value in sections["train"].items() if name not in _AROUND}
        key = json.dumps([sections["seed"], sections["model"], train, batch.shape], default=str), mesh
        if key not in compiled:
            compiled[key] = compile_step(config, model, net, optimizer, mesh, state, batch)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_compiled_step", shared)
        yield

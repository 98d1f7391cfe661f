"""A run that trains in seconds; as a program, `python -m tests.train.tiny WORKDIR JSON`, it is one process of a run."""

import json
import sys
import time

import jax
import numpy as np

from configs.base import base
from rec_jax.core.compilation import enable_compilation_cache


def tiny_config(**train):
    """12 steps of a network of one block; `train` overrides fields of that section."""
    config = base()
    config.model.update(dict(levels=((2, 1, 8, 2),)))
    settings = dict(n_steps=12, batch_size=8, warmup_steps=4, decay_steps=(8,), learning_rate=3e-3)
    periods = dict(log_every=4, evaluate_every=6, save_every=6, keep_checkpoints=2)
    config.train.update({**settings, **periods, **train})
    return config


def tiny_images(n_images=20):
    """uint8 [N, 8, 8, 3] with something to learn: smooth ramps of random colours."""
    random = np.random.default_rng(0)
    ramp = np.linspace(0.0, 1.0, 8)[:, None, None] * random.uniform(0, 200, (n_images, 1, 1, 3))
    return np.broadcast_to(ramp + random.uniform(0, 50, (n_images, 8, 8, 3)), (n_images, 8, 8, 3)).astype(np.uint8)


def first_weight(step, params):
    """An evaluator whose value shows every difference between two runs."""
    yield "sum", float(sum(np.abs(np.asarray(leaf)).sum() for leaf in jax.tree.leaves(params)))


def slow_first_weight(step, params):
    """The same, leaving time to be killed."""
    time.sleep(0.05)
    yield from first_weight(step, params)


def main(workdir, options):
    """options: JSON of coordinator, num_processes, process_id (or nothing) and overrides of the train section."""
    from rec_jax.train.loop import train
    from rec_jax.train.parallel import initialize_processes

    options = json.loads(options)
    enable_compilation_cache()
    initialize_processes(*(options.pop(name, None) for name in ("coordinator", "num_processes", "process_id")))
    train(tiny_config(**options), workdir, tiny_images(), [slow_first_weight])


if __name__ == "__main__":
    main(*sys.argv[1:])

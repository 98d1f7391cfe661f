"""How many steps a call does, and how their images get to the devices.

On an accelerator a step takes less time than Python takes to ask for one, and images that lie on the device need not
travel: so several steps a call, and their places in the images in place of their pixels.
"""

from collections.abc import Callable, Iterator

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from rec_jax.train import parallel

_STEPS = 10  # a call on an accelerator; it divides the periods that people choose
_MOST_BYTES = 2**32  # of images that every device keeps without being told

# [k, B] of places in the images -> (batches, images) as compile_steps takes them
Feed = Callable[[np.ndarray], tuple[jax.Array, jax.Array | None]]


def call_ends(done: int, settings: ConfigDict) -> Iterator[int]:
    """The step after which each call ends, from step `done` on: none passes a step that is logged, evaluated or saved.

    Ends are functions of the step's number, so that a resumed run makes the calls of one that was never stopped.
    """
    most = settings.steps_per_call or (1 if jax.default_backend() == "cpu" else _STEPS)
    periods = [n for n in (most, settings.log_every, settings.evaluate_every, settings.save_every) if n]
    while done < settings.n_steps:
        done = min(settings.n_steps, *(n * (done // n + 1) for n in periods))
        yield done


def make_feed(settings: ConfigDict, mesh: Mesh, images: np.ndarray) -> Feed:
    """Images [N, H, W, 3] put on every device, or cut out in the host's memory for every call."""
    stay = settings.images_on_device
    if stay == "auto":
        stay = jax.default_backend() != "cpu" and images.nbytes <= _MOST_BYTES
    if stay in (False, "false"):
        return lambda indices: (parallel.cut_over(mesh, images, indices), None)
    kept = parallel.on_every_device(mesh, images)
    places = np.arange(len(images), dtype=np.int32)
    return lambda indices: (parallel.cut_over(mesh, places, indices), kept)

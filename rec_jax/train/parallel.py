"""Data parallelism: batches sharded over all devices of all processes, parameters on every device."""

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from rec_jax.core.errors import ConfigError


def initialize_processes(coordinator: str | None, num_processes: int | None, process_id: int | None) -> None:
    """Joins the processes of a run; call it before any other use of JAX. Without a coordinator it does nothing.

    coordinator: "host:port" of process 0, or "auto" on a cluster that JAX knows (SLURM, Open MPI, TPU, Kubernetes).

    Raises:
      ConfigError: if the processes cannot find each other or the numbers are impossible.
    """
    if not coordinator:
        if num_processes is not None or process_id is not None:
            raise ConfigError("--num_processes and --process_id need --coordinator=HOST:PORT of process 0")
        return
    try:
        if coordinator == "auto":
            jax.distributed.initialize()
        else:
            jax.distributed.initialize(coordinator, num_processes, process_id)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"--coordinator={coordinator} --num_processes={num_processes} --process_id={process_id}: {reason}"
        ) from error


def is_main_process() -> bool:
    """True in the one process that writes logs."""
    return jax.process_index() == 0


def make_mesh(batch_size: int) -> Mesh:
    """One axis, `data`, over every device of every process.

    Raises:
      ConfigError: if a batch cannot be cut in equal parts.
    """
    devices = jax.devices()
    if batch_size % len(devices):
        raise ConfigError(f"train.batch_size={batch_size} must be a multiple of the {len(devices)} devices")
    return Mesh(np.array(devices), ("data",))


def replicated(mesh: Mesh) -> NamedSharding:
    """The same array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def batches_sharding(mesh: Mesh) -> NamedSharding:
    """Batches [k, B, ...]: each cut in equal parts over the devices."""
    return NamedSharding(mesh, PartitionSpec(None, "data"))


def cut_over(mesh: Mesh, images: np.ndarray, indices: np.ndarray) -> jax.Array:
    """images[indices], indices [k, B], as batches over the mesh; a process reads only the rows of its own devices."""
    shape = (*indices.shape, *images.shape[1:])

    def part(place: tuple[slice, ...] | None) -> np.ndarray:
        assert place is not None, "every device of this process holds rows"
        return images[indices[:, place[1]]]

    return jax.make_array_from_callback(shape, batches_sharding(mesh), part)


def on_every_device(mesh: Mesh, array: np.ndarray) -> jax.Array:
    """The same array on every device, from the memory of each process."""

    def whole(place: tuple[slice, ...] | None) -> np.ndarray:
        del place
        return array

    return jax.make_array_from_callback(array.shape, replicated(mesh), whole)


def local_copy(tree: Any) -> Any:
    """Replicated arrays as arrays of one local device, for work that every process does by itself."""
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)


def abstract_replica(mesh: Mesh, tree: Any) -> Any:
    """ShapeDtypeStructs of replicated arrays, from the shapes and dtypes of tree's leaves."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=replicated(mesh)), tree)

"""Checkpoints of a workdir: the only import of orbax. A folder `checkpoints/STEP` appears by one rename or not at all.

params, ema_params   as in TrainState
training             step, optimiser state and metric totals
position             JSON: where in the data and in the keys the run stands, for people and for checks
"""

import os
import shutil
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from jax.sharding import SingleDeviceSharding

from rec_jax.core.errors import ConfigError, MissingFile
from rec_jax.core.messages import one_line
from rec_jax.train.state import TrainState

_FOLDER = "checkpoints"
_OVERHEAD_BYTES = 4 << 20  # of a checkpoint's hundreds of small files
_ITEMS = {"params": "tree", "ema_params": "tree", "training": "tree", "position": "json"}


class Checkpoints:
    """The checkpoints of one workdir, written synchronously: when `save` returns, the step is on the disk.

    keep: so many of the last ones stay.  read_only: makes and cleans nothing.
    position: what, with the step, says which images and keys come next; saved, and compared when restoring.
    """

    def __init__(self, workdir: str | Path, keep: int = 1, position: dict | None = None, read_only: bool = False):
        options = ocp.CheckpointManagerOptions(
            create=not read_only,
            max_to_keep=None if read_only else keep,
            cleanup_tmp_directories=not read_only,
            enable_async_checkpointing=False,
        )
        handlers = {
            name: ocp.JsonCheckpointHandler() if kind == "json" else ocp.StandardCheckpointHandler()
            for name, kind in _ITEMS.items()
        }
        self._workdir, self._position = Path(workdir), position or {}
        self._manager = ocp.CheckpointManager(_checkpoint_folder(workdir), options=options, item_handlers=handlers)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._manager.close()

    def latest_step(self) -> int | None:
        """The last complete checkpoint's step; None if there is none."""
        return self._manager.latest_step()

    def save(self, state: TrainState) -> None:
        """Writes state under its own step and removes checkpoints beyond `keep`; a step already there is left.

        Raises:
          OSError: if it cannot be written; the earlier checkpoints stay.
        """
        step = int(state.step)
        if step == self._manager.latest_step():
            return
        self._check_room(state)
        save = ocp.args.StandardSave
        training = {"step": state.step, "opt_state": state.opt_state, "totals": state.totals}
        items = ocp.args.Composite(
            params=save(state.params),
            ema_params=save(state.ema_params),
            training=save(training),
            position=ocp.args.JsonSave({"step": step, **self._position}),
        )
        try:
            self._manager.save(step, args=items)
            self._manager.wait_until_finished()
        except (OSError, ValueError, RuntimeError) as error:  # a disk that fails is any of them
            raise OSError(self._not_written(step, one_line(error)[:300])) from error

    def _check_room(self, state: TrainState) -> None:
        """Refuses before orbax has half written: it reports a full disk in pages."""
        needed = int(1.1 * sum(leaf.nbytes for leaf in jax.tree.leaves(state))) + _OVERHEAD_BYTES
        free = shutil.disk_usage(self._manager.directory).free
        if free < needed:
            room = f"no space left: {needed >> 20} MiB are needed, {free >> 20} MiB are free"
            raise OSError(self._not_written(int(state.step), room))

    def _not_written(self, step: int, why: str) -> str:
        return (
            f"{self._workdir}: the checkpoint of step {step} could not be written ({why}); "
            f"earlier ones are kept: make room and give the same command again"
        )

    def restore(self, step: int, abstract: TrainState) -> TrainState:
        """The state saved at step, with the shapes and shardings of abstract.

        Raises:
          ConfigError: if the run had another seed, batch size or number of images than position says.
        """
        restore = ocp.args.StandardRestore
        saved = self._manager.restore(
            step,
            args=ocp.args.Composite(
                params=restore(abstract.params),
                ema_params=restore(abstract.ema_params),
                training=restore({"step": abstract.step, "opt_state": abstract.opt_state, "totals": abstract.totals}),
                position=ocp.args.JsonRestore(),
            ),
        )
        for name, value in self._position.items():
            if saved.position.get(name) != value:
                raise ConfigError(
                    f"{self._workdir} was trained with {name}={saved.position.get(name)}, now it is {value}: "
                    f"give the same data or another --workdir"
                )
        return TrainState(params=saved.params, ema_params=saved.ema_params, **saved.training)

    def restore_tree(self, step: int, name: str) -> Any:
        """params or ema_params of step on one local device, shapes as saved."""
        here = SingleDeviceSharding(jax.local_devices()[0])
        metadata = self._manager.item_metadata(step)[name]
        abstract = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), metadata)
        args = ocp.args.Composite(**{name: ocp.args.StandardRestore(abstract)})
        return self._manager.restore(step, args=args)[name]


def restore_params(workdir: str | Path, ema: bool = True) -> Any:
    """The parameters of the last checkpoint of workdir, averaged ones if ema; float32 arrays on one local device.

    Raises:
      MissingFile: if workdir holds no checkpoint.
    """
    if not _checkpoint_folder(workdir).is_dir():
        raise MissingFile(_no_checkpoint(workdir))
    with Checkpoints(workdir, read_only=True) as checkpoints:
        step = checkpoints.latest_step()
        if step is None:
            raise MissingFile(_no_checkpoint(workdir))
        return checkpoints.restore_tree(step, "ema_params" if ema else "params")


def link_checkpoints(folder: str | Path, workdir: str | Path) -> None:
    """Makes folder use the checkpoints of workdir; a folder that has some keeps them."""
    link = Path(folder) / _FOLDER
    if not link.exists():
        link.symlink_to(os.path.relpath(Path(workdir) / _FOLDER, folder), target_is_directory=True)


def _checkpoint_folder(workdir) -> Path:
    return Path(workdir).resolve() / _FOLDER


def _no_checkpoint(workdir) -> str:
    return f"{workdir} holds no checkpoint: train it first with launch.py --mode=train --workdir={workdir}"

"""Checkpoints of a workdir: the only import of orbax. A folder `checkpoints/STEP` appears by one rename or not at all.

params, ema_params   as in TrainState
training             step, optimiser state and metric totals
position             JSON: where in the data and in the keys the run stands, for people and for checks, and the
                     checksums of the other three and of itself

A checkpoint that cannot be read, or is not what was saved, is set aside, and the one before it is taken.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from absl import logging
from jax.sharding import SingleDeviceSharding

from rec_jax.core.errors import ConfigError, CorruptFile, MissingFile
from rec_jax.core.files import write_bytes_atomic
from rec_jax.core.messages import one_line
from rec_jax.train.digests import check_digests, check_files, file_digests, with_digests
from rec_jax.train.parallel import is_main_process
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
        trees = {"params": state.params, "ema_params": state.ema_params, "training": training}
        items = ocp.args.Composite(
            **{name: save(tree) for name, tree in trees.items()},
            position=ocp.args.JsonSave(with_digests({"step": step, **self._position}, trees)),
        )
        try:
            self._forget_sums(step)
            self._manager.save(step, args=items)
            self._manager.wait_until_finished()
            self._write_sums()
        except (OSError, ValueError, RuntimeError) as error:  # a disk that fails is any of them
            raise OSError(self._not_written(step, one_line(error)[:300])) from error

    def _write_sums(self) -> None:
        """What the newest step's files are, in CHECKPOINTS-sums/STEP.json: orbax tells of damage by pages of traces."""
        step = self._manager.latest_step()
        if not is_main_process() or step is None:
            return
        kept = {f"{number}.json" for number in self._manager.all_steps()}
        self._sums.mkdir(exist_ok=True)
        digests = file_digests(Path(self._manager.directory) / str(step))
        write_bytes_atomic(self._sums / f"{step}.json", json.dumps(digests).encode())
        for stale in (path for path in self._sums.glob("*.json") if path.name not in kept):
            stale.unlink()

    def _forget_sums(self, step: int) -> None:
        """Removes what an earlier checkpoint of that number was: it would condemn another one in its place."""
        if is_main_process():
            (self._sums / f"{step}.json").unlink(missing_ok=True)

    def _check_sums(self, step: int) -> None:
        """CorruptFile if a file of a step is not what was written; a step without sums passes."""
        path = self._sums / f"{step}.json"
        if path.exists():
            check_files(Path(self._manager.directory) / str(step), json.loads(path.read_text(encoding="utf-8")))

    @property
    def _sums(self) -> Path:
        return Path(f"{self._manager.directory}-sums")

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

    def restore(self, abstract: TrainState) -> TrainState:
        """The newest intact state, with the shapes and shardings of abstract; damaged ones are set aside.

        Raises:
          ConfigError: if the run had another seed, batch size or number of images than position says.
          CorruptFile: if no checkpoint is intact.
        """
        step, state = self._newest_intact(lambda step: self._restore_step(step, abstract))
        for damaged in [later for later in self._manager.all_steps() if later > step]:
            self._set_aside(damaged)
        return state

    def restore_tree(self, name: str) -> Any:
        """params or ema_params of the newest step that has them intact, on one local device, shapes as saved.

        A training that goes on may remove a step while it is read: then there is a later one, and that is taken.
        """
        while True:
            latest = self.latest_step()
            try:
                return self._newest_intact(lambda step: self._restore_item(step, name))[1]
            except CorruptFile:
                self._manager.reload()
                if self.latest_step() in (latest, None):
                    raise

    def _newest_intact(self, restore: Callable[[int], Any]) -> tuple[int, Any]:
        """(step, what restore(step) gives) of the last step for which it does; a line says which ones it was not."""
        damaged = []
        for step in sorted(self._manager.all_steps(), reverse=True):
            try:
                self._check_sums(step)
                found = restore(step)
            except (ConfigError, MemoryError):
                raise
            except Exception as error:  # orbax on damaged files: any type, of any length
                damaged.append(f"step {step}: {_reason(error)}")
                continue
            if damaged:
                logging.warning(
                    "%s: damaged checkpoints (%s); going on from step %d", self._workdir, "; ".join(damaged), step
                )
            return step, found
        raise CorruptFile(
            f"{self._workdir} has no intact checkpoint ({'; '.join(damaged)}): restore one from a copy or use another "
            f"--workdir"
        )

    def _restore_step(self, step: int, abstract: TrainState) -> TrainState:
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
        position, training = saved["position"], saved["training"]
        check_digests(position, {name: saved[name] for name, kind in _ITEMS.items() if kind == "tree"})
        if (saved_step := int(training["step"])) != step:
            raise CorruptFile(f"it is of step {saved_step}")
        for name, value in self._position.items():
            if position.get(name) != value:
                raise ConfigError(
                    f"{self._workdir} was trained with {name}={position.get(name)}, now it is {value}: "
                    f"give the same data or another --workdir"
                )
        return TrainState(params=saved["params"], ema_params=saved["ema_params"], **training)

    def _restore_item(self, step: int, name: str) -> Any:
        here = SingleDeviceSharding(jax.local_devices()[0])
        metadata = self._manager.item_metadata(step)[name]
        abstract = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), metadata)
        args = ocp.args.Composite(**{name: ocp.args.StandardRestore(abstract)}, position=ocp.args.JsonRestore())
        saved = self._manager.restore(step, args=args)
        check_digests(saved["position"], {name: saved[name]})
        return saved[name]

    def _set_aside(self, step: int) -> None:
        """Keeps a damaged step out of the way of the one that will be saved in its place."""
        if is_main_process():
            source, n = Path(self._manager.directory) / str(step), 0
            while (target := self._workdir / f"damaged-checkpoint-{step}{f'-{n}' if n else ''}").exists():
                n += 1
            os.rename(source, target)
        self._forget_sums(step)
        self._manager.reload()

    def preempted(self, n_calls: int) -> bool:
        """Whether the processes of a run have agreed to end after so many calls, because one of them got a SIGTERM."""
        return self._manager.reached_preemption(n_calls)


def restore_params(workdir: str | Path, ema: bool = True) -> Any:
    """The parameters of the last intact checkpoint of workdir, averaged ones if ema; float32 on one local device.

    Raises:
      MissingFile: if workdir holds no checkpoint.
      CorruptFile: if it holds none that is intact.
    """
    if not _checkpoint_folder(workdir).is_dir():
        raise MissingFile(_no_checkpoint(workdir))
    with Checkpoints(workdir, read_only=True) as checkpoints:
        if checkpoints.latest_step() is None:
            raise MissingFile(_no_checkpoint(workdir))
        return checkpoints.restore_tree("ema_params" if ema else "params")


def link_checkpoints(folder: str | Path, workdir: str | Path) -> None:
    """Makes folder use the checkpoints of workdir; a folder that has some keeps them."""
    link = Path(folder) / _FOLDER
    if not link.exists():
        link.symlink_to(os.path.relpath(Path(workdir) / _FOLDER, folder), target_is_directory=True)


def _reason(error: Exception) -> str:
    return one_line(error)[:100] or type(error).__name__


def _checkpoint_folder(workdir) -> Path:
    return Path(workdir).resolve() / _FOLDER


def _no_checkpoint(workdir) -> str:
    return f"{workdir} holds no checkpoint: train it first with launch.py --mode=train --workdir={workdir}"

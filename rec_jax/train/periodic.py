"""What the loop does now and then: log, evaluate, save."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh
from ml_collections import ConfigDict

from rec_jax.core.errors import TrainingDiverged
from rec_jax.train import parallel
from rec_jax.train.checkpoint import Checkpoints
from rec_jax.train.metrics import no_totals, summarise
from rec_jax.train.optimizers import Schedule
from rec_jax.train.state import TrainState
from rec_jax.train.stop import Stopped, StopRequests
from rec_jax.train.writers import MetricsWriter, NoWriter, Progress

# (step, ema_params on one local device) -> (name, a number or a picture uint8 [H, W, 3]) ...; called in every process,
# written by the main one
Evaluator = Callable[[int, Any], Iterable[tuple[str, float | np.ndarray]]]


class PeriodicCalls:
    """Decides after every call of steps what is due; a context that owns the run's writers.

    settings: the config's train section.  start: the restored step.  stop: tells when the run shall end.
    """

    def __init__(
        self,
        settings: ConfigDict,
        workdir: str | Path,
        start: int,
        checkpoints: Checkpoints,
        schedule: Schedule,
        mesh: Mesh,
        evaluators: Iterable[Evaluator],
        stop: StopRequests,
    ):
        self._settings, self._workdir = settings, workdir
        self._checkpoints, self._schedule = checkpoints, schedule
        self._evaluators, self._stop = tuple(evaluators), stop
        self._empty_totals = jax.jit(no_totals, out_shardings=parallel.replicated(mesh))
        main = parallel.is_main_process()
        self._writer = MetricsWriter(workdir, start) if main else NoWriter()
        self._progress = Progress(start, settings.n_steps, settings.batch_size, show=main)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._progress.close()
        self._writer.close()

    def catch_up(self, step: int, state: TrainState) -> None:
        """The evaluation of the restored step, if the run was stopped before it was done."""
        due = step and _due(step, self._settings.n_steps, self._settings.evaluate_every)
        if due and self._evaluators and not self._writer.has_row(step, "evaluate"):
            with self._progress.pause():
                self._stop.at_once(lambda: self._evaluate(step, state))
            if self._stop.asked:
                raise Stopped(self._stop.asked, step)

    def after_call(self, step: int, state: TrainState) -> TrainState:
        """Logs, evaluates and saves after a call that ended with this step, in this order.

        So when a checkpoint is on the disk, the rows up to it are as well.

        Raises:
          Stopped: if the run shall end; the step is saved.
          TrainingDiverged: if a step since the last call had a loss or gradient that is not finite.
        """
        settings = self._settings
        log, evaluate, save = (
            _due(step, settings.n_steps, every)
            for every in (settings.log_every, settings.evaluate_every, settings.save_every)
        )
        stopped = self._stop.after_call()
        if log or evaluate or save or stopped:
            self._check_finite(state)
        if log:
            state = self._log(step, state)
        with self._progress.pause():
            if evaluate and self._evaluators and not stopped:
                self._stop.at_once(lambda: self._evaluate(step, state))
            stopped = stopped or self._stop.asked
            if save or stopped:
                self._checkpoints.save(state)
        if stopped:
            raise Stopped(stopped, step)
        return state

    def _check_finite(self, state: TrainState) -> None:
        bad_step = int(state.totals.first_bad_step)
        if bad_step:
            kept = self._checkpoints.latest_step()
            raise TrainingDiverged(
                f"the loss or its gradient is not finite at step {bad_step}; "
                f"{'no checkpoint was written yet' if kept is None else f'the checkpoint of step {kept} is kept'} "
                f"in {self._workdir}: lower train.learning_rate or train.clip_norm and use another --workdir"
            )

    def _log(self, step: int, state: TrainState) -> TrainState:
        values = summarise(jax.device_get(parallel.local_copy(state.totals)))
        values["learning_rate"] = float(self._schedule(step - 1))
        values["images_per_second"] = round(self._progress.images_per_second(step), 2)
        self._writer.write(step, "train", values)
        self._progress.show(step, values)
        return state._replace(totals=self._empty_totals())

    def _evaluate(self, step: int, state: TrainState) -> None:
        params = parallel.local_copy(state.ema_params)
        pairs = [pair for evaluator in self._evaluators for pair in evaluator(step, params)]
        for name, value in pairs:
            if isinstance(value, np.ndarray):
                self._writer.write_picture(step, name, value)
        values = {name: float(value) for name, value in pairs if not isinstance(value, np.ndarray)}
        self._writer.write(step, "evaluate", values)
        self._progress.show_evaluation(step, values)


def _due(step: int, last: int, every: int) -> bool:
    return step == last or bool(every and step % every == 0)

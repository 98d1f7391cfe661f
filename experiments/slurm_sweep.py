r"""A config's sweep as a SLURM job array, through submitit (the extra `slurm`).

python -m experiments.slurm_sweep --jobs=500 --gpus=1 --hours=12 --partition=NAME -- \
    --config=configs/cifar10_rvae.py --workdir=runs/sweep

Every job of the array does the runs that no other one has (rec_jax/sweep/runs.py), until none is left, so that a short
run's job goes on with another one; a job that was killed leaves its run to the next. What stands behind -- are flags of
launch.py. Every job writes the sweep's table and plot when it ends. --local runs the jobs as processes of this machine.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Job(NamedTuple):
    """What one job of the array runs; submitit pickles it."""

    words: tuple[str, ...]

    def __call__(self) -> int:
        """The exit code of the sweep's process; a failure fails the job."""
        return subprocess.run(self.words, cwd=ROOT, check=True).returncode

    def checkpoint(self) -> Any:
        """What submitit queues when the job is preempted: the same, which goes on from the last checkpoint."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def sweep_words(flags: Sequence[str]) -> tuple[str, ...]:
    """The command of one process of the sweep."""
    return (sys.executable, str(ROOT / "launch.py"), "--mode=sweep", *flags)


def slurm_parameters(arguments: argparse.Namespace) -> dict[str, Any]:
    """What submitit's executor is told: one task a job, on one node."""
    parameters = dict(
        timeout_min=round(60 * arguments.hours), nodes=1, tasks_per_node=1, cpus_per_task=arguments.cpus,
        gpus_per_node=arguments.gpus, slurm_array_parallelism=arguments.at_once or arguments.jobs, name="rec_jax_sweep",
    )  # fmt: skip
    return parameters | ({"slurm_partition": arguments.partition} if arguments.partition else {})


def main(argv: Sequence[str] | None = None) -> int:
    """Queues the jobs and prints their ids; with --local waits for them and reports."""
    arguments = parse(argv)
    try:
        import submitit
    except ImportError:
        print("slurm_sweep: submitit is not installed; pip install -e '.[slurm]'", file=sys.stderr)
        return 1
    folder = arguments.logs.expanduser().resolve()
    executor = submitit.AutoExecutor(folder=folder, cluster="local" if arguments.local else "slurm")
    parameters = slurm_parameters(arguments)
    executor.update_parameters(**(dict(timeout_min=parameters["timeout_min"]) if arguments.local else parameters))
    with executor.batch():
        jobs = [executor.submit(Job(sweep_words(arguments.flags))) for _ in range(arguments.jobs)]
    print(f"{len(jobs)} jobs, {jobs[0].job_id} to {jobs[-1].job_id}; logs in {folder}")
    if not arguments.local:
        return 0
    failed = [job.job_id for job in jobs if job.exception() is not None]
    print(f"{len(jobs) - len(failed)} of {len(jobs)} jobs succeeded")
    return int(bool(failed))


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments; `flags` are launch.py's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1, help="of the array")
    parser.add_argument("--at_once", type=int, default=0, help="of them at the same time; 0: all")
    parser.add_argument("--hours", type=float, default=24.0, help="limit of a job")
    parser.add_argument("--gpus", type=int, default=1, help="of a job")
    parser.add_argument("--cpus", type=int, default=4, help="of a job")
    parser.add_argument("--partition", default="")
    parser.add_argument("--logs", type=Path, default=Path("runs/slurm_logs"))
    parser.add_argument("--local", action="store_true", help="processes of this machine in place of SLURM's jobs")
    parser.add_argument("flags", nargs="+", help="-- and launch.py's --config and --workdir")
    arguments = parser.parse_args(argv)
    if arguments.jobs < 1:
        parser.error(f"--jobs={arguments.jobs} must be at least 1")
    return arguments


if __name__ == "__main__":
    sys.exit(main())

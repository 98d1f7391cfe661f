"""What SLURM is asked for, and jobs that run where submitit is installed."""

import subprocess
import sys

import pytest

from experiments.slurm_sweep import ROOT, Job, main, parse, slurm_parameters, sweep_words

STAND_IN = """
import sys
from experiments import slurm_sweep
slurm_sweep.sweep_words = lambda flags: (sys.executable, "-c", "raise SystemExit({code})")
sys.exit(slurm_sweep.main())
"""
FLAGS = ["--config=configs/quickstart.py:quick", "--workdir=runs/x"]


def test_flags_behind_the_dashes_are_those_of_the_sweep():
    arguments = parse(["--jobs=500", "--gpus=8", "--hours=1.5", "--partition=a100", "--", *FLAGS])
    assert sweep_words(arguments.flags) == (sys.executable, str(ROOT / "launch.py"), "--mode=sweep", *FLAGS)
    parameters = slurm_parameters(arguments)
    assert parameters["slurm_array_parallelism"] == 500 and parameters["timeout_min"] == 90
    assert parameters["gpus_per_node"] == 8 and parameters["slurm_partition"] == "a100"
    assert slurm_parameters(parse(["--jobs=9", "--at_once=2", "--", *FLAGS]))["slurm_array_parallelism"] == 2


def test_without_submitit_one_line_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "submitit", None)
    assert main(["--", *FLAGS]) == 1
    error = capsys.readouterr().err
    assert "pip install -e '.[slurm]'" in error and error.count("\n") == 1


@pytest.mark.parametrize("code, line", [(0, "2 of 2 jobs succeeded"), (3, "0 of 2 jobs succeeded")])
def test_jobs_run_and_their_failures_are_counted(tmp_path, code, line):
    pytest.importorskip("submitit")
    words = [
        sys.executable,
        "-c",
        STAND_IN.format(code=code),
        "--jobs=2",
        "--local",
        f"--logs={tmp_path}",
        "--",
        *FLAGS,
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert line in done.stdout and done.returncode == int(code > 0), done.stderr


def test_a_preempted_job_is_queued_again():
    submitit = pytest.importorskip("submitit")
    assert isinstance(Job(("true",)).checkpoint(), submitit.helpers.DelayedSubmission)

"""Every command of the documents is one: what takes seconds runs on small pictures, of the rest all words are known.

What is not run, and where else it is tested, stands in NOT_RUN.
"""

import argparse
import importlib
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from absl import flags
from ml_collections import config_flags
from PIL import Image

import launch
from configs.base import base
from experiments.table1 import __main__ as table1
from experiments.table1.columns import TITLES
from experiments.table1.rows import make_rows
from rec_jax import cli
from rec_jax.codec.defaults import LOSSY_MODEL
from rec_jax.codec.model_file import find_model_path, shipped_model_paths
from rec_jax.evaluate.checks import check_config
from rec_jax.train.checks import check_complete
from tests.documented import DOCUMENTS, ROOT, commands, python_blocks, variants

# Words of a program that are only read, and why they are no more than that
NOT_RUN = {
    "launch.py": "minutes, and data sets; tests/train, tests/evaluate and tests/sweep run its modes",
    "make": "installs, or minutes; that there is such a target",
    "pip": "the network; that there is such an extra",
    "build": "another program; tests/test_packaging.py builds",
    "twine": "another program",
    "pypi_attestations": "another program",
    "experiments.bench": "minutes; tests/experiments/test_bench.py",
    "experiments.bits_back": "CIFAR10; tests/codec/test_bits_back.py",
    "experiments.bulk": "CIFAR10, minutes; tests/cli/test_bulk*.py",
    "experiments.coder_table": "hours; tests/experiments/test_bench.py",
    "experiments.figure3": "Kodak, hours; tests/experiments/test_figure3*.py",
    "experiments.integer_elbo": "CIFAR10, minutes",
    "experiments.learning_curves": "runs of hours; tests/experiments/test_learning_curves.py",
    "experiments.make_tables": "a minute; tests/exact/test_tables.py",
    "experiments.pictures": "minutes; tests/experiments/test_pictures.py",
    "experiments.portability": "CIFAR10, minutes; tests/experiments/test_portability.py",
    "experiments.round_trip": "CIFAR10 or a run, minutes; tests/experiments",
    "experiments.slurm_sweep": "a cluster; tests/experiments/test_slurm_sweep.py",
    "experiments.sweep_coders": "hours; tests/experiments/test_sweep_coders.py",
    "experiments.table1": "data sets, hours; tests/experiments/test_table1*.py",
    "rec_jax.data.prepare": "the network, or your archive; tests/data/test_prepare.py",
}
TEXTS = {name: (ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS}
COMMANDS = [one for name, text in TEXTS.items() for one in commands(name, text)]
BY_PROGRAM = {
    kind: [(one.document, line) for one in COMMANDS for line in variants(one.words) if kind in line]
    for kind in ("rec-jax ", "make ", "python launch.py ", "python -m ")
}


def cases(kind):
    return pytest.mark.parametrize("words", [shlex.split(line) for _, line in BY_PROGRAM[kind]], ids=shlex.join)


def test_no_command_is_of_an_unknown_kind():
    sorted_out = {line for lines in BY_PROGRAM.values() for _, line in lines}
    assert len(COMMANDS) > 50 and {line for one in COMMANDS for line in variants(one.words)} == sorted_out
    modules = {line.split()[2] for _, line in BY_PROGRAM["python -m "]}
    assert modules | {"launch.py", "make"} == set(NOT_RUN)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with IN.png, IN.rec and pictures, which IN... are."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(100, 110, (8, 6, 3)).astype(np.uint8)
    Image.fromarray(pixels).save("IN.png")
    (tmp_path / "pictures").mkdir()
    for name in ("one.png", "two.png"):
        shutil.copy("IN.png", tmp_path / "pictures" / name)
    assert cli.main(["compress", "IN.png", "IN.rec"]) == 0
    return tmp_path


@cases("rec-jax ")
def test_the_command_runs(folder, words, capsys):
    if "--lossy" in words and LOSSY_MODEL not in shipped_model_paths():
        pytest.skip(f"{LOSSY_MODEL} is not among the shipped models")
    if "--max-bytes" in words:
        words[-1] = "400"
    path = str(find_model_path("cifar10"))
    places = {"NAME": "cifar10", "PATH": path, "N": "1", "I/N": "1/2", "IN...": "pictures"}
    places |= {"0..100": "50", "L": "0.01", "DB": "25"}
    words = [path if word.endswith("/model.safetensors") else places.get(word, word) for word in words[1:]]
    assert cli.main(words) == 0, capsys.readouterr().err  # a device of this picture's model is any: it has no latents
    if "decompress" in words:
        assert (np.asarray(Image.open("OUT.png")) == np.asarray(Image.open("IN.png"))).all()
    elif "-o" in words:
        assert len(list((folder / "DIR").iterdir())) == (1 if "--shard" in words else 2)
    elif "compress" in words:
        assert (folder / "OUT.rec").stat().st_size


@pytest.mark.parametrize("number", range(len(python_blocks(TEXTS["README.md"]))))
def test_the_python_of_the_readme_runs(folder, number):
    shutil.copy("IN.png", "picture.png")
    code = python_blocks(TEXTS["README.md"])[number].replace("1000", "10")  # dims: a hundredth of the nats
    exec(compile(code, "README.md", "exec"), {})


@cases("make ")
def test_make_has_the_target(words):
    if shutil.which("make") is None:
        pytest.skip("no make")
    done = subprocess.run([*words, "--dry-run"], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def parse_launch(words, tmp_path):
    """Reads launch.py's words as it does, and checks the config; a placeholder becomes something of its kind."""
    text = " ".join(words).replace("--config=...", "--config=FILE").replace("...", "")
    for name, value in {
        "FILE": "configs/cifar10_rvae.py",
        "=NAME": "=cifar10-rvae",
        "=PATH": f"={find_model_path('cifar10-rvae')}",
        "SHARED": str(tmp_path),
        "I/N": "1/2",
        "process_id=I": "process_id=0",
    }.items():
        text = text.replace(name, value)
    for flag, value in (("config", "configs/quickstart.py:quick"), ("workdir", str(tmp_path))):
        text += "" if f"--{flag}=" in text else f" --{flag}={value}"
    argv, values = ["launch.py", *shlex.split(text)], flags.FlagValues()
    argv = [re.sub(r"^--config=", f"--config={ROOT}/", word) for word in argv]
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=argv)
    for name in flags.FLAGS.flags_by_module_dict()[launch.__name__]:
        if name.name != "config":
            values[name.name] = flags.FLAGS[name.name].__deepcopy__({})
    assert values(argv) == ["launch.py"], "words that are no flags"
    check_complete(values.config, base())
    check_config(values.config)
    return values


@cases("python launch.py ")
def test_launch_knows_the_words(words, tmp_path):
    values = parse_launch(words[2:], tmp_path)
    if values.mode == "sweep":
        assert "def sweep(" in (ROOT / "configs" / "cifar10_rvae.py").read_text()


class Read(BaseException):
    """Carries the arguments out of a program that would now begin its work."""


def read(module, words, monkeypatch):
    """The arguments of `python -m module`, or SystemExit."""
    own = sys.modules[importlib.import_module(module).main.__module__]
    if parse := getattr(own, "_parse", getattr(own, "parse", None)):
        return parse(words)

    def stop(parser, arguments=None, namespace=None):
        raise Read(parse_args(parser, words, namespace))

    parse_args = argparse.ArgumentParser.parse_args
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    with pytest.raises(Read) as found:
        own.main()
    return found.value.args[0]


@cases("python -m ")
def test_the_program_knows_the_words(words, tmp_path, monkeypatch):
    module, words = words[2], [word for word in words[3:] if word != "..."]
    if module in ("build", "twine", "pypi_attestations"):
        pytest.skip(NOT_RUN[module])
    if module == "pip":
        extra = re.search(r"\[(.*)\]", words[-1])[1]
        assert extra in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        return
    module += ".__main__" * (ROOT / module.replace(".", "/")).is_dir()
    found = read(module, words, monkeypatch)
    if module == "experiments.slurm_sweep":
        parse_launch(found.flags, tmp_path)
    if module == "experiments.table1.__main__":
        arguments, overrides = found
        config = table1._load_config(arguments.quick, overrides)
        names = {row.id for row in make_rows(config)} | set(TITLES)
        assert {part for word in arguments.only.split(",") if word for part in word.split("/")} <= names

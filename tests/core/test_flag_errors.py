"""Config files that are none: one line that says which, where and why."""

import re
import sys

import pytest
from absl import flags
from ml_collections import ConfigDict, config_flags

from configs.base import base
from rec_jax.core.errors import ConfigError
from rec_jax.core.flag_errors import check_config_file, flag_error_line
from rec_jax.train.checks import check_complete


def said_of(argv: list[str]) -> str:
    """What parsing a command line as launch.py does comes to."""
    sys.modules.pop("config_config", None)  # into which every config file is loaded
    values = flags.FlagValues()
    config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=argv)
    with pytest.raises(Exception) as caught:
        values(argv)
    return flag_error_line(caught.value, argv)


@pytest.mark.parametrize(
    "source, line",
    [
        ("def get_config(:\n", ", line 1: SyntaxError: invalid syntax"),
        ("\nimport nothing_there\n", ", line 2: ModuleNotFoundError: No module named 'nothing_there'"),
        ("def get_config():\n    return {}['x']\n", ", line 2: KeyError: 'x'"),
        ("x = 1\n", " is no config file: it has no get_config()"),
    ],
)
@pytest.mark.parametrize("argument", ["", ":quick"])
@pytest.mark.parametrize("name", ["mine.py", "./mine.py", "link.py", "{folder}/mine.py"])
def test_a_config_file_that_fails_is_told_by_its_line(tmp_path, monkeypatch, source, line, argument, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(source.replace("()", "(argument)") if argument else source)
    (tmp_path / "link.py").symlink_to("mine.py")
    path = name.format(folder=tmp_path)
    line = line.replace("get_config(argument)", "get_config()")
    assert said_of(["launch.py", f"--config={path}{argument}"]) == f"{path}{line}"
    assert said_of(["launch.py", "--config", f"{path}{argument}"]) == f"{path}{line}"


def test_a_get_config_that_takes_no_argument_is_told_with_its_file(tmp_path):
    (tmp_path / "mine.py").write_text("def get_config():\n    return 1\n")
    said = said_of(["launch.py", f"--config={tmp_path / 'mine.py'}:quick"])
    assert said.startswith(f"{tmp_path / 'mine.py'}: get_config() takes 0 positional arguments")


def test_what_a_config_file_says_is_cut(tmp_path):
    (tmp_path / "mine.py").write_text("def get_config():\n    raise ValueError('x' * 999)\n")
    assert len(said_of(["launch.py", f"--config={tmp_path / 'mine.py'}"])) < 400


def test_our_own_words_of_a_config_come_without_a_line():
    said = said_of(["launch.py", "--config=configs/cifar10_small.py:nope"])
    assert said == "config argument 'nope' is unknown; have 'quick', 'coder=KIND', or none"


def test_an_override_of_nothing_names_the_nearest_field():
    assert flag_error_line(KeyError("'xyz'"), ["--config.xyz=1"]) == "--config.xyz=1: the config has no field 'xyz'"
    said = said_of(["launch.py", "--config=configs/cifar10_small.py", "--config.train.n_stepz=4"])
    assert said == "--config.train.n_stepz=4: the config has no field 'n_stepz'; did you mean 'n_steps'?"


@pytest.mark.parametrize("name", ["", "nope.py", "nope.py:quick", "/"])
def test_a_config_file_that_is_not_there_is_told(name):
    path = re.escape(name.partition(":")[0])
    with pytest.raises(ConfigError, match=f"^--config={path}: no such file"):
        check_config_file(["launch.py", f"--config={name}"])
    check_config_file(["launch.py", f"--config={name}", "--config=configs/quickstart.py:quick"])  # the last counts
    check_config_file(["launch.py", "--", f"--config={name}"])  # no flag


def test_a_config_of_another_program_lacks_what_ours_have():
    with pytest.raises(ConfigError, match="the config has no (coder|data|evaluate|model|train); begin with base"):
        check_complete(ConfigDict({"seed": 0}), base())
    config = base().unlock()
    del config.train["n_steps"]
    with pytest.raises(ConfigError, match=r"the config has no train\.n_steps; begin with base"):
        check_complete(config, base())
    check_complete(base(), base())
    for section in ("model", "coder"):
        config = base().unlock()
        del config[section]["kind"]
        with pytest.raises(ConfigError, match=rf"the config has no {section}\.kind"):
            check_complete(config, base())
    with pytest.raises(ConfigError, match=r"get_config\(\) returned int, no ConfigDict"):
        check_complete(7, base())

"""The paper's Table 1: classical codecs, bits-back, iREC and our best coder on CIFAR10, ImageNet32 and Kodak.

python -m experiments.table1 --workdir=runs/table1 --data_dir=DIR --kodak_dir=FOLDER
python -m experiments.table1 --workdir=runs/table1 --data_dir=DIR --only=cifar10/png,cifar10/rec
python -m experiments.table1 --workdir=runs/table1 --render                      # draws what is there; measures nothing
python -m experiments.table1 --workdir=runs/table1_quick --quick                 # embedded photographs, two minutes
python -m experiments.table1 --workdir=... --config.kodak.models=runs/photos/model.safetensors

DIR is a TFDS folder (python -m rec_jax.data.prepare), FOLDER holds Kodak's PNGs. What is not there is "not run". A
killed run resumes; a number is never the mean of rows of other data, weights, coders or code. Writes WORKDIR/table1.md,
.json and .html after every cell.
"""

import argparse
import json
import sys
from pathlib import Path

from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments.program import GOES_ON, check_folders, ends_in_a_line
from experiments.table1.cells import ROOT
from rec_jax.core.errors import ConfigError
from rec_jax.core.files import write_bytes_atomic
from rec_jax.core.flag_errors import flag_error_line


@ends_in_a_line("table1", GOES_ON)
def main(argv: list[str] | None = None) -> int:
    """Measures what is missing and draws; exit code 1 if something failed."""
    arguments, words = _parse(sys.argv[1:] if argv is None else argv)
    return _run(arguments, words)


def _run(arguments: argparse.Namespace, words: list[str]) -> int:
    from experiments.table1.columns import make_columns
    from experiments.table1.rows import make_rows
    from experiments.table1.run import (
        Plan,
        chosen,
        plan_jobs,
        public_command,
        public_config,
        read_plan,
        run_jobs,
        write_samples,
    )
    from rec_jax.core.compilation import enable_compilation_cache
    from rec_jax.core.locks import locked

    workdir = arguments.workdir
    if arguments.render:
        plan = read_plan(workdir)
        draw(plan, make_rows(plan.config), workdir, arguments.readme)
        return 0
    check_folders(arguments.data_dir, arguments.kodak_dir)  # else all that they hold would be "not run"
    enable_compilation_cache()
    config = _load_config(arguments.quick, words)
    columns, rows = list(make_columns(config, arguments.data_dir, arguments.kodak_dir)), make_rows(config)
    pairs = chosen(arguments.only, rows, columns)
    with locked(workdir):
        plan = read_plan(workdir) if arguments.only and (workdir / "cells.json").is_file() else Plan()
        flag_words = ["--quick"] * arguments.quick + words
        plan.command = public_command(workdir, flag_words, bool(arguments.data_dir), bool(arguments.kodak_dir))
        plan.take_config(public_config(config.to_dict()))
        jobs = plan_jobs(plan, pairs, plan.command, _say)
        plan.write(workdir)
        write_samples({column.id: column for _, column in pairs}.values(), config.n_samples, workdir)
        n_failed = run_jobs(plan, jobs, workdir, _say, lambda: draw(plan, rows, workdir, None, quiet=True))
        draw(plan, rows, workdir, arguments.readme)
    return int(n_failed > 0)


def draw(plan, rows, workdir: Path, readme: Path | None, quiet: bool = False) -> None:
    """Writes table1.json, table1.md and table1.html from what has been measured, and the README's section if named."""
    from experiments.table1.markdown import main_table, to_markdown
    from experiments.table1.page import to_html
    from experiments.table1.readme import write_readme
    from experiments.table1.results import make_table

    table = make_table(plan, rows, workdir)
    write_bytes_atomic(workdir / "table1.json", (json.dumps(table, indent=1) + "\n").encode())
    write_bytes_atomic(workdir / "table1.md", to_markdown(table).encode())
    write_bytes_atomic(workdir / "table1.html", to_html(table, workdir).encode())
    if readme:
        write_readme(readme, table)
    if not quiet:
        print(main_table(table))
        print(f"written: {workdir}/table1.md, table1.json, table1.html" + (f", {readme}" if readme else ""))


def _load_config(quick: bool, words: list[str]) -> ConfigDict:
    """configs/table1.py with the overrides of the command line."""
    default, values = f"{ROOT / 'configs' / 'table1.py'}{':quick' if quick else ''}", flags.FlagValues()
    argv = ["table1", *words]
    try:
        config_flags.DEFINE_config_file("config", default, flag_values=values, sys_argv=argv)
        values(argv)
    except (flags.Error, AttributeError, KeyError, ValueError, TypeError, OSError) as error:
        raise ConfigError(flag_error_line(error, argv)) from None
    return values.config


def _say(line: str) -> None:
    print(line, flush=True)


def _parse(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Own flags, and the words --config... that override configs/table1.py."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.table1",
        description="Measure and draw the paper's Table 1. --config.FIELD=VALUE overrides configs/table1.py.",
        allow_abbrev=False,
    )
    parser.add_argument("--workdir", type=Path, required=True, help="folder for rows, samples and results")
    parser.add_argument("--data_dir", default="", help="TFDS root; default: TFDS_DATA_DIR, else ~/tensorflow_datasets")
    parser.add_argument("--kodak_dir", default="", help="folder of Kodak's PNGs; default: TFDS's kodak")
    parser.add_argument("--only", default="", help="columns, rows or pairs such as kodak/png, joined by commas")
    parser.add_argument("--quick", action="store_true", help="the whole path on a few embedded photographs")
    parser.add_argument("--render", action="store_true", help="only draw what has been measured")
    parser.add_argument(
        "--readme",
        type=Path,
        nargs="?",
        const=ROOT / "README.md",
        help="write it into README.md and docs/RESULTS.md",
    )
    arguments, words = parser.parse_known_args(argv)
    if stranger := next((word for word in words if not word.startswith("--config")), None):
        parser.error(f"unknown argument {stranger!r}; have the flags of --help and --config.FIELD=VALUE")
    return arguments, words


if __name__ == "__main__":
    sys.exit(main())

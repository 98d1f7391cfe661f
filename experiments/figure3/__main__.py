"""The paper's Figure 3: PSNR and MS-SSIM against bits per pixel, of real files, with published curves beside them.

python -m experiments.figure3 --workdir=runs/figure3 --kodak_dir=FOLDER
python -m experiments.figure3 --workdir=runs/figure3 --kodak_dir=FOLDER --only=webp,avif
python -m experiments.figure3 --workdir=runs/figure3 --kodak_dir=FOLDER --models=runs/x/model.safetensors
python -m experiments.figure3 --workdir=runs/figure3 --render                  # draws what is there; measures nothing
python -m experiments.figure3 --workdir=runs/figure3_quick --quick             # two embedded photographs

FOLDER holds Kodak's PNGs; without it TFDS's kodak in --data_dir is taken. What is not installed is "not run". A killed
run resumes. Writes WORKDIR/figure3.png, .svg, .json and .html (with its folder pictures/) after every method.
"""

import argparse
import json
import sys
from pathlib import Path

from experiments.program import GOES_ON, ends_in_a_line
from rec_jax.core.files import write_bytes_atomic


@ends_in_a_line("figure3", GOES_ON)
def main(argv: list[str] | None = None) -> int:
    """Measures what is missing and draws; exit code 1 if something failed."""
    arguments = _parse(argv)
    return _run(arguments)


def _run(arguments: argparse.Namespace) -> int:
    from experiments.figure3.learned import model_methods
    from experiments.figure3.methods import make_methods
    from experiments.figure3.pictures import open_pictures
    from experiments.figure3.run import chosen, plan_jobs, run_jobs
    from experiments.figure3.samples import write_originals
    from experiments.figure3.series import Plan, read_plan
    from rec_jax.core.compilation import enable_compilation_cache
    from rec_jax.core.locks import locked

    workdir, methods = arguments.workdir, [*make_methods(), *model_methods(arguments.models)]
    if arguments.render:
        draw(read_plan(workdir), methods, workdir, arguments.readme)
        return 0
    enable_compilation_cache()
    wanted = chosen(arguments.only, methods)
    pictures = open_pictures(arguments.quick, arguments.data_dir, arguments.kodak_dir)
    with locked(workdir):
        plan = read_plan(workdir) if (workdir / "series.json").is_file() else Plan()
        plan.take_pictures(pictures.data, pictures.stand_in, pictures.digest, pictures.names)
        plan.command = _public_command(arguments)
        jobs = plan_jobs(plan, wanted, pictures, arguments.quick, _say)
        plan.complete([method.id for method in methods])
        plan.write(workdir)
        write_originals(pictures, workdir)
        n_failed = run_jobs(plan, jobs, pictures, workdir, lambda: draw(plan, methods, workdir, None, quiet=True))
        draw(plan, methods, workdir, arguments.readme)
    return int(n_failed > 0)


def draw(plan, methods, workdir: Path, readme: Path | None, quiet: bool = False) -> None:
    """Writes the figure's files from what has been measured, and the README's section if named."""
    from experiments.figure3 import figure as drawing
    from experiments.figure3.page import to_html
    from experiments.figure3.results import make_figure
    from experiments.figure3.samples import write_samples
    from experiments.figure3.tables import readme_section, summary_table
    from experiments.readme import write_results

    figure = make_figure(plan, workdir)
    write_bytes_atomic(workdir / "figure3.json", (json.dumps(figure, indent=1, allow_nan=False) + "\n").encode())
    drawing.draw(figure, workdir)
    if quiet:
        return
    if readme:
        short, whole = (readme_section(figure, against) for against in (False, True))
        write_results(readme, "figure3", short, whole)
    samples = write_samples(figure, plan, methods, workdir)
    write_bytes_atomic(workdir / "figure3.html", to_html(figure, samples).encode())
    print(summary_table(figure))
    for method, reason in figure["not_run"].items():
        print(f"{method}: not run: {reason}")
    print(f"written: {workdir}/figure3.png, figure3.svg, figure3.json, figure3.html")


def _public_command(arguments: argparse.Namespace) -> str:
    """The command that measures the figure, with placeholders where this machine's folders were."""
    folder = "WORKDIR" if arguments.workdir.is_absolute() else str(arguments.workdir)
    words = ["--quick"] * arguments.quick
    words += [f"--models={','.join(Path(name).name for name in arguments.models.split(','))}"] * bool(arguments.models)
    words += ["--data_dir=DIR"] * bool(arguments.data_dir) + ["--kodak_dir=FOLDER"] * bool(arguments.kodak_dir)
    return " ".join(["python -m experiments.figure3", f"--workdir={folder}", *words])


def _say(line: str) -> None:
    print(line, flush=True)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.figure3",
        description="Measure and draw the paper's Figure 3.",
        allow_abbrev=False,
    )
    parser.add_argument("--workdir", type=Path, required=True, help="folder for rows, files and results")
    parser.add_argument("--kodak_dir", default="", help="folder of Kodak's PNGs; default: TFDS's kodak")
    parser.add_argument("--data_dir", default="", help="TFDS root; default: TFDS_DATA_DIR, else ~/tensorflow_datasets")
    parser.add_argument("--only", default="", help="methods such as jpeg,avif, joined by commas")
    parser.add_argument("--models", default="", help="lossy models of yours, names or files, joined by commas")
    parser.add_argument("--quick", action="store_true", help="two embedded photographs and short ladders")
    parser.add_argument("--render", action="store_true", help="only draw what has been measured")
    parser.add_argument(
        "--readme",
        type=Path,
        nargs="?",
        const=Path("README.md"),
        help="write it into README.md and docs/RESULTS.md",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

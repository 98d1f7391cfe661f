"""A command of many files from its words to its last line."""

import argparse
import contextlib
import itertools
import os
import time
from collections.abc import Callable, Generator

from rec_jax.cli.bulk.inputs import Inputs, Item, Shard, find_inputs, parse_shard
from rec_jax.cli.bulk.outcome import Outcome, Totals
from rec_jax.cli.bulk.processes import Work, work_in_processes
from rec_jax.cli.streams import report
from rec_jax.core.console import complain
from rec_jax.core.errors import RecError
from rec_jax.core.files import check_writable
from rec_jax.core.interrupts import prompt_interrupts
from rec_jax.core.processors import n_processors
from rec_jax.core.progress import progress_line
from rec_jax.core.standard_streams import STANDARD

INTERRUPTED = "interrupted; what is written is whole, and the same command goes on from there"
_FILES_AT_ONCE = 16
_BYTES_AT_ONCE = 1 << 16  # of sources that are worked on together; a larger one comes alone
_NAMED = 5  # files that are left out, in a message


def add_options(command: argparse.ArgumentParser, jobs_default: str) -> None:
    """What every command of many files takes."""
    command.add_argument("-o", "--output-dir", metavar="DIR", dest="folder", help="make many files, in this folder")
    command.add_argument("--jobs", type=_positive, metavar="N", help=f"with -o: processes; default: {jobs_default}")
    shard_help = "with -o: only every n-th file from the i-th on, of all in sorted order"
    command.add_argument("--shard", type=parse_shard, metavar="I/N", help=shard_help)


def check_words(arguments: argparse.Namespace) -> None:
    """A wrong combination of words ends the program, as argparse's own errors do."""
    words, in_bulk = arguments.paths, arguments.folder is not None
    if not in_bulk and len(words) != 2:
        arguments.usage_error(f"{len(words)} paths; give one input and one output, or inputs and -o DIR")
    if not in_bulk and (arguments.jobs or arguments.shard):
        arguments.usage_error("--jobs and --shard are for many files; give -o DIR")
    if arguments.folder == "":
        arguments.usage_error("-o '' names no folder; . is the one you are in")
    if in_bulk and STANDARD in (*words, arguments.folder):
        arguments.usage_error("- is one file, and -o is for many in a folder; give one input and one output")


def one_or_many(
    arguments: argparse.Namespace,
    run_one: Callable[[argparse.Namespace, str, str], None],
    run_many: Callable[[argparse.Namespace], int],
) -> int:
    """One file to another, or many to a folder, as the command's words say; the exit code."""
    check_words(arguments)
    if arguments.folder is not None:
        return run_many(arguments)
    run_one(arguments, *arguments.paths)
    return 0


def find_work(arguments: argparse.Namespace, suffix: str, takes: Callable[[str], bool]) -> Inputs:
    """The inputs of this shard, once it is clear that outputs can be written; the first of them makes their folder."""
    inputs = find_inputs(arguments.paths, arguments.folder, suffix, takes)
    if not (inputs.items or inputs.missing):
        raise RecError(f"{', '.join(arguments.paths)}: nothing to do there{_left_out(inputs.left_out, '; ')}")
    _check_folder(arguments.folder)
    shard = arguments.shard or Shard()
    return Inputs(inputs.items[shard.number - 1 :: shard.of], inputs.missing, inputs.left_out)


def _check_folder(folder: str) -> None:
    """Raises RecError or OSError, which name the folder, where it is none or cannot be made or written."""
    nearest = folder.rstrip(os.sep) or os.sep  # of those above it, the first that is there
    try:
        while not _is_there(nearest):
            nearest = os.path.dirname(nearest) or os.curdir
        if not os.path.isdir(nearest):
            raise RecError(f"{nearest} is a file; name a folder with -o")
        check_writable(os.path.join(nearest, ".rec-jax"))  # which stands for any file
    except OSError as error:
        raise type(error)(error.errno, error.strerror, folder) from None


def _is_there(path: str) -> bool:
    """Raises OSError for a name that cannot be: too long, or below a file; RecError for a link to nothing."""
    try:
        os.stat(path)
    except FileNotFoundError:
        if os.path.islink(path):
            raise RecError(f"{path} is a link to nothing; mend it, or name another folder with -o") from None
        return False
    return True


def run_bulk(
    arguments: argparse.Namespace, inputs: Inputs, make_work: Callable[[], Work], default_jobs: int | None = None
) -> int:
    """Does it, says what failed as it goes and what came out; returns the exit code.

    default_jobs: without --jobs; None: one for each processor.
    """
    start_s = time.perf_counter()
    if left_out := _left_out(inputs.left_out):
        complain(f"rec-jax: {left_out}")
    totals, total = Totals(), len(inputs.items) + len(inputs.missing)
    chunks = _chunks(inputs.items)
    n_jobs = min(arguments.jobs or default_jobs or n_processors(), len(chunks))
    missing = (Outcome(line, error=line) for line in inputs.missing)
    work = _work_here(make_work, chunks) if n_jobs <= 1 else work_in_processes(make_work, chunks, n_jobs)
    prompt = arguments.is_process and n_jobs <= 1
    with (
        prompt_interrupts(f"rec-jax: {INTERRUPTED}") if prompt else contextlib.nullcontext(),
        contextlib.closing(work),
        progress_line("rec-jax: files") as progress,
    ):
        for outcome in itertools.chain(missing, work):
            totals.add(outcome)
            if outcome.error:
                complain(f"rec-jax: {outcome.error}")
            if progress:
                progress(totals.n_files, total)
    report(arguments.folder, totals.line(time.perf_counter() - start_s))
    return 1 if totals.n_failed else 0


def _work_here(make_work: Callable[[], Work], chunks: list[list[Item]]) -> Generator[Outcome]:
    work = make_work()
    for chunk in chunks:
        yield from work(chunk)


def _chunks(items: list[Item]) -> list[list[Item]]:
    """Neighbours, as many as are worth working on together."""
    chunks: list[list[Item]] = []
    n_bytes = 0
    for item in items:
        size = _size(item.source)
        if not chunks or len(chunks[-1]) == _FILES_AT_ONCE or n_bytes + size > _BYTES_AT_ONCE:
            chunks.append([])
            n_bytes = 0
        chunks[-1].append(item)
        n_bytes += size
    return chunks


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:  # what is wrong is said when it is read
        return 0


def _left_out(paths: list[str], before: str = "") -> str:
    if not paths:
        return ""
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return f"{before}{len(paths)} not taken: {', '.join(paths[:_NAMED])}{more}"


def _positive(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of processes; give 1 or more")
    return int(text)

"""The files that words on a command line mean, and where each one's result goes."""

import argparse
import dataclasses
import glob
import os
from collections.abc import Callable
from typing import NamedTuple

from rec_jax.core.errors import RecError


class Item(NamedTuple):
    """One file to read and one to write."""

    source: str
    output: str


@dataclasses.dataclass(frozen=True)
class Inputs:
    """items are in the order of their outputs, and no two have one output."""

    items: list[Item]
    missing: list[str]  # a line for each word that means no file
    left_out: list[str]  # what lies in a folder and is not taken


class Shard(NamedTuple):
    """Every n-th item from the first, second ... on."""

    number: int = 1
    of: int = 1


def parse_shard(text: str) -> Shard:
    """'2/5' to the second of five."""
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text!r} is no share; give i/n with i from 1 to n, as 2/5")
    return Shard(int(number), int(of))


def find_inputs(words: list[str], folder: str, suffix: str, takes: Callable[[str], bool]) -> Inputs:
    """What files, folders and patterns mean.

    A file's result lies in `folder` itself; one that was found below a folder, or by a pattern, lies where it lay below
    that folder, or below the part of the pattern without wildcards.
    suffix: of the outputs.  takes: whether a name that was found below a folder is taken.

    Raises RecError if two files would become one, or an output is an input.
    """
    search = _Search(folder, suffix, takes)
    for word in words:
        search.add(word)
    items = sorted(search.found, key=lambda item: item.output)
    _refuse_one_output(items)
    outputs = {_place(item.output) for item in items}
    if both := [item.source for item in items if _place(item.source) in outputs]:
        raise RecError(f"{both[0]} is an input and would be an output too; name another folder with -o")
    left_out = [path for path in search.left_out if _place(path) not in outputs]
    return Inputs(items, search.missing, left_out)


class _Search:
    def __init__(self, folder: str, suffix: str, takes: Callable[[str], bool]):
        self._folder, self._suffix, self._takes = folder, suffix, takes
        self.found: dict[Item, None] = {}  # a set in order
        self.missing: list[str] = []
        self.left_out: list[str] = []

    def add(self, word: str) -> None:
        if os.path.isdir(word):
            self._walk(word, "")
        elif os.path.lexists(word):
            self._take(word, os.path.basename(word))
        elif any(character in word for character in "*?["):
            self._match(word)
        else:
            self.missing.append(f"{word or repr(word)}: no such file or folder")

    def _take(self, source: str, relative: str) -> None:
        output = os.path.join(self._folder, os.path.splitext(relative)[0] + self._suffix)
        self.found[Item(os.path.normpath(source), output)] = None

    def _match(self, pattern: str) -> None:
        names = sorted(glob.glob(pattern, recursive=True))
        if not names:
            self.missing.append(f"{pattern}: no file has such a name")
        root = pattern
        while any(character in root for character in "*?["):
            root = os.path.dirname(root)
        for name in names:
            relative = os.path.relpath(name, root or ".")
            if os.path.isdir(name):
                if "**" not in pattern:  # which matches what lies in it too
                    self._walk(name, relative)
            elif _is_special(name):
                self.left_out.append(name)
            else:
                self._take(name, relative)

    def _walk(self, top: str, prefix: str) -> None:
        """Everything below a folder but what is hidden, and but the folder of the outputs."""

        def note(error: OSError) -> None:
            self.missing.append(f"{error.filename}: {error.strerror}")

        for folder, folders, names in os.walk(top, onerror=note):
            relative = os.path.normpath(os.path.join(prefix, os.path.relpath(folder, top)))
            entered = [name for name in sorted(folders) if self._enters(os.path.join(folder, name))]
            folders[:] = entered
            for name in sorted(names):
                path = os.path.join(folder, name)
                if not name.startswith(".") and self._takes(name) and not _is_special(path):
                    self._take(path, os.path.normpath(os.path.join(relative, name)))
                else:
                    self.left_out.append(path)

    def _enters(self, folder: str) -> bool:
        if os.path.exists(self._folder) and os.path.samefile(folder, self._folder):
            return False
        if os.path.basename(folder).startswith(".") or os.path.islink(folder):
            self.left_out.append(folder + os.sep)
            return False
        return True


def _refuse_one_output(items: list[Item]) -> None:
    """RecError if two sources have one output; items are sorted by it."""
    by_place: dict[str, str] = {}
    twice = []
    for item in items:
        first = by_place.setdefault(_place(item.output), item.source)
        if first != item.source and os.path.abspath(first) != os.path.abspath(item.source):
            twice.append((first, item.source, item.output))
    if twice:
        first, second, output = twice[0]
        more = f" (and {len(twice) - 1} more such)" if len(twice) > 1 else ""
        raise RecError(f"{first} and {second} would both become {output}{more}; rename one, or run them one by one")


def _is_special(path: str) -> bool:
    """Whether it is a pipe, a socket or a device, which is read when it is named and never when it is found."""
    return os.path.exists(path) and not os.path.isfile(path)


def _place(path: str) -> str:
    """What names of one file have in common, whatever links lead to it."""
    return os.path.normcase(os.path.realpath(path))

"""What is done with a few files, whatever it is: read, skipped if finished, converted together, written."""

import abc
import dataclasses
import itertools
import os
from collections.abc import Iterator
from typing import Generic, TypeVar

from rec_jax.cli.bulk.inputs import Item
from rec_jax.cli.bulk.outcome import Outcome, failed, written
from rec_jax.cli.failures import FAILURES
from rec_jax.core.errors import RecError
from rec_jax.core.files import make_folder, write_bytes_atomic

Read = TypeVar("Read")  # a file's content, as far as it is known before the work


@dataclasses.dataclass(frozen=True, eq=False)
class BulkWork(abc.ABC, Generic[Read]):
    """A processes.Work of one kind.

    force: whether an output that holds something else is replaced.
    """

    force: bool = dataclasses.field(default=False, kw_only=True)
    _folders: set[str] = dataclasses.field(default_factory=set, init=False, repr=False)  # that were made

    @abc.abstractmethod
    def read(self, source: str) -> Read:
        """One input."""

    @abc.abstractmethod
    def holds(self, output: str, read: Read) -> bool:
        """Whether an existing output is the input's, whole and as it is asked for.

        RecError, which counts as no, if it is of another kind.
        """

    @property
    def asked(self) -> str:
        """What an output is to hold."""
        return "this picture"

    @abc.abstractmethod
    def kind(self, read: Read) -> tuple | None:
        """What inputs that are converted together have in common; None: it is converted alone, and at once."""

    @abc.abstractmethod
    def convert(self, group: list[Read]) -> list[bytes]:
        """The outputs of inputs of one kind."""

    def __call__(self, items: list[Item]) -> Iterator[Outcome]:
        """The outcome of every item."""
        waiting: list[tuple[Item, Read]] = []
        for item in items:
            try:
                read = self.read(item.source)
                finished = self._is_finished(item.output, read)
            except FAILURES as error:
                yield failed(item, error)
                continue
            if finished:
                yield Outcome(item.source, skipped=True)
            elif self.kind(read) is None:
                yield from self._write([(item, read)])
            else:
                waiting.append((item, read))
        waiting.sort(key=self._kind)
        for _, same in itertools.groupby(waiting, key=self._kind):
            yield from self._write(list(same))

    def _kind(self, pair: tuple[Item, Read]) -> tuple:
        return self.kind(pair[1]) or ()

    def _is_finished(self, output: str, read: Read) -> bool:
        """Raises RecError if there is an output, which holds anything else."""
        if not os.path.lexists(output):
            return False
        if os.path.exists(output) and not os.path.isfile(output):
            raise RecError(f"{output} would be written and is a folder or a device; move it, or name another -o")
        try:
            finished = self.holds(output, read)
        except RecError:
            finished = False
        if not (finished or self.force):
            raise RecError(f"{output} exists and does not hold {self.asked}; add --force to replace it")
        return finished

    def _write(self, group: list[tuple[Item, Read]]) -> Iterator[Outcome]:
        """If a group cannot be converted together, one by one."""
        try:
            outputs = self.convert([read for _, read in group])
        except FAILURES as error:
            if len(group) == 1:
                yield failed(group[0][0], error)
            else:
                yield from itertools.chain.from_iterable(self._write([pair]) for pair in group)
            return
        for (item, _), data in zip(group, outputs, strict=True):
            try:
                self._make_folder(os.path.dirname(item.output))
                write_bytes_atomic(item.output, data, sweep=False)
                yield written(item, data)
            except FAILURES as error:
                yield failed(item, error)

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            make_folder(folder)
            self._folders.add(folder)

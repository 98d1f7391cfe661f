"""Archives that claim more than they may hold: read with bounds, and to the end, where their checksums stand."""

import gzip
import io
import os
import pathlib
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, cast

from rec_jax.core.errors import CorruptFile

MAX_READ_BYTES = 64 << 20  # at once: a header, a name or a batch of CIFAR10 (30 MB)
_CHUNK = 1 << 20


class BoundedReader:
    """A seekable file that gives at most MAX_READ_BYTES at once and stops at `max_bytes`.

    What tarfile reads, it reads at once and at whatever size a header claims.
    """

    def __init__(self, file: io.BufferedIOBase, max_bytes: int):
        self._file, self._max_bytes = file, max_bytes

    def read(self, n: int = -1) -> bytes:
        """At most n bytes; CorruptFile if that is too many, or if they are damaged."""
        if n < 0 or n > MAX_READ_BYTES:
            raise CorruptFile(f"a part of it claims {n} bytes; at most {MAX_READ_BYTES} are read")
        self._check(self._file.tell() + n)
        try:
            return self._file.read(n)
        except (EOFError, OSError, zlib.error) as error:
            raise CorruptFile(str(error)) from error

    def seek(self, position: int, whence: int = 0) -> int:
        """As files have it, from the beginning only."""
        if whence or position < 0:
            raise CorruptFile("a part of it has no possible size")
        self._check(position)
        return self._file.seek(position)

    def tell(self) -> int:
        """As files have it."""
        return self._file.tell()

    def drain(self) -> None:
        """Reads what is left, so that a checksum at the end is compared."""
        while self._file.read(_CHUNK):
            self._check(self._file.tell())

    def _check(self, position: int) -> None:
        if position > self._max_bytes:
            raise CorruptFile(f"it unpacks to more than {self._max_bytes} bytes")


def tar_members(
    path: pathlib.Path, max_bytes: int, max_member_bytes: int
) -> Iterator[tuple[str, tarfile.TarInfo, BoundedReader]]:
    """(name, member, file) of each regular file of a tar, packed with gzip or not.

    Raises CorruptFile, without the archive's name, for damage anywhere in it, and for a member that is sparse,
    larger than max_member_bytes or than the archive.
    """
    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with gzip.GzipFile(fileobj=raw) if packed else raw as stream:
            file = BoundedReader(stream, max_bytes if packed else os.fstat(raw.fileno()).st_size)
            try:
                with tarfile.open(fileobj=cast(IO[bytes], file), mode="r:") as tar:
                    for member in tar:
                        if member.isfile() or member.issparse():
                            _check_member(member, max_member_bytes)
                            yield member.name, member, file
                        tar.members = []  # ty: ignore[missing-attribute]  # no stub has it; a million would take a gigabyte
                file.drain()
            except CorruptFile:
                raise
            except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, OverflowError, MemoryError) as error:
                raise CorruptFile(str(error) or type(error).__name__) from error


def _check_member(member: tarfile.TarInfo, max_member_bytes: int) -> None:
    if member.issparse() or not 0 <= member.size <= max_member_bytes:
        kind = "is sparse" if member.issparse() else f"claims {member.size} bytes"
        raise CorruptFile(f"its member {member.name[:100]!r} {kind}; at most {max_member_bytes} are read")

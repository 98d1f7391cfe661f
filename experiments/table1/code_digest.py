"""Fingerprints of the code that makes a row's numbers: rows of other code are never taken for today's."""

import ast
import functools
import hashlib
from pathlib import Path

import rec_jax

_ROOMS = ("codec", "coders", "core", "entropy", "evaluate", "models")


@functools.cache
def code_digest() -> str:
    """files_digest of the packages that decide which bits a file has, and of what measures it."""
    package = Path(rec_jax.__file__).parent
    return files_digest(*(path for room in _ROOMS for path in sorted((package / room).glob("*.py"))))


def files_digest(*paths: str | Path) -> str:
    """16 hex digits of the syntax trees of source files, without comments and docstrings."""
    digest = hashlib.sha256()
    for path in map(Path, paths):
        digest.update(path.name.encode() + source_digest(path.read_text(encoding="utf-8")))
    return digest.hexdigest()[:16]


def source_digest(source: str) -> bytes:
    """SHA-256 of what a source does, whatever its comments, docstrings and layout say."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).digest()

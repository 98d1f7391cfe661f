"""A fingerprint of the code that decides which bits a file has: rows of other code are never taken for today's."""

import ast
import functools
import hashlib
from pathlib import Path

import rec_jax

_ROOMS = ("codec", "coders", "core", "entropy", "models")


@functools.cache
def code_digest() -> str:
    """16 hex digits of the syntax trees of the codec's packages, without comments and docstrings."""
    package, digest = Path(rec_jax.__file__).parent, hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((package / room).glob("*.py")):
            digest.update(path.name.encode() + source_digest(path.read_text(encoding="utf-8")))
    return digest.hexdigest()[:16]


def source_digest(source: str) -> bytes:
    """SHA-256 of what a source does, whatever its comments, docstrings and layout say."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).digest()

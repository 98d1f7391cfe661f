"""What others say, made fit for a user: errors as one line, names of files without what would steer a terminal, logs
without their chatter.
"""

import logging
import re
import unicodedata
from pathlib import Path


def one_line(error: BaseException | str) -> str:
    """The message without line breaks; of a message that quotes a traceback, what the innermost error said."""
    text = str(error)
    if "Traceback (most recent call last)" in text:
        text = text.strip().splitlines()[-1].partition(": ")[2] or text
    return re.sub(r"\s+", " ", text).strip()


def printable(text: str) -> str:
    """The text, where what is no character to be seen is spelled out, as x1b behind a backslash for an escape.

    Names of files may hold line breaks, sequences that a terminal obeys, marks that turn the order of letters, and
    bytes that are no UTF-8.
    """
    return "".join(_spelled(character) if _steers(character) else character for character in text)


def _steers(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or (
        unicodedata.bidirectional(character) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    )


def _spelled(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte of a name
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def is_warning_or_ours(record: logging.LogRecord) -> bool:
    """A filter for log handlers: warnings and what rec_jax itself reports, not the hundred lines of orbax a save."""
    return record.levelno >= logging.WARNING or "rec_jax" in Path(record.pathname).parts

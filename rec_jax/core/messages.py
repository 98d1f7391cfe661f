"""What others say, made fit for a user: errors as one line, names of files without what would steer a terminal, logs
without their chatter.
"""

import logging
import re
import unicodedata
from collections.abc import Sequence
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


def flag_error_line(error: BaseException, arguments: Sequence[str]) -> str:
    """What is wrong with a command line that absl and ml_collections could not parse.

    A KeyError or AttributeError is an override --config.a.b=... where there is no a.b; arguments, the command line,
    tell which.
    """
    if not isinstance(error, KeyError | AttributeError):
        return one_line(error)
    field = re.search(r"'(\w+)", str(error))
    name = field[1] if field else str(error)
    close = re.search(r'Did you mean "(\w+)"', str(error))
    given = next((word for word in arguments if word.startswith("--config.") and name in word), f"--config...{name}")
    return f"{given}: the config has no field {name!r}" + (f"; did you mean {close[1]!r}?" if close else "")


def is_warning_or_ours(record: logging.LogRecord) -> bool:
    """A filter for log handlers: warnings and what rec_jax itself reports, not the hundred lines of orbax a save."""
    return record.levelno >= logging.WARNING or "rec_jax" in Path(record.pathname).parts

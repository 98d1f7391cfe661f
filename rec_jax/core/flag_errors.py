"""What is wrong with a command line of absl flags, one of which names a config file, in one line."""

import re
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from rec_jax.core.errors import ConfigError, RecError
from rec_jax.core.messages import one_line

_MOST_SAID = 200  # characters of an error of the user's program


def check_config_file(arguments: Sequence[str]) -> None:
    """ConfigError if the config file that a command line names is not there, which absl tells only when it is used."""
    config = _config_path(arguments)
    if config is not None and not Path(config).is_file():
        raise ConfigError(f"--config={config}: no such file; name one of configs/ or your own")


def flag_error_line(error: BaseException, arguments: Sequence[str]) -> str:
    """What to say of an error that parsing the command line `arguments` raised.

    A config file is a program of the user's: of what it raises itself the line says where. A KeyError or
    AttributeError from elsewhere is an override --config.a.b=... where there is no a.b.
    """
    config = _config_path(arguments)
    for cause in _causes(error):
        if isinstance(cause, RecError):
            return one_line(cause)
        if config is not None and (line := _line_of(cause, Path(config))):
            return f"{config}, line {line}: {type(cause).__name__}: {_said(cause)}"
        if "has no attribute 'get_config'" in str(cause):
            return f"{config} is no config file: it has no get_config()"
    if "get_config()" in str(error):
        return f"{config}: {one_line(error)}"
    return _override_line(error, arguments) if isinstance(error, KeyError | AttributeError) else one_line(error)


def _said(error: BaseException) -> str:
    if isinstance(error, SyntaxError):  # whose text names the line again
        return error.msg
    text = one_line(error)
    return text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]}..."


def _override_line(error: BaseException, arguments: Sequence[str]) -> str:
    field = re.search(r"'(\w+)", str(error))
    name = field[1] if field else str(error)
    close = re.search(r'Did you mean "(\w+)"', str(error))
    given = next((word for word in arguments if word.startswith("--config.") and name in word), f"--config...{name}")
    return f"{given}: the config has no field {name!r}" + (f"; did you mean {close[1]!r}?" if close else "")


def _config_path(arguments: Sequence[str]) -> str | None:
    """FILE of --config=FILE or --config=FILE:ARGUMENT, or in two words; the last one counts."""
    found = None
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word == "--":
            break
        name, equals, value = word.partition("=")
        if name in ("--config", "-config"):
            found = (value if equals else following).partition(":")[0]
    return found


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, the nearest first."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        seen.append(following)
        yield following
        following = following.__cause__ or following.__context__


def _line_of(error: BaseException, config: Path) -> int | None:
    """The innermost line of the config file at which the error was raised, or which cannot be read as Python."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).resolve() == config.resolve():
        return error.lineno
    lines = [
        one.lineno
        for one in traceback.extract_tb(error.__traceback__)
        if Path(one.filename).resolve() == config.resolve()
    ]
    return lines[-1] if lines else None

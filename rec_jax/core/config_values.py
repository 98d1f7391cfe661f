"""Values of configs: what JSON brings back, as configs have it."""

from typing import Any


def with_tuples(value: Any) -> Any:
    """`value` with each list as a tuple, at any depth of dicts, lists and tuples; JSON has only lists."""
    match value:
        case dict():
            return {name: with_tuples(item) for name, item in value.items()}
        case list() | tuple():
            return tuple(with_tuples(item) for item in value)
        case _:
            return value

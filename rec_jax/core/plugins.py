"""Classes of a user's own, named 'package.module:Class' where a config asks for a kind.

Naming a class must not run code: only classes of modules that are imported already are found, so that a model file
cannot make a program import anything. What a program's own --config names is imported by `import_named`, before
anything else.
"""

import dataclasses
import importlib
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from rec_jax.core.errors import ConfigError, RecError
from rec_jax.core.messages import one_line

_NAMED = (("model", "kind"), ("model", "likelihood"), ("coder", "kind"))  # the fields of a config that may name a class


class NotImported(ConfigError):
    """A kind names a class of a module that nobody has imported."""


def is_plugin(kind: Any) -> bool:
    """Whether a kind is of the form 'package.module:Class'."""
    return isinstance(kind, str) and ":" in kind


def import_named(config: Any) -> None:
    """Imports the modules that a config's kinds name. Raises ConfigError for one that cannot be imported."""
    for section, field in _NAMED:
        if is_plugin(kind := config[section].get(field)):
            module, _, _ = kind.partition(":")
            try:
                importlib.import_module(module)
            except Exception as error:  # whatever a module does when it is imported
                reason = f"{type(error).__name__}: {one_line(error)[:200]}"
                raise ConfigError(f"{section}.{field}={kind!r}: {module!r} cannot be imported ({reason})") from None


def plugin_class(field: str, kind: str, protocol: type) -> type:
    """The dataclass of a kind, with every member of a protocol.

    field: 'model.kind', ..., for messages.
    Raises NotImported if its module is not imported, ConfigError if there is no such class or it lacks something.
    """
    module_name, _, name = kind.partition(":")
    module = sys.modules.get(module_name)
    if module is None:
        raise NotImported(
            f"{field}={kind!r}: the module {module_name!r} is not imported, and no file makes rec_jax import code; if "
            f"you trust it, `import {module_name}` first"
        )
    found = getattr(module, name, None)
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        given = "has no such class" if found is None else "is no dataclass"
        raise ConfigError(f"{field}={kind!r} {given}; name a frozen dataclass as 'package.module:Class'")
    has = {*dir(found), *(one.name for one in dataclasses.fields(found))}
    if missing := sorted(_members(protocol) - has):
        where = f"{protocol.__module__}.{protocol.__name__}"
        raise ConfigError(f"{field}={kind!r} lacks {', '.join(missing)}; {where} says what it must have")
    return found


def field_names(dataclass: Any) -> list[str]:
    """What its constructor takes."""
    return [one.name for one in dataclasses.fields(dataclass) if one.init]


def construct(field: str, kind: str, made: type, options: Mapping[str, Any]) -> Any:
    """made(**options); ConfigError, in one line, for whatever its constructor does not like."""
    try:
        return made(**options)
    except RecError:
        raise
    except Exception as error:  # of a user's own constructor
        given = ", ".join(options) or "nothing"
        raise ConfigError(f"{field}={kind!r} cannot be made of {given}: {one_line(error)}") from None


def check_all_used(section: str, kind: str, given: Collection[str], known: Collection[str]) -> None:
    """ConfigError for the first field of a section that nobody takes."""
    if unknown := sorted(set(given) - set(known)):
        have = ", ".join(sorted(known))
        raise ConfigError(f"{section}.{unknown[0]} is no field of {section}.kind={kind!r}; it has {have}")


def plugin_sources(*objects: Any) -> list[Path]:
    """The source files of the classes of objects that are not of rec_jax: what they compute depends on them too."""
    modules = {type(one).__module__ for one in objects if type(one).__module__.partition(".")[0] != "rec_jax"}
    files = (getattr(sys.modules.get(name), "__file__", None) for name in sorted(modules))
    return [Path(file) for file in files if file]


def _members(protocol: type) -> set[str]:
    """Public names that a protocol and the protocols above it define."""
    own = [one for one in protocol.__mro__ if one.__module__.partition(".")[0] == "rec_jax"]
    return {name for one in own for name in vars(one) if not name.startswith("_")}

"""Compiled programs kept whole on disk: a new process neither traces nor lowers what an earlier one has compiled.

jax's own cache (compilation.py) saves the compiling; tracing and lowering a search then takes most of a short
process's time. A program's file is named by a hash of all that it was made from: this package's sources, the static
arguments, the types of the others, versions, the machine and the environment of jax. What is missing, damaged or
cannot be named is traced as ever, so that a file can only save time. The folder is to be trusted as jax's cache is:
both hold machine code.
"""

import dataclasses
import functools
import hashlib
import os
import pickle
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import jax
import jaxlib
import numpy as np
from absl import logging
from jax.experimental import serialize_executable

from rec_jax.core.files import make_folder, read_bytes, write_bytes_atomic
from rec_jax.core.processors import n_processors

_PACKAGE = Path(__file__).parents[1]
_DIGEST_BYTES = 32
_MAX_BYTES = 1 << 28
_PREFIXES = ("JAX_", "XLA_")  # of variables of the environment that change what is compiled


class Program:
    """A function under jax.jit, with static arguments; called by itself it is just that."""

    def __init__(self, function: FunctionType, static_argnums: tuple[int, ...]):
        functools.update_wrapper(self, function)
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.static_argnums = static_argnums
        self.jitted = jax.jit(function, static_argnums=static_argnums)

    def __call__(self, *args: Any) -> Any:
        return self.jitted(*args)


class KeptPrograms:
    """The programs in a folder. Called with a Program and its arguments it gives what the program gives."""

    def __init__(self, folder: str | os.PathLike):
        self._folder = Path(folder)
        self._ready: dict[Any, Callable] = {}

    def __call__(self, program: Program, *args: Any) -> Any:
        static = tuple(args[i] for i in program.static_argnums)
        others = tuple(x for i, x in enumerate(args) if i not in program.static_argnums)
        leaves, tree = jax.tree.flatten(others)
        if not (can_be_kept(static) and all(isinstance(x, np.ndarray | np.generic) for x in leaves)):
            return program(*args)
        kinds = tuple((x.shape, x.dtype.str) for x in leaves)
        key = program, _text(static), tree, kinds
        if key in self._ready:
            return self._ready[key](*others)
        made_from = [program.name, *key[1:], _runtime(), _sources()]
        path = self._folder / f"{hashlib.sha256(repr(made_from).encode()).hexdigest()}.program"
        try:
            compiled = _unpack(read_bytes(path, _MAX_BYTES), others)
            found = jax.block_until_ready(compiled(*others))  # some faults of a file show only when it runs
        except Exception as error:  # whatever is wrong with a file
            logging.info("%s is compiled: %s", program.name, error)
            compiled = program.jitted.lower(*args).compile()
            _keep(path, compiled)
            found = compiled(*others)
        self._ready[key] = compiled
        return found


def can_be_kept(static: tuple) -> bool:
    """Whether programs of these static arguments can be; else jax's own cache may be of use.

    On a CPU, and where no cache of jax is on: what comes from there cannot be stored once more.
    """
    if jax.config.jax_default_device or jax.config.jax_compilation_cache_dir or jax.default_backend() != "cpu":
        return False
    try:
        return bool(_text(static) and _sources())
    except _Unnamed:
        return False


class _Unnamed(Exception):
    """Something whose whole content no text of ours tells."""


def _keep(path: Path, compiled: jax.stages.Compiled) -> None:
    try:
        make_folder(path.parent)
        write_bytes_atomic(path, _pack(compiled), sweep=False)
    except Exception as error:  # a full disk among them: that only costs the speed
        logging.info("%s is not kept: %s", path, error)


def _pack(compiled: jax.stages.Compiled) -> bytes:
    executable, _, out_tree = serialize_executable.serialize(compiled)
    skeleton = jax.tree.unflatten(out_tree, range(out_tree.num_leaves))  # a tree itself cannot be pickled
    data = pickle.dumps((executable, skeleton))
    return hashlib.sha256(data).digest() + data


def _unpack(packed: bytes, others: tuple) -> jax.stages.Compiled:
    digest, data = packed[:_DIGEST_BYTES], packed[_DIGEST_BYTES:]
    if hashlib.sha256(data).digest() != digest:
        raise ValueError("its file is damaged")
    executable, skeleton = pickle.loads(data)
    trees = jax.tree.structure((others, {})), jax.tree.structure(skeleton)
    return serialize_executable.deserialize_and_load(executable, *trees, execution_devices=jax.local_devices()[:1])


def _text(value: Any) -> str:
    """All that a static argument holds: plain values, tuples and dataclasses of this package, whose code is hashed."""
    if value is None or type(value) in (bool, int, float, str):
        return repr(value)
    ours = type(value).__module__.split(".")[0] == __name__.split(".")[0]
    if type(value) is tuple or (ours and isinstance(value, tuple)):
        parts = [_text(part) for part in value]
    elif ours and dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [f"{field.name}={_text(getattr(value, field.name))}" for field in dataclasses.fields(value)]
    else:
        raise _Unnamed
    return f"{type(value).__module__}.{type(value).__qualname__}({', '.join(parts)})"


@functools.cache
def _runtime() -> tuple:
    """What besides sources and arguments decides what is compiled."""
    device = jax.local_devices()[0]
    versions = sys.version, np.__version__, jax.__version__, jaxlib.__version__, device.client.platform_version
    devices = device.platform, device.device_kind, jax.device_count(), n_processors()
    variables = sorted(item for item in os.environ.items() if item[0].startswith(_PREFIXES))
    return versions, devices, platform.machine(), _instructions(), variables


def _instructions() -> str:
    """The instruction sets of the processor, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.lower().startswith(("flags", "features"))), platform.processor())


@functools.cache
def _sources() -> str:
    """A hash of this package's code and tables."""
    paths = (os.path.join(folder, name) for folder, _, names in os.walk(_PACKAGE) for name in names)
    files = sorted(path for path in paths if path.endswith((".py", ".npz")))
    if __file__ not in files:  # it does not lie in files
        raise _Unnamed
    digest = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            content = file.read()
        digest.update(f"{os.path.relpath(path, _PACKAGE)} {len(content)} ".encode() + content)
    return digest.hexdigest()

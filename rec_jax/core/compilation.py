"""How programs are compiled: the device, the persistent cache, and options that keep compiling short."""

import os
import warnings
from pathlib import Path

import jax
from absl import logging

from rec_jax.core.errors import ConfigError
from rec_jax.core.freed_memory import keep_all_memory
from rec_jax.core.messages import one_line


def check_device() -> None:
    """Raises ConfigError, in one line, if JAX finds none of the devices that it is told to use."""
    try:
        jax.devices()
    except (RuntimeError, AssertionError, ValueError) as error:
        wanted = os.environ.get("JAX_PLATFORMS")
        if not wanted:
            raise ConfigError(f"JAX finds no device to compute on ({one_line(error)})") from None
        reason = f" ({one_line(error)})" if str(error) else ""
        raise ConfigError(
            f"JAX_PLATFORMS={wanted} names a device that is not here{reason}; unset it or set JAX_PLATFORMS=cpu"
        ) from None


def keep_memory_of_programs() -> None:
    """For a process that trains: what its programs on the CPU free stays, and is there for the next step.

    They run in the thread that calls them, the main one, so that their arrays come from the heap that stays. Call it
    before jax has its devices. Calls return when they are done, not before; such a process has nothing else to do.
    """
    keep_all_memory()
    jax.config.update("jax_cpu_enable_async_dispatch", False)


def cache_folder() -> Path | None:
    """Where compiled programs are kept: REC_JAX_CACHE_DIR, else ~/.cache/rec_jax/xla.

    Where none can be made or written, nothing is kept and None comes back: that only costs the speed.
    """
    try:
        directory = Path(os.environ.get("REC_JAX_CACHE_DIR") or "~/.cache/rec_jax/xla").expanduser()
        directory.mkdir(parents=True, exist_ok=True)
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(f"{directory} cannot be written")
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        logging.info("compiled programs are not kept: %s", error)
        return None
    return directory


def enable_compilation_cache() -> Path | None:
    """Lets jax keep what it compiles in the cache's folder, which it returns; call it before anything is jitted."""
    directory = cache_folder()
    if directory is None:
        return None
    # A full or damaged cache is compiled anew, and no news for a user.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache")
    jax.config.update("jax_compilation_cache_dir", str(directory))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # a command has dozens of small programs
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return directory


def training_compiler_options() -> dict[str, int]:
    """Options for jax.jit: on the CPU LLVM at level 2, since level 3 spends seconds on each inlined threefry.

    Measured with jax 0.12: one jax.random.normal compiles in 0.15 s instead of 2.2 s, a training step of 6 blocks in
    7 s instead of 28 s, and both run as fast. Not for coders: another level may round floats otherwise.
    """
    return {"xla_backend_optimization_level": 2} if jax.default_backend() == "cpu" else {}

"""The persistent compilation cache: a second process finds what the first one compiled."""

import os
from pathlib import Path

import jax


def enable_compilation_cache() -> Path:
    """Keeps compiled programs in REC_JAX_CACHE_DIR, else ~/.cache/rec_jax/xla; call it before anything is jitted.

    A folder that cannot be made or written only costs the speed: JAX warns and compiles again.
    """
    directory = Path(os.environ.get("REC_JAX_CACHE_DIR") or Path.home() / ".cache" / "rec_jax" / "xla").expanduser()
    jax.config.update("jax_compilation_cache_dir", str(directory))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return directory

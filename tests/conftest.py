"""Set up before any test module imports JAX; subprocesses of the tests inherit the environment."""

import gc
import os
from pathlib import Path

import hypothesis

_CACHE = Path(os.environ.get("REC_JAX_CACHE_DIR") or Path.home() / ".cache" / "rec_jax" / "xla")

os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Compiled functions are shared by the workers and kept for the next run, which compiles little.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")

# Compiled for a quick compilation: most of a first run is compiling, of what then runs once or twice on little.
# Nothing that two sides of a file must agree on depends on it.
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0".strip()

# Most of the suite is tracing: it takes no note of where in the source each operation comes from, and what it
# makes by the million is not looked through for rubbish every 700 objects.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")
gc.set_threshold(50_000, 20, 50)

# The same examples on every run, and no timing in the verdict: the machine may be shared.
hypothesis.settings.register_profile("deterministic", derandomize=True, deadline=None, database=None, print_blob=True)
hypothesis.settings.load_profile("deterministic")

# The files whose few tests start processes and train; last, one of them would keep a worker while the other is idle.
_FIRST = ("train/test_processes.py", "train/test_launch.py", "experiments/test_table1.py", "test_commands.py")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.nodeid.partition("::")[0].endswith(_FIRST))

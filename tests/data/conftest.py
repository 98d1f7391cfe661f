import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # images.py


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test reads the user's data sets or writes to the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "no-tfds"))

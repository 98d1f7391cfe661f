import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tiny_codec.py


@pytest.fixture(scope="session")
def tiny():
    """One codec for all tests, so that each function compiles once; it codes what comes out smaller than the pixels."""
    from tiny_codec import tiny_codec

    return tiny_codec(fallback="raw")

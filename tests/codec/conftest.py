import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tiny_codec.py


@pytest.fixture(scope="session")
def tiny():
    """One codec for all tests, so that each of its functions is compiled once."""
    from tiny_codec import tiny_codec

    return tiny_codec()

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "codec"))  # tiny_codec.py


@pytest.fixture(scope="session")
def tiny():
    """A codec whose files hold latents, however large."""
    from tiny_codec import tiny_codec

    return tiny_codec(fallback="none")

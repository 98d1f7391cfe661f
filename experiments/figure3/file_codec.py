"""A rival: a codec of other people, as two functions between pixels and bytes."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from rec_jax.core.rows import files_digest


@dataclasses.dataclass(frozen=True)
class FileCodec:
    """A Method (method.py).  source: the file that holds its functions: rows of another text are not its rows."""

    id: str
    title: str
    suffix: str
    setting_name: str
    settings: tuple[float, ...]
    made_by: Callable[[], str]
    encode: Callable[[np.ndarray, Any], bytes]
    decode: Callable[[bytes], np.ndarray]
    source: str
    ours: bool = False

    def key(self) -> dict[str, Any]:
        """Versions and settings, and the code."""
        return {"made_by": self.made_by(), "code": files_digest(self.source)}

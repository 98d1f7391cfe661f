"""Relative entropy coding: a shipped lossy model's files, and its ideal points."""

import dataclasses
import functools
from typing import Any

import numpy as np

from experiments.figure3.method import Ideal
from rec_jax.codec import codec_of, container, load_codec
from rec_jax.codec.lossy import LossyCodec
from rec_jax.core.rows import program_key


@dataclasses.dataclass(frozen=True)
class RelativeEntropyCoding:
    """A Method with ideal points (method.py), of one model file for the whole curve.

    model: name of a shipped model, or a path.  settings: qualities.
    """

    id: str
    title: str
    model: str
    preset: str = "default"
    settings: tuple[float, ...] = (10, 30, 50, 70, 90)
    suffix: str = ".rec"
    setting_name: str = "quality"
    ours: bool = True

    def made_by(self) -> str:
        return f"rec_jax, model {self.model} ({self._codec.package.model_id:04x}), preset {self.preset}"

    def key(self) -> dict[str, Any]:
        return {"made_by": self.made_by(), **program_key()}

    def encode(self, image: np.ndarray, setting: float) -> bytes:
        return self._codec.at(int(setting)).compress(image)

    def decode(self, data: bytes) -> np.ndarray:
        header, _ = container.unpack(data)
        return codec_of(header, self.model).decompress(data)

    def ideal(self, image: np.ndarray, setting: float) -> Ideal:
        from rec_jax.codec.lossy_ideal import ideal

        found = ideal(self._codec.at(int(setting)), image)
        return Ideal(found.kl_bits, found.image)

    @property
    def _codec(self) -> LossyCodec:
        return _opened(self.model, self.preset)


@functools.cache
def _opened(model: str, preset: str) -> LossyCodec:
    return load_codec(model, preset).without_fallback()


REC = RelativeEntropyCoding("rec", "REC, hierarchical VAE (ours)", "photos-lossy", preset="fast")

"""Models of ours: their files, and the ideal points of those whose latents are sent by relative entropy coding."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np

from experiments.figure3.method import Ideal
from rec_jax.codec import codec_of, container, load_codec
from rec_jax.codec.curve import CurveCodec
from rec_jax.codec.lossy import LossyCodec
from rec_jax.core.errors import ConfigError
from rec_jax.core.rows import program_key


@dataclasses.dataclass(frozen=True)
class LearnedCodec:
    """A Method (method.py) of one model file for the whole curve.

    model: name of a shipped model, or a path.  settings: qualities.
    """

    id: str
    title: str
    model: str
    settings: tuple[float, ...] = (10, 35, 60, 85)
    suffix: str = ".rec"
    setting_name: str = "quality"
    ours: bool = False

    def made_by(self) -> str:
        return f"rec_jax, model {Path(self.model).name} ({self._codec.package.model_id:04x})"

    def key(self) -> dict[str, Any]:
        return {"made_by": self.made_by(), **program_key()}

    def encode(self, image: np.ndarray, setting: float) -> bytes:
        return self._codec.at(int(setting)).compress(image)

    def decode(self, data: bytes) -> np.ndarray:
        header, _ = container.unpack(data)
        return codec_of(header, self.model).decompress(data)

    @property
    def _codec(self) -> CurveCodec:
        return _opened(self.model, "default")


@dataclasses.dataclass(frozen=True)
class RelativeEntropyCoding(LearnedCodec):
    """The same with ideal points, and a preset of the coder."""

    preset: str = "default"
    ours: bool = True

    def made_by(self) -> str:
        return f"{super().made_by()}, preset {self.preset}"

    def ideal(self, image: np.ndarray, setting: float) -> Ideal:
        from rec_jax.codec.lossy_ideal import ideal

        found = ideal(self._codec.at(int(setting)), image)
        return Ideal(found.kl_bits, found.image)

    @property
    def _codec(self) -> LossyCodec:
        return _opened(self.model, self.preset)


def model_methods(names: str) -> list[LearnedCodec]:
    """A Method each of lossy models by name or file, joined by commas; their ids are the names without folder and end.

    Raises what load_codec does, and ConfigError for a model that loses nothing.
    """
    return [_model_method(name) for name in filter(None, (word.strip() for word in names.split(",")))]


def _model_method(name: str) -> LearnedCodec:
    codec, named = load_codec(name, "default"), Path(name).stem
    if isinstance(codec, LossyCodec):
        return RelativeEntropyCoding(named, f"REC, {named}", name)
    if isinstance(codec, CurveCodec):
        return LearnedCodec(named, f"{named}, quantised", name)
    raise ConfigError(f"--models={name}: it loses nothing and has no curve; take a lossy model")


@functools.cache
def _opened(model: str, preset: str) -> Any:
    return load_codec(model, preset).without_fallback()


_WHOLE = (10, 35, 60, 85, 100)  # to 1.2 bits per pixel and beyond
REC = RelativeEntropyCoding("rec", "REC, hierarchical VAE (ours)", "photos-lossy", _WHOLE)
MS_SSIM = RelativeEntropyCoding("rec-ms-ssim", "REC, hierarchical VAE for MS-SSIM (ours)", "photos-lossy-ms-ssim")
TWO_LEVEL = RelativeEntropyCoding("rec-two-level", "REC, the paper's two-level VAE (ours)", "photos-two-level")
HYPERPRIOR = LearnedCodec("hyperprior", "Mean-scale hyperprior, quantised (ours)", "photos-hyperprior", _WHOLE)

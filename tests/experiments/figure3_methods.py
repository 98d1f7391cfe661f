"""Methods and pictures for Figure 3's tests: a coder whose files and losses are known without measuring."""

import dataclasses
import zlib

import numpy as np

from experiments.figure3.method import Ideal
from experiments.figure3.pictures import Pictures
from rec_jax.core.errors import MissingFile
from rec_jax.data import ArraySource
from rec_jax.data.embedded import read_photograph

IDEAL_SHARE = 0.8  # of a file's bits: its coder loses 25%


@dataclasses.dataclass
class Quantiser:
    """Pixels rounded to multiples of a step, the larger the step the smaller the file."""

    id: str = "quantiser"
    title: str = "Quantiser </script>"  # must not end the page's script
    suffix: str = ".z"
    setting_name: str = "step"
    settings: tuple = (96, 64, 40, 24, 12)
    ours: bool = True
    dies_after: int = 10**9  # files, as if killed
    installed: bool = True

    def __post_init__(self):
        self.encoded = []

    def made_by(self):
        if not self.installed:
            raise MissingFile("quantiser is not there; run: pip install quantiser")
        return "zlib"

    def key(self):
        return {"made_by": self.made_by()}

    def encode(self, image, setting):
        if len(self.encoded) == self.dies_after:
            raise KeyboardInterrupt
        self.encoded.append((image.tobytes(), setting))
        steps = np.round(image / setting).astype(np.uint8)
        return bytes([setting, image.shape[0], image.shape[1]]) + zlib.compress(steps.tobytes())

    def decode(self, data):
        steps = np.frombuffer(zlib.decompress(data[3:]), np.uint8).reshape(data[1], data[2], 3)
        return np.clip(steps.astype(int) * data[0], 0, 255).astype(np.uint8)


class QuantiserWithIdeal(Quantiser):
    """Its ideal points: the same pictures for fewer bits."""

    def ideal(self, image, setting):
        steps = np.round(image / setting).astype(np.uint8)
        bits = 8 * (3 + len(zlib.compress(steps.tobytes())))
        return Ideal(IDEAL_SHARE * bits, np.clip(steps.astype(int) * setting, 0, 255).astype(np.uint8))


class Broken(Quantiser):
    """Fails as a machine does."""

    def encode(self, image, setting):
        raise OSError("no space left")


def three_pictures() -> Pictures:
    """Crops of a photograph, of odd and even sides that are just large enough for MS-SSIM."""
    photograph = read_photograph("coffee")
    crops = np.stack([photograph[top : top + 170, left : left + 163] for top, left in ((0, 0), (100, 90), (200, 300))])
    return Pictures("crops", "stand-in, not Kodak", ("a", "b", "c"), ArraySource("crops", crops), "digest")

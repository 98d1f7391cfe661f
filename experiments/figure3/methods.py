"""The curves of the figure, each one declaration. A new one needs a line here and what method.Method says."""

from experiments.figure3.bpg import BPG
from experiments.figure3.hevc import HEVC
from experiments.figure3.jpeg_xl import JPEG_XL
from experiments.figure3.learned import HYPERPRIOR, MS_SSIM, REC, TWO_LEVEL
from experiments.figure3.method import Method
from experiments.figure3.pillow_codecs import AVIF, JPEG, JPEG_2000, WEBP


def make_methods() -> list[Method]:
    """All that is measured, in the figure's order."""
    return [REC, MS_SSIM, TWO_LEVEL, HYPERPRIOR, JPEG, WEBP, JPEG_2000, AVIF, JPEG_XL, HEVC, BPG]

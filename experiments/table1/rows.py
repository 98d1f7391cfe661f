"""The rows of the table, each one small declaration. A new one needs a line here and, to be measured, a Method."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from experiments.table1.bits_back import LOCAL_PRECISIONS, BitsBack
from experiments.table1.cells import Job
from experiments.table1.classical import FLIF, JXL, PNG, WEBP
from experiments.table1.columns import Column
from experiments.table1.learned import Bound, Rec
from experiments.table1.without_latents import WithoutLatents
from rec_jax.codec.bit_swap import BitSwapCodec
from rec_jax.codec.bits_back import BitsBackCodec
from rec_jax.codec.local_bits_back import LocalBitsBackCodec
from rec_jax.codec.presets import preset_coder


class Method(Protocol):
    """How a row is measured: cells per column, and what their rows of results come to.

    rates() gives bits per dimension: 'single' of single images, 'asymptotic' over a chain, 'bound' of a bound.
    """

    def jobs(self, column: Column) -> Iterable[Job]:
        """What to measure in a column, the main model first; a RecError of one line says why it cannot be."""

    def rates(self, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
        """Means over images."""

    def image_rate(self, row: dict[str, Any]) -> float:
        """Of one image."""


@dataclasses.dataclass(frozen=True)
class Row:
    """published: its name in reference/table1.json, '' if the paper lacks it.  method: None if it is not run here."""

    id: str
    title: str
    published: str = ""
    method: Method | None = None


def make_rows(config: Mapping[str, Any]) -> list[Row]:
    """All rows in the paper's order, with the coders of configs/table1.py."""
    bit_swap = BitsBack("bitswap", config["seed"], BitSwapCodec, _models_of("bit_swap"))
    lbb = BitsBack("lbb", config["seed"], LocalBitsBackCodec, _models_of("lbb"), LOCAL_PRECISIONS)
    rec = Rec("rec", config["seed"], preset=config["preset"])
    return [
        Row("png", "PNG", "PNG", PNG),
        Row("webp", "WebP", "WebP", WEBP),
        Row("flif", "FLIF", "FLIF", FLIF),
        Row("jxl", "JPEG XL", method=JXL),
        Row("idf", "IDF", "IDF", WithoutLatents("idf", config["seed"], "idf", fallback="none")),
        Row("lbb", "LBB", "LBB", lbb),
        Row("bitswap", "BitSwap", "BitSwap", bit_swap),
        Row("hilloc", f"HiLLoC, {BitsBackCodec.bin_bits} bits a bin", "HiLLoC", BitsBack("hilloc", config["seed"])),
        Row("irec", "iREC", "iREC", Rec("irec", config["seed"], options=dict(config["irec"]), crops=True)),
        Row("rec", f"rec_jax, preset {config['preset']} ({_kind(config['preset'])})", method=rec),
        Row("phases", "rec_jax, phases (no latents)", method=WithoutLatents("phases", config["seed"], "phases")),
        Row("elbo", "ELBO (RVAE)", "ELBO", Bound("elbo", rec)),
    ]


def _kind(preset: str) -> str:
    """The preset's coder in words: TreeCoder is 'Tree'."""
    return type(preset_coder(preset)).__name__.removesuffix("Coder")


def _models_of(kind: str) -> Callable[[Column], list[str]]:
    """The one model that a row has of its own in a column."""
    return lambda column: [column.model_of(kind)]

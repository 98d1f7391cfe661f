"""What the rows of an evaluation come to: means with their errors, and what judges the coder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rec_jax.codec.container import LOSSLESS
from rec_jax.core.estimates import Estimate, mean, ratio
from rec_jax.core.files import write_bytes_atomic

RATES = ("elbo", "kl", "ideal_residual", "index", "side", "pixel", "header", "file")


class Summary(NamedTuple):
    """Means over the images, in bits per dimension, and what judges the coder; errors are one standard error."""

    n_images: int
    rates_bpd: dict[str, float]  # RATES
    errors_bpd: dict[str, float | None]  # of them; None of a single image, as below
    coder_loss: float | None  # (file - header - ELBO) / KL of the images that were not stored (docs/NOTATION.md)
    coder_loss_error: float | None
    over_elbo: float  # file / ELBO - 1
    over_elbo_error: float | None
    encode_s: float  # per image
    decode_s: float
    n_stored: int  # images that took stored mode
    encode_s_error: float | None = None
    decode_s_error: float | None = None

    def rate(self, name: str) -> Estimate:
        """One of RATES with its error."""
        return Estimate(self.rates_bpd[name], self.errors_bpd[name])

    def columns(self) -> dict[str, Any]:
        """By name, what a sweep's table says of a run."""
        kinds = (("", self.rates_bpd), ("_error", self.errors_bpd))
        rates = {f"{name}_bpd{of}": kind[name] for name in RATES for of, kind in kinds}
        return rates | {
            name: value for name, value in self._asdict().items() if name not in ("rates_bpd", "errors_bpd")
        }

    def text(self) -> str:
        """The lines that `launch.py --mode=evaluate` prints."""
        loss = "not run"
        if self.coder_loss is not None:
            loss = f"{Estimate(self.coder_loss, self.coder_loss_error).text(1, 100)} % of KL"
        over = Estimate(self.over_elbo, self.over_elbo_error)
        encode, decode = Estimate(self.encode_s, self.encode_s_error), Estimate(self.decode_s, self.decode_s_error)
        lines = [
            f"{self.n_images} images, every file written, read back and decoded to the exact pixels",
            "bits per dimension: " + ", ".join(f"{name.replace('_', ' ')} {self.rate(name).text(4)}" for name in RATES),
            f"coder loss {loss}, file {over.text(1, 100)} % over the ELBO",
            f"{encode.text(3)} s to encode, {decode.text(3)} s to decode an image",
        ]
        if self.n_images > 1:
            lines.insert(3, "±: one standard error over the images, by the jackknife")
        if self.n_stored:
            lines.append(f"{self.n_stored} images took stored mode; the coder loss is of the others")
        return "\n".join(lines)


def summarise(rows: Sequence[dict[str, Any]]) -> Summary:
    """Means over rows, weighted by their dimensions; the coder loss is of the images that were coded, not stored."""
    coded = [row for row in rows if row["kind"] == LOSSLESS]
    bits = {name: _bits(rows, name) for name in RATES}
    rates = {name: ratio(value, _dims(rows)) for name, value in bits.items()}
    loss, over = _coder_loss(coded), ratio(bits["file"] - bits["elbo"], bits["elbo"])
    encode, decode = (mean([row[name] for row in rows]) for name in ("encode_s", "decode_s"))
    return Summary(
        n_images=len(rows),
        rates_bpd={name: rate.value for name, rate in rates.items()},
        errors_bpd={name: rate.error for name, rate in rates.items()},
        coder_loss=loss and loss.value,
        coder_loss_error=loss and loss.error,
        over_elbo=over.value,
        over_elbo_error=over.error,
        encode_s=encode.value,
        decode_s=decode.value,
        n_stored=len(rows) - len(coded),
        encode_s_error=encode.error,
        decode_s_error=decode.error,
    )


def _bits(rows: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([row[f"{name}_bpd"] for row in rows], np.float64) * _dims(rows)


def _dims(rows: Sequence[dict[str, Any]]) -> np.ndarray:
    return np.array([row["n_dims"] for row in rows], np.float64)


def _coder_loss(rows: Sequence[dict[str, Any]]) -> Estimate | None:
    """None where no image was coded, or by a model without latents."""
    if not rows or not (kl_bits := _bits(rows, "kl")).any():
        return None
    return ratio(_bits(rows, "file") - _bits(rows, "header") - _bits(rows, "elbo"), kl_bits)


def write_summary(path: Path, summary: NamedTuple) -> None:
    """A summary as JSON beside its rows."""
    write_bytes_atomic(path, (json.dumps(summary._asdict(), indent=1) + "\n").encode())

"""Evaluation of a bits-back codec: images in chains and each one alone, every message decoded to the exact images."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from rec_jax.codec.bits_back_chain import ChainCodec
from rec_jax.codec.bits_back_costs import evaluate_chain
from rec_jax.core.estimates import Estimate, ratio
from rec_jax.data import ImageSource
from rec_jax.evaluate.elbo import image_elbo
from rec_jax.evaluate.shares import WHOLE, Share, open_shared_rows, rows_of

CHAIN_IMAGES = 100  # at least, where there are as many
_RATES = {  # name: field of a row
    "elbo": "elbo_bits", "net": "net_bits", "single": "single_random_bits",
    "initial": "initial_bits", "initial by theory": "start_bits",
}  # fmt: skip


class ChainSummary(NamedTuple):
    """Means over the images, in bits per dimension; errors are one standard error, None of a single image."""

    n_images: int
    rates_bpd: dict[str, float]  # elbo; net: an image in a chain; single: alone, of it initial: the start it needs
    errors_bpd: dict[str, float | None]
    over_elbo: float  # net / ELBO - 1
    over_elbo_error: float | None
    chain_images: int  # the shortest chain's
    encode_s: float  # per image of a chain
    decode_s: float

    def text(self) -> str:
        """The lines that `launch.py --mode=evaluate` prints."""
        rates = {name: Estimate(rate, self.errors_bpd[name]).text(4) for name, rate in self.rates_bpd.items()}
        over = Estimate(self.over_elbo, self.over_elbo_error).text(2, 100)
        return "\n".join(
            [
                f"{self.n_images} images, in chains of {self.chain_images} and alone; every message decoded exactly",
                "bits per dimension: " + ", ".join(f"{name} {text}" for name, text in rates.items()),
                f"net {over} % over the ELBO",
                f"{self.encode_s:.3f} s to encode, {self.decode_s:.3f} s to decode an image of a chain",
            ]
        )


def measure_chains(
    codec: ChainCodec,
    images: ImageSource,
    path: Path,
    numbers: Sequence[int],
    seed: int,
    stamp: Callable[[], dict[str, Any]] = dict,
    share: Share = WHOLE,
) -> list[dict[str, Any]] | None:
    """One row per image, kept in `path` as compression.compress_images does; half a chain is measured again.

    Returns the rows in the order of the images; None as long as other shares have not folded in theirs.
    """
    with open_shared_rows(path, share) as (done, log):
        for places in chains(len(numbers))[share.index :: share.count]:
            named = [numbers[place] for place in places]
            if not done.issuperset(named):
                rows = measure_chain(codec, np.stack([images[number] for number in named]), named, seed)
                log.append(*({**row, **stamp()} for row in rows if row["image"] not in done))
                logging.info("a chain of %d images is done", len(named))
    return rows_of(path, numbers)


def measure_chain(
    codec: ChainCodec, images: np.ndarray, numbers: Sequence[int], seed: int, files: list[bytes] | None = None
) -> list[dict[str, Any]]:
    """One row per image of a chain: its ImageCost, its ELBO, and what it shares with the others.

    files: the images in a classical format, from which the other start is made; None measures none.
    """
    cost = evaluate_chain(codec, images, files, seed)
    elbo = image_elbo(codec.package.bounded_model, codec.package.float_params, images, numbers, seed, batch_size=4)
    shared = {"chain_images": len(numbers), "chain_bits": cost.message_bits}
    times = {"encode_s": cost.encode_s, "decode_s": cost.decode_s}
    return [
        {"image": number, "n_dims": image.size, **one._asdict(), "elbo_bits": float(elbo_bits), **shared, **times}
        for number, image, one, elbo_bits in zip(numbers, images, cost.images, elbo.elbo_bits, strict=True)
    ]


def chains(n_images: int) -> list[list[int]]:
    """Numbers 0 ... n_images - 1 in chains of CHAIN_IMAGES or a few more, or in one of all where there are fewer."""
    parts = np.array_split(np.arange(n_images), max(1, n_images // CHAIN_IMAGES))
    return [part.tolist() for part in parts]


def summarise_chains(rows: Sequence[dict[str, Any]]) -> ChainSummary:
    """Means over rows, weighted by their dimensions."""
    dims = [row["n_dims"] for row in rows]
    rates = {name: ratio([row[field] for row in rows], dims) for name, field in _RATES.items()}
    over = ratio([row["net_bits"] - row["elbo_bits"] for row in rows], [row["elbo_bits"] for row in rows])
    return ChainSummary(
        n_images=len(rows),
        rates_bpd={name: rate.value for name, rate in rates.items()},
        errors_bpd={name: rate.error for name, rate in rates.items()},
        over_elbo=over.value,
        over_elbo_error=over.error,
        chain_images=min(row["chain_images"] for row in rows),
        encode_s=float(np.mean([row["encode_s"] for row in rows])),
        decode_s=float(np.mean([row["decode_s"] for row in rows])),
    )

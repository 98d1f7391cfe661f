"""Bits-back coding (HiLLoC) with a model's weights: its rate in a chain, and what a single image costs.

python -m experiments.bits_back --model=cifar10-rvae --source=cifar10 --data_dir=DIR --n=100 --out=runs/bits_back.jsonl

Every message is decoded back to the exact images and the exact start. The start that holds JPEG XL files needs the
package imagecodecs and is "not run" without it. The ELBO is of the same images, with one posterior sample each.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from experiments.cases import Row, exit_code, rows_of, run_cases
from experiments.program import GOES_ON, at_least, ends_in_a_line
from experiments.round_trip import read_images
from experiments.table1 import bits_back
from experiments.table1.coder_losses import bits_back_means
from experiments.table1.learned import weights_digest
from rec_jax.codec import open_package
from rec_jax.codec.bits_back import BIN_BITS, POSTERIOR_BITS, BitsBackCodec
from rec_jax.core.compilation import enable_compilation_cache
from rec_jax.core.estimates import Estimate, ratio
from rec_jax.core.rows import arrays_digest, files_digest, program_key


class Chain(NamedTuple):
    """A case of experiments.cases: all images as one chain, and each of them alone."""

    codec: BitsBackCodec
    weights: str  # digest of the model file
    images: np.ndarray
    title: str

    def key(self) -> dict[str, Any]:
        """See cases.Case."""
        return {
            "weights": self.weights,
            "images": arrays_digest(self.images),
            "bits": [self.codec.bin_bits, self.codec.posterior_bits],
            "start": bits_back.jxl_or_none(),
            "measured_by": files_digest(bits_back.__file__),
            **program_key(),
        }

    def measure(self) -> Row:
        """See cases.Case."""
        numbers = list(range(len(self.images)))
        return {"title": self.title, "images": bits_back.chain_rows(self.codec, self.images, numbers, seed=0)}

    def line(self, row: Row) -> str:
        """The means over the images, in bits per dimension."""
        rows = row["images"]
        means, one = bits_back_means(rows), rows[0]
        bpd = means["bpd"] | {"whole chain": one["chain_bits"] / sum(r["n_dims"] for r in rows)}
        over = ratio([r["net_bits"] - r["elbo_bits"] for r in rows], [r["elbo_bits"] for r in rows]).text(2, 100)
        lines = [f"{len(rows)} images of {one['n_dims']} dims, every message decoded exactly; bits per dimension:"]
        texts = {name: "not run" if rate is None else f"{rate:.4f}" for name, rate in bpd.items()}
        texts |= {name: Estimate(bpd[name], error).text(4) for name, error in means["bpd_error"].items()}
        lines += [f"{name} {text}" for name, text in texts.items()]
        return "\n".join(
            [
                *lines,
                f"net {over} % over the ELBO; JPEG XL files in a start: {means['n_jxl'] or 'not run'}",
                f"{one['encode_s']:.3f} s to encode, {one['decode_s']:.3f} s to decode an image of the chain",
            ]
        )


@ends_in_a_line("bits_back", GOES_ON)
def main(argv: list[str] | None = None) -> int:
    """Measures what is not there yet and prints the rates in bits per dimension; exit code 1 for an error."""
    arguments = _parse(argv)
    logging.set_verbosity(logging.INFO)
    enable_compilation_cache()
    images = np.stack(read_images(arguments.source, arguments.data_dir, arguments.n))
    codec = BitsBackCodec(open_package(arguments.model), arguments.bin_bits, arguments.posterior_bits)
    title = f"{arguments.model}, the first {len(images)} of {arguments.source}"
    cases = [Chain(codec, weights_digest(arguments.model), images, title)]
    (before,) = rows_of(cases, arguments.out)
    failures = run_cases(cases, arguments.out)
    if before:
        print(cases[0].line(before))
    return exit_code("bits_back", failures)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Bits-back coding of a chain, and of each image alone.")
    parser.add_argument("--model", default="cifar10-rvae", help="name of a shipped model, or path")
    parser.add_argument("--source", choices=("cifar10", "kodak_crops"), default="cifar10")
    parser.add_argument("--data_dir", default="", help="TFDS root, or a folder of PNGs for kodak_crops")
    parser.add_argument("--n", type=at_least(1), help="how many images; default: all")
    parser.add_argument("--bin_bits", type=int, default=BIN_BITS)
    parser.add_argument("--posterior_bits", type=int, default=POSTERIOR_BITS)
    parser.add_argument("--out", type=Path, default=Path("runs/bits_back.jsonl"), help="one row per chain, kept")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

"""Bits-back coding (HiLLoC) with a model's weights: its rate in a chain, and what a single image costs.

python -m experiments.bits_back --model=cifar10-small --source=cifar10 --data_dir=DIR --n=100 --out=runs/bits_back.json

Every message is decoded back to the exact images and the exact start. The start that holds JPEG XL files needs the
package imagecodecs and is "not run" without it. The ELBO is of the same images, with one posterior sample each.
"""

import argparse
import json
import sys
from pathlib import Path

import jax
import numpy as np
from absl import logging

import rec_jax
from experiments.round_trip import read_images
from rec_jax.codec.bits_back import BIN_BITS, POSTERIOR_BITS, BitsBackCodec
from rec_jax.codec.bits_back_costs import ChainCost, evaluate_chain
from rec_jax.core.compilation import enable_compilation_cache
from rec_jax.core.errors import RecError
from rec_jax.core.files import write_bytes_atomic
from rec_jax.core.units import bits_to_bpd
from rec_jax.evaluate.elbo import image_elbo

JXL_EFFORT = 9


def main(argv: list[str] | None = None) -> int:
    """Prints the rates in bits per dimension and writes one row per image; exit code 1 for an error."""
    arguments = _parse(argv)
    logging.set_verbosity(logging.INFO)
    enable_compilation_cache()
    try:
        images = np.stack(read_images(arguments.source, arguments.data_dir, arguments.n))
        shipped = rec_jax.load(arguments.model)
        codec = BitsBackCodec(
            shipped.model, shipped.params, shipped.model_id, arguments.bin_bits, arguments.posterior_bits
        )
        cost = evaluate_chain(codec, images, jxl_files(images))
        elbo = image_elbo(
            codec.model, codec.params, images, range(len(images)), seed=0, batch_size=min(50, len(images))
        )
    except (RecError, OSError) as error:
        print(f"bits_back: {error}", file=sys.stderr)
        return 1
    print(summary(cost, elbo.elbo_bits, images[0].size))
    if arguments.out:
        _write(arguments, cost, elbo.elbo_bits)
    return 0


def jxl_files(images: np.ndarray) -> list[bytes] | None:
    """Each image as a lossless JPEG XL file; None without imagecodecs."""
    try:
        import imagecodecs
    except ImportError:
        return None
    return [imagecodecs.jpegxl_encode(image, lossless=True, effort=JXL_EFFORT, usecontainer=False) for image in images]


def summary(cost: ChainCost, elbo_bits: np.ndarray, n_dims: int) -> str:
    """The means over the images, as text."""
    elbo = float(elbo_bits.mean())

    def mean(name: str) -> float:
        return bits_to_bpd(float(np.mean([getattr(image, name) for image in cost.images])), n_dims)

    lines = [
        f"{len(cost.images)} images of {n_dims} dims, every message decoded exactly; bits per dimension:",
        f"-ELBO {bits_to_bpd(elbo, n_dims):.4f}",
        f"chain, net: {mean('net_bits'):.4f}, {100 * (cost.net_bits / elbo - 1):+.2f}% over the ELBO",
        f"chain, whole message: {bits_to_bpd(cost.message_bits / len(cost.images), n_dims):.4f}",
        f"single image, random start: {mean('single_random_bits'):.2f}, of which the start {mean('initial_bits'):.2f}",
    ]
    if any(image.n_jxl is None for image in cost.images):
        lines.append("single image, JPEG XL start: not run (no imagecodecs, or too few images)")
    else:
        n_files = np.mean([image.n_jxl for image in cost.images])
        lines.append(
            f"single image, JPEG XL start: {mean('single_jxl_bits'):.2f}, of which the files of {n_files:.1f} other "
            f"images {mean('jxl_bits'):.2f} and this image {mean('on_jxl_bits'):.3f}; "
            f"per image of them all {mean('collection_bits'):.3f}"
        )
    return "\n".join(
        [*lines, f"{cost.encode_s:.3f} s to encode, {cost.decode_s:.3f} s to decode an image of the chain"]
    )


def _write(arguments: argparse.Namespace, cost: ChainCost, elbo_bits: np.ndarray) -> None:
    rows = [image._asdict() | {"elbo_bits": float(e)} for image, e in zip(cost.images, elbo_bits, strict=True)]
    chain = {name: value for name, value in cost._asdict().items() if name != "images"}
    options = {name: getattr(arguments, name) for name in ("model", "source", "bin_bits", "posterior_bits")}
    result = options | {"jax": jax.__version__, "device": jax.devices()[0].device_kind} | chain | {"images": rows}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_bytes_atomic(arguments.out, (json.dumps(result, indent=1) + "\n").encode())


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Bits-back coding of a chain, and of each image alone.")
    parser.add_argument("--model", default="cifar10-small", help="name of a shipped model, or path")
    parser.add_argument("--source", choices=("cifar10", "kodak_crops"), default="cifar10")
    parser.add_argument("--data_dir", default="", help="TFDS root, or a folder of PNGs for kodak_crops")
    parser.add_argument("--n", type=int, help="how many images; default: all")
    parser.add_argument("--bin_bits", type=int, default=BIN_BITS)
    parser.add_argument("--posterior_bits", type=int, default=POSTERIOR_BITS)
    parser.add_argument("--out", type=Path, help="JSON of all rows")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

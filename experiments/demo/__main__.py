"""Compresses real photographs into real files, decodes them in a new process that cannot import jax, and compares.

make demo        # python -m experiments.demo [--model NAME|PATH] [--out runs/demo]

Exits 0 only if every file decoded to the exact pixels. The photographs ship with scikit-image (no network needed) and
belong to the test split of the embedded data set; PNG and lossless WebP are Pillow's, at the settings that
give the smallest files (experiments/demo/pictures.py).
"""

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.decode_files import decode_in_new_process, is_exact
from experiments.demo.pictures import Picture, demo_patches, demo_photographs, png_bytes, webp_bytes
from experiments.program import ends_in_a_line
from experiments.progress import stage, table
from rec_jax.codec.image_io import write_png
from rec_jax.codec.tiles import SMALL
from rec_jax.core.files import write_bytes_atomic
from rec_jax.core.units import bits_to_bpd


class Result(NamedTuple):
    """One picture, its sizes in bytes, and whether its file came back exactly."""

    picture: Picture
    png: int
    webp: int
    rec: int
    exact: bool

    def bpd(self, kind: str) -> float:
        """Bits per dimension of the picture as 'png', 'webp' or 'rec'."""
        return bits_to_bpd(8 * getattr(self, kind), self.picture.pixels.size)


@ends_in_a_line("demo")
def main(argv: list[str] | None = None) -> int:
    """Runs the demonstration; exit code 0 if every file decoded to the exact pixels."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.demo", description="Compress photographs, decode them in a new process, compare."
    )
    parser.add_argument("--model", help="name of a shipped model, or path; default: as rec-jax compress chooses")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"))
    arguments = parser.parse_args(argv)
    start_s = time.perf_counter()
    groups = [demo_patches(), demo_photographs()]
    write_files(groups, arguments.model, arguments.out)
    results = decode_and_compare(groups, arguments.model, arguments.out)
    print("\n" + results_table(results) + "\n")
    with stage(f"drawing {arguments.out / 'demo.png'}"):
        from experiments.demo.figure import draw

        draw(results, arguments.out, arguments.out / "demo.png")
    return report(results, arguments.out, arguments.model, time.perf_counter() - start_s)


def latent_model(image: np.ndarray) -> str:
    """The shipped model with latents for a picture's size: they are what this demonstration is of."""
    return "cifar10-rvae" if max(image.shape[:2]) <= SMALL else "photos-rvae"


def write_files(groups: list[list[Picture]], model: str | None, out: Path) -> None:
    """OUT/NAME.png and OUT/NAME.rec of every picture; the pictures of a group are encoded together.

    Nothing is written where a model is not there, and other files in OUT stay.
    """
    with stage("loading jax"):
        from rec_jax.codec import load_codec
        from rec_jax.core.compilation import enable_compilation_cache

        enable_compilation_cache()
    names = [model or latent_model(group[0].pixels) for group in groups]
    codecs = [load_codec(name).without_fallback() for name in names]  # of latents, not of what is embedded
    out.mkdir(parents=True, exist_ok=True)
    for group, name, codec in zip(groups, names, codecs, strict=True):
        height, width, _ = group[0].pixels.shape
        with stage(f"compressing {len(group)} pictures of {width}x{height} with {name} (a first run compiles)"):
            for picture, encoded in zip(group, codec.encode([p.pixels for p in group]), strict=True):
                write_png(out / f"{picture.name}.png", picture.pixels)
                write_bytes_atomic(out / f"{picture.name}.rec", encoded.blob)


def decode_and_compare(groups: list[list[Picture]], model: str | None, out: Path) -> list[Result]:
    """Decodes the pictures' OUT/NAME.rec in a new process without jax and compares the pixels with the pictures."""
    pictures = [picture for group in groups for picture in group]
    with stage(f"decoding the {len(pictures)} files in a new process, by numpy, without jax"):
        for decoded in decode_in_new_process(out, [picture.name for picture in pictures], model):
            if decoded.error:
                print(f"\n{out / decoded.name}.rec: {decoded.error}", file=sys.stderr)
    return [
        Result(
            picture,
            png_bytes(picture.pixels),
            webp_bytes(picture.pixels),
            (out / f"{picture.name}.rec").stat().st_size,
            is_exact(out, picture.name, picture.pixels),
        )
        for picture in pictures
    ]


def results_table(results: list[Result]) -> str:
    """One line per picture, and means per size; sizes in bytes, rates in bits per dimension (bpd)."""
    rows = []
    for r in results:
        height, width, _ = r.picture.pixels.shape
        rows.append(
            {
                "picture": r.picture.name,
                "size": f"{width}x{height}",
                "raw": str(r.picture.pixels.size),
                "PNG": str(r.png),
                "WebP": str(r.webp),
                "rec_jax": str(r.rec),
                **_rates(lambda kind, r=r: r.bpd(kind)),
                "exact": "yes" if r.exact else "NO",
            }
        )
    for (height, width), group in _by_size(results).items():
        mean = _rates(lambda kind, group=group: mean_bpd(group, kind))
        empty = dict.fromkeys(("raw", "PNG", "WebP", "rec_jax"), "")
        exact = f"{sum(r.exact for r in group)} of {len(group)}"
        rows.append({"picture": f"mean of {len(group)}", "size": f"{width}x{height}", **empty, **mean, "exact": exact})
    return table(rows)


def mean_bpd(results: list[Result], kind: str) -> float:
    """Bits per dimension of all pictures together."""
    return bits_to_bpd(8 * sum(getattr(r, kind) for r in results), sum(r.picture.pixels.size for r in results))


def report(results: list[Result], out: Path, model: str | None, elapsed_s: float) -> int:
    """Says what came out, where it lies and what to type next; returns the exit code."""
    n_exact = sum(r.exact for r in results)
    where = "in a process that cannot import jax"
    print(f"\n{n_exact} of {len(results)} files decoded to the exact pixels {where}; {elapsed_s:.0f} s in all")
    print(f"files {out}/*.rec, decoded pictures {out}/decoded/*.png, picture of it all {out}/demo.png")
    name = results[-1].picture.name
    option = f" --model {model}" if model else ""
    print("next:")
    print("  source .venv/bin/activate")
    print(f"  rec-jax info {out}/{name}.rec")
    print(f"  rec-jax compress {out}/{name}.png mine.rec{option} && rec-jax decompress mine.rec mine.png{option}")
    if n_exact < len(results):
        print(f"demo: {len(results) - n_exact} files did NOT decode to their pixels", file=sys.stderr)
        return 1
    return 0


def _rates(bpd) -> dict[str, str]:
    return {f"{title} bpd": f"{bpd(kind):.3f}" for title, kind in (("PNG", "png"), ("WebP", "webp"), ("rec", "rec"))}


def _by_size(results: list[Result]) -> dict[tuple[int, int], list[Result]]:
    groups: dict[tuple[int, int], list[Result]] = {}
    for r in results:
        groups.setdefault(r.picture.pixels.shape[:2], []).append(r)
    return groups


if __name__ == "__main__":
    sys.exit(main())

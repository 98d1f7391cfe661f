"""What it costs that a decoder computes in integers: the ELBO of shipped models in float32 and in the file's integers.

python -m experiments.integer_elbo --data_dir=DIR [--n=1000] [--model=NAME ...]

Both sides see the same images (CIFAR10's first test images; 32x32 is one tile for every model) and the same noise; the
integer side takes its prior, its network and its pixels' masses from the walk that files are decoded by. Errors are
standard errors over batches of 50 images.
"""

import argparse
import functools
import json
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.portability_images import cifar10
from experiments.program import at_least, check_folders, ends_in_a_line
from rec_jax.codec import open_package, shipped_models
from rec_jax.codec.package import Package
from rec_jax.codec.pixels import write_pixels
from rec_jax.codec.tile_search import infer
from rec_jax.core.blas_threads import one_blas_thread
from rec_jax.core.errors import ConfigError
from rec_jax.core.estimates import ratio
from rec_jax.core.gaussian import DiagGaussian, kl_nats
from rec_jax.core.prng import child_key, evaluate_key
from rec_jax.core.units import nats_to_bits
from rec_jax.entropy.base import BitCounter
from rec_jax.exact.arithmetic import FRACTION_BITS
from rec_jax.exact.network import ExactNet
from rec_jax.exact.prior import as_latents, prior_integers
from rec_jax.exact.tables import SCALE_BITS
from rec_jax.models.base import LatentModel
from rec_jax.models.elbo import ElboTerms, elbo_terms
from rec_jax.models.float_net import FloatNet
from rec_jax.models.gaussians import gaussian

_BATCH_SIZE = 50
_NET = FloatNet()


class Bits(NamedTuple):
    """Of a batch."""

    kl: float
    pixels: float


def float_bits(package: Package, images: np.ndarray, key: jax.Array) -> Bits:
    """KL and -log2 p(x | z) in float32."""
    terms = _terms(package.model, package.float_params, images, key)
    return Bits(*(float(nats_to_bits(x)) for x in (terms.kl_nats.sum(), -terms.log_likelihood_nats.sum())))


@functools.partial(jax.jit, static_argnums=0)
def _terms(model: LatentModel, params: Any, images: jax.Array, key: jax.Array) -> ElboTerms:
    return elbo_terms(model, params, images, key)


@functools.partial(jax.jit, static_argnums=0)
def _posterior(model: LatentModel, params: Any, hidden: jax.Array, context: Any) -> DiagGaussian:
    return gaussian(*model.posterior(_NET, params, hidden, context))


def integer_bits(package: Package, images: np.ndarray, key: jax.Array) -> Bits:
    """The same of the integers that files are made of: the exact prior, and the masses that pixels are coded under."""
    model, params, kl = package.model, package.float_params, []

    def draw(layer, prior, hidden):
        hidden = (hidden * 2.0**-FRACTION_BITS).astype(np.float32)
        q = _posterior(model, layer.inputs, hidden, layer.context)
        loc, scale = prior_integers(*prior, np)
        p = DiagGaussian(loc * np.float32(2.0**-FRACTION_BITS), (scale * 2.0**-SCALE_BITS).astype(np.float32))
        kl.append(float(kl_nats(q, p).sum()))
        noise = jax.random.normal(child_key(key, int(layer.number)), q.loc.shape)
        z = np.floor(np.asarray(q.loc + q.scale * noise, np.float64) * 2**FRACTION_BITS + 0.5)
        return as_latents(z, prior[0], np), None

    contexts = jax.device_get(infer(model, params, images.astype(np.float32), 8))
    inputs = [model.group_params(params, g) for g in range(len(model.groups))]
    size, counter = images.shape[1:3], BitCounter()
    with one_blas_thread():
        outputs, _ = model.top_down(ExactNet(), package.exact_params, draw, len(images), size, contexts, inputs)
        real = np.ones(images.shape[:3], bool)
        pixels, own = images.astype(np.int32), package.exact_params["likelihood"]
        write_pixels(counter, model.likelihood, ExactNet(), own, outputs, pixels, real, 3, 8, measure=False)
    return Bits(float(nats_to_bits(sum(kl))), counter.bits)


def _has_layers(name: str) -> bool:
    """Whether the model is walked layer by layer, if by none of latents; not a flow, a Markov chain or a lossy one."""
    try:
        return bool(open_package(name).lossless_model)
    except ConfigError:
        return False


@ends_in_a_line("integer_elbo")
def main(argv: Sequence[str] | None = None) -> int:
    """Prints a line per model; exit code 1 if one loses more than 0.002 bits/dim."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, help="TFDS folder with CIFAR10")
    parser.add_argument("--n", type=at_least(1), default=1000)
    parser.add_argument("--model", action="append", help="by default every shipped lossless one but flows and chains")
    arguments = parser.parse_args(argv)
    check_folders(arguments.data_dir)
    images = np.stack([image for *_, image in cifar10(arguments.data_dir, arguments.n)])
    worst = 0.0
    for name in arguments.model or [name for name in shipped_models() if _has_layers(name)]:
        package, parts, sizes = open_package(name), [], []
        for first in range(0, len(images), _BATCH_SIZE):
            batch, key = images[first : first + _BATCH_SIZE], evaluate_key(0, first)
            parts.append([float_bits(package, batch, key), integer_bits(package, batch, key)])
            sizes.append(batch.size)
        bits = np.array(parts)  # of a batch, in floats or integers, KL and pixels
        rates = bits.sum(0) / images.size
        loss = float(rates[1].sum() - rates[0].sum())
        worst = max(worst, loss)
        row = {"model": name, "n": len(images), "float_bpd": rates[0].sum(), "integer_bpd": rates[1].sum()}
        row |= {"difference_bpd": loss, "float_kl_bpd": rates[0][0], "integer_kl_bpd": rates[1][0]}
        whole = bits.sum(2)
        of_batches = {"float": whole[:, 0], "integer": whole[:, 1], "difference": whole[:, 1] - whole[:, 0]}
        row |= {f"{part}_bpd_error": ratio(values, sizes).error for part, values in of_batches.items()}
        print(json.dumps(row), flush=True)
    return int(worst > 0.002)


if __name__ == "__main__":
    sys.exit(main())

"""What the sweep measures: one cell per coder and target, declared as data."""

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

from experiments.coder_settings import IREC, LAYER_CODERS, TREE, Options, few_nats_coders
from experiments.sweep_coders_posteriors import PosteriorTargets
from experiments.targets import FEW_DIMS, GROWING, ONE_DIM, TARGETS, TargetFamily, Targets

# The authors' grid (omega in nats, epsilon, B), on `small` in blocks of 1000.
OMEGAS, EPSILONS, BEAMS = (2.0, 3.0, 4.0, 5.0, 6.0), (0.0, 0.1, 0.2, 0.5), (1, 10, 50)
_LONGEST = 8192.0  # nats of a call that is one block: more than a layer of an image holds


class Cell(NamedTuple):
    """One coder on one set of targets."""

    group: str
    target: str
    setting: str
    targets: Targets
    options: Options  # of make_coder
    n_seeds: int
    n_learned_from: int  # targets from which the model of K is learned


GROUPS = ("grid", "irec", "tree", "coders", "kl", "few", "real")


def all_cells(posteriors: PosteriorTargets) -> list[Cell]:
    """Every cell of the full sweep, cheap groups first."""
    return [*_few_cells(1000), *_kl_cells(), *_grid_cells(), *_irec_cells(), *_tree_cells(), *_coder_cells(),
            *_real_cells(posteriors)]  # fmt: skip


def quick_cells(posteriors: PosteriorTargets) -> list[Cell]:
    """The whole path in a minute: few targets of few dims, K not learned. Compiling is most of it."""
    tiny, beam = TargetFamily(1024, 22.0), IREC["iREC lossless"]
    tree = dict(kind="tree", n_beams=64)
    layers = {"iREC lossless": beam, "tree B=64": tree}
    one_dim = [(name, few_nats_coders(ONE_DIM[name])) for name in ("one_dim_1", "one_dim_3")]
    few = [(name, coder, options[coder]) for name, options in one_dim for coder in ("poisson", "a_star", "dithered")]
    even = {f"even_{kl}": TargetFamily(1024, float(kl), sparse=False) for kl in (8, 32, 128)}
    greedy = beam | dict(n_beams=1)
    return [
        *(Cell("few", name, coder, ONE_DIM[name], options, 100, 0) for name, coder, options in few),
        Cell("grid", "tiny", _grid_name(greedy), tiny, greedy, 3, 0),
        *(Cell("coders", "tiny", name, tiny, options, 3, 0) for name, options in layers.items()),
        *(Cell("kl", key, name, even[key], options, 3, 0) for name, options in layers.items() for key in even),
        *(Cell("real", posteriors.images, name, posteriors, o, posteriors.n_images, 0) for name, o in layers.items()),
    ]


def _grid_cells() -> Iterator[Cell]:
    for omega, epsilon, n_beams in itertools.product(OMEGAS, EPSILONS, BEAMS):
        options = dict(kind="beam_search", omega=omega, epsilon=epsilon, n_beams=n_beams, block_size=1000)
        yield Cell("grid", "small", _grid_name(options), TARGETS["small"], options, 4, 16)


def _grid_name(options: Options) -> str:
    return f"Omega={options['omega']:g} 1+eps={1 + options['epsilon']:g} B={options['n_beams']}"


def _irec_cells() -> Iterator[Cell]:
    """Beyond the authors' grid: 200 beams, blocks of other sizes, matched variances and one rate for all blocks."""
    base = IREC["iREC lossless"]
    for omega, epsilon in itertools.product((2.0, 3.0, 4.0), (0.0, 0.2)):
        options = base | dict(omega=omega, epsilon=epsilon, n_beams=200)
        yield Cell("irec", "small", _grid_name(options), TARGETS["small"], options, 4, 16)
    for block_size in (250, 500, 2000, 4096, None):
        name = f"blocks of {block_size}" if block_size else "one block"
        yield Cell(
            "irec", "small", f"iREC lossless, {name}", TARGETS["small"], base | dict(block_size=block_size), 4, 16
        )
    for schedule, rate, n_beams in itertools.product(("power", "matched"), (1.0, 1.1), (20, 200)):
        options = base | dict(epsilon=0.0, schedule=schedule, rate=rate, n_beams=n_beams)
        yield Cell("irec", "small", f"iREC {schedule} rate={rate:g} B={n_beams}", TARGETS["small"], options, 4, 16)


def _tree_cells() -> Iterator[Cell]:
    for target, n_seeds in (("small", 8), ("large", 4)):
        for n_candidates, n_beams in itertools.product((4, 16, 32), (64, 512, 4096)):
            options = dict(kind="tree", n_candidates=n_candidates, n_beams=n_beams)
            yield Cell("tree", target, f"tree M={n_candidates} B={n_beams}", TARGETS[target], options, n_seeds, 16)


def _coder_cells() -> Iterator[Cell]:
    for target, family in TARGETS.items():
        n_seeds = 16 if target in ("small", "faint") else 8
        for name, options in LAYER_CODERS.items():
            if (target, name) != ("large", "iREC one block"):  # 340 steps over 49,152 dims: the slowest by far
                yield Cell("coders", target, name, family, options, n_seeds, 16)
    for name, options in few_nats_coders(TARGETS["faint"]).items():
        if name in ("index", "index, sampled", "ordered"):  # what takes any Gaussian of few nats
            yield Cell("coders", "faint", name, TARGETS["faint"], options, 16, 16)


def _kl_cells() -> Iterator[Cell]:
    names = ("iREC lossless", "iREC one block", "tree fast", "tree default")
    for (target, family), name in itertools.product(GROWING.items(), names):
        options = _with_room(LAYER_CODERS[name])
        yield Cell("kl", target, name, family, options, 8 if family.kl_nats < 500 else 4, 16)


def _few_cells(n_seeds: int) -> Iterator[Cell]:
    for target, family in (ONE_DIM | FEW_DIMS).items():
        for name, options in few_nats_coders(family).items():
            yield Cell("few", target, name, family, options, n_seeds, 0)


def _real_cells(posteriors: PosteriorTargets) -> Iterator[Cell]:
    base = IREC["iREC lossless"]
    omegas: dict[str, Any] = {f"iREC Omega={omega:g}": base | dict(omega=omega) for omega in (2.0, 4.0, 5.0)}
    for name, options in (IREC | omegas | TREE).items():
        yield Cell("real", posteriors.images, name, posteriors, _with_room(options), posteriors.n_images, 16)


def _with_room(options: Options) -> Options:
    """The same for calls of thousands of nats: beam search in one block needs to know of them."""
    one_block = options["kind"] == "beam_search" and options["block_size"] is None
    return options | dict(max_nats=_LONGEST) if one_block else options

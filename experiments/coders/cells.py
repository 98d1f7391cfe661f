"""What is measured of coders: one cell per coder and target, declared as data; sweep, bench and tables choose."""

import functools
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from experiments.cases import Row
from experiments.coders.measure import Fit, fit_steps, fit_steps_and_laws, measure
from experiments.coders.posteriors import PosteriorTargets
from experiments.coders.settings import IREC, LAYER_CODERS, TREE, Options, family_coders, few_nats_coders
from experiments.coders.targets import FEW_DIMS, GAUSSIANS, GROWING, ONE_DIM, TARGETS, TargetFamily, Targets
from experiments.timing import yardstick
from rec_jax.coders import LAYER_KINDS, make_coder
from rec_jax.core.rows import NO_BITS, files_digest, program_key

# The authors' grid (omega in nats, epsilon, B), on `small` in blocks of 1000.
OMEGAS, EPSILONS, BEAMS = (2.0, 3.0, 4.0, 5.0, 6.0), (0.0, 0.1, 0.2, 0.5), (1, 10, 50)
_NOT_OF_CODERS = ("codec", "evaluate", "models")  # of rec_jax: what synthetic targets do without
_LONGEST = 8192.0  # nats of a call that is one block: more than a layer of an image holds


class Cell(NamedTuple):
    """One coder on one set of targets; a case of experiments.cases."""

    group: str
    target: str
    setting: str
    targets: Targets
    options: Options  # of make_coder
    n_seeds: int
    n_learned_from: int  # targets from which the model of K is learned
    budget_s: float = math.inf  # fewer targets once it is up

    @property
    def title(self) -> str:
        """Group, target and coder."""
        return f"{self.group}: {self.target}, {self.setting}"

    def key(self) -> dict[str, Any]:
        """See cases.Case; the coder with every option, whether given or not."""
        counted = {"n_seeds": self.n_seeds, "n_learned_from": self.n_learned_from, "budget_s": str(self.budget_s)}
        code = program_key(NO_BITS if isinstance(self.targets, PosteriorTargets) else (*NO_BITS, *_NOT_OF_CODERS))
        return {
            "what": [self.group, self.target, type(self.targets).__name__],
            "targets": self.targets.key(),
            "coder": repr(make_coder(**self.options)),
            **counted,
            **code,
            "measured_by": _measured_by(),
        }

    def measure(self) -> Row:
        """Numbers of `measure`, and what they are of; times also in yardsticks, measured beside them."""
        unit = yardstick()
        coder = make_coder(**self.options)
        row = measure(self.targets, coder, self.n_seeds, self.budget_s, _fit(self.options), self.n_learned_from)
        wall, cpu = row["encode_s"], row["encode_cpu_s"]
        return {
            "group": self.group,
            "target": self.target,
            "setting": self.setting,
            "targets": str(self.targets),
            "kind": self.options["kind"],
            "options": self.options,
            "coder": repr(coder),
            "n_learned_from": self.n_learned_from,
            **row,
            "encode_yardsticks": None if wall is None else wall / unit.wall_s,
            "encode_cpu_yardsticks": None if cpu is None else cpu / unit.cpu_s,
            "yardstick_s": unit.wall_s,
            "yardstick_cpu_s": unit.cpu_s,
        }

    def line(self, row: Row) -> str:
        """See cases.Case."""
        if row["total_overhead"] is None:
            return f"all {row['failures']} targets overflowed"
        return (
            f"total {100 * row['total_overhead']:.1f}% of {row['kl_nats']:.4g} nats, {row['encode_s']:.3g} s, "
            f"{row['encode_yardsticks']:.2g} yardsticks, z2 {row['z2']:.2f}, {row['failures']} failures"
        )


def _fit(options: Options) -> Fit | None:
    """What is learned for a coder of whole layers."""
    if options["kind"] not in LAYER_KINDS:
        return None
    return fit_steps_and_laws if options.get("schedule") == "matched" else fit_steps


GROUPS = ("grid", "irec", "tree", "coders", "kl", "few", "real")


@functools.cache
def _measured_by() -> str:
    return files_digest(*(Path(__file__).with_name(f"{name}.py") for name in ("measure", "posteriors", "targets")))


def all_cells(posteriors: PosteriorTargets) -> list[Cell]:
    """Every cell of the full sweep, cheap groups first."""
    return [*_few_cells(1000), *_kl_cells(), *_grid_cells(), *_irec_cells(), *_tree_cells(), *_coder_cells(),
            *_real_cells(posteriors)]  # fmt: skip


def quick_cells(posteriors: PosteriorTargets) -> list[Cell]:
    """The whole path in a minute: few targets of few dims, K not learned. Compiling is most of it."""
    tiny, beam = TargetFamily(1024, 22.0), IREC["iREC lossless"]
    tree = dict(kind="tree", n_beams=64)
    layers = {"iREC lossless": beam, "tree B=64": tree}
    one_dim = [(name, family_coders(ONE_DIM[name])) for name in ("one_dim_1", "one_dim_3")]
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


def bench_cells(quick: bool) -> list[Cell]:
    """Those of the sweep that tell a fast machine from a slow one, and every kind of coder, in a few seconds each."""
    if quick:
        faint = [cell for cell in _coder_cells() if (cell.target, cell.setting) == ("faint", "iREC lossless")]
        few = [cell for cell in _few_cells(2) if (cell.target, cell.setting) == ("one_dim_3", "poisson")]
        return [cell._replace(group="coder", n_seeds=2, n_learned_from=0) for cell in faint + few]
    everywhere = ("iREC lossless", *TREE, "index", "ordered")
    layers = [cell for cell in _coder_cells() if cell.target == "small" or cell.setting in everywhere]
    few = [cell for cell in _few_cells(500) if cell.target in ("one_dim_3", *FEW_DIMS)]
    return [
        *(cell._replace(group="coder", n_seeds=12, budget_s=4.0) for cell in layers),
        *(cell._replace(group="coder", budget_s=4.0) for cell in few),
    ]


def few_table_cells(n_calls: int) -> list[Cell]:
    """The coders of a few nats on three single Gaussians, whose scale they know, and their KL not."""
    return [
        Cell("few_table", target, name, one, options, n_calls, 0)
        for target, one in GAUSSIANS.items()
        for name, options in few_nats_coders(1, one.rho).items()
    ]


def layer_table_cells(n_targets: int) -> list[Cell]:
    """The coders of whole layers."""
    layers = [cell for cell in _coder_cells() if cell.setting in LAYER_CODERS]
    return [cell._replace(group="layer_table", n_seeds=n_targets) for cell in layers]


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
    for name, options in family_coders(TARGETS["faint"]).items():
        if name in ("index", "index, sampled", "ordered"):  # what takes any Gaussian of few nats
            yield Cell("coders", "faint", name, TARGETS["faint"], options, 16, 16)


def _kl_cells() -> Iterator[Cell]:
    names = ("iREC lossless", "iREC one block", "tree fast", "tree default")
    for (target, family), name in itertools.product(GROWING.items(), names):
        options = _with_room(LAYER_CODERS[name])
        yield Cell("kl", target, name, family, options, 8 if family.kl_nats < 500 else 4, 16)


def _few_cells(n_seeds: int) -> Iterator[Cell]:
    for target, family in (ONE_DIM | FEW_DIMS).items():
        for name, options in family_coders(family).items():
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

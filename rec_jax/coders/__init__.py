"""Floor 2: relative entropy coders behind one interface (`base.Coder`); they know Gaussians, no images and no files."""

import dataclasses

from rec_jax.coders.base import Coder
from rec_jax.coders.few_nats.greedy_rejection import GreedyRejectionCoder
from rec_jax.coders.few_nats.index import IndexCoder
from rec_jax.coders.few_nats.ordered import OrderedCoder
from rec_jax.coders.few_nats.poisson import PoissonCoder
from rec_jax.coders.irec.beam_search import BeamSearchCoder
from rec_jax.coders.one_dim.a_star import AStarCoder
from rec_jax.coders.one_dim.dithered import DitheredCoder, UniformTarget
from rec_jax.coders.one_dim.greedy_poisson import GreedyPoissonCoder
from rec_jax.coders.one_dim.greedy_splitting import GreedySplittingCoder
from rec_jax.coders.step_counts import StepCountModel
from rec_jax.coders.tree.coder import TreeCoder
from rec_jax.core.errors import ConfigError

__all__ = [
    "AStarCoder",
    "BeamSearchCoder",
    "Coder",
    "DitheredCoder",
    "GreedyPoissonCoder",
    "GreedyRejectionCoder",
    "GreedySplittingCoder",
    "IndexCoder",
    "OrderedCoder",
    "PoissonCoder",
    "StepCountModel",
    "TreeCoder",
    "UniformTarget",
    "make_coder",
]


def make_coder(kind: str, **options) -> Coder:
    """The coder of that kind with these hyper-parameters; ConfigError names an unknown kind or option.

    >>> make_coder(kind="beam_search", omega=3.0, epsilon=0.2, n_beams=20)
    """
    match kind:
        case "beam_search":
            coder_class = BeamSearchCoder
        case "index":
            coder_class = IndexCoder
        case "ordered":
            coder_class = OrderedCoder
        case "poisson":
            coder_class = PoissonCoder
        case "a_star":
            coder_class = AStarCoder
        case "greedy_rejection":
            coder_class = GreedyRejectionCoder if options.get("split") is None else GreedySplittingCoder
        case "greedy_poisson":
            coder_class = GreedyPoissonCoder
        case "dithered":
            coder_class = DitheredCoder
        case "tree":
            coder_class = TreeCoder
        case _:
            raise ConfigError(
                f"coder.kind={kind!r} is unknown; have a_star, beam_search, dithered, greedy_poisson, "
                "greedy_rejection, index, ordered, poisson, tree"
            )
    allowed = [field.name for field in dataclasses.fields(coder_class)]
    if unknown := sorted(set(options) - set(allowed)):
        raise ConfigError(f"coder {kind} has no option {unknown[0]!r}; it has {', '.join(allowed)}")
    return coder_class(**options)

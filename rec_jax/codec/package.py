"""A model opened: network, parameters, config and what was learned for its coder, in the one place that reads them.

Importing this, and decoding with what it gives, imports no jax.
"""

import dataclasses
import functools
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from rec_jax.codec.learned import NOTHING, Learned, configured_coder
from rec_jax.codec.model_file import find_model_path, read_model_file, shipped_model_paths
from rec_jax.codec.presets import preset_coder
from rec_jax.coders import LayerCoder
from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.core.plugins import NotImported
from rec_jax.models import make_model
from rec_jax.models.base import (
    AnyModel,
    BoundedModel,
    ContinuousFlow,
    CurveModel,
    IntegerFlow,
    LatentModel,
    LossyModel,
    MarkovModel,
    QuantisedModel,
)
from rec_jax.models.exact_params import check_stored, exact_params, float_params, quantise_params

if TYPE_CHECKING:
    from rec_jax.codec.base import FileCodec


@dataclasses.dataclass(frozen=True, eq=False)
class Package:
    """A model with everything that both sides of a file must share.

    stored: parameters as a file holds them (models/exact_params.py).  coder: the one that `learned` was learned for.
    """

    name: str
    model: AnyModel
    stored: dict[str, Any] = dataclasses.field(repr=False)
    coder: LayerCoder
    learned: Learned = NOTHING
    model_id: int = 0
    config: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    @functools.cached_property
    def float_params(self) -> dict[str, Any]:
        """For encoding, evaluation and sampling: the numbers that the stored integers stand for, float32."""
        return float_params(self.stored)

    @functools.cached_property
    def exact_params(self) -> dict[str, Any]:
        """For decoding, in numpy."""
        return exact_params(self.model, self.stored)

    @property
    def bounded_model(self) -> BoundedModel:
        """The model, where it has a bound of a picture's bits; ConfigError of a lossy one."""
        if isinstance(self.model, CurveModel):
            raise ConfigError(f"{self.name} is a lossy model, which says nothing of exact pixels; take a lossless one")
        return self.model

    @property
    def lossless_model(self) -> LatentModel:
        """The model, where it has layers of latents, or none; ConfigError of a lossy one, a flow and a Markov chain."""
        model = self.bounded_model
        if isinstance(model, MarkovModel | ContinuousFlow):
            raise ConfigError(
                f"{self.name} codes chains of pictures (rec_jax.codec.chain_codecs), no files; take another"
            )
        if isinstance(model, IntegerFlow):
            raise ConfigError(f"{self.name} is a flow, which has no likelihood given latents; take another model")
        return model

    def codec(self, preset: str | None = None) -> "FileCodec":
        """The codec of this model, with a preset's coder, or its own; ConfigError for a preset that does not exist.

        A model without latents needs no coder: then a preset is only checked.
        """
        from rec_jax.codec.idf import IDFCodec
        from rec_jax.codec.lossless import LosslessCodec
        from rec_jax.codec.lossy import LossyCodec
        from rec_jax.codec.quantised import QuantisedCodec
        from rec_jax.codec.whole import WholeCodec

        coder = self.coder if preset is None else preset_coder(preset)
        if isinstance(self.model, LossyModel):
            return LossyCodec(self, coder)
        if isinstance(self.model, QuantisedModel):
            return QuantisedCodec(self)
        if isinstance(self.model, IntegerFlow):
            return IDFCodec(self)
        return LosslessCodec(self, coder) if self.lossless_model.groups else WholeCodec(self)


def open_package(name_or_path: str | os.PathLike) -> Package:
    """The package of a shipped model's name, or of a model file.

    Raises:
      MissingFile, CorruptFile: the model is not there or not a model.
      NotImported: it names classes of a module that is not imported; a file imports nothing.
    """
    name = os.fspath(name_or_path)
    stored = read_model_file(find_model_path(name))
    try:
        coder, learned = configured_coder(stored.config["coder"])
        model = make_model(stored.config["model"])
    except (AttributeError, KeyError, TypeError) as error:
        raise CorruptFile(f"{name}: its config lacks what a model needs ({error}); export it again") from None
    except NotImported as error:
        raise NotImported(f"{name}: {error}") from None
    except ConfigError as error:
        raise CorruptFile(f"{name}: its config cannot be: {error}") from None
    _check_learned(model, learned, name)
    if name not in shipped_model_paths():  # those are checked by the tests, and a command should start fast
        check_stored(model, stored.params, name)
    return Package(name, model, stored.params, coder, learned, stored.model_id, stored.config)


def package_of_params(model: AnyModel, params: dict[str, Any], coder: LayerCoder, learned=NOTHING):
    """The package of trained float parameters, quantised as export would; for evaluation without a model file."""
    name, stored = "a run", quantise_params(model, _on_host(params))
    return Package(name, model, stored, coder, learned)


def _on_host(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _on_host(child) for name, child in node.items()}
    return [_on_host(child) for child in node] if isinstance(node, list | tuple) else np.asarray(node)


def _check_learned(model: AnyModel, learned: Learned, name: str) -> None:
    channels = [group.channels for group in model.groups for _ in range(group.n_layers)]
    if learned.step_counts and len(learned.step_counts) != len(channels):
        raise CorruptFile(
            f"{name}: step counts of {len(learned.step_counts)} layers for {len(channels)}; export it again"
        )
    if learned.shares and (have := list(map(len, learned.shares))) != channels:
        raise CorruptFile(f"{name}: weights of {have} channels for {channels}; export it again")
    if learned.by_scale and len(learned.by_scale) != len(channels):
        raise CorruptFile(
            f"{name}: weights by scale of {len(learned.by_scale)} layers for {len(channels)}; export it again"
        )

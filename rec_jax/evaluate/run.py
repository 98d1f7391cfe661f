"""`launch.py --mode=evaluate`: the weights of a workdir, or of a model file, on a config's images, down to files."""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import logging

from rec_jax.codec.bits_back_chain import ChainCodec
from rec_jax.codec.calibrate import N_IMAGES, calibrate, calibrate_step_counts
from rec_jax.codec.chain_codecs import chain_codec
from rec_jax.codec.curve import CurveCodec
from rec_jax.codec.learned import Learned, configured_coder
from rec_jax.codec.package import Package, open_package, package_of_params
from rec_jax.coders import StepCountModel
from rec_jax.core.config_values import with_tuples
from rec_jax.core.errors import CorruptFile
from rec_jax.core.files import write_bytes_atomic
from rec_jax.core.locks import locked
from rec_jax.core.plugins import plugin_sources
from rec_jax.core.rows import arrays_digest, files_digest, make_stamp, program_key, row_id
from rec_jax.data import ImageSource, evenly_spaced, make_source
from rec_jax.evaluate.batches import Row
from rec_jax.evaluate.chains import ChainSummary, measure_chains, summarise_chains
from rec_jax.evaluate.compression import compress_images
from rec_jax.evaluate.lossy import code_pictures
from rec_jax.evaluate.lossy_summary import AnySummary, summarise_pictures
from rec_jax.evaluate.shares import WHOLE, Share, await_rows
from rec_jax.evaluate.summary import summarise, write_summary
from rec_jax.models import make_model
from rec_jax.models.base import CurveModel, LossyModel, QuantisedModel
from rec_jax.train.checkpoint import restore_params
from rec_jax.train.saved_config import read_config


def evaluate(
    config: Any, workdir: str | Path, model_name: str | None = None, share: Share = WHOLE, together: bool = False
) -> AnySummary | ChainSummary | None:
    """Codes the first config.evaluate.n_images of config.evaluate.split; writes and returns what they cost.

    A lossy model codes each at every quality of config.evaluate.qualities (lossy.py).

    model_name: a shipped model or a model file, instead of what was trained in workdir. Either brings its
      own model section; config.model is not looked at. A model file also brings what was learned for its coder.
    share: the part of this process, where several share the images; all local devices share its batches.
    together: whether the shares run at the same time; then each waits for the others and returns the whole summary.
      Otherwise the last one returns it, and the others None.

    Writes WORKDIR/evaluate/NAME.jsonl, one row per image, and NAME.json; NAME names everything that the rows depend on
    (rec_jax.core.rows), so that other images, weights, coders or code never share rows. A killed evaluation resumes.
    Raises RecError if another process evaluates the same share.
    """
    folder = Path(workdir) / "evaluate"
    coder, learned = configured_coder(config.coder)
    if model_name:
        package = open_package(model_name)
        learned = learned if learned.shares or learned.by_scale else package.learned.for_coder(coder, package.coder)
    else:
        package = package_of_params(make_model(read_config(workdir).model), restore_params(workdir), coder)
    weights_key = _weights_key(package)
    if codec := chain_codec(package):
        return _evaluate_chains(config, codec, weights_key, folder, share, together)
    package = dataclasses.replace(package, coder=coder, learned=learned)
    if _must_learn(package):
        package = dataclasses.replace(package, learned=_learned(package, config, weights_key, folder))
    source = make_source(config.data, config.evaluate.split)
    path = folder / f"{_run_name(config, package, weights_key, source)}.jsonl"
    numbers = range(min(config.evaluate.n_images, len(source)))
    rows = _coded(config, package, source, path, numbers, share)
    if together:
        rows = await_rows(path, share, numbers)
    if rows is None:
        return None
    summary = (summarise_pictures if isinstance(package.model, CurveModel) else summarise)(rows)
    write_summary(path.with_suffix(".json"), summary)
    logging.info("rows in %s", path)
    return summary


def _evaluate_chains(
    config: Any, codec: ChainCodec, weights_key: dict[str, Any], folder: Path, share: Share, together: bool
) -> ChainSummary | None:
    """Of a model that codes chains of images instead of files; its coder section is not looked at."""
    source = make_source(config.data, config.evaluate.split)
    made_by = {**weights_key, "precisions": [codec.bin_bits, codec.posterior_bits]}
    path = folder / f"{_run_name(config, codec.package, made_by, source)}.jsonl"
    numbers = range(min(config.evaluate.n_images, len(source)))
    rows = measure_chains(codec, source, path, numbers, config.seed, make_stamp(method=type(codec).__name__), share)
    if together:
        rows = await_rows(path, share, numbers)
    if rows is None:
        return None
    summary = summarise_chains(rows)
    write_summary(path.with_suffix(".json"), summary)
    logging.info("rows in %s", path)
    return summary


def source_digest(source: ImageSource | Sequence[np.ndarray]) -> str:
    """Of the pixels of all its images, one in memory at a time: a copy that differs in one of them is another source.

    Of all, not of the first n that are coded, so that n may grow and the rows stay.
    """
    return arrays_digest(source[i] for i in range(len(source)))


def _coded(
    config: Any, package: Package, source: ImageSource, path: Path, numbers: Sequence[int], share: Share
) -> list[Row] | None:
    """The rows of the images; None as long as other shares have not folded in theirs."""
    codec, stamp = package.codec(), make_stamp(coder=repr(package.coder))
    if isinstance(codec, CurveCodec):
        return code_pictures(
            codec.without_fallback(),
            config.evaluate.qualities,
            source,
            path,
            seed=config.seed,
            stamp=stamp,
            numbers=numbers,
            share=share,
        )
    return compress_images(
        dataclasses.replace(codec, fallback="raw"),
        source,
        path,
        batch_size=config.evaluate.batch_size,
        seed=config.seed,
        stamp=stamp,
        numbers=numbers,
        share=share,
    )


def _weights_key(package: Package) -> dict[str, Any]:
    return {"model": repr(package.model), "weights": arrays_digest(jax.tree.leaves(package.stored))}


def _run_name(config: Any, package: Package, weights_key: dict[str, Any], source: ImageSource) -> str:
    """Data set, split, and a digest of everything that the rows depend on; where images lie does not matter."""
    lossy = isinstance(package.model, CurveModel)
    likelihood = None if lossy else getattr(package.bounded_model, "likelihood", None)  # a flow has none
    foreign = plugin_sources(package.model, likelihood, package.coder)
    key = {
        **weights_key,
        **program_key(),
        "plugins": files_digest(*foreign),
        "coder": repr(package.coder),  # every option, given or not
        "learned": repr(package.learned),
        "images": source_digest(source),
        "seed": config.seed,
        **({"qualities": config.evaluate.qualities} if lossy else {"batch_size": config.evaluate.batch_size}),
    }
    return f"{config.data.name.replace('/', '_')}-{config.evaluate.split}-{row_id(key)}"


def _must_learn(package: Package) -> bool:
    """Whether the coder lacks something that training images could teach it."""
    model, learned = package.model, package.learned
    if isinstance(model, LossyModel):
        return not learned.by_scale
    return bool(model.groups) and not isinstance(model, QuantisedModel) and not (learned.step_counts and learned.shares)


def _learned(package: Package, config: Any, weights_key: dict[str, Any], folder: Path) -> Learned:
    """What training images teach the coder, kept in FOLDER/learned-ID.json for a resumed evaluation."""
    images = np.asarray(evenly_spaced(make_source(config.data, "train"), N_IMAGES))
    coder, shares = repr(package.coder), package.learned.shares
    key = {**weights_key, **program_key(), "coder": coder, "shares": shares, "images": arrays_digest(images)}
    path = folder / f"learned-{row_id(key)}.json"
    with locked(folder, wait_s=math.inf):  # by one of several processes; the others read it
        if not path.exists():
            learned = Learned(calibrate_step_counts(package, images), shares) if shares else calibrate(package, images)
            rows = learned._asdict() | dict(step_counts=[vars(count) for count in learned.step_counts])
            write_bytes_atomic(path, json.dumps(rows).encode())
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        counts = tuple(StepCountModel(**row) for row in rows["step_counts"])
        return Learned(counts, with_tuples(rows["shares"]), with_tuples(rows["by_scale"]))
    except (ValueError, KeyError, TypeError):
        raise CorruptFile(f"{path} is damaged; delete it, and it is learned again") from None

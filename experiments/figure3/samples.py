"""Pictures for the page: originals and what came out of files near a few rates, as lossless WebP beside it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from experiments.cases import FAILURES
from experiments.figure3.curves import METRICS
from experiments.figure3.method import CODED, Method
from experiments.figure3.pictures import Pictures
from experiments.figure3.results import nearest_setting
from experiments.figure3.series import Plan, Series
from rec_jax.core.files import make_folder, open_atomic, read_bytes

FOLDER = "pictures"
RATES_BPP = (0.25, 0.5, 1.0)
_N_PICTURES = 8
_MAX_BYTES = 2**30


def write_originals(pictures: Pictures, workdir: Path) -> None:
    """Of the pictures that the page shows, evenly spread over all."""
    for name in shown(pictures.names):
        path = workdir / FOLDER / f"{name}.webp"
        if not path.is_file():
            _write(path, pictures[pictures.names.index(name)])


def shown(names: Sequence[str]) -> list[str]:
    """Which pictures the page shows."""
    places = np.linspace(0, len(names), min(_N_PICTURES, len(names)), endpoint=False).astype(int)
    return [names[i] for i in places]


def write_samples(figure: dict[str, Any], plan: Plan, methods: Sequence[Method], workdir: Path) -> list[dict[str, Any]]:
    """What the page shows of each picture: {'picture', 'original', 'decoded': [{'curve', 'target_bpp', 'path', ...}]}.

    Paths are relative to workdir. A method that cannot decode its files today is left out where it has not before.
    """
    of_id = {method.id: method for method in methods}
    samples = []
    for name in shown(plan.pictures):
        original = Path(FOLDER) / f"{name}.webp"
        if not (workdir / original).is_file():
            continue
        decoded = [
            sample
            for curve in figure["curves"]
            if curve["kind"] == CODED and name in curve["of_pictures"] and curve["method"] in of_id
            for sample in _decoded(curve, _series(plan, curve), of_id[curve["method"]], name, workdir)
        ]
        samples.append({"picture": name, "original": original.as_posix(), "decoded": decoded})
    return samples


def _series(plan: Plan, curve: dict[str, Any]) -> Series:
    return next(series for series in plan.series if series.id == curve["method"])


def _decoded(
    curve: dict[str, Any], series: Series, method: Method, picture: str, workdir: Path
) -> Iterator[dict[str, Any]]:
    for target in RATES_BPP:
        setting = nearest_setting(curve, picture, target)
        path = Path(FOLDER) / f"{picture}-{series.rows_name}-{setting:g}.webp"
        if not (workdir / path).is_file():
            try:
                data = read_bytes(series.file_path(workdir, picture, setting), _MAX_BYTES)
                _write(workdir / path, method.decode(data))
            except FAILURES:
                continue
        place, scores = series.settings.index(setting), curve["of_pictures"][picture]
        found = {name: scores[name][place] for name in ("bpp", *METRICS)}
        yield {"curve": curve["id"], "target_bpp": target, "setting": setting, "path": path.as_posix(), **found}


def _write(path: Path, pixels: np.ndarray) -> None:
    if not path.parent.is_dir():
        make_folder(path.parent)
    with open_atomic(path, sweep=False) as file:
        Image.fromarray(pixels).save(file, "WEBP", lossless=True, quality=20, method=2)

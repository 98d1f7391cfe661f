"""Turns trained weights of a model by phases into a model file.

python -m experiments.export_phases WEIGHTS.npz MODEL.safetensors [--name cifar10]

WEIGHTS holds one array per weight, named by its path (`sets/0/11/first/w`); the sizes of the networks are read off
them. Nothing is learned for a coder: there are no latents.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from configs.base import base, choose_coder
from rec_jax.codec.model_file import write_model_file
from rec_jax.models import make_model
from rec_jax.models.exact_params import check_stored, quantise_params


def nested(arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """{"a/b": x} to {"a": {"b": x}}."""
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *groups, leaf = name.split("/")
        node = tree
        for group in groups:
            node = node.setdefault(group, {})
        node[leaf] = array
    return tree


def model_section(params: dict[str, Any]) -> dict[str, Any]:
    """The config's `model` of these weights."""
    networks = [params["sets"][str(i)]["11"] for i in range(len(params["sets"]))]
    first = networks[0]
    return {
        "kind": "phases",
        "widths": tuple(network["first"]["w"].shape[3] for network in networks),
        "spatial": tuple(network["in"]["w"].shape[3] if "in" in network else 0 for network in networks),
        "n_pointwise": sum(name.startswith("up") for name in first),
        "window": first["first"]["w"].shape[0],
        "n_components": first["last"]["w"].shape[3] // 12,
    }


def export(params: dict[str, Any], path: Path, name: str = "") -> int:
    """Writes the model file of weights {"coarsest", "sets"}; returns its id."""
    config = choose_coder(base(), "tree").to_dict()
    config["model"] = model_section(params)
    config["data"]["name"] = name
    model = make_model(config["model"])
    stored = quantise_params(model, {"likelihood": params})
    check_stored(model, stored, str(path))
    return write_model_file(path, stored, config)


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--name", default="", help="of the data that it was trained on")
    options = parser.parse_args(arguments)
    with np.load(options.weights) as data:
        params = nested(dict(data))
    model_id = export(params, options.output, options.name)
    print(f"{options.output}: {options.output.stat().st_size} bytes, model id {model_id:04x}")


if __name__ == "__main__":
    main()

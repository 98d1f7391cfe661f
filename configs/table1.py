"""What Table 1 measures: data, counts and models of its three columns, and the coders of its rows.

python -m experiments.table1 --workdir=runs/table1 --data_dir=DIR --kodak_dir=FOLDER
python -m experiments.table1 --workdir=runs/table1 --data_dir=DIR --config.imagenet32.name=downsampled_imagenet/32x32
python -m experiments.table1 --workdir=runs/table1_quick --quick     # embedded photographs, no data needed
"""

from ml_collections import ConfigDict

from rec_jax.core.errors import ConfigError


def get_config(argument: str = "") -> ConfigDict:
    """The whole table; argument 'quick': a few embedded photographs in every column."""
    config = ConfigDict(
        dict(
            seed=0,  # of the posterior samples of the ELBO
            preset="default",  # of our best coder
            n_samples=24,  # images of a column that are drawn one by one
            irec=dict(kind="beam_search", omega=3.0, epsilon=0.2, n_beams=20, block_size=1000),  # the paper's lossless
            cifar10=_column(name="cifar10", models="cifar10-rvae", phases="cifar10", **_rivals("cifar10")),
            imagenet32=_column(
                name="tiny_imagenet32",
                split="validation",
                models="tiny-imagenet32-rvae",
                phases="tiny-imagenet32",
                **_rivals("tiny-imagenet32"),
            ),
            kodak=_column(
                name="kodak",
                split_train="",
                n_learned=24,
                crop=256,
                models="photos-rvae,tiny-imagenet32-rvae",
                phases="photos",
                **_rivals("cifar10"),
            ),
        )
    )
    match argument:
        case "":
            pass
        case "quick":
            _shrink(config)
        case _:
            raise ConfigError(f"config argument {argument!r} is unknown; have 'quick', or none")
    return config.lock()


def _rivals(name: str) -> dict:
    return dict(idf=f"{name}-idf", bit_swap=f"{name}-bit-swap", lbb=f"{name}-flow-pp")


def _column(**changes) -> dict:
    """kind: tfds, or embedded (photographs that need no data set), cut to patches of `patch` pixels.

    split_train: the images that iREC's numbers of steps are learned on; '' takes embedded ones.
    n_classical, n_learned: the first so many images; 0: all.  crop: side of the centre crops that iREC and bits-back
    coding take instead of whole images; 0: whole ones.  models: names or paths, joined by commas, the main one first.
    phases, idf, bit_swap, lbb: name or path of a model without latents, and of the rivals'; '' for none.
    """
    column = dict(kind="tfds", name="", split="test", split_train="train", patch=0)
    column |= dict(phases="", idf="", bit_swap="", lbb="")
    return column | dict(n_classical=0, n_learned=500, crop=0, models="") | changes


def _shrink(config: ConfigDict) -> None:
    few = dict(
        kind="embedded", name="photographs", split="test", split_train="train", models="cifar10-rvae", phases="cifar10"
    )
    config.cifar10.update(few | dict(patch=32, n_classical=4, n_learned=4))
    config.imagenet32.update(few | dict(patch=32, n_classical=2, n_learned=2))
    config.kodak.update(few | dict(patch=64, n_classical=2, n_learned=2, crop=32))
    config.n_samples = 8

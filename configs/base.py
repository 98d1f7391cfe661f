"""The fields that every config has, with the paper's values; each config file changes what makes it different.

Two levels deep, plain values, locked: a typo in an override is an error. Structure by argument, numbers by override:
`--config=configs/cifar10_rvae.py:quick --config.coder.omega=4`.
"""

from ml_collections import ConfigDict

from rec_jax.core.errors import ConfigError


def base() -> ConfigDict:
    """The paper's CIFAR10 experiment."""
    config = ConfigDict()
    config.seed = 0
    config.data = ConfigDict(
        dict(
            kind="tfds",
            name="cifar10",
            split_train="train",
            split_test="test",
            data_dir="",
            patch=32,  # side of training crops, of sources whose images are larger
            patch_test=0,  # side of the centre crops that are evaluated; 0: whole images
            patches_per_image=0,  # training crops per image; 0: as many as fit
            crop_seed=0,
            variants=0,  # of sources whose images are larger: crops of so many changed copies of each; 0: of itself
        )
    )
    config.model = ConfigDict(
        dict(
            kind="resnet_vae",
            levels=((2, 24, 160, 32),),  # (stride, blocks, deterministic, stochastic channels), finest first
            likelihood="logistic",
            n_components=3,  # of likelihood="colour_mixture"
        )
    )
    config = choose_coder(config, "beam_search")
    config.train = ConfigDict(
        dict(
            flip=False,  # mirrors images at random
            initial_model="",  # shipped model or model file whose weights a new run starts from; "": fresh ones
            optimizer="adamax",
            adam_b2=0.999,
            learning_rate=1e-3,
            schedule="piecewise",
            warmup_steps=100,
            decay_steps=(50_000, 100_000, 150_000, 200_000),
            decay_factor=0.3,
            cosine_steps=500_000,  # of schedule="cosine": where the rate reaches 0, whatever n_steps is
            n_steps=500_000,
            batch_size=32,
            free_nats=0.1,
            kl_warmup_steps=0,
            most_dim_nats=float("inf"),  # of a lossy model: what a latent dim carries beyond it costs more,
            beyond_weight=1.0,  # by so many times its rate (1: twice)
            ema_decay=0.999,
            clip_norm=100.0,  # of the gradient of the loss in nats per dimension; inf: never
            compute_dtype="auto",
            unroll="auto",
            steps_per_call=0,  # 0: 1 on the CPU, 10 elsewhere; fewer where something is due
            images_on_device="auto",  # True: training images lie on every device; "auto": up to 4 GiB, not on the CPU
            log_every=100,
            evaluate_every=5_000,
            evaluate_images=1_000,
            n_pictures=16,  # of them, drawn at every evaluation beside as many samples of the model; 0: none
            save_every=1_000,
            keep_checkpoints=2,
        )
    )
    config.evaluate = ConfigDict(
        dict(
            split="test",
            n_images=1_000,
            batch_size=50,
            qualities=(10, 30, 50, 70, 90),  # of a lossy model, at each of which an image becomes a file
        )
    )
    return config.lock()


def shrink(config: ConfigDict) -> ConfigDict:
    """Any config at a size that trains and codes in seconds on a CPU, on the embedded photographs."""
    with config.unlocked():
        config.data.update(dict(kind="embedded", name="photographs", patch=32))
        if "widths" in config.model:
            config.model.update(dict(widths=(8, 8), spatial=(4, 4)))
        if config.model.kind == "rd_vae":
            config.data.patch = 64
            config.model.levels = ((8, 16, 2, 4, 1), (16, 16, 1, 4, 0))
        elif config.model.kind == "hyperprior":
            config.data.patch = 64
            config.model.update(dict(levels=((8, 16, 0, 1), (16, 16, 1, 0)), channels=12))
            config.model.update(dict(hyper_levels=((16, 8, 1, 1), (64, 8, 0, 0)), hyper_channels=4))
        elif config.model.kind == "two_level":
            config.data.patch = 64
            config.model.update(dict(transform_widths=(8, 16), channels=12, hyper_width=8, hyper_channels=4))
        elif config.model.kind == "idf":
            config.model.update(dict(levels=2, steps=1, growth=8, depth=2))
        elif config.model.kind == "flow_pp":
            config.model.update(dict(couplings=(1, 1, 1), dequantiser=1, width=8, blocks=1, n_components=2))
        elif config.model.kind == "bit_swap":
            config.model.update(dict(layers=2, width=8, wide_units=1, units=2))
        elif "levels" in config.model:
            config.model.levels = ((2, 2, 8, 2), (4, 1, 8, 2))
        config.coder.n_beams = 4
        config.train.update(
            dict(
                n_steps=20,
                batch_size=8,
                log_every=5,
                evaluate_every=10,
                evaluate_images=16,
                n_pictures=4,
                save_every=10,
            )
        )
        config.train.update(dict(initial_model="", warmup_steps=5, decay_steps=(), cosine_steps=20, kl_warmup_steps=0))
        config.evaluate.update(dict(n_images=4, batch_size=4))
    return config


def choose_phases(config: ConfigDict) -> ConfigDict:
    """Models by phases, without latents, of the size that ships; learned by Adam in white coordinates."""
    with config.unlocked():
        sizes = dict(widths=(96, 128, 128), spatial=(32, 48, 48), n_pointwise=1, window=5, n_components=4, border=True)
        config.model = ConfigDict(dict(kind="phases") | sizes)
    config.train.update(dict(optimizer="adam", adam_b2=0.98, learning_rate=2e-3, warmup_steps=100, flip=True))
    config.train.update(dict(schedule="cosine", decay_steps=(), free_nats=0.0))
    return config


def choose_idf(config: ConfigDict) -> ConfigDict:
    """Integer discrete flow (rec_jax/models/idf.py): 96 channels in 6 layers, 3 couplings in each of 3 levels."""
    with config.unlocked():
        config.model = ConfigDict(dict(kind="idf", levels=3, steps=3, growth=96, depth=6, n_components=3))
    config.train.update(dict(optimizer="adamax", learning_rate=1e-3, warmup_steps=100, flip=True, free_nats=0.0))
    config.train.update(dict(schedule="cosine", decay_steps=(), clip_norm=10.0, ema_decay=0.998))
    return config


def choose_lossy(config: ConfigDict) -> ConfigDict:
    """The hierarchical VAE for lossy pictures, learned along its whole curve (rec_jax/models/rd_vae.py)."""
    levels = ((8, 128, 3, 32, 1), (16, 128, 3, 32, 1), (32, 128, 2, 32, 1))  # stride, width, layers, channels, blocks
    curve = dict(knots=6, lambdas=(0.001, 0.1), distortion="mse")
    with config.unlocked():
        config.model = ConfigDict(dict(kind="rd_vae", levels=levels) | curve)
    config.train.update(dict(optimizer="adam", adam_b2=0.99, learning_rate=8e-4, warmup_steps=200, flip=True))
    config.train.update(
        dict(schedule="cosine", decay_steps=(), free_nats=0.0, clip_norm=10.0, ema_decay=0.998, most_dim_nats=6.0)
    )
    return config


def choose_hyperprior(config: ConfigDict, hyperprior: str) -> ConfigDict:
    """The quantised rival on the same kind of transforms, as much to compute (rec_jax/models/hyperprior.py)."""
    config = choose_lossy(config)
    levels = dict(levels=((8, 128, 1, 3), (16, 320, 0, 0)), channels=320)  # stride, width, blocks down, blocks up
    above = dict(hyper_levels=((16, 128, 1, 1), (32, 128, 1, 1), (64, 128, 0, 0)), hyper_channels=96)
    curve = {name: config.model[name] for name in ("knots", "lambdas", "distortion")}
    with config.unlocked():
        config.model = ConfigDict(dict(kind="hyperprior", hyperprior=hyperprior) | levels | above | curve)
    return config


def choose_flow_pp(config: ConfigDict) -> ConfigDict:
    """The small Flow++ that local bits-back codes (rec_jax/models/flow_pp.py), trained as the paper's but shorter."""
    sizes = dict(couplings=(2, 1, 2), dequantiser=2, width=32, blocks=2, n_components=4)
    with config.unlocked():
        config.model = ConfigDict(dict(kind="flow_pp") | sizes)
    config.train.update(dict(optimizer="adam", learning_rate=1e-3, warmup_steps=200, clip_norm=1.0, flip=True))
    config.train.update(dict(schedule="cosine", decay_steps=(), free_nats=0.0, compute_dtype="float32"))
    return config


def choose_bit_swap(config: ConfigDict) -> ConfigDict:
    """Bit-Swap's chain of logistic latents (rec_jax/models/bit_swap.py) at the size that a CPU trains in hours."""
    sizes = dict(side=32, layers=4, width=48, channels=8, wide_units=2, units=4)
    with config.unlocked():
        config.model = ConfigDict(dict(kind="bit_swap") | sizes)
    # The authors' rate and batch; free bits of 1 bit and a gradient norm of 1 in bits per dimension, both in nats.
    config.train.update(dict(optimizer="adam", learning_rate=2e-3, warmup_steps=100, batch_size=16))
    config.train.update(dict(free_nats=0.693, clip_norm=0.693, ema_decay=0.999))
    config.train.update(dict(schedule="cosine", decay_steps=()))
    config.evaluate.n_images = 100  # a chain
    return config


def choose_two_level(config: ConfigDict) -> ConfigDict:
    """The paper's lossy model (rec_jax/models/two_level_vae.py), narrower: about as much to compute as choose_lossy's.

    The paper's own size: transform_widths=(196, 196, 196), hyper_width=128, hyper_channels=128.
    """
    config = choose_lossy(config)
    sizes = dict(transform_widths=(16, 48, 96), channels=196, hyper_width=96, hyper_channels=96)
    curve = {name: config.model[name] for name in ("knots", "lambdas", "distortion")}
    with config.unlocked():
        config.model = ConfigDict(dict(kind="two_level") | sizes | curve)
    return config


def with_argument(config: ConfigDict, argument: str) -> ConfigDict:
    """Applies a config's argument: comma-separated 'quick' and 'coder=KIND', or ''."""
    for part in filter(None, argument.split(",")):
        match part.split("="):
            case ["quick"]:
                config = shrink(config)
            case ["coder", kind]:
                config = choose_coder(config, kind)
            case _:
                raise ConfigError(f"config argument {part!r} is unknown; have 'quick', 'coder=KIND', or none")
    return config


def choose_coder(config: ConfigDict, kind: str) -> ConfigDict:
    """Another coder for the latents: beam_search as the paper has it, tree as the codec's preset default."""
    match kind:
        case "beam_search":
            coder = dict(kind=kind, omega=3.0, epsilon=0.2, n_beams=20, block_size=1000)
        case "tree":
            coder = dict(kind=kind, n_candidates=16, n_beams=8192, sequence_length=4096)
        case _:
            raise ConfigError(f"config argument coder={kind!r} is unknown; have coder=beam_search, coder=tree")
    with config.unlocked():
        # Per layer, learned by --mode=export: (first_centre, first_decay, next_decay), and each channel's expected KL,
        # or that of each prior scale in a lossy model.
        learned = dict(layer_step_counts=(), layer_weights=(), layer_weights_by_scale=())
        config.coder = ConfigDict(coder | learned)
    return config

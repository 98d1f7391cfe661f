"""CIFAR10 by phases given latents: what latents are worth beside strong local context (docs/phases.md).

python launch.py --config=configs/cifar10_phases_latents.py --config.data.data_dir=DIR --workdir=runs/x --mode=train
"""

from configs.base import base, choose_coder, choose_phases, with_argument


def get_config(argument: str = ""):
    """The network of configs/cifar10_phases.py, given 16 features of every pixel that a small ResNet VAE puts out."""
    config = choose_phases(choose_coder(base(), "tree"))
    with config.unlocked():
        latents = dict(kind="resnet_vae", levels=((4, 2, 48, 16), (8, 1, 48, 16)), likelihood="phases")
        config.model.update(latents | dict(n_features=16, n_levels=0))
    config.train.update(dict(n_steps=20_000, batch_size=32, cosine_steps=20_000, free_nats=0.1, kl_warmup_steps=2_000))
    config.train.update(dict(evaluate_every=1_000, evaluate_images=200, save_every=250, log_every=50))
    return with_argument(config, argument)

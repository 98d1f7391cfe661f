"""Natural photographs at the scale of Kodak's, for whole pictures in tiles of 64x64.

python launch.py --config=configs/photos_small.py --config.data.data_dir=DIR --workdir=runs/x --mode=train

DIR has two folders of photographs, train and test, of about 768x512 pixels: reduce larger ones, which also removes
the traces of their JPEG compression. Here: 100 and 9 freely licensed ones, reduced from 1536 to 768 by Lanczos.

34 minutes on 2 CPU cores, some of them beside other work. The likelihood is richer than the paper's, under which the
run's first model was trained (models/widen.py). The 24 centre crops of 64x64 of Kodak: ELBO 4.096 bits/dim, of which KL
1.230; cifar10-rvae-800k: 4.186, KL 1.493. Those of the 9 test photographs: 4.468, and 5.021 after 2,500 steps under the
paper's likelihood: Kodak's scans are less like the training photographs than those are. Kodak's by --mode=evaluate
--model=NAME --config.data.data_dir=KODAK --config.data.split_test=. --config.data.patch_test=64, the others from the
run's metrics.jsonl.
"""

from configs.base import base, choose_coder, with_argument


def get_config(argument: str = ""):
    """The shipped model of configs/cifar10_small.py, trained further on crops as large as the codec's tiles."""
    config = choose_coder(base(), "tree")
    config.data.update(dict(kind="folder", name="photographs", patch=64, patches_per_image=256))
    config.model.update(dict(levels=((2, 2, 32, 16), (4, 2, 48, 16)), likelihood="colour_mixture", n_components=3))
    config.train.update(dict(initial_model="cifar10-rvae", n_steps=16_000, batch_size=8, learning_rate=1e-3))
    config.train.update(dict(warmup_steps=100, schedule="cosine", cosine_steps=16_000, decay_steps=()))
    config.train.update(dict(evaluate_every=2_000, save_every=500, log_every=100))
    return with_argument(config, argument)

"""A codec, a model and a file for the commands, without a network."""

from types import SimpleNamespace

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.presets import PRESETS
from rec_jax.codec.whole import METHOD

IMAGE = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
MODEL_ID, PHASES_ID = 0x1234, 0x4321


class FakeCodec:
    """XORs the pixels with 0xAA: enough for everything but the rate."""

    exact = True
    progress_of = "tiles"

    def __init__(self, package, preset="default"):
        self.package = package
        self.preset = preset
        self.searches = bool(package.model.groups)

    def compress(self, image, progress=None):
        progress and progress(1, 1)
        method = METHOD if not self.package.model.groups else list(PRESETS).index(self.preset) << 4
        header = container.image_header(image, container.LOSSLESS, method, self.package.model_id)
        return container.pack(header, (image ^ 0xAA).tobytes())

    def encode(self, images, measure):
        self.package.groups_encoded.append(len(images))
        return [SimpleNamespace(blob=self.compress(image)) for image in images]

    def decompress_many(self, blobs):
        return [self.decompress(blob) for blob in blobs]

    def decompress(self, data):
        header, stream = container.unpack(data)
        image = np.frombuffer(stream, np.uint8).reshape(header.shape) ^ 0xAA
        container.check_pixels(header, image)
        return image

    def on_device(self, platform):
        assert platform is None
        return self


class FakePackage(SimpleNamespace):
    """A model with latents, or without."""

    def __init__(self, name="fake", model_id=MODEL_ID, groups=("a group",), opened=None):
        super().__init__(name=name, model_id=model_id, model=SimpleNamespace(groups=groups), opened=opened)
        self.groups_encoded = []

    def codec(self, preset):
        self.opened.append((self.name, preset))
        return FakeCodec(self, preset)


def rec_file(model_id=MODEL_ID, method=0x10, stream=None):
    """A file of IMAGE with that header; by default as FakeCodec writes it."""
    header = container.image_header(IMAGE, container.LOSSLESS, method, model_id)
    return container.pack(header, (IMAGE ^ 0xAA).tobytes() if stream is None else stream)

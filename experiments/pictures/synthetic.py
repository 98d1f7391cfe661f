"""Pictures that no camera took, by name; each is made when it is called for. Sizes are width x height."""

from collections.abc import Callable

import numpy as np

from experiments.pictures import drawings, patterns

SYNTHETIC: dict[str, Callable[[], np.ndarray]] = {
    "pixel 1x1": lambda: patterns.flat(1, 1, (5, 77, 201)),
    "grey pixel 1x1": lambda: patterns.flat(1, 1, 5),
    "noise 3x2": lambda: patterns.noise(2, 3),
    "row 300x1": lambda: patterns.gradient(1, 300),
    "grey column 1x200": lambda: np.arange(200, dtype=np.uint8)[:, None],
    "gradient 8x8": lambda: patterns.gradient(8, 8),
    "sprite 32x32": lambda: drawings.sprites(32, 32, 1),
    "noise 32x32": lambda: patterns.noise(32, 32),
    "flat 64x64": lambda: patterns.flat(64, 64, (200, 30, 40)),
    "grey flat 512x512": lambda: patterns.flat(512, 512, 128),
    "flat 4000x3000": lambda: patterns.flat(3000, 4000, (255, 255, 255)),
    "gradient 256x256": lambda: patterns.gradient(256, 256),
    "radial 640x480": lambda: patterns.radial(480, 640),
    "dithered 512x384": lambda: patterns.dithered(384, 512),
    "one bit 600x400": lambda: patterns.one_bit(400, 600),
    "text 384x256": lambda: drawings.text(256, 384, 13),
    "colour text 800x600": lambda: drawings.text(600, 800, 15, "RGB"),
    "one-bit text 1200x900": lambda: drawings.text(900, 1200, 17, "1"),
    "screenshot 1280x800": lambda: drawings.screenshot(800, 1280),
    "dark screenshot 1920x1080": lambda: drawings.screenshot(1080, 1920, dark=True),
    "screenshot 4000x3000": lambda: drawings.screenshot(3000, 4000),
    "checkerboard of 1, 256x256": lambda: patterns.checkerboard(256, 256, 1),
    "checkerboard of 8, 1000x1000": lambda: patterns.checkerboard(1000, 1000, 8, grey=False),
    "stripes 300x300": lambda: patterns.stripes(300, 300),
    "squares 296x296": lambda: patterns.squares_code(29, 8),
    "fractal 640x480": lambda: patterns.fractal(480, 640),
    "cells 1600x1200": lambda: patterns.cells(1200, 1600, 60),
    "sprites 512x512": lambda: drawings.sprites(512, 512, 4),
    "logo 400x400": lambda: drawings.logo(400, 400),
    "chart 800x600": lambda: drawings.chart(600, 800),
    "noise 300x200": lambda: patterns.noise(200, 300),
    "grey noise 256x256": lambda: patterns.noise(256, 256, 1),
    "noise 2000x1500": lambda: patterns.noise(1500, 2000),
    "grain 1000x750": lambda: patterns.grain(750, 1000),
    "black and white noise 512x512": lambda: 255 * (patterns.noise(512, 512, 1) & 1),
    "six colours 256x256": lambda: patterns.few_colours(256, 256, 6),
    "speckled 400x300": lambda: patterns.speckled(300, 400),
    "colour speckled 400x300": lambda: patterns.speckled(300, 400, grey=False),
    "16-bit flat 100x100": lambda: np.full((100, 100, 3), 12345, np.uint16),
    "16-bit ramp 256x200": lambda: patterns.deep_ramp(200, 256),
    "16-bit copy of text 384x256": lambda: patterns.deep_copy(drawings.text(256, 384, 13)),
    "16-bit sensor 640x480": lambda: patterns.deep_smooth(480, 640),
    "16-bit noise 100x80": lambda: patterns.noise(80, 100, 3, 16),
}

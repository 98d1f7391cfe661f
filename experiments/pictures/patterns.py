"""Pictures computed from their coordinates and from seeds: flat, smooth, regular, noisy; uint8 or uint16."""

import numpy as np
from PIL import Image


def _grid(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns, [H, 1] and [1, W]."""
    return np.arange(height)[:, None], np.arange(width)[None]


def _rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def flat(height: int, width: int, colour: tuple[int, ...] | int) -> np.ndarray:
    """One colour, or one grey."""
    return np.full((height, width) if isinstance(colour, int) else (height, width, 3), colour, np.uint8)


def gradient(height: int, width: int) -> np.ndarray:
    """Red runs across, green down, blue both ways."""
    row, column = _grid(height, width)
    planes = (column * 255 // max(width - 1, 1) + 0 * row, row * 255 // max(height - 1, 1) + 0 * column, row + column)
    return np.stack(planes, axis=2).astype(np.uint8)


def radial(height: int, width: int, grey: bool = False) -> np.ndarray:
    """Light falls off from the middle."""
    row, column = _grid(height, width)
    light = 1.0 - np.hypot(row / height - 0.5, column / width - 0.5)
    planes = np.stack([255 * light, 200 * light, 120 * light], axis=2)
    return (planes[..., 0] if grey else planes).clip(0, 255).astype(np.uint8)


def dithered(height: int, width: int) -> np.ndarray:
    """A gradient and half a step of noise."""
    noise = _rng(1).uniform(-1.0, 1.0, (height, width, 3))
    return (radial(height, width) + noise).clip(0, 255).astype(np.uint8)


def one_bit(height: int, width: int) -> np.ndarray:
    """A grey gradient in black and white by error diffusion."""
    return np.asarray(Image.fromarray(radial(height, width, grey=True)).convert("1").convert("L"))


def checkerboard(height: int, width: int, side: int, grey: bool = True) -> np.ndarray:
    """Squares of two colours."""
    row, column = _grid(height, width)
    odd = (row // side + column // side) % 2
    return (255 * odd).astype(np.uint8) if grey else np.array([[20, 90, 160], [250, 240, 90]], np.uint8)[odd]


def stripes(height: int, width: int) -> np.ndarray:
    """Slanted, of seven colours."""
    row, column = _grid(height, width)
    return _rng(2).integers(0, 256, (7, 3), np.uint8)[(row + 2 * column) // 9 % 7]


def squares_code(n_squares: int, side: int) -> np.ndarray:
    """A matrix of random black and white squares with a quiet border."""
    inner = np.kron(_rng(3).integers(0, 2, (n_squares, n_squares)), np.ones((side, side)))
    return np.pad(255 * inner, 4 * side, constant_values=255).astype(np.uint8)


def fractal(height: int, width: int) -> np.ndarray:
    """The Mandelbrot set in 32 colours."""
    row, column = _grid(height, width)
    c = (column / width * 3.0 - 2.2) + 1j * (row / height * 2.4 - 1.2)
    z, steps = np.zeros_like(c), np.zeros(c.shape, np.int64)
    for _ in range(31):
        inside = np.abs(z) < 2.0
        z[inside] = z[inside] ** 2 + c[inside]
        steps += inside
    return _rng(4).integers(0, 256, (32, 3), np.uint8)[steps]


def cells(height: int, width: int, n_cells: int) -> np.ndarray:
    """A map: each pixel has the colour of the nearest of some points."""
    rng, (row, column) = _rng(5), _grid(height, width)
    nearest, owner = np.full((height, width), np.inf), np.zeros((height, width), np.int64)
    for i in range(n_cells):
        distance = (row - rng.integers(height)) ** 2 + (column - rng.integers(width)) ** 2
        owner[distance < nearest] = i
        np.minimum(nearest, distance, out=nearest)
    return rng.integers(0, 256, (n_cells, 3), np.uint8)[owner]


def noise(height: int, width: int, colours: int = 3, depth: int = 8) -> np.ndarray:
    """Uniform."""
    shape = (height, width) if colours == 1 else (height, width, 3)
    return _rng(6).integers(0, 1 << depth, shape).astype(f"uint{depth}")


def grain(height: int, width: int, spread: float = 12.0) -> np.ndarray:
    """Normal noise on grey."""
    return _rng(7).normal(128, spread, (height, width, 3)).round().clip(0, 255).astype(np.uint8)


def few_colours(height: int, width: int, n_colours: int) -> np.ndarray:
    """Each pixel one of some colours, by chance."""
    rng = _rng(8)
    palette = rng.integers(0, 256, (n_colours, 3), np.uint8)
    return palette[rng.integers(0, n_colours, (height, width))]


def speckled(height: int, width: int, grey: bool = True) -> np.ndarray:
    """A falling light in which one pixel of fifty is black and one white."""
    image, rng = radial(height, width, grey).copy(), _rng(9)
    image[rng.uniform(size=(height, width)) < 0.02] = 0
    image[rng.uniform(size=(height, width)) < 0.02] = 255
    return image


def deep_ramp(height: int, width: int) -> np.ndarray:
    """Rises down and across, grey."""
    row, column = _grid(height, width)
    return (row * 37 + column * 211).astype(np.uint16)


def deep_copy(image: np.ndarray) -> np.ndarray:
    """8 bits in 16: every value times 257."""
    return image.astype(np.uint16) * 257


def deep_smooth(height: int, width: int) -> np.ndarray:
    """A sensor's 12 bits in 16: light and noise, grey."""
    row, column = _grid(height, width)
    light = 1500 + 900 * np.sin(row / 90) * np.cos(column / 70)
    return (16 * _rng(14).normal(light, 9)).round().clip(0, 65535).astype(np.uint16)

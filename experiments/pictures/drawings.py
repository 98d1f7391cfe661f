"""Pictures drawn from seeds: text, windows, a logo, a chart, sprites; the same for everyone with the same Pillow."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_WORDS = ("the", "coder", "sends", "an", "index", "of", "one", "sample", "and", "its", "reader", "draws", "it", "again")


def _canvas(height: int, width: int, mode: str, colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new(mode, (width, height), colour)
    return picture, ImageDraw.Draw(picture)


def _write(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], size: int, fill, rng: np.random.Generator
) -> None:
    """Lines of words in a box: left, top, right, bottom."""
    font, (left, top, right, bottom) = ImageFont.load_default(size), box
    for y in range(top, bottom - size, size + size // 3):
        words, x = [], left
        while True:
            word = str(rng.choice(_WORDS))
            x += draw.textlength(word + " ", font=font)
            if x > right:
                break
            words.append(word)
        draw.text((left, y), " ".join(words), font=font, fill=fill)


def text(height: int, width: int, size: int, mode: str = "L") -> np.ndarray:
    """A page: mode "L" grey with soft edges, "RGB" blue on cream, "1" black and white."""
    paper, ink = {"L": (255, 0), "RGB": ((250, 246, 230), (20, 30, 120)), "1": (1, 0)}[mode]
    picture, draw = _canvas(height, width, mode, paper)
    _write(draw, (size, size, width - size, height - size), size, ink, np.random.default_rng(10))
    return np.asarray(picture.convert("RGB" if mode == "RGB" else "L"))


def screenshot(height: int, width: int, dark: bool = False) -> np.ndarray:
    """Windows with bars, buttons and text on a desktop."""
    colours = ("#10161c", "#1e1e1e", "#d4d4d4", "#3c3c3c") if dark else ("#2a6f97", "#ffffff", "#222222", "#dfe3e8")
    desk, paper, ink, bar = colours
    (picture, draw), rng = _canvas(height, width, "RGB", desk), np.random.default_rng(11)
    for i in range(3):
        left, top = int(width * (0.04 + 0.2 * i)), int(height * (0.05 + 0.15 * i))
        right, bottom = left + width // 2, top + height // 2
        draw.rectangle((left, top, right, bottom), fill=paper, outline="#888888")
        draw.rectangle((left, top, right, top + 24), fill=bar)
        for k, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
            draw.ellipse((left + 8 + 18 * k, top + 6, left + 20 + 18 * k, top + 18), fill=colour)
        _write(draw, (left + 10, top + 32, right - 10, bottom - 30), 13, ink, rng)
        draw.rounded_rectangle((right - 90, bottom - 26, right - 10, bottom - 6), 6, fill="#0078d4")
        draw.text((right - 66, bottom - 24), "Apply", font=ImageFont.load_default(12), fill="#ffffff")
    return np.asarray(picture)


def logo(height: int, width: int) -> np.ndarray:
    """Discs and a word, drawn at four times the size and reduced, so that edges are soft."""
    picture, draw = _canvas(4 * height, 4 * width, "RGB", "#ffffff")
    for i, colour in enumerate(("#d7263d", "#f46036", "#2e294e", "#1b998b")):
        draw.ellipse((300 + 220 * i, 500, 700 + 220 * i, 900), fill=colour)
    draw.text((300, 1000), "rec", font=ImageFont.load_default(360), fill="#2e294e")
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))


def chart(height: int, width: int) -> np.ndarray:
    """Three curves over a grid, with axes and labels."""
    (picture, draw), rng = _canvas(height, width, "RGB", "#ffffff"), np.random.default_rng(12)
    for i in range(11):
        x, y = 40 + i * (width - 60) // 10, 20 + i * (height - 60) // 10
        draw.line((x, 20, x, height - 40), fill="#dddddd")
        draw.line((40, y, width - 20, y), fill="#dddddd")
        draw.text((x - 8, height - 34), str(10 * i), font=ImageFont.load_default(12), fill="#000000")
    for colour in ("#1f77b4", "#ff7f0e", "#2ca02c"):
        ys = height / 2 + np.cumsum(rng.normal(0, 6, width - 60))
        draw.line([(40 + x, float(y)) for x, y in enumerate(ys)], fill=colour, width=2)
    return np.asarray(picture)


def sprites(height: int, width: int, scale: int) -> np.ndarray:
    """Pixel art: mirrored figures of few colours on a grid, enlarged."""
    rng = np.random.default_rng(13)
    palette = rng.integers(0, 256, (16, 3), np.uint8)
    rows, columns = -(-height // (16 * scale)), -(-width // (16 * scale))
    half = rng.integers(0, 16, (6, 16, 8)) * (rng.uniform(size=(6, 16, 8)) < 0.6)
    figures = np.concatenate([half, half[:, :, ::-1]], axis=2)
    sheet = figures[rng.integers(0, 6, (rows, columns))].transpose(0, 2, 1, 3).reshape(16 * rows, 16 * columns)
    return palette[np.kron(sheet, np.ones((scale, scale), np.int64))[:height, :width]]

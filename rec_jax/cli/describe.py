"""What is said of a `.rec` file."""

from rec_jax.codec import container
from rec_jax.codec.presets import NO_PRESET, PRESETS, preset_name
from rec_jax.core.units import bits_to_bpd


def sizes(header: container.Header, n_bytes: int) -> str:
    """Size of the picture, of its file, and the rate."""
    kind = ("16-bit " if header.depth == 16 else "") + ("grey" if header.grey else "colour")
    rate_bpd = bits_to_bpd(8 * n_bytes, header.n_dims)
    size = f"{header.width}x{header.height} {kind}, {n_bytes} bytes for {header.n_dims * header.depth // 8} raw"
    if header.kind == container.LOSSY:
        rate_bpp = 8 * n_bytes / (header.height * header.width)
        return f"{size}, {rate_bpp:.3f} bits/pixel"
    return f"{size}, {rate_bpd:.3f} bits/dim"


def method(header: container.Header) -> str:
    """How a model wrote the file."""
    number, split = header.method >> 4, header.method & 15
    if number == NO_PRESET:
        lossy = header.kind == container.LOSSY
        return "quantised latents, no preset" if lossy else "pixels alone, no latents and no preset"
    preset = preset_name(number)
    kind = f" (coder {PRESETS[preset]['kind']})" if preset in PRESETS else ""
    return f"preset {preset}{kind}" + (f", split {split}" if header.kind == container.LOSSLESS else "")


def embedded_format(header: container.Header) -> str:
    """What a file without a model holds."""
    from rec_jax.codec.fallback import KIND_NAMES

    return f"embedded {KIND_NAMES[header.method]}" if header.method < len(KIND_NAMES) else "embedded, unknown format"

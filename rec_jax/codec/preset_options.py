"""What the presets are: options of `rec_jax.coders.make_coder`. Importing this imports no jax."""

PRESETS = {  # the position is the id in a file
    "fast": dict(kind="tree", n_beams=512),
    "default": dict(kind="tree"),
    "best": dict(kind="tree", n_beams=32_768, sequence_length=16_384),
    "irec": dict(kind="beam_search", omega=3.0, epsilon=0.2, n_beams=20, block_size=1000),  # the paper's
}

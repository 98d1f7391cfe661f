"""Floor 3: training of a latent-variable model; see `loop.train`."""

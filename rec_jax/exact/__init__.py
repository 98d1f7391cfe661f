"""Floor 1: what encoder and decoder must compute alike to the last bit, in integers, under numpy or jax.numpy."""

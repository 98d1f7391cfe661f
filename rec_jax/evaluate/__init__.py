"""Floor 4: what a model and its codec score on real images."""

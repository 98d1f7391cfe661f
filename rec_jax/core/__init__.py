"""Floor 0: Gaussians, keys and units; everything else stands on these."""

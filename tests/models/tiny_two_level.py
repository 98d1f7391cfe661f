"""A two-level VAE of a few thousand weights."""

SECTION = dict(
    kind="two_level",
    transform_widths=(16,),
    channels=12,
    hyper_width=12,
    hyper_channels=6,
    knots=3,
    lambdas=(0.001, 0.1),
    distortion="mse",
)

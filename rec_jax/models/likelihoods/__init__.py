"""p(x | z): what a model says of its pixels, one file per likelihood; `base.Likelihood` is what each must offer."""

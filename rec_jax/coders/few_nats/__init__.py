"""One-shot coders of any dims and a few nats: they look at exp(KL) candidates."""

"""Floor 5: one experiment under many settings, shared by processes, and what they came to."""

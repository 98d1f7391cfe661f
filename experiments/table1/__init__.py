"""The paper's Table 1, every number measured here or marked as published; see __main__.py."""

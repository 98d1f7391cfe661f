"""The tree coder, the codec's default: a random tree over groups of dims."""

"""iREC, the paper's coder: auxiliary variables and a beam search."""

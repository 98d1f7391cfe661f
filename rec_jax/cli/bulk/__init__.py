"""Commands of many files: which they are, the processes that work on them, and what is said of it."""

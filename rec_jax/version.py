"""The version of the package; the version of the file format is in docs/FORMAT.md."""

__version__ = "0.1.0"

"""A measurement of the benchmark with a model file."""

from collections.abc import Callable
from typing import Any, NamedTuple

from experiments.cases import Row, numbers_line
from experiments.table1.learned import weights_digest
from rec_jax.core.rows import files_digest, program_key


class ModelCase(NamedTuple):
    """A case of experiments.cases: `make` of the model and of `options`, which are its keyword arguments.

    model: name or path; '' if none is needed.
    """

    title: str
    make: Callable[..., Row]
    model: str
    options: dict[str, Any]

    def key(self) -> dict[str, Any]:
        """See cases.Case; all of rec_jax counts, since anything may take time."""
        weights = weights_digest(self.model) if self.model else ""
        code = program_key(without=()) | {"measured_by": files_digest(self.make.__code__.co_filename)}
        return {"title": self.title, "options": self.options, "weights": weights, **code}

    def measure(self) -> Row:
        """See cases.Case."""
        return {"title": self.title, "model": self.model, **self.make(self.model, **self.options)}

    def line(self, row: Row) -> str:
        """See cases.Case."""
        return numbers_line(row)

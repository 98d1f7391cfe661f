"""docs/tutorial.ipynb: a coder, a dense VAE, its training and its files, cell by cell."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

NOTEBOOK = json.loads((Path(__file__).parents[1] / "docs" / "tutorial.ipynb").read_text(encoding="utf-8"))

_SHORT = "FloatNet(), 12"  # steps


def test_the_cells_run_and_say_what_the_text_says(monkeypatch):
    module = ModuleType("tutorial")
    monkeypatch.setitem(sys.modules, "tutorial", module)  # where its dataclass looks for its own types
    for number, cell in enumerate(NOTEBOOK["cells"]):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None  # numbers of whoever runs it
            source = "".join(cell["source"]).replace("FloatNet(), 200", _SHORT)
            exec(compile(source, f"cell {number}", "exec"), vars(module))
    assert len(module.elbos) == 12
    np.testing.assert_allclose(module.samples.mean(0), module.q.loc, atol=0.08)  # 4.5 standard errors
    np.testing.assert_allclose(module.samples.std(0), module.q.scale, rtol=0.15)
    assert np.mean(module.elbos[-3:]) < module.elbos[0] - 0.5  # it learns

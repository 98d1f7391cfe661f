"""CONTRIBUTING.md's toy coder, likelihood and model, run as they stand there."""

import re
import sys
from pathlib import Path
from types import ModuleType


def test_the_code_of_contributing_runs(monkeypatch):
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 6
    module = ModuleType("contributing")
    monkeypatch.setitem(sys.modules, "contributing", module)
    exec(compile("\n".join(blocks), "CONTRIBUTING.md", "exec"), vars(module))

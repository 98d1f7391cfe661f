"""CONTRIBUTING.md's toy coder, likelihood and model, run as they stand there."""

import re
from pathlib import Path


def test_the_code_of_contributing_runs():
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) == 5
    exec(compile("\n".join(blocks), "CONTRIBUTING.md", "exec"), {"__name__": "contributing"})

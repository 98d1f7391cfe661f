"""The API pages build where sphinx is installed, and hold every public module."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_the_api_pages_build(tmp_path):
    pytest.importorskip("sphinx")
    (tmp_path / "docs").mkdir()
    shutil.copytree(ROOT / "docs" / "api", tmp_path / "docs" / "api", ignore=shutil.ignore_patterns("modules"))
    (tmp_path / "rec_jax").symlink_to(ROOT / "rec_jax")  # apidoc writes beside conf.py
    words = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "docs/api", "out"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "modules" / "rec_jax.coders.few_nats.ratio_calls.html").read_text(encoding="utf-8")
    assert "encode_ratio" in page and "max_log_ratio" in page
    pages = {path.stem for path in (tmp_path / "out" / "modules").glob("*.html")}
    assert {"rec_jax.codec.lossless", "rec_jax.coders.tree.coder", "rec_jax.evaluate.shares"} <= pages

"""What a stranger installs: ranges that parse, a lock within them, and a wheel with the weights inside."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rec_jax.version import __version__

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ["3.11", "3.12", "3.13"]


def requirements_in(name: str) -> list[Requirement]:
    lines = (re.split(r"(^|\s)#", line)[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line]


def locked_versions(python: str) -> dict[str, str]:
    """Canonical name -> exact version that the lock installs on Linux under this Python."""
    environment = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": "linux"}
    pins = [r for r in requirements_in("requirements.lock") if not r.marker or r.marker.evaluate(environment)]
    names = [canonicalize_name(pin.name) for pin in pins]
    assert len(names) == len(set(names)), "two versions of one package"
    assert all(str(pin.specifier).startswith("==") for pin in pins)
    return {canonicalize_name(pin.name): str(pin.specifier)[2:] for pin in pins}


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_lies_within_the_ranges(python):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [Requirement(line) for line in project["optional-dependencies"]["test"]]
    locked = locked_versions(python)
    for requirement in requirements_in("requirements.txt") + extras:
        version = locked[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, f"{requirement} against {version}"
    assert (locked["jax"] == "0.10.2") == (python == "3.11")
    assert "tensorflow" not in locked


def test_the_lock_names_no_place():
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"https?:|file:|--index|--extra-index|--find-links|@ ", text)


def test_wheel_has_weights_and_command_and_works(tmp_path):
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "rec_jax", tmp_path / "rec_jax", ignore=shutil.ignore_patterns("__pycache__"))
    build = "import setuptools.build_meta as backend; backend.build_wheel('.')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        info = f"rec_jax-{__version__}.dist-info"
        metadata = wheel.read(f"{info}/METADATA").decode()
        entry_points = wheel.read(f"{info}/entry_points.txt").decode()
        wheel.extractall(tmp_path / "installed")
    sources = [path for kind in ("py", "safetensors", "npz") for path in (ROOT / "rec_jax").rglob(f"*.{kind}")]
    assert len([path for path in sources if path.suffix == ".npz"]) == 1  # the tables of the exact arithmetic
    assert {"rec_jax/py.typed", *(path.relative_to(ROOT).as_posix() for path in sources)} <= names
    assert not [name for name in names if name.startswith(("configs/", "experiments/", "tests/"))]
    assert "rec-jax = rec_jax.cli:main" in entry_points
    for requirement in requirements_in("requirements.txt"):
        assert f"Requires-Dist: {requirement.name}" in metadata
    code = """
import numpy, rec_jax
image = numpy.add.outer(numpy.arange(8), numpy.arange(6))[..., None].astype(numpy.uint8).repeat(3, 2)
for model in ("cifar10", "photos"):
    assert (rec_jax.decode(rec_jax.load(model).compress(image)) == image).all()
print(rec_jax.__file__)
"""
    options = dict(cwd=tmp_path / "installed", env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, **options)
    assert done.stdout.strip() == str(tmp_path / "installed" / "rec_jax" / "__init__.py"), done.stderr


def test_the_source_distribution_makes_the_wheel(tmp_path):
    """What a release uploads beside the wheel has all that building one needs."""
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "rec_jax").rglob("*.safetensors")}
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "rec_jax", tmp_path / "rec_jax", ignore=shutil.ignore_patterns("__pycache__"))
    build = "import setuptools.build_meta as backend; backend.build_sdist('.')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {
        "pyproject.toml",
        "requirements.txt",
        "LICENSE",
        "README.md",
        "rec_jax/py.typed",
        "rec_jax/exact/tables.npz",
    }
    assert sources and needed | sources <= names

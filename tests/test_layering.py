"""The floors of the house: imports run only downward, and some libraries are known in one room only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "rec_jax"
FLOORS = {
    "version": 0,
    "core": 0,
    "entropy": 1,
    "exact": 1,
    "coders": 2,
    "models": 2,
    "data": 2,
    "codec": 3,
    "train": 3,
    "evaluate": 4,
    "pillow": 4,
    "sweep": 5,
    "cli": 5,
    "__main__": 6,
}
# Library: the only rooms or files that may import it. TensorFlow and clu must not be needed anywhere.
HOMES = {
    "constriction": ["entropy/"],
    "orbax": ["train/checkpoint.py"],
    "tensorflow_datasets": ["data/"],
    "safetensors": ["codec/"],
    "PIL": ["data/", "train/writers.py", "codec/image_io.py", "codec/fallback.py", "codec/webp.py", "pillow.py"],
    "tensorflow": [],
    "clu": [],
}
STRANGERS = {"coders": ["flax", "optax", "PIL", "ml_collections"], "models": ["optax", "PIL"]}
ABOVE = ["configs", "experiments", "launch", "tests"]
FILES = sorted(PACKAGE.rglob("*.py"))


def imported_names(source: str):
    """Dotted names of everything a source imports, lazily or not: `from a import b` gives a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import on line {node.lineno}; imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    """`rec_jax/coders/base.py` -> coders; `rec_jax/cli/info.py` -> cli; `rec_jax/__init__.py` -> __init__."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def upward_imports(source: str, room: str) -> list[str]:
    """What a source in `room` imports from its own floor (another room) or from above, the front door too."""
    wrong = []
    for name in imported_names(source):
        top, _, rest = name.partition(".")
        target = rest.split(".")[0]
        below = target == room or FLOORS.get(target, 99) < FLOORS[room]
        if top in ABOVE or (top == "rec_jax" and not below):
            wrong.append(name)
    return wrong


def test_the_checker_sees_an_upward_import():
    assert upward_imports("from rec_jax.models import base", "coders")
    assert upward_imports("def f():\n    from rec_jax import codec", "models")
    assert upward_imports("from rec_jax import load", "codec")
    assert upward_imports("import rec_jax", "codec")
    assert upward_imports("import configs.kodak", "train")
    assert not upward_imports("from rec_jax.core import units\nimport rec_jax.coders.base", "coders")


def test_every_room_has_a_floor():
    rooms = {room_of(path) for path in FILES} - {"__init__"}
    assert rooms <= set(FLOORS), f"give {rooms - set(FLOORS)} a floor"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downward(path):
    source = path.read_text(encoding="utf-8")
    if room_of(path) == "__init__":  # the front door may open onto every room, but not onto the command
        assert not [name for name in imported_names(source) if name.startswith("rec_jax.cli")]
    else:
        assert upward_imports(source, room_of(path)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path):
    name = path.relative_to(PACKAGE).as_posix()
    for imported in imported_names(path.read_text(encoding="utf-8")):
        library = imported.split(".")[0]
        homes = HOMES.get(library)
        assert homes is None or any(name.startswith(home) for home in homes), f"{name} imports {imported}"
        assert library not in STRANGERS.get(room_of(path), ()), f"{name} imports {imported}"
        assert "_src" not in imported.split("."), f"{name} imports {imported}: public interfaces only"


def test_the_top_uses_public_interfaces_only():
    top = [ROOT / "launch.py", *(ROOT / "configs").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")]
    for path in filter(Path.exists, top):
        for imported in imported_names(path.read_text(encoding="utf-8")):
            assert "_src" not in imported.split("."), f"{path.name} imports {imported}"
            assert imported.split(".")[0] not in ("tensorflow", "clu"), f"{path.name} imports {imported}"

"""A small part of experiments.portability: golden files decoded in new processes under other instruction sets."""

import base64
import json
from pathlib import Path

import pytest

from experiments.portability import Place, decode_at, places

GOLDEN = Path(__file__).parents[1] / "codec" / "golden.json"
NAMES = ("cifar10-rvae/default", "photos-rvae/fast", "tiny-imagenet32-rvae/irec", "photos", "photos-lossy/default")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The golden files of some shipped models, as portability.py keeps files."""
    made, golden = tmp_path_factory.mktemp("files"), json.loads(GOLDEN.read_text(encoding="utf-8"))
    for name in NAMES:
        (made / f"{name.replace('/', '-')}.rec").write_bytes(base64.b64decode(golden[name]["file"]))
    return made


def expect(folder: Path) -> None:
    """Digests of what the plainest decoder gives, which test_golden.py compares with the pixels that went in."""
    from experiments.portability import digest
    from rec_jax.codec import decode

    found = {path.stem: digest(decode(path.read_bytes())) for path in sorted(folder.glob("*.rec"))}
    (folder / "expected.json").write_text(json.dumps(found), encoding="utf-8")


@pytest.mark.parametrize("place", places(quick=True)[:3], ids=lambda place: place.name)
def test_golden_files_decode_under_other_instruction_sets(folder, place):
    expect(folder)
    found = decode_at(place, folder)
    assert found["files"] == len(NAMES)
    assert found["failures"] == []


def test_a_wrong_picture_is_told(folder):
    expect(folder)
    digests = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    (folder / "expected.json").write_text(json.dumps(digests | {"photos": "0"}), encoding="utf-8")
    assert decode_at(Place("numpy"), folder)["failures"] == ["photos"]

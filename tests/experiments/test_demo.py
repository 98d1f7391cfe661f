"""The demonstration's and the round trip's parts with a tiny model: real files, a real new process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import demo, round_trip
from experiments.decode_files import decode_in_new_process, is_exact
from experiments.demo_figure import draw
from experiments.pictures import demo_patches, demo_photographs, png_bytes, webp_bytes
from experiments.progress import table
from rec_jax.core.errors import ConfigError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def written(model, tmp_path_factory):
    """(pictures, folder with the demonstration's files of one patch)."""
    out, groups = tmp_path_factory.mktemp("demo"), [demo_patches(1)]
    demo.write_files(groups, model, out)
    return groups, out


def test_demo(model, written, capsys):
    groups, out = written
    results = demo.decode_and_compare(groups, model, out)
    assert [r.exact for r in results] == [True]
    assert results[0].rec == (out / "patch00.rec").stat().st_size
    text = demo.results_table(results)
    assert "yes" in text and "1 of 1" in text and f"{results[0].bpd('rec'):.3f}" in text
    draw(results, out, out / "demo.png")
    assert Image.open(out / "demo.png").size == (1800, 675)
    assert demo.report(results, out, model, 1.0) == 0
    assert "1 of 1 files decoded to the exact pixels" in capsys.readouterr().out


def test_demo_fails_unless_every_file_is_exact(model, written, tmp_path, capsys):
    groups, out = written
    blob = bytearray((out / "patch00.rec").read_bytes())
    blob[-3] ^= 8
    (tmp_path / "patch00.rec").write_bytes(blob)
    results = demo.decode_and_compare(groups, model, tmp_path)
    assert not results[0].exact and "NO" in demo.results_table(results)
    assert demo.report(results, tmp_path, model, 1.0) == 1
    assert "did NOT decode" in capsys.readouterr().err


def test_demo_without_a_model_is_one_line(tmp_path, capsys):
    assert demo.main(["--model", "absent", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("demo: ") and error.count("\n") == 1 and "absent" in error


def test_decoder_that_cannot_start_yields_nothing(written):
    _, out = written
    assert list(decode_in_new_process(out, "absent")) == []
    assert not is_exact(out, "patch00", written[0][0][0].pixels)  # nothing is left of an earlier decoding


def test_round_trip(model, monkeypatch, tmp_path, capsys):
    images = [picture.pixels for picture in demo_patches(1)]
    monkeypatch.setattr(round_trip, "read_images", lambda *_: images)
    words = [f"--model={model}", f"--out={tmp_path}"]
    assert round_trip.main(words) == 0
    assert "1 exact of 1" in capsys.readouterr().out
    monkeypatch.setattr(round_trip, "is_exact", lambda *_: False)
    assert round_trip.main(words) == 1
    out, err = capsys.readouterr()
    assert "0 exact of 1" in out and "00000.rec: decoded to other pixels" in err


def test_round_trip_reads_crops_of_a_folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (70, 66, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    images = round_trip.read_images("kodak_crops", str(tmp_path), None)
    np.testing.assert_array_equal(images, [pixels[3:67, 1:65]])
    with pytest.raises(ConfigError, match="has 1 images"):
        round_trip.read_images("kodak_crops", str(tmp_path), 2)


def test_pictures_and_their_classical_sizes():
    patches, photographs = demo_patches(), demo_photographs()
    assert {p.pixels.shape for p in patches} == {(32, 32, 3)}
    assert {p.pixels.shape for p in photographs} == {(128, 256, 3)}
    assert len({p.name for p in patches + photographs}) == 18
    flat = np.full((32, 32, 3), 7, np.uint8)
    assert png_bytes(flat) < 150 and webp_bytes(flat) < 100
    assert webp_bytes(photographs[0].pixels) < png_bytes(photographs[0].pixels) < photographs[0].pixels.size


def test_table_aligns():
    assert table([{"a": "x", "bc": "1"}, {"a": "long", "bc": "22"}]) == "a     bc\n----  --\nx      1\nlong  22"


@pytest.mark.parametrize("module", ["demo", "bench", "round_trip", "decode_files"])
def test_help_is_there(module):
    done = subprocess.run([sys.executable, "-m", f"experiments.{module}", "--help"], cwd=ROOT, capture_output=True)
    assert done.returncode == 0 and b"--model" in done.stdout

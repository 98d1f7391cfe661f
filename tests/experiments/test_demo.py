"""The demonstration's and the round trip's parts with a tiny model: real files, a real new process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiments import decode_files, round_trip
from experiments.decode_files import decode_in_new_process, is_exact
from experiments.demo import __main__ as demo
from experiments.demo.figure import draw
from experiments.demo.pictures import demo_patches, demo_photographs, png_bytes, webp_bytes
from experiments.progress import table
from rec_jax.codec import container
from rec_jax.core.errors import ConfigError, RecError

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def written(model, tmp_path_factory):
    """(pictures, folder with the demonstration's files of one patch)."""
    out, groups = tmp_path_factory.mktemp("demo"), [demo_patches(1)]
    for name in ("mine.rec", "decoded/mine.png"):  # a user's
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("mine")
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
    assert "1 of 1 files decoded to the exact pixels in a process that cannot import jax" in capsys.readouterr().out
    assert (out / "mine.rec").read_text() == (out / "decoded" / "mine.png").read_text() == "mine"


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
    (tmp_path / "patch00.rec").write_text("of an earlier run")
    assert demo.main(["--model", "absent", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("demo: ") and error.count("\n") == 1 and "absent" in error
    assert [path.name for path in tmp_path.iterdir()] == ["patch00.rec"]


def test_decoder_that_cannot_start_yields_nothing(written):
    _, out = written
    assert list(decode_in_new_process(out, ["patch00"], "absent")) == []
    assert not is_exact(out, "patch00", written[0][0][0].pixels)  # nothing is left of an earlier decoding


def test_round_trip(model, monkeypatch, tmp_path, capsys):
    images = [picture.pixels for picture in demo_patches(1)]
    monkeypatch.setattr(round_trip, "read_images", lambda *_: images)
    words = [f"--model={model}", f"--out={tmp_path}", "--preset=fast", "--latent_only"]
    (tmp_path / "mine.rec").write_text("a user's")
    assert round_trip.main(words) == 0
    assert (tmp_path / "mine.rec").read_text() == "a user's"
    assert "1 exact of 1" in capsys.readouterr().out
    assert container.unpack((tmp_path / "00000.rec").read_bytes())[0].kind == container.LOSSLESS
    monkeypatch.setattr(round_trip, "is_exact", lambda *_: False)
    assert round_trip.main(words) == 1
    out, err = capsys.readouterr()
    assert "0 exact of 1" in out and "00000.rec: decoded to other pixels" in err


def test_a_picture_that_the_model_makes_larger_is_stored_as_raw_pixels(model, tmp_path, capsys):
    images = [picture.pixels for picture in demo_patches(1)]
    round_trip.write_files(images, model, "fast", tmp_path)
    data = (tmp_path / "00000.rec").read_bytes()
    assert container.unpack(data) == (container.image_header(images[0], container.EMBEDDED), images[0].tobytes())
    assert "1 files are stored pixels" in capsys.readouterr().out


def test_what_decodes_cannot_import_jax():
    with pytest.raises(RecError, match="jax was imported before"):
        decode_files.forbid_jax()  # as it was in this process
    code = "from experiments import decode_files; decode_files.forbid_jax(); import rec_jax.codec.encoder"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1 and "ModuleNotFoundError: import of jax halted" in done.stderr


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


HELP = """
import runpy, sys
for module in sys.argv[1:]:
    sys.argv = [module, "--help"]
    try:
        runpy.run_module(f"experiments.{module}", run_name="__main__")
    except SystemExit as end:
        assert end.code == 0, module
"""


def test_every_command_has_a_help():
    modules = ["demo", "bench", "table1", "sweep_coders", "coder_table", "round_trip", "bits_back", "decode_files"]
    modules += ["slurm_sweep"]
    done = subprocess.run([sys.executable, "-c", HELP, *modules], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.count("usage:") == len(modules), done.stderr

"""The first line of a run, and what it says of evaluations."""

import re

from rec_jax.train.announce import announce
from rec_jax.train.writers import Progress
from tests.train.tiny import tiny_config, tiny_images


def test_the_first_line_says_what_is_trained_on_what_and_from_where(capfd):
    for step, start in ((None, "a new run"), (6, "resumed from step 6")):
        announce(tiny_config(), "runs/x", tiny_images(), step)
        line = capfd.readouterr().err
        wanted = rf"runs/x: {start} to step 12; \d,\d{{3}} parameters, 20 images of 8x8, on \d+ cpu \(.*\)\n"
        assert re.fullmatch(wanted, line), line


def test_the_test_elbo_is_on_the_console(capsys):
    progress = Progress(0, 12, 8)
    progress.show_evaluation(6, {"test/elbo_bpd": 3.5, "test/kl_bpd": 0.25})
    assert capsys.readouterr().err == "step 6/12: test/elbo_bpd 3.5000, test/kl_bpd 0.2500\n"
    Progress(0, 12, 8, show=False).show_evaluation(6, {"test/elbo_bpd": 3.5})
    assert capsys.readouterr().err == ""

"""A wrong command line."""

import pytest

from rec_jax import cli


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["compres"],
        ["compress", "in.png"],
        ["compress", "a", "b", "--preset", "bets"],
        ["compress", "a", "b", "c"],
        ["compress", "a", "b", "--jobs", "2"],
        ["compress", "-", "-o", "out"],
        ["compress", "a", "-o", "-"],
        ["compress", "a", "-o", "out", "--jobs", "0"],
        ["decompress", "a", "-o", "out", "--shard", "3/2"],
        ["decompress", "a", "b", "--device", "bogus"],
        ["info", "a", "--x"],
        ["info", "a", "b"],
        ["compress", "a", "b", "--model", ""],
        ["compress", "a", "--model=", "-o", "out"],
        ["decompress", "a", "b", "--model="],
        ["compress", "a", "--x", "b"],
        ["compress", "a", "--force", "b", "--verify", "c"],
        ["info", "a", "--\x1b[31m\n\udcff"],
    ],
)
def test_usage_errors_are_one_line(folder, capsys, words):
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    out, err = capsys.readouterr()
    assert caught.value.code == 2 and out == "" and err.count("\n") == 1 and "--help" in err
    assert err[:-1].isprintable()


def test_options_may_stand_between_paths(folder):
    assert cli.main(["compress", "in.png", "--model", "fake", "out.rec", "--verify"]) == 0
    assert cli.main(["decompress", "out.rec", "--force", "out.png"]) == 0
    assert cli.main(["compress", "in.png", "--verify", "--", "-x.rec"]) == 0 and (folder / "-x.rec").exists()
    assert cli.main(["compress", "in.png", "-o", "many", "out.png", "--verify"]) == 0
    assert {path.name for path in (folder / "many").iterdir()} == {"in.rec", "out.rec"}

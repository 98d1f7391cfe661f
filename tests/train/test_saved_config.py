import pytest

from rec_jax.core.errors import ConfigError, CorruptFile, MissingFile
from rec_jax.train.saved_config import check_same_run, read_config, training_difference, with_overrides, write_config
from tests.train.tiny import tiny_config


def test_a_config_comes_back_as_it_was(tmp_path):
    config = tiny_config()
    write_config(tmp_path, config)
    again = read_config(tmp_path)
    assert again.to_dict() == config.to_dict()
    assert again.is_locked


@pytest.mark.parametrize(
    "field, value",
    [("train.learning_rate", 0.5), ("model.levels", ((2, 2, 8, 2),)), ("seed", 3), ("data.name", "imagenet")],
)
def test_another_run_is_refused_by_the_name_of_its_field(tmp_path, field, value):
    write_config(tmp_path, tiny_config())
    with pytest.raises(ConfigError) as error:
        check_same_run(tmp_path, with_overrides(tiny_config(), {field: value}))
    assert f"{field}=" in str(error.value) and str(value) in str(error.value) and "\n" not in str(error.value)


def test_what_moves_no_trained_number_may_change(tmp_path):
    write_config(tmp_path, tiny_config())
    free = {"train.n_steps": 99, "train.log_every": 1, "train.save_every": 3, "data.data_dir": "/x", "coder.omega": 5.0}
    check_same_run(tmp_path, with_overrides(tiny_config(), free | {"train.n_pictures": 0}))


def test_a_field_that_only_one_has_differs():
    more = tiny_config()
    with more.unlocked():
        more.train.extra = 1
    assert training_difference(tiny_config(), more) == ("train.extra", "absent", 1)


def test_a_workdir_older_than_fine_tuning_resumes(tmp_path):
    older = tiny_config()
    with older.unlocked():
        del older.train.initial_model, older.train.beyond_weight
    write_config(tmp_path, older)
    check_same_run(tmp_path, tiny_config())
    with pytest.raises(ConfigError, match="train.initial_model=, now it is cifar10-rvae"):
        check_same_run(tmp_path, tiny_config(initial_model="cifar10-rvae"))
    with pytest.raises(ConfigError, match="train.beyond_weight=1.0, now it is 2.0"):
        check_same_run(tmp_path, tiny_config(beyond_weight=2.0))


@pytest.mark.parametrize("overrides", [{"coder.omgea": 1.0}, {"train.n_steps": "many"}, {"nothing.there": 1}])
def test_impossible_overrides_are_refused(overrides):
    with pytest.raises(ConfigError):
        with_overrides(tiny_config(), overrides)


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(MissingFile, match="no training workdir"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text('{"seed": 0')
    with pytest.raises(CorruptFile, match="not valid JSON"):
        read_config(tmp_path)

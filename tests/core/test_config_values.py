import json

import pytest

from rec_jax.core.config_values import with_tuples


@pytest.mark.parametrize(
    "value",
    [{"seed": 0, "model": {"levels": ((2, 24), (1, (8, "x"))), "name": None}}, (), {"empty": ()}, 1.5, "[1, 2]", None],
)
def test_json_brings_a_config_back_as_it_was(value):
    assert with_tuples(json.loads(json.dumps(value))) == value


def test_lists_inside_tuples_too():
    assert with_tuples(([1, [2]], {"a": [3]})) == ((1, (2,)), {"a": (3,)})

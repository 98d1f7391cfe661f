"""A config's model section of any kind."""

import pytest
from ml_collections import ConfigDict

from rec_jax.core.errors import ConfigError
from rec_jax.models import make_model


@pytest.mark.parametrize("kind", ["phases", "hyperprior", "two_level", "flow_pp", "bit_swap"])
@pytest.mark.parametrize("section", [dict, ConfigDict])
def test_a_kind_whose_fields_are_not_there_is_told_by_the_first(kind, section):
    with pytest.raises(ConfigError, match=rf"^model\.\w+ is missing, which model\.kind='{kind}' needs"):
        make_model(section(dict(kind=kind, levels=((2, 1, 4, 1),), likelihood="logistic")))
    with pytest.raises(ConfigError, match=r"^model\.kind is missing"):
        make_model(section(dict(levels=((2, 1, 4, 1),))))

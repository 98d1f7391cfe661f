"""exact/scope.py: what a process has set for its own jax does not reach the codec."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.exact.scope import exact_jax, search_jax


@pytest.mark.parametrize("scope", [exact_jax, search_jax])
def test_arrays_go_to_the_device_where_the_process_forbids_it(scope):
    with jax.transfer_guard("disallow"):
        with pytest.raises(Exception, match="Disallowed host-to-device transfer"):
            jnp.ones(3) + np.ones(3)
        with scope():
            np.testing.assert_array_equal(jnp.ones(3) + np.ones(3), 2.0)

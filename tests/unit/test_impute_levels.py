"""Order statistics and the sorting network, against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax.core._validate import UnknownNameError
from pejax.impute.readout._levels import METHODS, between, bracket, check_method
from pejax.impute.readout._sort import sort_leading


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.integers(-50, 50), min_size=1, max_size=12),
    levels=st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=4),
)
def test_quantiles_are_numpys(method, values, levels):
    with jax.enable_x64(True):
        ordered = jnp.sort(jnp.asarray(values, float))
        index, fraction = bracket(jnp.asarray(levels), len(values), method)
        low = index.astype(int)
        high = jnp.minimum(low + 1, len(values) - 1)
        found = np.asarray(between(ordered[low], ordered[high], fraction))
    wanted = np.quantile(np.array(values, float), levels, method=method)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_an_unknown_method_meets_its_neighbour():
    with pytest.raises(UnknownNameError, match="linear"):
        check_method("linaer")


@pytest.mark.parametrize("count", [1, 2, 3, 8, 50, 100, 129])
def test_the_network_sorts_every_column(count):
    x = np.random.default_rng(count).integers(0, 30, (count, 40)).astype(np.int32)
    np.testing.assert_array_equal(sort_leading(jnp.asarray(x)), np.sort(x, axis=0))

"""Whole numbers keep their digits in a trace, beyond the 24 bits that float32 has of its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax import stats

LONG = 2**24
LINE = LONG + 3
STATISTICS = {
    "is_poor": lambda a, b, w: stats.is_poor(a, b),
    "shortfall": lambda a, b, w: stats.shortfall(a, b),
    "poverty_rate": stats.poverty_rate,
    "poverty_gap": lambda a, b, w: stats.poverty_gap(a, 0 * b + LINE, w),
    "poverty_severity": lambda a, b, w: stats.poverty_severity(a, 0 * b + LINE, w),
    "winners_and_losers": lambda a, b, w: jnp.stack(stats.winners_and_losers(a, b, w)),
    "direction_of_change": lambda a, b, w: stats.direction_of_change(a, b),
    "cdf": stats.cdf,
    "quantile": lambda a, b, w: stats.quantile(a, [0.0, 0.3, 1.0], w),
    "deciles": lambda a, b, w: stats.deciles(a, w, 4),
    "wasserstein": stats.wasserstein,
    "crps": lambda a, b, w: stats.crps(jnp.stack([a, a + 2], 1), b, w),
    "pinball": lambda a, b, w: stats.pinball(a, b, 0.3, w),
    "gini": lambda a, b, w: stats.gini(a, w),
    "top_share": lambda a, b, w: stats.top_share(a, w, 0.3),
    "mean": lambda a, b, w: stats.mean(a, w),
    "total": lambda a, b, w: stats.total(a, w),
}
PAIRS = [("int32", "int32"), ("int32", "uint32"), ("int32", "float32"), ("float32", "int32")]
NEAR = st.lists(st.integers(-6, 9), min_size=5, max_size=5)


def every(a, b, w):
    return {name: statistic(a, b, w) for name, statistic in STATISTICS.items()}


traced = jax.jit(every)


@pytest.mark.parametrize("kinds", PAIRS, ids="-".join)
@settings(max_examples=30)
@given(NEAR, NEAR, st.lists(st.integers(1, 4), min_size=5, max_size=5), st.sampled_from([24, 30]))
def test_whole_numbers_give_the_same_inside_of_a_trace(kinds, first, second, often, bits):
    """A fall from 16,777,217 to 16,777,216 was none under `jit`, and both were one rank."""
    a, b = (np.array(2**bits + np.array(x), k) for x, k in zip((first, second), kinds, strict=True))
    w = np.array(often, np.float32)
    for name, found in traced(a, b, w).items():
        wanted = STATISTICS[name](a, b, w)
        np.testing.assert_allclose(found, wanted, rtol=3e-6, atol=3e-7, err_msg=name)


def test_differences_of_the_widest_numbers_are_rounded_once():
    least, most = np.int32([-(2**31), -1, 5]), np.uint32([2**32 - 1, 2**31, 4])
    found = jax.jit(stats.shortfall)(least, most)
    assert found.tolist() == [float(np.float32(2**32 + 2**31)), 2.0**31, 0.0]
    assert jax.jit(stats.is_poor)(least, most).tolist() == [True, True, False]
    small = jax.jit(stats.shortfall)(np.int32([0, 7]), np.float32([-1e-10, 7.25]))
    assert small.tolist() == [0.0, 0.25]
    assert float(jax.jit(stats.wasserstein)(least, np.float32([-np.inf, 0.0, 1.0]))) == np.inf


def test_whole_numbers_of_64_bits_in_a_trace(x64):
    a, b = 2**60 + np.array([1, 5]), 2**60 + np.array([2, 4])
    assert jax.jit(stats.shortfall)(a, b).tolist() == [1.0, 0.0]
    assert float(jax.jit(stats.wasserstein)(a, b)) == 1.0
    assert jax.jit(stats.cdf)(a, np.float64([2**60, 2**60 + 256])).tolist() == [0.0, 1.0]


def test_differences_outside_of_a_trace_are_exact_however_far_numbers_are():
    """Less the least of them all, 2^60 and 2^60 + 1 were one number."""
    a, b = np.array([0, 2**60]), np.array([0, 2**60 + 1])
    assert stats.shortfall(a, b).tolist() == [0.0, 1.0]
    assert stats.winners_and_losers(a, b).gain == 0.5
    assert float(stats.wasserstein(a, b)) == float(stats.pinball(b, a, 1.0)) == 0.5
    assert float(stats.shortfall(np.float64(2**53), 2**53 + 1)) == 1.0


def test_what_is_not_traced_keeps_its_digits_beside_what_is():
    a, w = np.int32([LONG, LONG + 1, LONG + 2]), np.float32([1, 1, 2])
    for line in (LONG + 1, float(LONG + 1), LONG + 1.5, 3e9):
        wanted = stats.is_poor(a, line).tolist()
        assert jax.jit(lambda x, line=line: stats.is_poor(x, line))(a).tolist() == wanted
        shares = jax.jit(lambda w, line=line: stats.cdf(a, [line], w))(w)
        assert shares.tolist() == stats.cdf(a, [line], w).tolist()


def test_derivatives_beside_whole_numbers():
    held = jnp.array([LONG - 5, LONG + 5])
    slope = jax.grad(lambda line: stats.poverty_gap(held, line) * line)(float(LONG))
    assert slope == pytest.approx(0.5)
    slope = jax.grad(lambda line: stats.shortfall(held, line).sum())(float(LONG))
    assert slope == 1.0

"""Sums and extremes by group, against loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from jax.test_util import check_grads

from pejax.core._segment import segment_first, segment_max, segment_min, segment_sum

pytestmark = pytest.mark.usefixtures("strict")

GROUPS = 4
rows = st.lists(
    st.tuples(st.integers(-1000, 1000), st.integers(0, GROUPS - 1)), min_size=1, max_size=20
)


def by_group(pairs):
    return [[value for value, group in pairs if group == g] for g in range(GROUPS)]


@settings(deadline=None)
@given(rows)
def test_against_loops(pairs):
    values, ids = (jnp.array(part) for part in zip(*pairs, strict=True))
    members = by_group(pairs)
    assert segment_sum(values, ids, GROUPS).tolist() == [sum(m) for m in members]
    assert segment_max(values, ids, GROUPS).tolist() == [max(m, default=0) for m in members]
    assert segment_min(values, ids, GROUPS).tolist() == [min(m, default=0) for m in members]


@settings(deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    for reduce in (segment_sum, segment_max, segment_min):
        first, second = (
            reduce(*(jnp.array(part) for part in zip(*p, strict=True)), GROUPS)
            for p in (pairs, shuffled)
        )
        assert first.tolist() == second.tolist()


def test_an_empty_group_is_no_infinity():
    values, ids = jnp.array([-3.0]), jnp.array([1])
    assert segment_max(values, ids, 2).tolist() == [0.0, -3.0]
    assert segment_min(values, ids, 2, empty=7).tolist() == [7.0, -3.0]


def test_booleans_are_counted_and_joined():
    flags, ids = jnp.array([True, False, True]), jnp.array([0, 0, 1])
    assert segment_sum(flags, ids, 3).tolist() == [1, 1, 0]
    assert segment_max(flags, ids, 3).tolist() == [True, True, False]
    assert segment_min(flags, ids, 3).tolist() == [False, True, False]
    assert segment_max(flags, ids, 3).dtype == bool


def test_trailing_axes_are_kept():
    values, ids = jnp.arange(6.0).reshape(3, 2), jnp.array([1, 1, 0])
    assert segment_sum(values, ids, 3).tolist() == [[4.0, 5.0], [2.0, 4.0], [0.0, 0.0]]
    assert segment_max(values, ids, 3).tolist() == [[4.0, 5.0], [2.0, 3.0], [0.0, 0.0]]


def test_first_rows():
    assert segment_first(jnp.array([2, 0, 2, 0]), 3).tolist() == [1, 0, 0]


def test_gradients_are_finite_and_right(x64):
    ids = jnp.array([0, 0, 2, 2])
    values = jnp.array([1.0, 5.0, -2.0, 3.0])
    for reduce in (segment_sum, segment_max, segment_min):
        check_grads(
            lambda x, r=reduce: r(jnp.asarray(x), ids, 4) ** 2,
            (values,),
            order=1,
            modes=["rev", "fwd"],
        )
    ties = jax.grad(lambda x: segment_max(x, ids, 4).sum())(jnp.array([5.0, 5.0, 0.0, 1.0]))
    np.testing.assert_allclose(ties, [0.5, 0.5, 0.0, 1.0])

"""Estimate matrices of areas: what they hold, how they are solved, what they refuse."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax import calibrate as cal
from pejax.calibrate.dual._conjugate import conjugate_gradients
from pejax.calibrate.operators._factor import DenseFactor
from pejax.core._validate import BadInputError

DISTRICTS, STATES, HOUSEHOLDS, COLUMNS = 11, 4, 60, 5
STATE_OF = np.array([0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 2])


def world(seed=0, own_states=False, units=900):
    """Households in districts, as an operator of each layout and as a plain matrix."""
    rng = np.random.default_rng(seed)
    values = rng.gamma(1.0, 2.0, (HOUSEHOLDS, COLUMNS)) * (rng.random((HOUSEHOLDS, COLUMNS)) < 0.6)
    values[:, 0] = 1.0
    household = rng.integers(0, HOUSEHOLDS, units)
    district = rng.integers(0, DISTRICTS, units)
    if own_states:
        district = np.array([rng.choice(np.flatnonzero(h % STATES == STATE_OF)) for h in household])
    draw = (rng.random(units) < 0.6).astype(float)
    own = values[household, 4] * draw
    by_unit = values[household].copy()
    by_unit[:, 4] = own
    return values, household, district, {4: own}, by_unit, rng


def targets():
    """Three columns by district, four by state, all by nation, some left out."""
    rows = [(0, d, c) for d in range(DISTRICTS) for c in (0, 1, 4)]
    rows += [(1, s, c) for s in range(STATES) for c in (0, 2, 3, 4)]
    rows += [(2, 0, c) for c in range(COLUMNS)]
    kept = [row for k, row in enumerate(rows) if k not in (4, 38)]
    shuffled = np.random.default_rng(5).permutation(kept)
    return tuple(shuffled.T)


PARENTS = (STATE_OF, np.zeros(STATES, int))


def matrix(by_unit, district):
    level, area, column = targets()
    places = [district, STATE_OF[district], 0 * district]
    return np.stack(
        [by_unit[:, c] * (places[at] == a) for at, a, c in zip(level, area, column, strict=True)]
    )


def operators(seed=0, own_states=False):
    values, household, district, own, by_unit, _ = world(seed, own_states)
    blocks = cal.GeographyOperator(by_unit, district, targets(), PARENTS)
    grid = cal.GeographyOperator(values, district, targets(), PARENTS, household=household, own=own)
    return {"blocks": blocks, "grid": grid}, matrix(by_unit, district)


LAYOUTS = [(layout, own) for layout in ("blocks", "grid") for own in (False, True)]


def _built(layout, own_states):
    with jax.enable_x64(True):
        built, X = operators(own_states=own_states)
        yield built[layout], X


@pytest.fixture(params=LAYOUTS, ids=lambda p: f"{p[0]}{', own states' if p[1] else ''}")
def found(request):
    yield from _built(*request.param)


@pytest.fixture
def grid():
    yield from _built("grid", True)


def test_products_gram_and_extent_equal_the_matrix(found):
    operator, X = found
    rng = np.random.default_rng(1)
    w, r, q = rng.random(X.shape[1]), rng.normal(size=len(X)), rng.random(X.shape[1])
    np.testing.assert_allclose(operator.mv(jnp.asarray(w)), X @ w, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(operator.rmv(jnp.asarray(r)), r @ X, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(operator.gram(jnp.asarray(q)), (X * q) @ X.T, atol=1e-9)
    low, high = operator.extent()
    np.testing.assert_allclose(low, np.minimum(X.min(axis=1), 0))
    np.testing.assert_allclose(high, np.maximum(X.max(axis=1), 0))


def test_rows_and_units_are_taken_in_the_order_asked(found):
    operator, X = found
    rows, units = np.array([9, 2, 30, 0]), np.array([5, 880, 7, 7, 100])
    taken = operator.take(rows, units)
    w = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    np.testing.assert_allclose(taken.mv(jnp.asarray(w)), X[np.ix_(rows, units)] @ w, atol=1e-12)


def test_the_nested_factor_solves_the_equations(found):
    operator, X = found
    rng = np.random.default_rng(2)
    q, scale = jnp.asarray(rng.random(X.shape[1])), jnp.asarray(rng.random(len(X)))
    b = jnp.asarray(rng.normal(size=len(X)))
    ridge = jnp.asarray(1e-3)
    nested = operator.factor(operator.hessian_parts(q), scale, ridge)
    dense = DenseFactor.of(operator.gram(q), scale, ridge)
    np.testing.assert_allclose(nested.solve(b), dense.solve(b), rtol=1e-7, atol=1e-7)


def reachable(X, rng, spread=0.2):
    """Base weights and totals of others near them."""
    base = rng.gamma(2.0, 1.0, X.shape[1])
    return base, X @ (base * np.exp(spread * rng.normal(size=len(base))))


@pytest.mark.parametrize(
    "method",
    [
        cal.Linear(),
        cal.Entropy(ridge=1e-6),
        cal.Logit(0.05, 20.0, ridge=1e-5),
        cal.Raking(),
    ],
    ids=["linear", "entropy", "logit", "raking"],
)
def test_weights_equal_those_of_the_dense_matrix(grid, method):
    operator, X = grid
    base, y = reachable(X, np.random.default_rng(3), spread=0.3)
    there = cal.calibrate(cal.TargetProblem(X, y), base, method).check()
    here = cal.calibrate(cal.TargetProblem(operator, y), base, method).check()
    assert here.problem.n_targets == there.problem.n_targets
    np.testing.assert_allclose(here.weights, there.weights, rtol=2e-5, atol=1e-6)


def test_derivatives_equal_finite_differences(grid):
    operator, X = grid
    rng = np.random.default_rng(4)
    base, y = reachable(X, rng)
    problem = cal.TargetProblem(operator, y)
    method = cal.Entropy(ridge=1e-3, tol=1e-13)
    value = jnp.asarray(rng.random(len(base)))

    def aggregate(y, base):
        return value @ cal.calibrated_weights(problem.with_values(y), base, method)

    both = jax.jit(jax.value_and_grad(aggregate, argnums=(0, 1)))
    direction = rng.normal(size=len(y)), rng.normal(size=len(base))
    _, slopes = both(jnp.asarray(problem.values), jnp.asarray(base))
    for which, (slope, along) in enumerate(zip(slopes, direction, strict=True)):
        step = 1e-5
        ends = []
        for sign in (1, -1):
            at = [jnp.asarray(problem.values), jnp.asarray(base)]
            at[which] = at[which] + sign * step * along
            ends.append(both(*at)[0])
        assert float(slope @ along) == pytest.approx(
            float(ends[0] - ends[1]) / (2 * step), rel=1e-6
        )


def test_derivatives_in_the_values_equal_finite_differences(found):
    operator, X = found
    rng = np.random.default_rng(4)
    base, y = reachable(X, rng)
    problem = cal.TargetProblem(operator, y)
    method = cal.Entropy(ridge=1e-3, tol=1e-13)
    value = jnp.asarray(rng.random(len(base)))
    numbers, rest = eqx.partition(problem.operator, eqx.is_inexact_array)
    along = jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)) * x, numbers)

    @jax.jit
    @jax.value_and_grad
    def aggregate(step):
        moved = jax.tree.map(lambda x, d: x + step * d, numbers, along)
        asked = problem.with_operator(eqx.combine(moved, rest))
        return value @ cal.calibrated_weights(asked, jnp.asarray(base), method)

    step = 1e-5
    difference = float(aggregate(step)[0] - aggregate(-step)[0]) / (2 * step)
    assert float(aggregate(0.0)[1]) == pytest.approx(difference, rel=1e-6)


def test_more_targets_than_the_data_can_tell_apart_are_no_trouble():
    """An exact solve of a geography with redundant targets: states that repeat their districts."""
    rng = np.random.default_rng(0)
    household, area = np.repeat(np.arange(40), 4), np.tile(np.arange(4), 40)
    values = rng.gamma(1.0, 1.0, (40, 2))
    level = np.repeat([0, 1, 2], [8, 4, 2])
    places = np.r_[np.repeat(np.arange(4), 2), np.repeat(np.arange(2), 2), 0, 0]
    columns = np.tile([0, 1], 7)
    with jax.enable_x64(True):
        operator = cal.GeographyOperator(
            values, area, (level, places, columns), [[0, 0, 1, 1], [0, 0]], household=household
        )
        base = rng.gamma(2.0, 1.0, 160)
        y = np.asarray(operator.mv(jnp.asarray(base * np.exp(0.2 * rng.normal(size=160)))))
        solution = cal.calibrate(cal.TargetProblem(operator, y), base, cal.Raking()).check()
    assert np.abs(solution.errors()).max() < 1e-8


def test_derivatives_in_the_values_pass_through_the_constructor(found):
    operator, _ = found
    w, r = jnp.ones(operator.shape[1]), jnp.ones(operator.shape[0])
    held = operator.cells.values if hasattr(operator.cells, "values") else None
    if held is None:
        held = operator.cells.regions[0].values

    def total(factor):
        scaled = jax.tree.map(lambda x: x * factor if x is held else x, operator)
        return scaled.mv(w) @ r

    slope = jax.grad(total)(1.0)
    assert float(slope) == pytest.approx(float(total(2.0) - total(1.0)), rel=1e-9)


def test_areas_without_units_or_targets_are_no_trouble():
    with jax.enable_x64(True):
        values = np.array([[1.0, 2.0], [1.0, 0.0]])
        rows = ([0, 1, 1], [3, 0, 1], [0, 1, 0])
        operator = cal.GeographyOperator(
            values, [0, 3, 3], rows, [[0, 0, 1, 1], [0, 0]][:1], household=[0, 1, 0]
        )
        np.testing.assert_allclose(operator.mv(jnp.array([1.0, 10.0, 100.0])), [110, 2, 110])
        assert operator.rmv(jnp.array([1.0, 0.0, 5.0])).tolist() == [0, 6, 6]


def test_conjugate_gradients_lower_the_quadratic_and_stop():
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        half = rng.normal(size=(12, 12))
        H, b = jnp.asarray(half @ half.T + np.eye(12)), jnp.asarray(rng.normal(size=12))
        values = []
        for limit in (1, 3, 60):
            x, steps = conjugate_gradients(
                lambda x: H @ x, b, lambda r: r, rtol=1e-12, max_steps=limit
            )
            assert int(steps) <= limit
            values.append(float(x @ H @ x / 2 - b @ x))
        assert values[0] > values[1] > values[2]
        np.testing.assert_allclose(x, np.linalg.solve(H, b), rtol=1e-8)


# ---- bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": [1.0, 2.0]}, "give a table"),
        ({"values": [[1.0, 2.0], [np.nan, 0.0]]}, r"values\[1, 0\] is nan, and 0 more"),
        ({"own": {1: [1.0, np.inf, 1.0]}}, r"own\[1\]\[1\] is inf"),
        ({"area": [0, 1]}, "household has 3 entries and area 2"),
        ({"area": [0, 1, 9]}, r"area\[2\] is 9, but there are 2"),
        ({"area": [0, 1, -1]}, r"area\[2\] is -1; count from 0"),
        ({"area": [0.5, 1, 1]}, "area must be one whole number"),
        ({"household": [0, 1, 2]}, r"household\[2\] is 2, but there are 2"),
        ({"targets": ([0, 2], [0, 0], [0, 0])}, "Target row 1 is of level 2"),
        ({"targets": ([0, 0], [0, 0], [1, 1])}, "given more than once"),
        ({"targets": ([0], [0], [7])}, "column 7; there are"),
        ({"parents": [[0, -3]]}, r"parents\[0\]\[1\] is -3"),
        ({"own": {5: [1.0, 1.0, 1.0]}}, "own column 5 is not one of the 2"),
        ({"own": {1: [1.0]}}, r"own\[1\] has 1 entries"),
        ({"own": {1: [1.0] * 3}, "household": None}, "own columns need household="),
    ],
)
def test_what_is_not_a_geography_is_named(change, message):
    given = {
        "values": [[1.0, 2.0], [1.0, 0.0]],
        "area": [0, 1, 1],
        "targets": ([0, 1], [1, 0], [0, 1]),
        "parents": [[0, 0]],
        "household": [0, 1, 0],
        **change,
    }
    with pytest.raises(BadInputError, match=message):
        cal.GeographyOperator(**given)

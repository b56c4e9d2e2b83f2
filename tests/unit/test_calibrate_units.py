"""The unit of a target, or of all, changes no weight: dollars, trillions or billionths."""

import jax
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings, strategies as st

from pejax import calibrate as cal

FEW = settings(max_examples=6, deadline=None)
UNITS = 40
DISTANCE = [
    cal.Linear(),
    cal.Entropy(),
    cal.Entropy(exact=True),
    cal.Logit(0.1, 8.0),
    cal.TruncatedLinear(0.1, 8.0, exact=True),
]
CHOOSING = [
    cal.Adam(epochs=40),
    cal.Adam(epochs=40, loss=cal.Huber(0.1), dropout=0.1),
    cal.L0(budget=15, epochs=40),
    cal.L0(l0_lambda=1e-6, epochs=40, refit=False),
    cal.Cube(15),
    cal.PPS(15, leverage=0.6),
    cal.Random(15),
]
KEY = jax.random.key(1)


def name(method):
    return repr(method).split("(")[0] + (", exact" if getattr(method, "exact", False) else "")


def parts(seed=0):
    """A matrix with a balance whose target is 0, targets that weights can meet, base weights."""
    rng = np.random.default_rng(seed)
    X = rng.gamma(1.0, 1.0, (5, UNITS)) * (rng.random((5, UNITS)) < 0.6)
    X[0] = 1.0
    X[1, 1::2] = X[2, ::2] = 0  # of one half, and of the other
    base = rng.gamma(4.0, 25.0, UNITS)
    new = base * rng.lognormal(0, 0.2, UNITS)
    X[4] -= X[4] @ new / new.sum()
    y = X @ new
    y[4] = 0.0
    return X, y, base


def solved(method, unit, size=1.0, seed=0, store=np.asarray):
    X, y, base = parts(seed)
    unit = np.broadcast_to(unit, y.shape)
    problem = cal.TargetProblem(store(X * unit[:, None]), size * y * unit)
    solution = cal.calibrate(problem, size * base, method, key=KEY)
    return np.asarray(solution.weights, float) / size, np.abs(solution.errors())


@given(
    powers=st.lists(st.floats(-15, 15), min_size=5, max_size=5),
    size=st.floats(-6, 9),
    x64=st.booleans(),
)
@FEW
@pytest.mark.parametrize("method", DISTANCE, ids=name)
def test_no_unit_changes_a_weight(method, powers, size, x64):
    """Each target in its own unit, and weights in any size, in either precision of the data."""
    with jax.enable_x64(x64):
        plain, errors = solved(method, 1.0)
        changed, in_units = solved(method, 10.0 ** np.array(powers), 10.0**size)
    np.testing.assert_allclose(changed, plain, rtol=1e-7 if x64 else 1e-3)
    np.testing.assert_allclose(in_units, errors, atol=1e-8 if x64 else 1e-5)


@pytest.mark.parametrize("power", [-50, 50])
@pytest.mark.parametrize("method", [*DISTANCE, *CHOOSING], ids=name)
def test_binary_units_change_no_bit_of_a_choice(method, power):
    """2^50 is 1e15. A factor that is no power of two rounds every entry anew, and gates that open
    by a hair, or a draw, may then go another way."""
    plain, _ = solved(method, 1.0)
    changed, _ = solved(method, 2.0**power)
    np.testing.assert_allclose(changed, plain, rtol=1e-6)


def nested(household=None, own=()):
    """What keeps a matrix as the targets of two areas (rows 1 and 2) and those above (the rest)."""
    rows = [1, 0, 0, 1, 1], [0, 0, 1, 0, 0], [0, 1, 1, 2, 3]
    area = np.arange(UNITS) % 2

    def store(X):
        values = np.stack([X[0], X[1] + X[2], X[3], X[4]], axis=1)
        drawn = {column: values[:, column] for column in own} or None
        return cal.GeographyOperator(values, area, rows, [[0, 0]], household=household, own=drawn)

    return store


EACH = np.arange(UNITS)
STORES = {
    "dense": np.asarray,
    "sparse": scipy.sparse.csr_array,
    "blocks": nested(),
    "grid": nested(EACH),
    "own": nested(EACH, own=(1, 3)),
}


@pytest.mark.parametrize("store", STORES.values(), ids=STORES)
@pytest.mark.parametrize("power", [-24, 19])
def test_squares_of_contributions_stay_within_float32(power, store):
    plain, _ = solved(cal.Entropy(exact=True), 1.0, store=lambda X: store(X.astype("float32")))
    changed, errors = solved(
        cal.Entropy(exact=True), 10.0**power, store=lambda X: store(X.astype("float32"))
    )
    np.testing.assert_allclose(changed, plain, rtol=1e-5)
    assert errors.max() < 1e-4


def test_trillions_are_fitted_as_dollars_are():
    """A total of 1.5 trillion given as 1.5e-12 of some unit is as far from met as in dollars."""
    X = np.array([[1.0, 1.0, 1.0], [250.0, 500.0, 15000.0]])
    y = np.array([1100.0, 165000.0])
    dollars = cal.calibrate(cal.TargetProblem(X, y), np.ones(3), cal.Entropy())
    small = np.array([[1.0], [1e-12]])
    trillions = cal.calibrate(
        cal.TargetProblem(X * small, y * small[:, 0]), np.ones(3), cal.Entropy()
    )
    np.testing.assert_allclose(trillions.weights, dollars.weights, rtol=1e-5)
    np.testing.assert_allclose(trillions.errors(), dollars.errors(), rtol=1e-5)


def test_the_sparse_compatible_loss_divides_by_no_zero():
    model = cal.SparseCalibrationWeights(2, init_weights=1.0, seed=0)
    matrix = np.array([[-1.0, 0.0], [0.0, 1.0]])
    model.fit(matrix, np.array([-1.0, 2.0]), loss_type="relative", epochs=5)
    assert np.isfinite(model.get_weights(deterministic=True)).all()

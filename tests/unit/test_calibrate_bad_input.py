"""Broken input is an error that names the row and ends with the fix; never NaN weights."""

import jax
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from pejax.calibrate import (
    L0,
    Adam,
    BudgetWarning,
    DenseOperator,
    Entropy,
    Linear,
    Logit,
    SparseOperator,
    TargetProblem,
    calibrate,
)
from pejax.core._results import Result, SolveError
from pejax.core._validate import BadInputError, UnknownNameError

pytestmark = pytest.mark.usefixtures("unchecked")

X = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 5.0]])
Y = np.array([10.0, 20.0])
NAMES = ["people", "rent"]


def problem():
    return TargetProblem(X, Y, names=NAMES)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_target_that_is_not_finite(value):
    with pytest.raises(BadInputError, match=r"'rent' \(row 1\) is .*Give a finite value"):
        TargetProblem(X, [10.0, value], names=NAMES)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(
    "store", [DenseOperator, lambda X: SparseOperator(scipy.sparse.csr_array(X))]
)
def test_a_contribution_that_is_not_finite(value, store):
    broken = X.copy()
    broken[1, 2] = value
    with pytest.raises(BadInputError, match=rf"holds {value} for target 'rent' \(row 1\), unit 2"):
        TargetProblem(store(broken), Y, names=NAMES)


@pytest.mark.parametrize(
    ("column", "entries"),
    [
        ("values", [1.0]),
        ("names", ["a"]),
        ("scale", [1.0] * 3),
        ("groups", ["a"]),
        ("importance", []),
    ],
)
def test_a_column_of_another_length(column, entries):
    given = {"values": Y, column: entries}
    with pytest.raises(BadInputError, match=rf"{column} has \d entries .* 2 rows.*transposed"):
        TargetProblem(X, **given)


def test_a_name_used_twice():
    with pytest.raises(BadInputError, match=r"names\[1\] 'rent' is already the name of row 0"):
        TargetProblem(X, Y, names=["rent", "rent"])


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_that_is_not_positive(scale):
    with pytest.raises(BadInputError, match=r"scale of target 'rent' \(row 1\)"):
        TargetProblem(X, Y, names=NAMES, scale=[1.0, scale])


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_an_importance_that_is_negative_or_not_finite(weight):
    with pytest.raises(BadInputError, match=r"importance of target 'people' \(row 0\)"):
        TargetProblem(X, Y, names=NAMES, importance=[weight, 1.0])


def test_no_importance_at_all():
    with pytest.raises(BadInputError, match="Every target has importance 0"):
        TargetProblem(X, Y, importance=[0.0, 0.0])


def test_nothing_left_after_the_screens():
    with pytest.raises(BadInputError, match=r"No target is left.*no unit contributes"):
        TargetProblem(0 * X, Y, names=NAMES)


def test_a_matrix_that_is_no_matrix():
    with pytest.raises(BadInputError, match="1 dimension"):
        TargetProblem(np.ones(3), Y)
    with pytest.raises(BadInputError, match=r"cannot be made of a ndarray.*DenseOperator"):
        SparseOperator(X)


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ([1.0, np.nan, 1.0], "base weight of unit 1 is nan"),
        ([1.0, 1.0, np.inf], "base weight of unit 2 is inf"),
        ([1.0, -2.0, -3.0], "base weight of unit 1 is -2.0, and 1 more"),
        ([1.0, 1.0], r"shape \(2,\) and the estimate matrix 3 units"),
        ([[1.0, 1.0, 1.0]], r"shape \(1, 3\)"),
        ([0.0, 0.0, 0.0], "Every base weight is 0"),
    ],
)
@pytest.mark.parametrize("method", [Linear(), Adam(epochs=1)])
def test_base_weights(base, message, method):
    with pytest.raises(BadInputError, match=message):
        calibrate(problem(), base, method)


@pytest.mark.parametrize("bounds", [(1.0, 2.0), (0.5, 1.0), (-0.1, 2.0), (2.0, 0.5), (0.2, 0.8)])
def test_bounds_that_exclude_one(bounds):
    with pytest.raises(BadInputError, match="must be 0 <= lo < 1 < hi"):
        Logit(*bounds)


@pytest.mark.parametrize("kind", [Linear, Entropy, Logit])
@pytest.mark.parametrize(
    "setting", [{"ridge": 0.0}, {"ridge": -1.0}, {"tol": 0.0}, {"max_steps": 0}]
)
def test_settings_of_distance_methods(kind, setting):
    with pytest.raises(BadInputError, match=next(iter(setting))):
        kind(**setting)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"ridge": -1.0}, "ridge is -1.0"),
        ({"dropout": 1.0}, "dropout is 1.0"),
    ],
)
def test_settings_of_adam(setting, message):
    with pytest.raises(BadInputError, match=message):
        Adam(**setting)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({}, "either budget="),
        ({"budget": 5, "l0_lambda": 1e-6}, "either budget="),
        ({"budget": 0}, "budget is 0"),
        ({"l0_lambda": -1.0}, "l0_lambda is -1.0"),
        ({"budget": 5, "l2": -1.0}, "l2 is -1.0"),
        ({"budget": 5, "temperature": 0.0}, "temperature is 0.0"),
        ({"budget": 5, "init_mean": 1.0}, "init_mean"),
        ({"budget": 5, "ridge": 0.0}, "ridge is 0.0"),
        ({"budget": 5, "epochs": 0}, "epochs is 0"),
    ],
)
def test_settings_of_l0(setting, message):
    with pytest.raises(BadInputError, match=message):
        L0(**setting)


def test_a_budget_above_the_records_with_weight():
    with pytest.raises(BadInputError, match="budget is 3 and only 2 records have weight"):
        calibrate(problem(), [1.0, 0.0, 1.0], L0(3, epochs=1), key=jax.random.key(0))


def test_a_budget_below_the_targets_warns():
    with pytest.warns(BudgetWarning, match="budget of 1 records is below the 2 targets"):
        calibrate(problem(), np.ones(3), L0(1, epochs=2), key=jax.random.key(0))


@pytest.mark.parametrize("method", [L0(2, epochs=1), Adam(epochs=1, dropout=0.5)])
def test_methods_that_draw_need_a_key(method):
    with pytest.raises(BadInputError, match=r"Pass key=jax.random.key\(0\)"):
        calibrate(problem(), np.ones(3), method)


def test_a_price_that_shuts_every_gate():
    with pytest.raises(BadInputError, match=r"shut every gate. Lower it"):
        calibrate(problem(), np.ones(3), L0(l0_lambda=1e6, epochs=300), key=jax.random.key(0))


def test_an_unknown_target_comes_with_the_nearest():
    with pytest.raises(UnknownNameError, match=r"Unknown target 'poeple'. Did you mean 'people'"):
        problem().index("poeple")


def test_a_refused_target_is_asked_for():
    refusing = TargetProblem([[1.0], [0.0]], [1.0, 2.0], names=["kept", "empty"])
    with pytest.raises(UnknownNameError, match="'empty' was set aside: no unit contributes to it"):
        refusing.hold_out(["empty"])


@pytest.mark.parametrize("method", [Linear(), Entropy(), Adam(epochs=3)])
def test_numbers_that_overflow_are_a_verdict_not_weights(method):
    with jax.enable_x64(True):
        huge = TargetProblem(np.full((1, 3), 1e200), [1e200], scale=[1e-200])
        solution = calibrate(huge, [1.0, 2.0, 3.0], method, key=jax.random.key(0))
    assert Result.of(solution.result) is Result.nonfinite
    np.testing.assert_array_equal(np.asarray(solution.weights), [1.0, 2.0, 3.0])
    with pytest.raises(SolveError, match="A NaN or an infinity appeared"):
        solution.check()


def test_targets_cannot_be_left_out():
    for matrix in (np.ones((2, 3)), pd.DataFrame(np.ones((2, 3)), index=["a", "b"])):
        with pytest.raises(BadInputError, match=r"^values is None"):
            TargetProblem(matrix, None)

"""What a problem keeps, what it sets aside, and that it says why."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given, settings, strategies as st

from pejax.calibrate import DenseOperator, SparseOperator, TargetProblem

FEW = settings(max_examples=15, deadline=None)


def reasons(problem):
    return {refusal.name: refusal.reason for refusal in problem.refused}


def test_rows_that_no_weights_can_meet_are_listed():
    problem = TargetProblem(
        [[1.0, 1.0], [0.0, 0.0], [-1.0, -3.0], [2.0, 0.0], [-1.0, 1.0]],
        [5.0, 7.0, 4.0, -4.0, -2.0],
        names=["fine", "empty", "debts", "gains", "either"],
    )
    assert problem.names == ("fine", "either")
    assert reasons(problem) == {
        "empty": "no unit contributes to it",
        "debts": "wrong sign: the target is positive and no contribution is",
        "gains": "wrong sign: the target is negative and no contribution is",
    }
    np.testing.assert_array_equal(problem.operator.matrix, [[1.0, 1.0], [-1.0, 1.0]])
    np.testing.assert_array_equal(problem.values, [5.0, -2.0])


@pytest.mark.parametrize(
    "store", [DenseOperator, lambda X: SparseOperator(scipy.sparse.csr_array(X))]
)
def test_repeated_rows_are_listed_with_their_twin(store):
    X = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 1.0], [1.0, 2.0, 0.0], [1.0, 2.0, 0.0]])
    problem = TargetProblem(store(X), [5.0, 6.0, 5.0, 9.0], names=["a", "b", "again", "against"])
    assert problem.names == ("a", "b")
    assert reasons(problem) == {
        "again": "repeats 'a'",
        "against": "contradicts 'a': the same contributions as the target 5",
    }


def test_rows_that_almost_agree_are_kept():
    X = np.ones((2, 50))
    X[1, 7] += 1e-5
    assert TargetProblem(DenseOperator(X.astype(np.float32)), [5.0, 6.0]).refused == ()


@given(seed=st.integers(0, 2**32 - 1))
@FEW
def test_every_target_is_either_kept_or_refused(seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(-1, 2, (6, 4)) * rng.integers(0, 2, (6, 1))
    X[0] = 1
    y = rng.integers(-3, 4, 6).astype(float)
    y[0] = 1.0
    problem = TargetProblem(X, y)
    found = [*problem.names, *(refusal.name for refusal in problem.refused)]
    assert sorted(found) == [f"target_{row}" for row in range(6)]
    assert problem.operator.shape == (problem.n_targets, 4) == (len(problem.names), problem.n_units)


def test_the_refused_are_a_table():
    problem = TargetProblem([[1.0], [0.0]], [1.0, 2.0], names=["a", "b"])
    table = pd.DataFrame(problem.refused)
    assert table.to_dict("records") == [
        {"name": "b", "value": 2.0, "reason": "no unit contributes to it"}
    ]


def test_the_scale_defaults_to_the_size_of_the_target():
    problem = TargetProblem(np.diag([1.0, -1.0, 1.0, 1.0]), [100.0, -2.0, 0.25, 3e-9])
    np.testing.assert_array_equal(problem.scale, [100.0, 2.0, 0.25, 3e-9])


def test_the_scale_of_a_target_of_zero_is_what_its_row_can_move():
    """The other targets suggest weights of 10, 30 and 50, hence of 30."""
    X = [[1.0, 1.0], [0.0, 2.0], [2.0, 2.0], [3.0, -1.0]]
    np.testing.assert_array_equal(TargetProblem(X, [20.0, 60.0, 200.0, 0.0]).scale[3], 120.0)
    tiny = TargetProblem(1e-12 * np.array(X), [20e-12, 60e-12, 200e-12, 0.0])
    np.testing.assert_allclose(tiny.scale[3], 120e-12, rtol=1e-6)
    assert TargetProblem([[3.0, -1.0]], [0.0]).scale.tolist() == [4.0]  # with nothing to go by


def test_groups_scales_and_importances_follow_the_rows_that_are_kept():
    problem = TargetProblem(
        [[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]],
        [1.0, 2.0, 3.0],
        groups=["x", "y", "z"],
        scale=[4.0, 5.0, 6.0],
        importance=[7.0, 8.0, 9.0],
    )
    assert problem.groups == ("x", "z")
    np.testing.assert_array_equal(problem.scale, [4.0, 6.0])
    np.testing.assert_array_equal(problem.importance, [7.0, 9.0])


@pytest.mark.parametrize(
    "matrix",
    [
        [[1, 0], [1, 1]],
        np.array([[1.0, 0.0], [1.0, 1.0]]),
        pd.DataFrame([[1.0, 0.0], [1.0, 1.0]]),
        scipy.sparse.csr_array(np.array([[1.0, 0.0], [1.0, 1.0]])),
        jnp.array([[1.0, 0.0], [1.0, 1.0]]),
    ],
    ids=["list", "numpy", "pandas", "scipy", "jax"],
)
def test_any_kind_of_matrix_is_taken(matrix):
    problem = TargetProblem(matrix, [1.0, 3.0])
    np.testing.assert_allclose(problem.estimates(jnp.array([2.0, 5.0])), [2.0, 7.0])


def test_errors_are_in_units_of_the_scale():
    problem = TargetProblem(np.eye(2), [100.0, 50.0], scale=[10.0, 50.0])
    np.testing.assert_allclose(problem.errors(jnp.array([120.0, 25.0])), [2.0, -0.5])


def test_holding_out_changes_the_importance_alone():
    problem = TargetProblem(np.eye(2), [1.0, 2.0], names=["a", "b"])
    held = problem.hold_out(["a"])
    np.testing.assert_array_equal(held.importance, [0.0, 1.0])
    assert held.names == problem.names


def test_a_problem_is_a_pytree_of_its_numbers():
    problem = TargetProblem(np.eye(2), [1.0, 2.0])
    doubled = jax.tree.map(lambda leaf: 2 * leaf, problem)
    assert doubled.names == problem.names
    np.testing.assert_array_equal(doubled.values, [2.0, 4.0])
    traced = jax.jit(lambda p, v: p.with_values(v).errors(jnp.ones(2)))(problem, jnp.zeros(2))
    np.testing.assert_allclose(traced, [1.0, 0.5])

"""Targets of the same contributions: importance decides between them, and never their order."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax import calibrate as cal

FEW = settings(max_examples=30, deadline=None)
SAME = np.array([[1.0, 1.0], [1.0, 1.0]])


def snap(weights, order=(0, 1)):
    """Two figures for one total, an old one of 5 and a new one of 40."""
    names, values = np.array(["old_snap", "new_snap"]), np.array([5.0, 40.0])
    rows = list(order)
    return cal.TargetProblem(
        SAME, values[rows], names=names[rows].tolist(), importance=np.array(weights)[rows]
    )


def total(problem):
    return float(np.sum(cal.calibrate(problem, [15.0, 15.0], cal.Entropy(ridge=1e-9)).weights))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_twin_of_no_importance_decides_nothing(order):
    problem = snap([0.0, 1.0], order)
    assert total(problem) == pytest.approx(40, rel=1e-4)
    assert sorted(problem.names) == ["new_snap", "old_snap"]  # the other is still reported


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_more_important_of_two_contradicting_twins_stays(order):
    problem = snap([1.0, 2.0], order)
    assert problem.names == ("new_snap",)
    assert problem.refused == (
        ("old_snap", 5.0, "contradicts 'new_snap': the same contributions as the target 40"),
    )
    assert total(problem) == pytest.approx(40, rel=1e-4)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_contradicting_twins_of_one_importance_both_stay(order):
    """On one scale a soft solve ends between them, wherever they stand; an exact one has no end."""
    problem = snap([1.0, 1.0], order)
    assert sorted(problem.names) == ["new_snap", "old_snap"]
    between = (5 / 5**2 + 40 / 40**2) / (1 / 5**2 + 1 / 40**2)  # the least squared relative errors
    assert total(problem) == pytest.approx(between, rel=1e-3)
    verdict = cal.calibrate(problem, [15.0, 15.0], cal.Raking())
    assert int(verdict.result) == 3


def test_an_excluded_figure_displaces_none():
    import pandas as pd

    matrix = pd.DataFrame({"old_snap": [1.0, 1.0], "new_snap": [1.0, 1.0]})
    fitted = cal.Calibration(
        np.array([15.0, 15.0]),
        np.array([5.0, 40.0]),
        estimate_matrix=matrix,
        excluded_targets=["old_snap"],
        noise_level=0.0,
        epochs=300,
        learning_rate=0.05,
    )
    fitted.calibrate()
    assert fitted.weights.sum() == pytest.approx(40, rel=1e-3)
    assert fitted.summary()["Metric"].tolist() == ["old_snap", "new_snap"]


def test_repeats_agree_with_each_other_before_they_contradict():
    problem = cal.TargetProblem(
        np.ones((4, 2)), [9.0, 5.0, 5.0, 9.0], names=list("abcd"), importance=[1, 2, 2, 1.5]
    )
    assert problem.names == ("b",)
    assert problem.importance.tolist() == [4]
    assert {refusal.name: refusal.reason.split(":")[0] for refusal in problem.refused} == {
        "a": "contradicts 'b'",
        "c": "repeats 'b'",
        "d": "contradicts 'b'",
    }


@given(seed=st.integers(0, 2**32 - 1))
@FEW
def test_the_order_of_targets_decides_nothing(seed):
    """Kinds of rows drawn with few values and importances, so that twins of every sort occur."""
    rng = np.random.default_rng(seed)
    kinds = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 2.0], [0.0, 1.0, -1.0]])
    rows = rng.integers(0, 3, 7)
    X, y = kinds[rows], rng.choice([2.0, 3.0], 7)
    importance, scale = rng.choice([0.0, 1.0, 1.0, 3.0], 7), rng.choice([2.0, 4.0], 7)
    importance[0] = 1.0
    order = rng.permutation(7)

    def kept(order):
        problem = cal.TargetProblem(
            X[order], y[order], scale=scale[order], importance=importance[order]
        )
        table = np.c_[
            np.asarray(problem.operator.matrix), problem.values, problem.scale, problem.importance
        ]
        return table[np.lexsort(table.T)]

    np.testing.assert_array_equal(kept(order), kept(np.arange(7)))

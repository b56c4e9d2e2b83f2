"""What a solution warns of, and when an exact one is an error."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from pejax import calibrate as cal
from pejax.core._results import SolveError
from pejax.core._validate import BadInputError


def names(solution):
    return [caution.name for caution in solution.warnings]


def useless():
    """1,100 people and a total of 165,000 from records of 15,000, 500 and 250: none of any use."""
    problem = cal.TargetProblem(
        [[1.0, 1.0, 1.0], [15000.0, 500.0, 250.0]], [1100.0, 165000.0], names=["people", "income"]
    )
    return cal.calibrate(problem, np.full(3, 1100 / 3), cal.Entropy())


def test_useless_weights_are_a_warning():
    solution = useless()
    np.testing.assert_allclose(solution.errors(), [-0.30, 0.17], atol=0.01)
    assert names(solution) == ["large_weight", "further_off"]
    with pytest.warns(cal.CalibrationWarning) as said:
        assert solution.check() is solution
    assert str(said[0].message).startswith("One weight, 77")
    assert str(said[1].message).startswith("Target 'people' is further off than before: by 29")


def test_a_small_effective_sample_is_a_warning():
    rng = np.random.default_rng(0)
    X = np.stack([np.ones(500), rng.pareto(1.1, 500)])
    base = np.ones(500)
    problem = cal.TargetProblem(X, [500.0, 60 * float(X[1] @ base)])
    solution = cal.calibrate(problem, base, cal.Entropy())
    size = solution.report().summary["effective_sample_size"]
    assert size < 50
    with pytest.warns(cal.CalibrationWarning) as said:
        solution.check()
    assert f"The effective sample is {size:,.1f} of 500 records. " in str(said[0].message)
    lenient = cal.Thresholds(effective_share=0.0, largest_share=1.0)
    assert names(cal.calibrate(problem, base, cal.Entropy(), thresholds=lenient)) == []


def test_few_records_may_have_a_large_share_each():
    """A third of three records is nothing to warn of; nine tenths are."""
    problem = cal.TargetProblem(np.ones((1, 3)), [3.0])
    assert names(cal.calibrate(problem, [1.0, 1.0, 1.0], cal.Entropy())) == []
    assert names(cal.calibrate(problem, [30.0, 1.0, 1.0], cal.Entropy())) == ["large_weight"]
    assert cal.calibrate(problem, [0.0, 0.0, 3.0], cal.Entropy()).warnings[0].name == "large_weight"


def test_a_weight_that_vanished_is_a_record_still():
    X = np.stack([np.ones(60), np.r_[1000.0, np.zeros(59)]])
    problem = cal.TargetProblem(X, [60.0, 59_999.0])
    solution = cal.calibrate(problem, np.ones(60), cal.Entropy(ridge=1e-9))
    assert "small_effective_sample" in names(solution)
    kept = cal.calibrate(problem, np.ones(60), cal.Largest(6), key=jax.random.key(0))
    assert kept.chosen
    assert not solution.chosen


def test_a_target_further_off_than_before_is_a_warning():
    X = np.array([[1.0, 1.0, 0.0, 0.0], [1.0, 0.5, 0.01, 0.0]])
    problem = cal.TargetProblem(X, [40.0, 15.0], names=["big", "small"], importance=[1e6, 1.0])
    solution = cal.calibrate(problem, [10.0, 10.0, 10.0, 10.0], cal.Entropy())
    assert names(solution) == ["further_off"]
    assert "Target 'small' is further off than before: by 100" in solution.warnings[0].text
    patient = cal.Thresholds(further_off=2.0)
    again = cal.calibrate(problem, np.full(4, 10.0), cal.Entropy(), thresholds=patient)
    assert names(again) == []


MARGINS = np.array(
    [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]
)
NAMES = ["young", "old", "men", "women"]
SAID = "'young' and 'old' add up to 100, 'men' and 'women' to 101, and the same units make up both"


def margins(values, **options):
    return cal.TargetProblem(MARGINS, values, names=NAMES, **options)


def test_margins_that_disagree_are_named():
    problem = margins([60.0, 40.0, 51.0, 50.0])
    soft = cal.calibrate(problem, np.full(4, 25.0), cal.Entropy())
    assert names(soft) == ["contradiction"]
    assert f"Sums disagree: {SAID}" in soft.warnings[0].text
    exact = cal.calibrate(problem, np.full(4, 25.0), cal.Raking())
    with pytest.raises(SolveError, match=SAID):
        exact.check()
    assert names(cal.calibrate(margins([60.0, 40.0, 50.0, 50.0]), np.ones(4), cal.Entropy())) == []


def test_a_third_margin_is_told_from_two_that_agree():
    third = np.vstack([MARGINS, [1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]])
    values = [60.0, 40.0, 50.0, 50.0, 71.0, 30.0]
    labels = ["age", "age", "sex", "sex", "home", "home"]
    problem = cal.TargetProblem(third, values, names=[*NAMES, "own", "rent"], groups=labels)
    (caution,) = cal.calibrate(problem, np.full(4, 25.0), cal.Entropy()).warnings
    assert "'young' and 'old' add up to 100, 'own' and 'rent' to 101, and" in caution.text
    unlabelled = cal.TargetProblem(third, values, names=[*NAMES, "own", "rent"])
    (caution,) = cal.calibrate(unlabelled, np.full(4, 25.0), cal.Entropy()).warnings
    assert caution.text.startswith(
        "Sums disagree: no weights of any sign meet 'young', 'old', 'men'"
    )


def test_a_weighted_combination_is_named_too():
    problem = cal.TargetProblem([[1.0, 3.0], [2.0, 6.0]], [10.0, 21.0], names=["people", "hands"])
    (caution,) = cal.calibrate(problem, [4.0, 2.0], cal.Entropy()).warnings
    assert "no weights of any sign meet 'people' and 'hands' together" in caution.text


def test_an_exact_target_that_was_refused_is_an_error():
    problem = cal.TargetProblem([[1.0, 1.0], [0.0, 0.0]], [4.0, 3.0], names=["all", "none"])
    said = "Target 'none', which was to be met exactly, was set aside before the solve: no unit"
    for method in (cal.Raking(), cal.Linear(exact=True), cal.Logit(0.1, 9.0, exact=True)):
        with pytest.raises(SolveError, match=said):
            cal.calibrate(problem, [1.0, 1.0], method).check()
    cal.calibrate(problem, [1.0, 1.0], cal.Entropy()).check()
    drawn = cal.calibrate(
        problem, [1.0, 1.0], cal.Random(1, solver=cal.Raking()), key=jax.random.key(0)
    )
    with pytest.raises(SolveError, match=said):
        drawn.check()


def test_what_nobody_asked_to_be_met_may_be_refused():
    options = {"names": ["all", "again", "none"], "importance": [1.0, 1.0, 0.0]}
    problem = cal.TargetProblem([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]], [4.0, 4.0, 3.0], **options)
    assert [refusal.name for refusal in problem.refused] == ["again", "none"]
    cal.calibrate(problem, [1.0, 1.0], cal.Raking()).check()
    nothing = cal.TargetProblem([[1.0, 1.0], [0.0, 0.0]], [4.0, 0.0])
    assert len(nothing.refused) == 1
    cal.calibrate(nothing, [1.0, 1.0], cal.Raking()).check()


def test_an_exact_target_matters_whatever_its_importance():
    """The conditions are importance-weighted: a target of little would pass unmet."""
    problem = cal.TargetProblem([[1.0, 1.0], [1.0, 0.0]], [40.0, 30.0], importance=[1.0, 1e-20])
    solution = cal.calibrate(problem, [15.0, 15.0], cal.Raking()).check()
    np.testing.assert_allclose(solution.weights, [30, 10], rtol=1e-4)


def test_an_unmet_exact_target_is_an_error():
    problem = cal.TargetProblem([[1.0, 1.0]], [4.0], names=["all"])
    solution = cal.calibrate(problem, [1.0, 1.0], cal.Raking())
    missed = cal.Solution(
        **{**vars(solution), "estimates": np.array([4.1]), "result": jnp.asarray(0)}
    )
    with pytest.raises(SolveError, match=r"'all', which was to be met exactly, is off by \+2.50%"):
        missed.check()


def test_thresholds_that_are_none():
    with pytest.raises(BadInputError, match="largest_share is -1"):
        cal.Thresholds(largest_share=-1)


# ---- verdicts

LO, HI = 0.1, 5.0
EXACT = {
    "raking": (cal.Raking(), 0.0, np.inf),
    "logit": (cal.Logit(LO, HI, exact=True), LO, HI),
    "truncated linear": (cal.TruncatedLinear(LO, HI, exact=True), LO, HI),
}


def drawn(seed):
    """Four targets on six units: met by some weights, by none, contradictory, empty or repeated."""
    rng = np.random.default_rng(seed)
    A = rng.integers(-2, 4, (4, 6)).astype(float) * (rng.random((4, 6)) < 0.7)
    base = rng.uniform(0.5, 2, 6)
    possible = rng.random() < 0.5
    y = A @ rng.uniform(0.2, 3, 6) if possible else rng.integers(-4, 9, 4).astype(float)
    if rng.random() < 0.3:
        A[-1], y[-1] = A[0], y[0] + rng.choice([0.0, 0.0, 1.0])
    return A, y, base


def met(A, y, base, method):
    try:
        cal.calibrate(cal.TargetProblem(A, y), base, method).check()
    except (SolveError, BadInputError):  # the latter where no target is left
        return False
    return True


def agree(seeds):
    for seed in seeds:
        A, y, base = drawn(seed)
        for name, (method, lo, hi) in EXACT.items():
            bounds = np.stack([lo * base, hi * base], axis=1)
            feasible = linprog(np.zeros(6), A_eq=A, b_eq=y, bounds=bounds).status == 0
            with jax.enable_x64(True):
                assert met(A, y, base, method) == feasible, (seed, name)


@pytest.mark.filterwarnings("ignore::pejax.calibrate.CalibrationWarning")
def test_verdicts_are_those_of_a_linear_programme():
    agree(range(20))


@pytest.mark.filterwarnings("ignore::pejax.calibrate.CalibrationWarning")
@pytest.mark.parametrize("mean", [1.0, 3.0])
def test_what_only_weights_of_zero_can_meet_is_met(mean):
    """Positive weights come as near as one likes, and the tolerance ends it."""
    A, y = np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 3.0]]), np.array([4.0, 4.0 * mean])
    with jax.enable_x64(True):
        assert met(A, y, np.ones(3), cal.Raking())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pejax.calibrate.CalibrationWarning")
def test_verdicts_of_120_problems_are_those_of_a_linear_programme():
    agree(range(120))


def test_a_contradiction_names_dollars_beside_persons():
    """One unit is in a band whose count and amount do not go together: a coefficient of dollars is
    a millionth of that of persons, and both targets are named."""
    X = np.ones((3, 40))
    X[1:] = 0
    X[1:, 7] = 1.0, 2.5e6
    problem = cal.TargetProblem(X, [400.0, 30.0, 9e7], names=["people", "returns", "income"])
    (caution,) = (
        c
        for c in cal.calibrate(problem, np.full(40, 10.0), cal.Linear()).warnings
        if c.name == "contradiction"
    )
    assert "'returns'" in caution.text and "'income'" in caution.text


def test_rows_that_nearly_repeat_do_not_contradict():
    """They differ by two in a hundred thousand in a tenth of the units: weights meet both."""
    rng = np.random.default_rng(0)
    first = np.ones(200)
    first[:20] += 2e-5
    X = np.vstack([first, np.ones(200), rng.normal(size=(98, 200))]).astype(np.float32)
    weights = np.ones(200)
    weights[:20] = 100
    problem = cal.TargetProblem(X, X.astype(float) @ weights)
    names = [c.name for c in cal.calibrate(problem, np.ones(200), cal.Entropy()).warnings]
    assert "contradiction" not in names

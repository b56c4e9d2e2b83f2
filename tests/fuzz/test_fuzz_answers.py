"""Random sound questions: the answers are those of a few lines of numpy."""

import jax
import numpy as np
import pandas as pd
import pytest
import scipy.stats
from _fuzz_rounds import told_or_answered
from hypothesis import strategies as st

from pejax import Population, Result, calibrate as cal, gates, impute
from pejax.testing import toy_population, toy_program

pytestmark = pytest.mark.fuzz

SEEDS = st.integers(0, 2**32 - 1)
UNITS = st.integers(-12, 12).map(lambda power: 10.0**power)


def test_linear_weights(rounds):
    def check(seed, unit):
        rng = np.random.default_rng(seed)
        targets, units = int(rng.integers(1, 4)), int(rng.integers(6, 12))
        matrix, base = rng.normal(size=(targets, units)) + 1, rng.uniform(0.5, 2, units)
        values = matrix @ (base * rng.uniform(0.7, 1.4, units))
        problem = cal.TargetProblem(matrix * unit, values * unit)
        solution = told_or_answered(lambda: cal.calibrate(problem, base, cal.Linear(exact=True)))
        if solution is None or problem.n_targets < targets:
            return
        gram = (matrix * base) @ matrix.T
        right = base * (1 + matrix.T @ np.linalg.solve(gram, values - matrix @ base))
        if np.linalg.cond(gram) < 1e3 and Result.of(solution.result) is Result.successful:
            np.testing.assert_allclose(solution.weights, right, rtol=2e-3, atol=2e-3)
        elif np.linalg.cond(gram) < 1e2:
            raise AssertionError(f"{Result.of(solution.result)!r} though a solution exists")

    rounds(check, SEEDS, UNITS)


def test_metrics(rounds):
    def check(seed, unit):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 9))
        values, weights = rng.integers(-9, 9, n), rng.uniform(0.1, 3, n)
        others = rng.normal(size=int(rng.integers(1, 9)))
        mean = impute.weighted_mean(values, weights * unit)
        np.testing.assert_allclose(mean, np.average(values, weights=weights), rtol=1e-5, atol=1e-5)
        level = float(rng.uniform(0.01, 0.99))
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(weights[order]) / weights.sum()
        if np.abs(reached - level).min() > 1e-6:
            found = impute.weighted_quantile(values, [level], weights)
            assert int(found[0]) == values[order][np.searchsorted(reached, level)]
        far = impute.wasserstein(values, others, weights)
        right = scipy.stats.wasserstein_distance(values, others, weights)
        np.testing.assert_allclose(far, right, rtol=1e-5, atol=1e-5)

    rounds(check, SEEDS, UNITS)


def test_gates(rounds):
    def check(mean, temperature):
        found = gates.HardConcrete(2, mean, temperature)
        np.testing.assert_allclose(found.mode(), np.clip(1.2 * mean - 0.1, 0, 1), atol=1e-5)
        logit = np.log(mean) - np.log1p(-mean) - temperature * np.log(0.1 / 1.1)
        np.testing.assert_allclose(found.open_probability(), 1 / (1 + np.exp(-logit)), atol=1e-5)

    rounds(check, st.floats(1e-6, 1 - 1e-6), st.floats(0.01, 5.0))


def test_tables_come_back(rounds):
    def check(seed):
        rng = np.random.default_rng(seed)
        homes = int(rng.integers(1, 6))
        home_ids = rng.permutation(1000)[:homes] - 500
        of_home = np.concatenate([np.arange(homes), rng.integers(0, homes, int(rng.integers(9)))])
        rng.shuffle(of_home)
        people = pd.DataFrame({
            "person_id": rng.permutation(5000)[: len(of_home)],
            "household_id": home_ids[of_home],
            "age": rng.integers(0, 90, len(of_home)),
            "rent": rng.normal(size=len(of_home)).astype(np.float32),
            "state": rng.choice(["a", "b", "c"], len(of_home)),
        })  # fmt: skip
        weights = rng.uniform(0, 9, homes).astype(np.float32)
        households = pd.DataFrame({"household_id": home_ids, "household_weight": weights})
        population = Population.from_frames({"person": people, "household": households})
        back = population.pad_to(64).to_frames()
        for given, found in ((people, back["person"]), (households, back["household"])):
            for column in given:
                np.testing.assert_array_equal(found[column], given[column])
        children = float(population.weight("person") @ (population.column("age") < 18))
        right = weights[of_home][people["age"] < 18].sum()
        assert children == pytest.approx(right, rel=1e-4)

    rounds(check, SEEDS)


def test_draws_are_donors_values(rounds):
    def check(seed):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(12, 30))
        donors = pd.DataFrame({
            "age": rng.integers(0, 90, n),
            "state": rng.choice(["a", "b"], n),
            "pay": rng.choice([0.0, 1e-8, 3.5, 1e9], n),
        })  # fmt: skip
        forests = impute.QRF(n_estimators=3, n_jobs=1, seed=seed)
        fitted = told_or_answered(lambda: forests.fit(donors, ["age"], ["pay", "state"]))
        if fitted is not None:
            drawn = fitted.draw(donors[["age"]], key=jax.random.key(seed))
            assert set(drawn["pay"]) <= set(donors["pay"])
            assert set(drawn["state"]) <= set(donors["state"])

    rounds(check, SEEDS)


def test_reforms(rounds):
    program, people = toy_program(), toy_population()

    def check(rate):
        law = told_or_answered(lambda: program.parameters.with_reform({"tax.rate": rate}))
        assert law is not None and float(law["tax.rate"]) == np.float32(rate)
        found = program(law, people)
        oracle = program.interpreter(law, people)
        for output in program.outputs:
            np.testing.assert_allclose(found[output.name], oracle(output.node), rtol=1e-4, atol=0.1)

    rounds(check, st.floats(0, 1, width=32))

"""Choosing an exact number of records: probabilities, designs, flights, and the methods on them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax import calibrate as cal
from pejax.calibrate._method import RunOptions
from pejax.calibrate.select._designs import sampford, systematic
from pejax.calibrate.select._flight import flight
from pejax.calibrate.select._inclusion import inclusion_probabilities
from pejax.core._validate import BadInputError, UnknownNameError

KEY = jax.random.key(0)


def areas(units=900, districts=6, seed=0):
    """Units in districts of two states: people, income and a rare benefit at three levels."""
    rng = np.random.default_rng(seed)
    values = np.column_stack(
        [rng.integers(1, 6, units), rng.lognormal(3, 1, units), rng.random(units) < 0.08]
    ).astype(float)
    place = rng.integers(0, districts, units)
    level = np.repeat([0, 1, 2], [3 * districts, 6, 3])
    area = np.r_[np.repeat(np.arange(districts), 3), 0, 0, 0, 1, 1, 1, 0, 0, 0]
    column = np.tile([0, 1, 2], districts + 3)
    parents = [np.arange(districts) % 2, [0, 0]]
    base = rng.gamma(3.0, 10.0, units)
    operator = cal.GeographyOperator(
        values.astype(np.float32), place, (level, area, column), parents
    )
    y = np.asarray(operator.mv(jnp.asarray(base * rng.lognormal(0, 0.2, units))))
    return cal.TargetProblem(operator, y), base


def plain(units=700, targets=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.gamma(0.5, 1.0, (targets, units)) * (rng.random((targets, units)) < 0.3)
    X[0] = 1.0
    base = rng.gamma(3.0, 10.0, units)
    groups = ["people", *["income"] * (targets - 2), "rent"]
    return cal.TargetProblem(X, X @ base * rng.lognormal(0, 0.1, targets), groups=groups), base


def kept(solution):
    return np.flatnonzero(np.asarray(solution.weights))


@given(sizes=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40), share=st.floats(0.01, 1.0))
@settings(deadline=None, max_examples=100)
def test_probabilities_add_up_and_are_in_proportion_below_one(sizes, share):
    count = max(1, int(share * len(sizes)))
    found = inclusion_probabilities(np.array(sizes), count)
    assert found.sum() == pytest.approx(count, rel=1e-9) and found.max() <= 1
    open_ = found < 1
    rates = found[open_] / np.array(sizes)[open_]
    np.testing.assert_allclose(rates, np.broadcast_to(rates[:1], rates.shape), rtol=1e-9)


@pytest.mark.parametrize("draw", [systematic, sampford])
def test_designs_draw_as_often_as_they_should(draw):
    wanted = inclusion_probabilities(np.array([9.0, 1, 2, 3, 2, 1, 2, 0]), 3)
    rng, times = np.random.default_rng(0), 6000
    drawn = np.zeros(8)
    for _ in range(times):
        units = draw(wanted, rng)
        assert len(units) == 3 == len(set(units.tolist()))
        drawn[units] += 1
    error = np.sqrt(wanted * (1 - wanted) / times)
    assert (np.abs(drawn / times - wanted) <= 4 * error + 1e-12).all()


class TestTheFlight:
    COUNT, COLUMNS = 200, 6

    def world(self):
        rng = np.random.default_rng(1)
        rows = rng.normal(size=(self.COUNT, self.COLUMNS)) / self.COUNT
        rows[:, 0] = 1 / self.COUNT
        return rows, rng.uniform(0.05, 0.95, self.COUNT)

    def test_it_decides_all_but_a_unit_a_column_and_keeps_their_totals(self):
        rows, share = self.world()
        share[:2] = 0.0, 1.0
        with jax.enable_x64(True):
            for seed in range(5):
                chances = np.random.default_rng(seed).random(self.COUNT)
                found = np.asarray(flight(*map(jnp.asarray, (rows, share, chances))))
                undecided = (found > 1e-9) & (found < 1 - 1e-9)
                assert undecided.sum() <= self.COLUMNS
                assert found.min() >= 0 and found.max() <= 1 and found[:2].tolist() == [0, 1]
                np.testing.assert_allclose(found @ rows, share @ rows, atol=1e-8)

    def test_every_unit_keeps_its_expectation(self):
        rows, share = self.world()
        times = 3000
        with jax.enable_x64(True):
            chances = jnp.asarray(np.random.default_rng(0).random((times, self.COUNT)))
            fly = jax.jit(jax.vmap(flight, (None, None, 0)))
            found = np.asarray(fly(jnp.asarray(rows), jnp.asarray(share), chances))
        error = found.std(axis=0) / np.sqrt(times)
        assert (np.abs(found.mean(axis=0) - share) < 4.5 * error + 1e-9).all()

    def test_columns_that_repeat_each_other_are_no_trouble(self):
        rows, share = self.world()
        twice = np.column_stack([rows, rows, np.zeros(self.COUNT)])
        chances = np.random.default_rng(0).random(self.COUNT)
        with jax.enable_x64(True):
            found = np.asarray(flight(*map(jnp.asarray, (twice, share, chances))))
        assert np.isfinite(found).all()
        assert ((found > 1e-9) & (found < 1 - 1e-9)).sum() <= self.COLUMNS
        np.testing.assert_allclose(found @ rows, share @ rows, atol=1e-8)


METHODS = {
    "cube": lambda budget: cal.Cube(budget, hybrid=False),
    "hybrid": lambda budget: cal.Cube(budget, hybrid=True, epochs=60),
    "pps": cal.PPS,
    "sampford": lambda budget: cal.PPS(budget, design="sampford", leverage=0.5),
    "random": cal.Random,
    "largest": cal.Largest,
}


@pytest.mark.parametrize("make", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("build", [areas, plain])
def test_exactly_the_budget_is_kept_and_the_same_key_keeps_the_same(build, make):
    problem, base = build()
    base[::7] = 0.0
    for budget in (40, 301):
        first, again = (cal.calibrate(problem, base, make(budget), key=KEY) for _ in range(2))
        assert len(kept(first)) == budget and np.asarray(first.weights).min() == 0
        assert (base[kept(first)] > 0).all()
        np.testing.assert_array_equal(first.weights, again.weights)


@pytest.mark.parametrize("build", [areas, plain])
def test_another_key_draws_others(build):
    problem, base = build()
    one, two = (
        cal.calibrate(problem, base, cal.Cube(60), key=jax.random.key(seed)) for seed in (0, 1)
    )
    assert set(kept(one)) != set(kept(two))


def test_all_records_may_be_kept():
    problem, base = plain(units=80)
    solution = cal.calibrate(problem, base, cal.Cube(80), key=KEY).check()
    whole = cal.calibrate(problem, base, cal.Entropy()).weights
    np.testing.assert_allclose(solution.weights, np.asarray(whole), rtol=1e-3)


def test_the_cube_keeps_totals_that_other_designs_lose():
    """Before the refit: unbiased weights of the records that each design draws."""
    problem, base = areas(units=3000)
    whole = cal.calibrate(problem, base, cal.Entropy())
    weights = np.asarray(whole.weights, float)

    def lost(method, seed):
        with jax.enable_x64(True):
            drawn = method.sample(problem, weights, RunOptions(jax.random.key(seed)))
            spread = np.zeros(len(weights))
            spread[drawn.units] = drawn.weights
            gone = np.asarray(problem.estimates(jnp.asarray(spread))) - np.asarray(whole.estimates)
        return np.sqrt(np.mean((gone / problem.scale) ** 2))

    balanced, drawn = (
        np.mean([lost(method, seed) for seed in range(5)])
        for method in (cal.Cube(300, leverage=0.5), cal.PPS(300, leverage=0.5, design="sampford"))
    )
    assert balanced < 0.5 * drawn


def test_a_start_saves_the_first_solve_and_changes_nothing():
    problem, base = areas()
    whole = cal.calibrate(problem, base, cal.Entropy())
    there = cal.calibrate(problem, base, cal.Cube(100), key=KEY, start=whole)
    here = cal.calibrate(problem, base, cal.Cube(100), key=KEY)
    assert np.mean(np.isin(kept(there), kept(here))) > 0.9  # the start's weights are in float32
    assert np.abs(there.errors()).max() < 2 * np.abs(here.errors()).max() + 1e-3


def test_below_the_number_of_targets_gates_choose_and_it_warns():
    problem, base = areas()
    with pytest.warns(cal.BudgetWarning, match="20 records is below the 27 targets"):
        found = cal.calibrate(problem, base, cal.Cube(20, epochs=200), key=KEY)
    with pytest.warns(cal.BudgetWarning):
        alone = cal.calibrate(problem, base, cal.Cube(20, hybrid=False), key=KEY)
    assert len(kept(found)) == len(kept(alone)) == 20
    assert np.abs(found.errors()).mean() < np.abs(alone.errors()).mean()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cal.Cube(0), "budget is 0"),
        (lambda: cal.Cube(10, leverage=-1), "leverage is -1"),
        (lambda: cal.Cube(10, epochs=0), "epochs is 0"),
        (lambda: cal.Cube(10, learning_rate=0), "learning_rate is 0"),
        (lambda: cal.Cube(10, candidates=1), "candidates is 1; leave the gates 2 at least"),
        (lambda: cal.PPS(10, leverage=3), "leverage is 3"),
        (lambda: cal.PPS(10, design="poisson"), "'poisson'; choose 'systematic' or 'sampford'"),
        (lambda: cal.Random(10, solver=cal.Adam()), "solver is"),
    ],
)
def test_settings_that_are_none_are_named(make, message):
    with pytest.raises(BadInputError, match=message):
        make()


def test_budgets_that_cannot_be_kept_are_named():
    problem, base = plain()
    base[100:] = 0.0
    with pytest.raises(BadInputError, match="budget is 101 and only 100 records have weight"):
        cal.calibrate(problem, base, cal.Cube(101), key=KEY)
    with pytest.raises(BadInputError, match="Pass key="):
        cal.calibrate(problem, base, cal.Random(50))
    exact = cal.Cube(3, solver=cal.Entropy(exact=True))
    with pytest.raises(BadInputError, match="budget is 3 and 5 of the targets that must be met"):
        cal.calibrate(problem, base, exact, key=KEY)
    other = cal.calibrate(*plain(units=50), cal.Entropy())
    with pytest.raises(BadInputError, match="start has 50 weights and the problem 700 units"):
        cal.calibrate(problem, base, cal.Cube(20), key=KEY, start=other)


class TestTheComparison:
    def found(self):
        problem, base = plain()
        methods = {"cube": cal.Cube(60), "random": cal.Random(60)}
        return cal.compare_selections(problem, base, 60, methods, seeds=[0, 1], held_out=["rent"])

    def test_it_has_a_row_a_run_and_a_mean_a_method(self):
        found = self.found()
        assert found.runs["method"].tolist() == ["whole file", *["cube"] * 2, *["random"] * 2]
        assert found.runs["records"].tolist() == [700, 60, 60, 60, 60]
        means = found.table()
        assert means.loc["cube", "fitted, mean"] == pytest.approx(
            found.runs["fitted, mean"][1:3].mean()
        )
        assert (means["rent held out, mean"] == means["held out, mean"]).all()
        assert (found.spread().loc["random", "fitted, mean"]) > 0

    def test_its_page_has_table_and_figure(self, tmp_path):
        page = self.found().write(tmp_path / "choices.html").read_text(encoding="utf-8")
        assert "rent held out, mean" in page and page.count("<svg") == 1

    def test_what_it_cannot_compare_is_named(self):
        problem, base = plain()
        with pytest.raises(BadInputError, match="'b' keeps 50 records; give all methods 60"):
            cal.compare_selections(problem, base, 60, {"a": cal.Cube(60), "b": cal.Cube(50)})
        with pytest.raises(UnknownNameError, match="rents"):
            cal.compare_selections(problem, base, 60, held_out=["rents"])

    def test_every_way_is_compared_unless_said(self):
        problem, base = plain(units=300)
        names = []
        found = cal.compare_selections(
            problem, base, 40, seeds=[0], progress=lambda name, seed: names.append(name)
        )
        assert names == found.runs["method"].tolist()[1:] and len(names) == 7
        assert (found.runs["records"][1:] == 40).all()

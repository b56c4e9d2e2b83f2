"""The face: one form of every call, one door for files, and the calls of 0.1, which still work."""

import dataclasses

import numpy as np
import pytest

import pejax
from pejax import BadInputError, calibrate as cal, engine
from pejax.core import _formerly
from pejax.core._formerly import FormerCallWarning
from pejax.testing import toy_population, toy_program, toy_system

PROGRAM, PEOPLE = toy_program(), toy_population()
LAW = PROGRAM.parameters


@pytest.fixture(scope="module")
def told():
    """The values of a call, which says that it is written in a former way."""

    def call(function, *given, **named):
        with pytest.warns(FormerCallWarning, match=r"refused from 1\.0 on"):
            return function(*given, **named)

    return call


# ---- calls of 0.1


def test_the_period_was_2025(told):
    now = engine.compile(toy_system(), ["income_tax"], 2025, PEOPLE)
    assert told(engine.compile, toy_system(), ["income_tax"], population=PEOPLE) == now


@pytest.mark.parametrize("function", [engine.evaluate, engine.gradient, engine.sensitivity])
@pytest.mark.parametrize("law", [(), (LAW.with_reform({"tax.rate": 0.5}),)])
def test_the_population_came_before_the_parameters(told, function, law):
    now = function(PROGRAM, *(law or (LAW,)), PEOPLE, "income_tax")
    by_place = told(function, PROGRAM, PEOPLE, "income_tax", *law)
    named = dict(zip(["parameters"], law, strict=False))
    by_name = told(function, PROGRAM, PEOPLE, statistic="income_tax", **named)
    for then in (by_place, by_name):
        assert str(then) == str(now)


@pytest.mark.filterwarnings("ignore::pejax.core._formerly.FormerCallWarning")
@pytest.mark.parametrize(
    "call",
    [
        lambda: engine.evaluate(PROGRAM, PEOPLE, "income_tax", None, "junk"),
        lambda: engine.evaluate(PROGRAM, PEOPLE, "income_tax", population=PEOPLE),
        lambda: engine.sweep(PROGRAM, PEOPLE, [{}], ["income_tax"], "ray"),
        lambda: pejax.datasets.load_cps(5, households=3, period=2025),
    ],
)
def test_what_is_given_too_often_is_refused(call):
    with pytest.raises(TypeError):
        call()


def test_a_sweep_takes_no_law_of_another_program():
    other = toy_program(("net_income",), PEOPLE).parameters
    with pytest.raises(BadInputError, match="program"):
        engine.sweep(PROGRAM, [other], PEOPLE, ["income_tax"])
    with pytest.raises(BadInputError, match="called 'reform'"):
        engine.sweep(PROGRAM, [{}], PEOPLE, {"reform": "income_tax"})


def test_names_alone_have_no_order():
    given = {"parameters": LAW, "population": PEOPLE, "statistic": "income_tax"}
    assert engine.evaluate(PROGRAM, **given) == engine.evaluate(PROGRAM, *given.values())


def test_the_population_came_before_the_reforms(told):
    reforms = [{}, {"tax.rate": 0.5}]
    now = engine.sweep(PROGRAM, reforms, PEOPLE, ["income_tax"], batch=2)
    assert told(engine.sweep, PROGRAM, PEOPLE, reforms, ["income_tax"], batch=2).equals(now)
    named = {"population": PEOPLE, "reforms": reforms, "statistics": ["income_tax"]}
    assert engine.sweep(PROGRAM, **named, batch=2).equals(now)


def test_an_interpreter_took_the_population_first(told):
    node = PROGRAM.outputs[0].node
    now = PROGRAM.interpreter(LAW, PEOPLE, "float64")(node)
    np.testing.assert_array_equal(told(PROGRAM.interpreter, PEOPLE, LAW, "float64")(node), now)
    np.testing.assert_array_equal(told(PROGRAM.interpreter, PEOPLE, floats="float64")(node), now)


def _same(left: pejax.Population, right: pejax.Population) -> bool:
    return all(
        left.to_frames()[entity].equals(frame) for entity, frame in right.to_frames().items()
    )


def test_the_cps_took_a_year_and_gave_a_report(told):
    now, report = pejax.datasets.load_cps_with_report(period=2026, households=40, seed=3)
    assert _same(told(pejax.datasets.load_cps, 40, 2026, 3), now)
    assert _same(told(pejax.datasets.load_cps, 40, year=2026, seed=3), now)
    both = told(pejax.datasets.load_cps, period=2026, households=40, seed=3, return_report=True)
    assert _same(both[0], now) and both[1].equals(report)
    plain = told(pejax.datasets.load_cps, period=2026, households=40, seed=3, return_report=False)
    assert _same(plain, now)
    with pytest.raises(BadInputError, match="give period= alone"):
        pejax.datasets.load_cps(period=2026, year=2026, households=40)


def test_no_signature_has_a_year_frozen_in():
    """2025 as a default would be a wrong answer, without a word, from next year on."""
    import inspect

    for room in (pejax.datasets, engine, pejax.io, pejax.impute, cal):
        for name, thing in vars(room).items():
            if not name.startswith("_") and callable(thing):
                try:
                    signature = inspect.signature(thing)
                except (TypeError, ValueError):
                    continue
                frozen = [p for p in signature.parameters.values() if p.default == 2025]
                assert not frozen, f"{room.__name__}.{name}"


# ---- one kind of thing


def test_reforms_of_numbers_and_of_structure_make_countries():
    country = engine.Country("policyengine_toyland", "1")
    changed = country.with_structure(neutralized=["income_tax"])
    assert type(changed) is type(country.with_reform({"x": 1})) is engine.Country
    assert changed.is_restructured and not country.is_restructured
    both = changed.with_reform({"gov.tax.rate": 1.0}).with_structure(neutralized=["bonus"])
    assert dataclasses.astuple(both.structure) == ((), ("income_tax", "bonus"))
    assert "3 reforms" in repr(both)


# ---- one door for files


def test_what_was_saved_is_opened_by_what_is_in_it(tmp_path, forests):
    things = {"people.npz": PEOPLE, "law.pejax": PROGRAM, **forests}
    for name, thing in things.items():
        found = pejax.load(pejax.io.save(thing, tmp_path / name))
        assert type(found) is type(thing)
    assert pejax.load(tmp_path / "law.pejax") == PROGRAM
    PROGRAM.save(tmp_path / "law")
    assert pejax.load(tmp_path / "law") == PROGRAM


@pytest.fixture(scope="module")
def forests():
    import pandas as pd

    rng = np.random.default_rng(0)
    donors = pd.DataFrame({"age": rng.uniform(20, 70, 60), "wage": rng.normal(size=60)})
    fitted = pejax.impute.QRF(n_estimators=2).fit(donors, ["age"], ["wage"])
    return {"chain.npz": fitted, "forest.npz": fitted.imputers[0].forest}


def test_files_that_hold_nothing_known(tmp_path, forests):
    np.savez(tmp_path / "arrays.npz", a=np.arange(3))
    assert pejax.load(tmp_path / "arrays.npz")["a"].tolist() == [0, 1, 2]
    path = pejax.io.save(forests["chain.npz"], tmp_path / "chain.npz")
    arrays = dict(np.load(path))
    arrays["0/depth"] = arrays["0/depth"] + 1
    np.savez(path, **arrays)
    with pytest.raises(BadInputError, match=r"chain\.npz holds a chain of forests: .*digest"):
        pejax.load(path)
    (tmp_path / "law.pejax").write_text("no zip")
    with pytest.raises(BadInputError, match=r"law\.pejax"):
        pejax.load(tmp_path / "law.pejax")
    with pytest.raises(FileNotFoundError):
        pejax.load(tmp_path / "nothing.npz")
    with pytest.raises(BadInputError, match=r"Cannot save a dict as 'a\.pejax'"):
        pejax.io.save({}, tmp_path / "a.pejax")


def test_rooms_open_on_first_use():
    assert pejax.report.page and "report" in dir(pejax) and "load" in dir(pejax)


@pytest.mark.parametrize("module", ["core._formerly", "core.files._kinds", "io._save"])
def test_examples_of_the_face(module):
    import doctest
    import importlib

    found = doctest.testmod(importlib.import_module(f"pejax.{module}"))
    assert found.attempted and not found.failed


def test_base_weights_and_levels_had_other_names(told, forests):
    problem = cal.TargetProblem([[1.0, 1.0]], [10.0])
    now = cal.calibrate(problem, [2.0, 3.0], cal.Entropy()).weights
    then = told(cal.calibrate, problem, w0=[2.0, 3.0], method=cal.Entropy()).weights
    np.testing.assert_array_equal(then, now)
    chain = forests["chain.npz"]
    import pandas as pd

    ages = pd.DataFrame({"age": [30.0, 50.0]})
    now = chain.predict(ages, [0.25])[0.25]
    assert told(chain.predict, ages, quantiles=[0.25])[0.25].equals(now)


# ---- words that had another meaning


def test_an_index_was_called_a_rank(told, forests):
    """A rank is a probability; what is an index into a forest's values is called that."""
    import jax
    import pandas as pd

    imputer, key = forests["chain.npz"].imputers[0], jax.random.key(0)
    forest, x = imputer.forest, [[30.0], [50.0]]
    now = forest.draw_index(x, key=key)
    np.testing.assert_array_equal(told(lambda: forest.draw_rank(x, key=key)), now)
    given = {"age": np.array([30.0, 50.0])}
    drawn = imputer.draw_index(given, key, [0, 1])
    np.testing.assert_array_equal(told(lambda: imputer.draw_rank(given, key, [0, 1])), drawn)
    np.testing.assert_array_equal(told(imputer.outcome, rank=drawn), imputer.outcome(drawn))
    exact = told(imputer.exact_outcome, rank=np.asarray(drawn))
    np.testing.assert_array_equal(exact, imputer.exact_outcome(np.asarray(drawn)))
    donors = pd.DataFrame({"age": np.arange(60.0), "wage": np.arange(60.0) - 29.5})
    signs = pejax.impute.QRF(n_estimators=2, sign_stage=True).fit(donors, ["age"], ["wage"])
    staged = signs.imputers[0].forest
    assert isinstance(staged, pejax.impute.SignForest)
    then = told(lambda: staged.draw_rank(x, key=key))
    np.testing.assert_array_equal(then, staged.draw_index(x, key=key))


@pytest.mark.parametrize("readout", ["all", "single"])
def test_the_index_of_a_readout_was_called_its_rank(told, readout):
    import jax.numpy as jnp
    import pandas as pd

    donors = pd.DataFrame({"age": np.arange(30.0), "wage": np.arange(30.0)})
    settings = pejax.impute.QRF(n_estimators=2, readout=readout)
    forest = settings.fit(donors, ["age"], ["wage"]).imputers[0].forest
    kept = forest.readout
    assert told(lambda: kept.rank) is kept.index
    if readout == "all":
        assert told(lambda: kept.counts) is kept.weights_are_whole is True
        laid_out = kept.laid_out()
        assert told(lambda: laid_out.walk) is laid_out.packed
    fields = {name: value for name, value in vars(kept).items() if name != "index"}
    again = told(type(kept), **fields, rank=kept.index)
    assert again.index is kept.index
    leaves, index = forest.trees.leaves(jnp.array([[20.0]])), jnp.array([[25]])
    then = told(kept.below, leaves, rank=index)
    assert 0 < float(then[0, 0]) == float(kept.below(leaves, index)[0, 0])
    with pytest.raises(BadInputError, match="give index= alone, rank= is the same"):
        type(kept)(**fields, index=kept.index, rank=kept.index)


def test_predictors_were_called_inputs_and_covariates_features(told, forests):
    imputer = forests["chain.npz"].imputers[0]
    assert told(lambda: imputer.inputs) is imputer.predictors
    again = told(pejax.impute.Imputer, imputer.forest, inputs=imputer.predictors, target="wage")
    assert again.predictors == imputer.predictors
    codes = np.array([0.0, 1.0])
    for column in (
        pejax.impute.NumberColumn("age"),
        pejax.impute.CategoryColumn("region", ("north", "south")),
    ):
        then = told(lambda column=column: column.features(codes))
        np.testing.assert_array_equal(then, column.covariates(codes))


def test_former_names_of_an_operator(told):
    operator, q = cal.DenseOperator([[1.0, 2.0], [0.0, 1.0]]), np.ones(2, np.float32)
    np.testing.assert_array_equal(told(lambda: operator.curvature(q)), operator.hessian_parts(q))
    assert told(lambda: operator.stale) == operator.reuses_factor


def test_former_names_of_a_problem(told):
    problem = told(cal.TargetProblem, [[1.0, 2.0], [0.0, 1.0]], [3.0, 1.0], weights=[1.0, 2.0])
    assert problem.importance.tolist() == told(lambda: problem.weights).tolist() == [1.0, 2.0]


def test_a_former_call_is_told_where_it_is_written(forests, monkeypatch):
    hook = ("jaxtyping", "beartype", "_typechecker")
    monkeypatch.setattr(_formerly, "_BETWEEN", (*_formerly._BETWEEN, *hook))
    forest = forests["forest.npz"]
    with pytest.warns(FormerCallWarning) as told_of:
        _ = forest.draw_rank
        _ = forests["chain.npz"].predict
    assert [warning.filename for warning in told_of] == [__file__]

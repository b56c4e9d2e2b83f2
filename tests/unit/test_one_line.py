"""What a public value shows at the prompt is one line that a person can read."""

import equinox as eqx
import jax
import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from pejax import calibrate as cal, engine, gates, impute
from pejax.testing import toy_population, toy_program, toy_system

PROGRAM, SYSTEM = toy_program(), toy_system()
X = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 5.0]])
PROBLEM = cal.TargetProblem(X, [3.0, 8.0], names=["people", "rent"])
SOLUTION = cal.calibrate(PROBLEM, np.ones(3), cal.Entropy(exact=True))
FITTED = impute.QRF(n_estimators=2, n_jobs=1).fit(
    pd.DataFrame({"age": np.arange(40.0), "state": ["CA", "NY"] * 20, "rent": np.arange(40.0)}),
    ["age", "state"],
    ["rent"],
)
FOREST = FITTED.imputers[0].forest

SHOWN = {
    "Population(17 person, 4 household, 6 tax_unit; 6 columns)": toy_population(),
    "Program(toyland 2025: income_tax, child_benefit, net_income; 13 traced, 5 given,": PROGRAM,
    "Parameters(23 numbers: tax.allowance, tax.rate, tax.surtax[0].rate and 18 more)": (
        PROGRAM.parameters
    ),
    "Report(13 traced, 5 given, 126 nodes, 3 guards, 23 parameters)": PROGRAM.report,
    "System(toyland: 19 variables of tax_unit, household)": SYSTEM,
    "Rule(income_tax: float of tax_unit by year)": SYSTEM.variable("income_tax"),
    "TargetProblem(people, rent; DenseOperator(2 targets, 3 units, float32))": PROBLEM,
    "SparseOperator(2 targets, 3 units, float32)": cal.SparseOperator(scipy.sparse.csr_array(X)),
    "GeographyOperator(1 target, 1 unit, float32)": (
        cal.GeographyOperator([[1.0, 2.0]], [0], ([0], [0], [1]))
    ),
    "Solution(successful in ": SOLUTION,
    "Report(2 targets)": SOLUTION.report(),
    "L0(budget=2, ": cal.L0(2, groups=["a", "b", "a"], group_lambda=1.0),
    "FittedQRF(age, state -> rent)": FITTED,
    "Imputer(age, state -> rent)": FITTED.imputers[0],
    "Forest(Trees(2 trees of up to ": FOREST,
    "SoftForest(2 trees of up to ": impute.soften(FOREST, np.zeros((4, 3), np.float32)),
    "HardConcrete(3 gates, stretch (-0.1, 1.1), published evaluation)": gates.HardConcrete(3),
}


@pytest.mark.parametrize(("beginning", "value"), SHOWN.items(), ids=lambda x: str(x)[:20])
def test_one_line(beginning, value):
    assert repr(value).startswith(beginning)
    assert len(repr(value).splitlines()) == 1
    assert len(repr(value)) < 160


def test_a_solution_says_how_it_ended():
    assert "; 3 of 3 records; mean error " in repr(SOLUTION)


def test_a_stack_of_laws_says_how_many():
    stack = jax.tree.map(lambda x: np.stack([x, x]), PROGRAM.parameters)
    assert repr(stack).startswith("Parameters(2 stacked, 23 numbers")


def test_values_inside_a_trace_and_without_arrays_show_themselves_too():
    seen = []
    arrays, static = eqx.partition((SOLUTION, FITTED, PROGRAM.parameters), eqx.is_array)
    jax.jit(lambda x: seen.append(repr(eqx.combine(x, static))))(arrays)
    assert seen[0].startswith("(Solution(traced; TargetProblem(people, rent")
    assert repr(static).startswith("(Solution(...), FittedQRF(age, state -> rent), Parameters(...)")


def test_a_country_is_named_with_its_version():
    country = engine.Country("policyengine_us", "2.68.0")
    assert repr(country) == "Country(policyengine_us 2.68.0)"
    reformed = country.with_reform({"gov.irs.credits.ctc.amount.base[0].amount": {"2025": 1.0}})
    assert repr(reformed) == "Country(policyengine_us 2.68.0, 1 reform)"

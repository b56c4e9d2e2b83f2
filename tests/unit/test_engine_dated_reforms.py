"""A dated reform does the same as an edit of a program's numbers and written into the law."""

import warnings
from typing import Any

import numpy as np
import pytest
from _engine_world import INCOME, people, system_of
from hypothesis import given, settings, strategies as st

from pejax.core._validate import BadInputError
from pejax.engine import ReformWarning, UntraceableRule, compile, rule

LAW = {
    "rate": {2020: 0.25, 2024: 0.5, 2026: 0.75},
    "limit": {2021: 10.0},
    "supplement": {"2023-07-01": 3.0, "2025-07-01": 5.0},
    "table": {"NORTH": {2020: 1.0}, "SOUTH": {2020: 2.0, 2025: 4.0}},
}


@rule(entity="person")
def tax(income, period, parameters):
    """Last year's limit, this year's rate, what is to come."""
    now, before = parameters(period), parameters(period.last_year)
    long_ago = parameters(period.last_year.last_year)
    above = np.maximum(income - before.limit, 0)
    return now.rate * above + before.rate + long_ago.rate + parameters(period.next_year).rate


@rule(entity="person", period="month")
def allowance(income, params):
    return params.supplement + 0 * income


@rule(entity="person")
def net(income, tax, allowance, params):
    return income + allowance - tax + params.table.NORTH + 10 * params.table.SOUTH


SYSTEM = system_of(tax, allowance, net, law=LAW)
OUTPUTS = ["tax", "net"]


@pytest.fixture(scope="module")
def program():
    return compile(SYSTEM, OUTPUTS, 2025, people())


def values(program, parameters):
    """In numpy: nothing is compiled."""
    run = program.interpreter(parameters, people())
    return {o.name: np.asarray(run(o.node)) for o in program.outputs}


years = st.integers(2021, 2028).map(str)
starts = years | years.map(lambda y: f"{y}-01-01") | years.map(lambda y: f"{y}-07-01")
spans = st.tuples(st.integers(2021, 2028), st.integers(0, 4)).map(
    lambda p: f"{p[0]}-01-01.{p[0] + p[1]}-12-31"
)
periods = st.tuples(st.integers(2021, 2028), st.integers(1, 3)).map(lambda p: f"year:{p[0]}:{p[1]}")
dates = starts | spans | periods | st.just("ETERNITY")
numbers = st.integers(1, 40).map(lambda n: n / 8)
paths = st.sampled_from(["rate", "limit", "supplement", "table.NORTH", "table.SOUTH"])
edits = numbers | st.dictionaries(dates, numbers, min_size=1, max_size=3)


@settings(max_examples=60)
@given(st.dictionaries(paths, edits, min_size=1, max_size=3))
def test_an_edit_equals_the_law_written_anew(program, reform):
    """Whatever the dates: the same values, or the edit is refused by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReformWarning)
        written = compile(SYSTEM.with_reform(reform), OUTPUTS, 2025, people())
        try:
            parameters = program.parameters.with_reform(reform)
        except BadInputError as refusal:
            assert "covers only part of" in str(refusal)
            return
    found, expected = values(program, parameters), values(written, written.parameters)
    for name in OUTPUTS:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, err_msg=name)


@pytest.mark.parametrize(
    ("reform", "moved"),
    [
        ({"rate": {"2024-01-01.2024-12-31": 1.0}}, 0.5),
        ({"rate": {"2023": 1.0}}, 0.75 + 0.5 + 0.25),
        ({"rate": {"2026": 1.0}}, 0.25),
        ({"rate": 1.0}, 0.75 + 0.5 + 0.25),
    ],
)
def test_other_years_move_if_the_dates_cover_them(program, reform, moved):
    """The rates of 2023, 2024, 2025 and 2026 are all read; nobody's income is above the limit."""
    poor = people(INCOME * 0)
    change = [
        np.asarray(program.interpreter(law, poor)(program.outputs[0].node))
        for law in (program.parameters, program.parameters.with_reform(reform))
    ]
    np.testing.assert_allclose(change[1] - change[0], moved)


def test_a_reform_that_is_written_in_for_nothing_says_so():
    with pytest.warns(ReformWarning, match=r"rate: the reform's dates \(from 2027-01-01\) change"):
        compile(SYSTEM.with_reform({"rate": {"2027": 1.0}}), OUTPUTS, 2025, people())
    with pytest.warns(ReformWarning, match=r"supplement: .* none of the outputs \(tax\) reads it"):
        compile(SYSTEM.with_reform({"supplement": 1.0}), ["tax"], 2025, people())


@pytest.mark.parametrize(("dates", "warns"), [("2025", False), ("2026", True)])
def test_a_boolean_is_looked_at_on_days_of_its_own(dates, warns):
    @rule(entity="person")
    def grant(income, params):
        return income if params.open else 0 * income

    system = system_of(grant, law={"open": True}).with_reform({"open": {dates: False}})
    with warnings.catch_warnings(record=True) as met:
        warnings.simplefilter("always")
        compile(system, ["grant"], 2025, people())
    assert [w.category for w in met] == [ReformWarning] * warns


# ---- reforms after which something is not there any more


def total_of(names, person, period):
    """As packages add up variables: of no names it is None."""
    total: Any = None
    for name in names:
        total = person(name, period) if total is None else total + person(name, period)
    return total


@rule(entity="person")
def gains(person, period, parameters):
    law = parameters(period)
    return np.maximum(total_of(law.sources, person, period), law.floor)


GAINS = system_of(gains, law={"sources": ["income"], "floor": 0.0})


def test_a_reform_that_empties_a_list_says_which_and_when():
    with pytest.raises(UntraceableRule, match=r"The list sources is empty on 2025-01-01.*leave an"):
        compile(GAINS.with_reform({"sources": []}), ["gains"], 2025, people())
    kept = compile(GAINS.with_reform({"sources": ["income", "income"]}), ["gains"], 2025, people())
    assert values(kept, kept.parameters)["gains"].tolist() == (2 * INCOME).tolist()


def test_each_formula_that_reads_an_empty_list_says_so():
    @rule(entity="person")
    def others(person, period, parameters):
        return np.maximum(total_of(parameters(period).sources, person, period), 1.0)

    both = system_of(gains, others, law={"sources": [], "floor": 0.0})
    with pytest.raises(UntraceableRule) as raised:
        compile(both, ["gains", "others"], 2025, people())
    assert all("The list sources is empty" in raised.value.refused[n] for n in ("gains", "others"))


@pytest.mark.parametrize("path", ["sources", "floor"])
def test_a_reform_that_takes_a_value_out_says_which_and_when(path):
    gone = GAINS.with_reform({path: {"2024-07-01": None}})
    message = f"{path} has no value on 2025-01-01. It ends on 2024-07-01: give it a value"
    with pytest.raises(UntraceableRule, match=message):
        compile(gone, ["gains"], 2025, people())

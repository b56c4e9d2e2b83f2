"""Branches under other rules, and parameters with their dates: what formulas ask of the law."""

import dataclasses
import enum
import types
from typing import Any

import numpy as np
import pytest
from _engine_world import INCOME, people, run, system_of

from pejax.core._validate import BadInputError
from pejax.engine import StructuralReformError, UntraceableRule, compile, rule


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


# ---- a branch under other rules


@rule(entity="person")
def levy(income, params):
    return params.rate * income


def _under_another_rate(rate, *rules, law):
    """A system whose formulas may exchange it for one with another rate."""
    other = system_of(*rules, law={"rate": rate})
    own = dataclasses.replace(system_of(*rules, law=law), of_source=lambda source: other)
    return compile(own, ["change"], 2025, people())


def test_a_branch_under_other_rules_is_no_reform_s():
    @rule(entity="person")
    def change(person, period):
        branch = person.simulation.get_branch("other law")
        branch.tax_benefit_system = types.SimpleNamespace(source="of another year")
        other = branch.calculate("levy", period)
        return person("levy", period) - other

    program = _under_another_rate(0.1, levy, change, law={"rate": 0.5})
    reformed = program.parameters.with_reform({"rate": {"2025": 0.6}})
    np.testing.assert_allclose(program(program.parameters, people())["change"], 0.4 * INCOME)
    np.testing.assert_allclose(program(reformed, people())["change"], 0.5 * INCOME, rtol=1e-6)
    with pytest.raises(BadInputError, match="covers only part of 0000-01-01 to 2024-12-31"):
        program.parameters.with_reform({"rate": {"2017": 0.6}})


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ({"2025": 0.6}, 0.5),
        ({"2018-01-01": 0.6}, 0.5),
        ({"2005": 0.6}, 0.0),
        ({"2010-01-01.2017-12-31": 0.2}, 0.3),
        (0.6, 0.0),
        ({"2017-01-01": 0.6}, None),
    ],
)
def test_rules_of_another_year_follow_a_reform_of_that_year(dates, expected):
    """The other rules are a copy of those of some day from 2010 to 2017."""

    @rule(entity="person")
    def change(person, period):
        branch = person.simulation.get_branch("other law")
        branch.tax_benefit_system = types.SimpleNamespace(source="of another year")
        other = branch.calculate("levy", period)
        return person("levy", period) - other

    law = {"rate": {2010: 0.1, 2018: 0.5}}
    program = _under_another_rate(0.1, levy, change, law=law)
    if expected is None:
        with pytest.raises(BadInputError, match="covers only part of 2010-01-01 to 2017-12-31"):
            program.parameters.with_reform({"rate": dates})
        return
    reformed = program.parameters.with_reform({"rate": dates})
    found = program(reformed, people())["change"]
    np.testing.assert_allclose(found, expected * INCOME, rtol=1e-6)


def test_rules_that_keep_a_value_beyond_a_change_are_their_own():
    """The rate is the same in both, but under the other rules no later one replaces it."""

    @rule(entity="person")
    def change(person, period):
        branch = person.simulation.get_branch("other law")
        branch.tax_benefit_system = types.SimpleNamespace(source="of another year")
        other = branch.calculate("levy", period)
        return person("levy", period) + 10 * other

    law = {"rate": {2010: 0.5, 2026: 0.7}}
    program = _under_another_rate(0.5, levy, change, law=law)
    reformed = program.parameters.with_reform({"rate": {"2025": 0.6}})
    np.testing.assert_allclose(program(reformed, people())["change"], 5.6 * INCOME, rtol=1e-6)


def test_below_a_branch_under_other_rules_the_rules_are_the_other():
    @rule(entity="person")
    def change(person, income, period):
        branch = person.simulation.get_branch("other law")
        branch.tax_benefit_system = types.SimpleNamespace(source="of another year")
        nested = branch.get_branch("richer")
        nested.set_input("income", period, income * 10)
        return nested.calculate("levy", period) + branch.calculate("levy", period)

    program = _under_another_rate(0.1, levy, change, law={"rate": 0.5})
    found = program(program.parameters, people())["change"]
    np.testing.assert_allclose(found, 1.1 * INCOME, rtol=1e-6)


def test_other_rules_are_for_branches():
    @rule(entity="person")
    def change(person, income):
        person.simulation.tax_benefit_system = types.SimpleNamespace(source="of another year")
        return income

    with pytest.raises(UntraceableRule, match="other rules outside of a branch"):
        _under_another_rate(0.1, levy, change, law={"rate": 0.5})


def test_formulas_may_compare_with_the_law_before_a_reform():
    @rule(entity="person")
    def change(person, period):
        before = person.simulation.baseline
        if before is None:
            return person("levy", period)
        return person("levy", period) - before.populations["person"]("levy", period)

    system = system_of(levy, change, law={"rate": {2020: 0.5}})
    for rules, expected in ((system, 0.5), (system.with_reform({"rate": {"2025": 0.8}}), 0.3)):
        program = compile(rules, ["change"], 2025, people())
        found = program(program.parameters, people())["change"]
        np.testing.assert_allclose(found, expected * INCOME, rtol=1e-5)
    further = program.parameters.with_reform({"rate": {"2025-01-01.2025-12-31": 0.9}})
    np.testing.assert_allclose(program(further, people())["change"], 0.4 * INCOME, rtol=1e-5)


# ---- a parameter with its dates


def test_a_series_is_its_value_at_a_period():
    @rule(entity="person")
    def change(income, period, parameters):
        rate = parameters.tax.rate
        return income * (rate(period) - rate(period.last_year))

    law = {"tax": {"rate": {2020: 0.25, 2025: 0.5}}}
    np.testing.assert_allclose(run("change", change, law=law), INCOME / 4, rtol=1e-6)
    reformed = run("change", change, law=law, reform={"tax.rate": {"2025": 1.0}})
    np.testing.assert_allclose(reformed, 0.75 * INCOME, rtol=1e-6)
    both = run("change", change, law=law, reform={"tax.rate": {"2024": 0.75, "2025": 1.0}})
    np.testing.assert_allclose(both, INCOME / 4, rtol=1e-6)


def test_the_values_of_a_series_are_newest_first():
    @rule(entity="person")
    def newest(income, parameters):
        entries = parameters.tax.rate.values_list
        assert [e.instant_str for e in entries] == ["2025-01-01", "2022-07-01", "2020-01-01"]
        return income * 0 + entries[0].value + 10 * entries[-1].value

    law = {"tax": {"rate": {2020: 0.25, "2022-07-01": 0.3, 2025: 0.5}}}
    np.testing.assert_allclose(run("newest", newest, law=law), 3.0)


def test_a_series_has_no_value_before_its_first():
    """Which formulas ask for, as a node of the law would refuse to answer."""

    @rule(entity="person")
    def held(income, period, parameters):
        rate = parameters.tax.rate
        values = [rate(when) for when in ("2019-12-31", "2021-01-01")]
        first = rate.values_list[-1].value
        return income * sum(first if value is None else value for value in values)

    law = {"tax": {"rate": {2020: 0.25, 2025: 0.5}}}
    np.testing.assert_allclose(run("held", held, law=law), INCOME / 2)


@pytest.mark.parametrize(
    "scale",
    [
        {"brackets": [{"threshold": 0, "rate": {2030: 0.1}}]},
        {"brackets": [{"threshold": 0, "amount": {2030: 7}}]},
        {"type": "single_amount", "brackets": [{"threshold": 0, "amount": {2030: 7}}]},
    ],
)
def test_a_scale_before_its_first_bracket_is_nothing(scale):
    @rule(entity="person")
    def credit(income, params):
        return 1.0 + params.scale.calc(income)

    np.testing.assert_allclose(run("credit", credit, law={"scale": scale}), np.ones(len(INCOME)))


def _last_rate_below(limit):
    @rule(entity="person")
    def levy(income, period, parameters):
        series = parameters.tax.rate
        copy = series.clone()
        copy.values_list = [e for e in copy.values_list if e.value < limit]
        return income * (copy(period) + 10 * series(period))

    return levy


@pytest.mark.parametrize(("limit", "expected"), [(0.4, 5.25), (9.0, 5.5)])
def test_an_edited_series_is_written_into_the_law(limit, expected):
    """The last rate below a limit: which one it is, is decided by the dates of the law."""
    levy, law = _last_rate_below(limit), {"tax": {"rate": {2020: 0.25, 2025: 0.5}}}
    np.testing.assert_allclose(run("levy", levy, law=law), expected * INCOME, rtol=1e-6)
    reform = {"tax.rate": {"2025": 0.3}}
    with pytest.raises(StructuralReformError, match=r"tax\.rate is .* decides the shape"):
        run("levy", levy, law=law, reform=reform)
    program = compile(system_of(levy, law=law).with_reform(reform), ["levy"], 2025, people())
    np.testing.assert_allclose(program(program.parameters, people())["levy"], 3.3 * INCOME)


def test_a_copy_of_an_edited_series_is_edited():
    @rule(entity="person")
    def levy(income, period, parameters):
        series = parameters.tax.rate.clone()
        series.values_list = series.values_list[1:]
        return income * series.clone()(period)

    law = {"tax": {"rate": {2020: 0.25, 2025: 0.5}}}
    np.testing.assert_allclose(run("levy", levy, law=law), INCOME / 4)


def test_a_table_indexed_by_one_name_in_every_row():
    @rule(entity="household")
    def limit(household, rent, params):
        names = np.array(["SOUTH"] * household.count, dtype=object)
        small, large = list[Any](Size)
        size = np.select([rent > 150], [large], small)
        return rent * 0 + params.limit[names] + params.by_size[size][names]

    law = {
        "limit": {"NORTH": 1.0, "SOUTH": 2.0},
        "by_size": {"SMALL": {"SOUTH": 10.0, "NORTH": 0.0}, "LARGE": {"SOUTH": 20.0, "NORTH": 0.0}},
    }
    np.testing.assert_allclose(run("limit", limit, law=law), [12, 22])


def test_a_table_indexed_by_several_names_of_a_plain_array_is_refused():
    @rule(entity="household")
    def limit(rent, params):
        return rent * 0 + params.limit[np.array(["SOUTH", "NORTH"], dtype=object)]

    with pytest.raises(UntraceableRule, match="limit indexed by a plain array"):
        run("limit", limit, law={"limit": {"NORTH": 1.0, "SOUTH": 2.0}})

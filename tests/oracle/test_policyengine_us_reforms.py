"""Reforms of the real law, against policyengine_us's own simulation under the same reform."""

import numpy as np
import pandas as pd
import pytest

from pejax import Population, engine
from pejax.core._validate import BadInputError
from pejax.engine import ReformWarning, StructuralReformError, importer

pytestmark = [pytest.mark.oracle, pytest.mark.us]

ON = {"2024-01-01.2100-12-31": True}
UNITS = ("household", "tax_unit", "spm_unit", "family")


def family(ages, incomes) -> Population:
    """People in Texas, in one of each unit; the first two are married if both are grown."""
    married = len(ages) > 1 and ages[1] >= 18
    person = {
        "person_id": range(len(ages)),
        "marital_unit_id": [max(i - married, 0) for i in range(len(ages))],
        "age": np.asarray(ages, float),
        "employment_income_before_lsr": np.asarray(incomes, float),
        **{f"{unit}_id": 0 for unit in UNITS},
    }
    frames = {unit: pd.DataFrame({f"{unit}_id": [0]}) for unit in UNITS}
    frames["household"] = frames["household"].assign(household_weight=1.0, state_fips=48)
    marital = pd.DataFrame({"marital_unit_id": sorted(set(person["marital_unit_id"]))})
    return Population.from_frames(
        {**frames, "person": pd.DataFrame(person), "marital_unit": marital}
    )


def by_the_package(people, reform, name):
    """The package's own `Simulation(situation=..., reform=...)`."""
    from policyengine_us import Simulation

    columns = ("age", "employment_income_before_lsr")
    held = {c: np.asarray(people.column(c, "person")) for c in columns}
    count = people.count("person")
    members = [f"p{i}" for i in range(count)]
    marital = np.asarray(people.links["marital_unit"])
    situation = {
        "people": {
            p: {c: {"2025": float(held[c][i])} for c in columns} for i, p in enumerate(members)
        },
        "marital_units": {
            f"m{m}": {"members": [p for i, p in enumerate(members) if marital[i] == m]}
            for m in sorted(set(marital.tolist()))
        },
        **{plural: {"all": {"members": members}} for plural in ("tax_units", "spm_units")},
        "families": {"all": {"members": members}},
        "households": {"all": {"members": members, "state_fips": {"2025": 48}}},
    }
    simulation = Simulation(situation=situation, reform=reform)
    return importer.source_values(simulation, [name], 2025)[name]


def compiled(rules, people, name):
    program = engine.compile(rules, [name], 2025, people)
    return program(program.parameters, people)[name]


COUPLE = family([40, 38, 8, 5], [32_000, 0, 0, 0])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (None, 6_829.78),
        ("gov.contrib.streamlined_eitc.in_effect", 4_670.78),
        ("gov.contrib.joint_eitc.in_effect", 6_990.89),
    ],
)
def test_a_policy_that_a_parameter_switches_on(country, path, expected):
    reform = {path: ON} if path else {}
    rules = country.with_reform(reform) if reform else country
    assert float(compiled(rules, COUPLE, "eitc")[0]) == pytest.approx(expected, abs=0.01)
    source = importer.source_values(importer.source_simulation(rules, COUPLE, 2025), ["eitc"], 2025)
    assert float(source["eitc"][0]) == pytest.approx(expected, abs=0.01)
    if path == "gov.contrib.streamlined_eitc.in_effect":
        own = by_the_package(COUPLE, reform, "eitc")
        assert float(own[0]) == pytest.approx(expected, abs=0.01)


def test_a_switch_is_no_edit_of_numbers(country):
    program = engine.compile(country, ["eitc"], 2025, COUPLE)
    for path, value in (
        ("gov.contrib.streamlined_eitc.in_effect", True),
        ("gov.contrib.congress.delauro.american_family_act.baby_bonus", 2_000),
        ("gov.abolitions.eitc", True),
    ):
        with pytest.raises(StructuralReformError, match="Compile again"):
            program.parameters.with_reform({path: {"2024-01-01": value}})
    unread = "gov.contrib.streamlined_eitc.max.joint[1].amount"
    with pytest.raises(BadInputError, match=r"is a parameter of the law, but none .* \(eitc\)"):
        program.parameters.with_reform({unread: {"2024-01-01": 9_000}})


def test_every_switch_gives_the_reforms_that_the_package_makes(country):
    """Our view of the law leads the package's function to the same variables as its own tree."""
    from pejax.engine.importer._switches import _Touched, own_reforms
    from pejax.engine.rules._law import edited
    from pejax.engine.rules._reform import read_reform

    base, own = country.load(), own_reforms("policyengine_us")
    source, changed = base.clone(), set()
    for path in own.looked_at(base, base.law):
        parameter = importer._source._find(source.parameters, path)
        kind = type(base.law.find(path).entries[-1][1])
        before, value = list(parameter.values_list), True if kind is bool else 1_234
        parameter.update(start="2024-01-01", value=value)
        theirs = _Touched()
        own.create(source.parameters, own.start).apply(theirs)
        parameter.values_list = before
        parameter.parent.clear_parent_cache()
        law = edited(base.law, read_reform({path: {"2024": value}}))
        mine = own.changed_by(base, law)
        assert mine == theirs.names, path
        changed.add(mine)
    assert len(changed) > 100


def test_a_poverty_line_of_last_year_moves_with_a_reform_from_then_on(country):
    """Marketplace credits look at the year before: 30,000 of income over 20,000."""
    people = family([40], [30_000])
    line, name = "gov.hhs.fpg.first_person.CONTIGUOUS_US", "aca_magi_fraction"
    program = engine.compile(country, [name], 2025, people)
    law = program.parameters

    def fraction(parameters):
        return float(program(parameters, people)[name][0])

    assert fraction(law) == pytest.approx(1.99)
    assert fraction(law.with_reform({line: {"2024-01-01": 20_000}})) == pytest.approx(1.5)
    with pytest.warns(ReformWarning, match="and reads it for 2024-01-01 to 2024-12-31"):
        of_this_year = law.with_reform({line: {"2025-01-01.2025-12-31": 20_000}})
    assert fraction(of_this_year) == pytest.approx(1.99)
    rules = country.with_reform({line: {"2024-01-01": 20_000}})
    source = importer.source_values(importer.source_simulation(rules, people, 2025), [name], 2025)
    assert float(source[name][0]) == pytest.approx(1.5)

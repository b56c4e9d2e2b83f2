"""What a country package makes of its law when a reform is written into it."""

import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.cli._law import OfCountry
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import Country, ReformWarning, StructuralReformError, compile, importer

pytest.importorskip("policyengine_core")
pytestmark = pytest.mark.us

INCOME = np.array([5.0, 20.0, 50.0])
ALWAYS = {"2024-01-01.2100-12-31": True}
OUTPUTS = ["income_tax", "all_taxes", "per_head"]


@pytest.fixture(scope="module")
def country():
    return Country("policyengine_toyland", "1")


@pytest.fixture(scope="module")
def people():
    person = {"person_id": range(3), "household_id": [0, 0, 1], "income": INCOME}
    household = {"household_id": [0, 1], "household_weight": 1.0}
    return Population.from_frames(
        {"person": pd.DataFrame(person), "household": pd.DataFrame(household)}
    )


@pytest.fixture(scope="module")
def program(country, people):
    return compile(country, OUTPUTS, 2025, people)


def values(program, people, parameters=None):
    parameters = program.parameters if parameters is None else parameters
    return {k: np.asarray(v) for k, v in program(parameters, people).items()}


def by_the_package(reform, names=OUTPUTS, **options):
    """The package's own simulation under its own reform."""
    from policyengine_toyland.system import Simulation

    if reform:
        options["reform"] = (reform,)
    situation = {
        "people": {f"p{i}": {"income": {"2025": v}} for i, v in enumerate(INCOME)},
        "households": {"a": {"members": ["p0", "p1"]}, "b": {"members": ["p2"]}},
    }
    simulation = Simulation(situation=situation, **options)
    return {name: simulation.calculate(name, 2025) for name in names}


def assert_same(found, expected):
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, atol=1e-6, err_msg=name)


REFORMS = {
    "none": {},
    "a number": {"gov.tax.rate": {"2025-01-01": 0.3}},
    "a number of 2017 too": {"gov.tax.rate": {"2010-01-01": 0.3}},
    "a number without dates": {"gov.tax.rate": 0.3},
    "a switch": {"gov.contrib.flat.in_effect": ALWAYS},
    "a switch and a number": {
        "gov.contrib.flat.in_effect": ALWAYS,
        "gov.contrib.flat.rate": {"2025": 0.6},
    },
    "a switch of a later year": {"gov.contrib.flat.in_effect": {"2027-01-01": True}},
    "a switch that stays off": {"gov.contrib.flat.in_effect": {"2029": False}},
    "a switch of one day": {"gov.contrib.bonus.in_effect": {"2024-01-01": True}},
    "a number that is a switch": {"gov.contrib.levy.amount": {"2024-01-01": 0.25}},
    "what a reform reads": {
        "gov.contrib.levy.amount": {"2024-01-01": 0.25},
        "gov.contrib.levy.scale": {"2024-01-01": 3.0},
        "gov.tax.allowance": {"2024-01-01": 7.0},
    },
    "a variable is switched off": {"gov.contrib.repeal.in_effect": ALWAYS},
    "several": {
        "gov.contrib.repeal.in_effect": ALWAYS,
        "gov.contrib.levy.amount": {"2025-01-01.2025-12-31": 0.25},
    },
    "an abolition": {"gov.abolitions.income_tax": {"2025": True}},
    "an abolition of another year": {"gov.abolitions.income_tax": {"2026": True}},
    "what another series is made of": {"series.total": {"2020-01-01": 200.0}},
    "what it is divided by": {"series.people": {"2020-01-01": 8.0}},
}
IDLE = ("an abolition of another year",)


@pytest.mark.parametrize("reform", REFORMS.values(), ids=REFORMS)
def test_a_reform_in_the_law_is_the_package_s(country, people, reform, request):
    rules = country.with_reform(reform).load() if reform else country.load()
    expected = by_the_package(reform)
    if reform in [REFORMS[name] for name in IDLE]:
        with pytest.warns(ReformWarning, match=r"gov\.abolitions\.income_tax: the reform's dates"):
            program = compile(rules, OUTPUTS, 2025, people)
    else:
        program = compile(rules, OUTPUTS, 2025, people)
    assert_same(values(program, people), expected)
    simulation = importer.source_simulation(rules, people, 2025)
    assert_same(importer.source_values(simulation, OUTPUTS, 2025), expected)


def test_the_country_itself_stays_as_it_was(country, people, program):
    country.with_reform(REFORMS["several"]).load()
    assert_same(values(program, people), by_the_package({}))
    assert_same(values(compile(country, OUTPUTS, 2025, people), people), by_the_package({}))


@pytest.mark.parametrize("name", ["a number", "a number of 2017 too", "a number without dates"])
def test_numbers_are_edited_alike_without_compiling(program, people, name):
    edited = program.parameters.with_reform(REFORMS[name])
    assert_same(values(program, people, edited), by_the_package(REFORMS[name]))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gov.contrib.flat.in_effect", "more than a number: the country makes other formulas"),
        ("gov.contrib.bonus.in_effect", "with the reform written into the law"),
        ("gov.contrib.levy.amount", "more than a number"),
        ("gov.abolitions.income_tax", "is False: it decides the shape"),
        ("series.total", "makes other formulas or other numbers of it"),
    ],
)
def test_a_switch_is_not_an_edit_of_numbers(program, path, message):
    with pytest.raises(StructuralReformError, match=message):
        program.parameters.with_reform({path: {"2024": True}})


def test_switches_are_known_of_a_saved_program(program, tmp_path):
    program.save(tmp_path / "toyland.pejax")
    again = type(program).load(tmp_path / "toyland.pejax")
    with pytest.raises(StructuralReformError, match="more than a number"):
        again.parameters.with_reform({"gov.contrib.flat.in_effect": True})
    with pytest.raises(BadInputError, match=r"none of the outputs \(income_tax, all_taxes, per"):
        again.parameters.with_reform({"gov.contrib.flat.rate": 0.3})


def test_a_switch_on_days_on_which_nobody_looks_is_refused(country):
    message = "bonus.in_effect: policyengine_toyland looks at it on 2024-01-01, and the reform"
    with pytest.raises(BadInputError, match=message):
        country.with_reform({"gov.contrib.bonus.in_effect": {"2025-01-01": True}}).load()
    message = "looks at it on 2024-01-01 to 2028-01-01, once a year"
    with pytest.raises(BadInputError, match=message):
        country.with_reform({"gov.contrib.flat.in_effect": {"2029-01-01": True}}).load()


def test_the_day_on_which_it_looks_can_be_chosen(people):
    reform = {"gov.contrib.bonus.in_effect": {"2025-01-01": True}}
    rules = Country("policyengine_toyland", "1", start_instant="2025-01-01").with_reform(reform)
    expected = by_the_package(reform, start_instant="2025-01-01")
    assert_same(values(compile(rules, OUTPUTS, 2025, people), people), expected)
    simulation = importer.source_simulation(rules, people, 2025)
    assert_same(importer.source_values(simulation, OUTPUTS, 2025), expected)
    assert_same({"income_tax": expected["income_tax"]}, {"income_tax": [-4.0] * 3})


def test_what_is_built_in_cannot_be_switched_off(country):
    with pytest.raises(BadInputError, match=r"switches off what the law .* \(lasting\)"):
        country.with_reform({"gov.contrib.lasting.in_effect": {"2000-01-01": False}}).load()


def test_one_reform_after_another(country, people):
    """The second is laid over the first, whatever its dates; the structure is that of both."""
    first = {"gov.contrib.levy.amount": {"2024-01-01": 0.25}, "gov.tax.rate": {"2017": 0.9}}
    second = {"gov.contrib.levy.scale": {"2024-01-01": 3.0}, "gov.tax.rate": {"2024": 0.4}}
    rules = country.with_reform(first).with_reform(second)
    from policyengine_core.reforms import Reform

    both = (Reform.from_dict(first), Reform.from_dict(second))
    program = compile(rules, OUTPUTS, 2025, people)
    assert_same(values(program, people), by_the_package(both))


@pytest.mark.parametrize("path", ["gov.contrib.levy.scale", "gov.tax.allowance", "series.per_head"])
def test_what_a_structural_reform_reads_or_sets_is_not_an_edit_of_numbers(country, people, path):
    rules = country.with_reform(REFORMS["a number that is a switch"])
    law = compile(rules, OUTPUTS, 2025, people).parameters
    with pytest.raises(StructuralReformError, match=f"{path} is more than a number"):
        law.with_reform({path: {"2025": 3.0}})


def test_structural_changes_and_switches_together(country, people):
    from policyengine_core.variables import Variable

    class old_levy(Variable):  # noqa: N801 - the variable's name
        def formula(person, period, parameters):  # noqa: N805 - the package's convention
            return 3 * person("income", period)

    rules = country.with_reform(REFORMS["a switch"]).with_structure(old_levy)
    found = values(compile(rules, ["all_taxes"], 2025, people), people)
    np.testing.assert_allclose(found["all_taxes"], 3.5 * INCOME)


def test_what_is_hoisted_is_of_the_same_law(country, people):
    reformed = country.with_reform(REFORMS["a switch"])
    given = importer.hoist(reformed, people, ["income_tax"], 2025)
    np.testing.assert_allclose(given.column("income_tax", "person"), INCOME / 2)


def test_a_program_is_made_again_under_the_same_reform(people):
    reform = {"gov.contrib.bonus.in_effect": {"2025-01-01": True}}
    rules = Country("policyengine_toyland", "1", start_instant="2025-01-01").with_reform(reform)
    recipe = compile(rules, ["income_tax"], 2025, people).recipe
    assert (recipe.start_instant, recipe.native) == ("2025-01-01", False)
    assert recipe.reform == rules.reform


# ---- branches


def test_a_branch_keeps_what_was_computed_before_something_was_deleted(country, people):
    """Deleting says nothing of what was computed from it, as setting another value does."""
    names = ["known_before", "half_tax"]
    program = compile(country, names, 2025, people)
    assert_same(values(program, people), by_the_package({}, names))


# ---- a file of a reform, as the command line takes it


@pytest.mark.parametrize(
    "reform",
    [
        {"gov.tax.rate": {"2025-01-01": 0.3}},
        {"gov.contrib.flat.in_effect": ALWAYS, "gov.contrib.flat.rate": 0.6},
        {"gov.tax.parts": {"2025-01-01": ["income_tax"]}},
        {"gov.tax.rate": {"2018-01-01": 0.3}},
    ],
    ids=str,
)
def test_a_command_compiles_again_where_numbers_do_not_do(
    country, program, people, reform, monkeypatch, tmp_path
):
    """It refused, and asked for a program to be written."""
    monkeypatch.setenv("PEJAX_CACHE", str(tmp_path))
    asked = OfCountry(country, tuple(OUTPUTS), 2025)
    found, law = asked.reformed(program, people, reform)
    assert_same(values(found, people, law), by_the_package(reform))
    assert (found is program) == (reform == {"gov.tax.rate": {"2025-01-01": 0.3}})


def test_what_no_compile_can_do_is_refused_by_a_command_too(country, program, people):
    asked = OfCountry(country, tuple(OUTPUTS), 2025)
    with pytest.raises(UnknownNameError, match=r"Did you mean 'gov\.tax\.rate'"):
        asked.reformed(program, people, {"gov.tax.rat": 0.3})

"""Situations: the field's form of writing people, read as a population."""

import numpy as np
import pytest

from pejax import Population
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import compile
from pejax.testing import toy_population, toy_system

FAMILY = {
    "people": {
        "anna": {"age": {"2025": 41}, "earnings": {"2025": 52_000}, "disabled": True},
        "bert": {"age": {"2025": 43}, "savings": None},
        "carl": {"age": {"2025": 3}, "earnings": {"2024": 7, "2025": None}},
    },
    "tax_units": {"one": {"members": ["bert"]}, "two": {"members": ["carl", "anna"]}},
    "households": {
        "home": {"members": ["anna", "bert", "carl"], "region": {"2025": "SOUTH"}, "rent": 9_600.0}
    },
}


def read(situation, period=2025):
    return Population.from_situation(situation, toy_system(), period)


def with_person(**variables):
    return {**FAMILY, "people": {**FAMILY["people"], "anna": variables}}


def column(people, name):
    return np.asarray(people.column(name)).tolist()


def test_a_family():
    people = read(FAMILY)
    assert column(people, "age") == [41, 43, 3]
    assert column(people, "earnings") == [52_000, 0, 0]
    assert column(people, "earnings[2024]") == [0, 0, 7]
    assert column(people, "disabled") == [True, False, False]
    assert people.labels("region").tolist() == ["SOUTH"]
    assert np.asarray(people.links["tax_unit"]).tolist() == [1, 0, 1]
    assert people.count("household") == 1
    assert np.asarray(people.weights).tolist() == [1.0]


def test_null_is_no_value():
    assert "savings" not in read(FAMILY).columns["person"]


def test_what_the_law_makes_of_it():
    people = read(FAMILY)
    program = compile(toy_system(), ["income_tax", "child_benefit", "winter_grant"], 2025, people)
    found = {k: np.asarray(v) for k, v in program(program.parameters, people).items()}
    surtax = 0.1 * (52_000 - 40_000)
    np.testing.assert_allclose(found["income_tax"], [0, 0.2 * (52_000 - 8_000) + surtax])
    np.testing.assert_allclose(found["child_benefit"], [0, 6 * 140 + 6 * 150 - 0.05 * 7_000])
    np.testing.assert_allclose(found["winter_grant"], [0])


def test_groups_that_are_left_out_hold_everybody():
    people = read({"people": FAMILY["people"]})
    assert people.count("tax_unit") == people.count("household") == 1


def test_equal_to_a_population_of_the_same_people():
    """The toy population, written as a situation, has the same values."""
    people = toy_population()
    frames = people.to_frames()
    written = {"people": {}, "tax_units": {}, "households": {}}
    for row in frames["person"].to_dict("records"):
        said = {k: v for k, v in row.items() if not k.endswith("_id")}
        written["people"][f"p{row['person_id']}"] = said
        for group in ("tax_unit", "household"):
            rows = written[f"{group}s"].setdefault(f"{group}{row[group + '_id']}", {"members": []})
            rows["members"].append(f"p{row['person_id']}")
    for row in frames["household"].to_dict("records"):
        said = {k: v for k, v in row.items() if not k.endswith("_id")}
        written["households"][f"household{row['household_id']}"] |= said
    again = read(written)
    outputs = ["net_income", "income_tax"]
    program = compile(toy_system(), outputs, 2025, people)
    mine, theirs = program(program.parameters, again), program(program.parameters, people)
    np.testing.assert_array_equal(mine["net_income"], theirs["net_income"])
    np.testing.assert_array_equal(np.asarray(again.weights), np.asarray(people.weights))


# ---- axes


def test_one_axis_copies_everybody():
    axis = {"name": "earnings", "min": 0, "max": 40_000, "count": 5, "index": 1}
    people = read({**FAMILY, "axes": [[axis]]})
    assert people.count("person") == 15
    assert column(people, "earnings")[1::3] == [0, 10_000, 20_000, 30_000, 40_000]
    assert column(people, "earnings")[::3] == [52_000] * 5
    assert np.asarray(people.links["tax_unit"]).tolist()[:6] == [1, 0, 1, 3, 2, 3]


def test_axes_that_vary_together_and_by_each_other():
    rise = {"name": "earnings", "min": 0, "max": 20, "count": 3}
    fall = {"name": "savings", "min": 20, "max": 0, "count": 3, "period": 2024}
    rent = {"name": "rent", "min": 100, "max": 200, "count": 2}
    people = read({**FAMILY, "axes": [[rise, fall], [rent]]})
    earnings, savings = column(people, "earnings")[::3], column(people, "savings[2024]")[::3]
    assert [a + b for a, b in zip(earnings, savings, strict=True)] == [20] * 6
    pairs = set(zip(earnings, column(people, "rent"), strict=True))
    assert pairs == {(e, r) for e in (0, 10, 20) for r in (100, 200)}


def test_an_axis_of_one_step_is_its_least_value():
    axis = {"name": "rent", "min": 7, "max": 9, "count": 1}
    assert column(read({**FAMILY, "axes": [axis]}), "rent") == [7]


# ---- refused


@pytest.mark.parametrize(
    ("situation", "problem"),
    [
        (None, "situation is None. Give a mapping of entities"),
        ({"people": {}}, "the situation has no people"),
        ({"people": ["anna"]}, r"situation\['people'\] is a list. Give a mapping of names of rows"),
        ({"people": {"a": 3}}, "people 'a' is 3. Give a mapping of variables"),
        (with_person(age="old"), "person 'anna', age is 'old'. Give a number"),
        (with_person(age=float("nan")), "person 'anna', age is nan. Give a number"),
        (with_person(rent=3), "person 'anna', rent: a variable of the household"),
        (
            {**FAMILY, "tax_units": {"one": {"members": ["anna"]}}},
            "'bert' is a member of no tax_unit",
        ),
        (
            {**FAMILY, "tax_units": {"a": {"members": ["anna", "bert"]}, "b": {"members": "anna"}}},
            "'anna' is a member of tax_unit 'a' and of tax_unit 'b'",
        ),
        ({**FAMILY, "tax_units": {"a": {"members": 3}}}, "tax_unit 'a': members is 3. Give a list"),
        ({**FAMILY, "axes": [[3]]}, "an axis is 3. Give a mapping"),
        ({**FAMILY, "persons": {"dora": {}}}, "situation has 'persons' by another word too"),
        (with_person(age={2025: 3, "2025": 4}), "person 'anna', age is given twice for 2025"),
        (with_person(age=3.5), r"person 'anna', age is 3.5. Give a whole number"),
        (with_person(disabled=0.5), r"person 'anna', disabled is 0.5. Give true or false"),
        (
            {**FAMILY, "axes": [{"name": "age", "count": 4, "min": 0, "max": 10}]},
            "axis age: 4 steps from 0 to 10 are no whole numbers",
        ),
        ({**FAMILY, "axes": [3]}, "an axis is 3. Give a list of axes"),
        ({**FAMILY, "axes": [[]]}, "axes is a list. Give a list of axes"),
        (with_person(age=2**40), "person 'anna', age is 1099511627776. Give a whole number of 32"),
        (with_person(age={None: 3}), "a period of a value is None. Give a period"),
        (
            {**FAMILY, "axes": 2 * [{"name": "rent", "count": 9_000, "min": 0, "max": 1}]},
            "the axes make 81,000,000 copies of everybody",
        ),
        ({**FAMILY, "axes": [[{"name": "rent", "count": 0}]]}, "count of an axis is 0"),
        (
            {**FAMILY, "axes": [[{"name": "rent", "count": 2, "min": 0}]]},
            "axis rent, max is None. Give a number",
        ),
        (
            {**FAMILY, "axes": [[{"name": "rent", "count": 2, "min": 0, "max": 1, "index": 1}]]},
            "axis rent: index is 1, of 1 rows of household",
        ),
        (
            {**FAMILY, "axes": [[{"name": "region", "count": 2, "min": 0, "max": 1}]]},
            "axis region: a enum. Axes vary numbers",
        ),
    ],
)
def test_what_is_refused(situation, problem):
    with pytest.raises(BadInputError, match=problem):
        read(situation)


@pytest.mark.parametrize(
    ("situation", "problem"),
    [
        (
            {**FAMILY, "house": {}},
            "Unknown entity of a situation 'house'. Did you mean 'households'",
        ),
        (with_person(agee=3), "no variable 'agee'"),
        (
            {**FAMILY, "households": {"h": {"members": ["anna", "bert", "carla"]}}},
            "Unknown member of household 'h' 'carla'. Did you mean 'carl'",
        ),
        (
            {**FAMILY, "households": {"h": {"members": list(FAMILY["people"]), "region": "WEST"}}},
            "Unknown value of household 'h', region 'WEST'",
        ),
        ({**FAMILY, "axes": [{"nam": "rent", "count": 2}]}, "Unknown part of an axis 'nam'"),
    ],
)
def test_names_that_nothing_answers_to(situation, problem):
    with pytest.raises(UnknownNameError, match=problem):
        read(situation)


@pytest.mark.usefixtures("unchecked")
def test_rules_are_a_country():
    with pytest.raises(BadInputError, match=r"rules is 'us'. Give a country"):
        Population.from_situation(FAMILY, "us", 2025)


def test_roles_beside_others_are_refused():
    class Role:
        def __init__(self, key):
            self.key = self.plural = key

    class Entity:
        plural, roles = "households", (Role("parents"), Role("children"))

    class Rules:
        person, groups, entities = "person", ("household",), {"household": Entity}

        def variable(self, name):
            return toy_system().variable(name)

    family = {"people": {"a": {"age": 3}}, "households": {"h": {"parents": ["a"]}}}
    with pytest.raises(BadInputError, match="household 'h' has the roles parents, children"):
        Population.from_situation(family, Rules(), 2025)

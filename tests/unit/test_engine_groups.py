"""Persons and groups, as formulas of the OpenFisca family ask them."""

import dataclasses
import types

import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.engine import UntraceableRule, build_system, compile, input_variable, rule

# Households {0, 1, 2}, {3}, {4, 5}; tax units {0, 2}, {1}, {3}, {4, 5}. Rows are not in order.
HOME = np.array([0, 0, 0, 1, 2, 2])
UNIT = np.array([0, 1, 0, 2, 3, 3])
AGE = np.array([40, 70, 9, 33, 15, 50])
INCOME = np.array([10.0, 20.0, 0.0, 40.0, 0.0, 60.0])
ORDER = np.array([4, 0, 3, 2, 5, 1])


def people(order=ORDER) -> Population:
    links = {"person_id": range(6), "household_id": HOME, "tax_unit_id": UNIT}
    person = pd.DataFrame({**links, "age": AGE, "income": INCOME})
    household = {"household_id": range(3), "household_weight": 1.0, "size": [7.0, 5.0, 6.0]}
    frames = {
        "person": person.iloc[order],
        "tax_unit": pd.DataFrame({"tax_unit_id": range(4), "claim": [1.0, 2.0, 4.0, 8.0]}),
        "household": pd.DataFrame(household),
    }
    return Population.from_frames(frames)


def system_of(body, entity):
    body.__name__ = "result"
    return build_system(
        "test",
        entities=("person", "tax_unit", "household"),
        parameters={},
        rules=[rule(entity=entity)(body)],
        inputs=[
            input_variable("age", entity="person", kind="int"),
            input_variable("income", entity="person"),
            input_variable("claim", entity="tax_unit"),
            input_variable("size", entity="household"),
        ],
    )


def run(body, entity, population=None):
    population = population or people()
    program = compile(system_of(body, entity), ["result"], 2025, population)
    return np.asarray(program(program.parameters, population)["result"])


# ---- from persons to groups

OF_HOUSEHOLDS = {
    "sum": (lambda household, period: household("income", period), [30, 40, 60]),
    "sum of an expression": (
        lambda household, person, period: household.sum(person("income", period) * 2),
        [60, 80, 120],
    ),
    "count": (
        lambda household, person, period: household.sum(person("age", period) < 18),
        [1, 0, 1],
    ),
    "number of persons": (lambda household: household.nb_persons(), [3, 1, 2]),
    "max": (lambda household, person, period: household.max(person("age", period)), [70, 33, 50]),
    "min": (lambda household, person, period: household.min(person("age", period)), [9, 33, 15]),
    "any": (lambda household, person, period: household.any(person("age", period) > 60), [1, 0, 0]),
    "all": (lambda household, person, period: household.all(person("age", period) > 17), [0, 1, 0]),
    "all of numbers": (
        lambda household, person, period: household.all(person("income", period)),
        [0, 1, 0],
    ),
    "of some": (
        lambda household, person, period: household.sum(
            person("income", period)[person("age", period) > 45]
        ),
        [20, 0, 60],
    ),
    "by hand": (
        lambda household, person, period: np.bincount(
            household.members_entity_id, person("income", period), household.count
        ),
        [30, 40, 60],
    ),
    "members": (
        lambda household, period: household.sum(household.members("age", period)),
        [119, 33, 65],
    ),
    "own variable": (lambda household, period: household("size", period) + 1, [8, 6, 7]),
    "filled": (lambda household: household.filled_array(2.0) + household.empty_array(), [2, 2, 2]),
}


@pytest.mark.parametrize(("body", "expected"), OF_HOUSEHOLDS.values(), ids=OF_HOUSEHOLDS)
def test_households(body, expected):
    np.testing.assert_allclose(run(body, "household"), expected)


def test_places_follow_the_order_of_rows():
    """The first member is the one whose row comes first."""

    def nth(place, default):
        def body(household, person, period):
            return household.value_nth_person(place, person("age", period), default)

        return run(body, "household")

    np.testing.assert_allclose(nth(0, -1), [40, 33, 15])
    np.testing.assert_allclose(nth(1, -1), [9, -1, 50])
    np.testing.assert_allclose(nth(2, -1), [70, -1, -1])
    np.testing.assert_allclose(nth(3, -1), [-1, -1, -1])


def test_the_first_person():
    def first(household, period):
        return household.first_person("age", period)

    def from_first(household, person, period):
        return household.value_from_first_person(person("age", period))

    np.testing.assert_allclose(run(first, "household"), [40, 33, 15])
    np.testing.assert_allclose(run(from_first, "household"), [40, 33, 15])


def test_a_group_within_a_larger_one():
    def size(tax_unit, period):
        return tax_unit.household("size", period)

    np.testing.assert_allclose(run(size, "tax_unit"), [7, 7, 5, 6])


# ---- from groups to persons

OF_PERSONS = {
    "a group's variable": (
        lambda person, period: person.household("size", period),
        [7, 7, 7, 5, 6, 6],
    ),
    "a group's sum": (
        lambda person, period: person.household.sum(person("income", period)),
        [30, 30, 30, 40, 60, 60],
    ),
    "a group's extreme": (
        lambda person, period: person.tax_unit.max(person("age", period)),
        [40, 70, 40, 33, 50, 50],
    ),
    "a group's number": (lambda person: person.tax_unit.nb_persons(), [2, 1, 2, 1, 2, 2]),
    "a group's first": (
        lambda person, period: person.household.first_person("age", period),
        [40, 40, 40, 33, 15, 15],
    ),
    "a group's group": (
        lambda person, period: person.tax_unit.household("size", period),
        [7, 7, 7, 5, 6, 6],
    ),
    "any in a group": (
        lambda person, period: person.household.any(person("age", period) > 60) * 1,
        [1, 1, 1, 0, 0, 0],
    ),
    "projected by hand": (
        lambda person, household, period: household.project(household("size", period)),
        [7, 7, 7, 5, 6, 6],
    ),
    "a role": (lambda person: person.has_role("member") * 1, [1] * 6),
}


@pytest.mark.parametrize(("body", "expected"), OF_PERSONS.values(), ids=OF_PERSONS)
def test_persons(body, expected):
    np.testing.assert_allclose(run(body, "person"), np.array(expected)[ORDER])


@pytest.mark.parametrize("order", [np.arange(6), ORDER])
def test_rank_in_a_group(order):
    def youngest_first(person, period):
        return person.get_rank(person.household, person("age", period))

    def oldest_adult_first(person, period):
        age = person("age", period)
        return person.get_rank(person.household, -age, condition=age >= 18)

    population = people(order)
    found = run(youngest_first, "person", population)
    np.testing.assert_allclose(found, np.array([1, 2, 0, 0, 0, 1])[order])
    found = run(oldest_adult_first, "person", population)
    np.testing.assert_allclose(found, np.array([1, 0, -1, 0, -1, 0])[order])


def test_ranks_of_equals_follow_the_order_of_rows():
    def rank(person, income):
        return person.get_rank(person.household, income * 0)

    found = run(rank, "person")
    expected = [list(HOME[ORDER][:i]).count(home) for i, home in enumerate(HOME[ORDER])]
    np.testing.assert_allclose(found, expected)


def test_a_place_in_a_group():
    def place(household):
        return household.sum(household.members_position)

    np.testing.assert_allclose(run(place, "household"), [0 + 1 + 2, 0, 0 + 1])


# ---- whose variable is it?


def test_has_any_input():
    def body(person, income):
        given = person.has_any_input("income"), person.has_any_input("claim")
        return income * 0 + given[0] * 10 + given[1]

    np.testing.assert_allclose(run(body, "person"), 11)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda household: household.village, "household has no 'village'"),
        (lambda household, person: person.village, "persons have no 'village'"),
        (lambda household, period: household("agee", period), "no variable 'agee'.*Nearest: age"),
    ],
)
def test_what_does_not_exist_is_named(body, message):
    with pytest.raises(UntraceableRule, match=rf"(?s)result.*{message}"):
        run(body, "household")


# ---- roles

ROLES = {
    "asked of persons": lambda household, person: household.sum(person.has_role("parent")),
    "sum": lambda household, person: household.sum(person("age", 2025), role="parent"),
    "any": lambda household, person: household.any(person("age", 2025) > 17, role="parent"),
    "all": lambda household, person: household.all(person("age", 2025) > 17, role="parent"),
    "max": lambda household, person: household.max(person("age", 2025), role="parent"),
    "min": lambda household, person: household.min(person("age", 2025), role="parent"),
    "nb_persons": lambda household: household.nb_persons(role="parent"),
    "project": lambda household, person: household.sum(
        household.project(household("size", 2025), role="parent")
    ),
    "value_from_person": lambda household, person: household.value_from_person(
        person("age", 2025), "parent"
    ),
}


@pytest.mark.parametrize("body", ROLES.values(), ids=ROLES)
def test_a_role_that_the_country_does_not_have_is_refused(body):
    """It was silently nobody's."""
    with pytest.raises(UntraceableRule, match=r"(?s)result.*role 'parent'.*member"):
        run(body, "household")


class Role:
    """A role as the OpenFisca family declares it."""

    def __init__(self, key, entity=None, subroles=None):
        self.key, self.entity, self.subroles = key, entity, subroles


def with_roles(*roles):
    """Toy rules whose households declare roles, and the sum of ages by the first of them."""

    def result(household, period):
        return household.sum(household.members("age", period), role=roles[0])

    system = system_of(result, "household")
    declared = types.SimpleNamespace(key="household", roles=roles, plural="households")
    return dataclasses.replace(system, entities={"household": declared})


def test_the_only_role_that_a_country_declares_is_everybody_s():
    system = with_roles(Role("inhabitant"))
    program = compile(system, ["result"], 2025, people())
    found = program(program.parameters, people())["result"]
    np.testing.assert_allclose(found, [119, 33, 65])


@pytest.mark.parametrize(
    ("roles", "names"),
    [
        ((Role("member"), Role("child")), "member, child"),
        ((Role("adult", subroles=(Role("first"), Role("second"))),), "first, second"),
    ],
)
def test_one_of_several_roles_is_refused_by_their_names(roles, names):
    """A population says who belongs to a group, not as what: `member` is then not everybody."""
    with pytest.raises(UntraceableRule, match=rf"(?s)role '{roles[0].key}' .* household.*{names}"):
        compile(with_roles(*roles), ["result"], 2025, people())

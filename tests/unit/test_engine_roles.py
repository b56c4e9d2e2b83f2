"""Populations that say as what persons belong to a group: the column `household_role`."""

import dataclasses
import types

import numpy as np
import pandas as pd
import pytest
from test_conform_roles import (
    CHILD,
    GIVEN,
    HOUSEHOLD,
    OF_HOUSEHOLDS,
    OF_PERSONS,
    SECOND,
    answers,
    role,
    rules,
)

from pejax import Population, engine
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import UntraceableRule, compile
from pejax.engine.rules._roles import role_column, role_variable, roles_of

PEOPLE = GIVEN["people"]
ROLES = ["first_adult", "child", "second_adult", "child", "first_adult", "first_adult"]


def population(roles=ROLES, **columns):
    person = {
        "person_id": range(6),
        "household_id": [0, 0, 0, 0, 1, 2],
        "tax_unit_id": [0, 0, 0, 0, 1, 2],
        "income": [float(about["income"]) for about in PEOPLE.values()],
        "colour": [about.get("colour", "RED") for about in PEOPLE.values()],
        "name": ["zed"] * 6,
        **columns,
    }
    if roles is not None:
        person["household_role"] = roles
    home = {"household_id": range(3), "rent": [100.0, 200.0, 0.0], "household_weight": [1.0] * 3}
    frames = {"person": person, "household": home, "tax_unit": {"tax_unit_id": range(3)}}
    return Population.from_frames({e: pd.DataFrame(c) for e, c in frames.items()})


def country(entity, read):
    """Rules whose households have roles."""
    made = rules(entity, read)
    said = role_variable("person", HOUSEHOLD)
    variables = {**made.variables, said.name: said}
    return dataclasses.replace(made, variables=variables, with_roles=("household",))


def computed(entity, read, people):
    program = compile(country(entity, read), ["answer"], 2025, people)
    return np.asarray(program(program.parameters, people)["answer"]).tolist(), program


EVERY = {
    **{f"households, {name}": ("household", *held) for name, held in OF_HOUSEHOLDS.items()},
    **{f"persons, {name}": ("person", *held) for name, held in OF_PERSONS.items()},
}


@pytest.mark.parametrize(("entity", "read", "expected"), EVERY.values(), ids=EVERY)
def test_a_population_says_what_a_case_says(entity, read, expected):
    found, _ = computed(entity, read, population())
    assert found == expected == answers(entity, read)[0]


UNIQUE = {
    "of the first": (lambda h, period: h.first_adult("income", period), [10, 30, 40]),
    "of the second, who need not be": (
        lambda h, period: h.second_adult("income", period),
        [20, 0, 0],
    ),
    "what their own group has": (
        lambda h, period: h.second_adult.household("rent", period),
        [100, 0, 0],
    ),
}


@pytest.mark.parametrize(("read", "expected"), UNIQUE.values(), ids=UNIQUE)
def test_a_role_that_one_person_has_is_an_attribute(read, expected):
    found, _ = computed("household", read, population())
    assert found == expected == answers("household", read)[0]


def test_a_role_that_several_have_is_none():
    with pytest.raises(UntraceableRule, match="household has no 'child'"):
        computed("household", lambda h, period: h.child("income", period), population())


def test_another_population_has_its_own_roles():
    read, _ = OF_HOUSEHOLDS["how many"]
    _, program = computed("household", read, population())
    others = population(["child", "first_adult", *["child"] * 4])
    assert np.asarray(program(program.parameters, others)["answer"]).tolist() == [3, 1, 1]


def test_a_saved_program_knows_roles(tmp_path):
    read, expected = OF_HOUSEHOLDS["how many"]
    _, program = computed("household", read, population())
    program.save(tmp_path / "roles.pejax")
    again = engine.load(tmp_path / "roles.pejax")
    people = population()
    assert np.asarray(again(again.parameters, people)["answer"]).tolist() == expected


def test_formulas_do_not_see_the_column():
    def read(p, period):
        return 1.0 * ("household_role" in p.simulation.input_variables)

    assert computed("person", read, population())[0] == [0.0] * 6


def test_without_the_column_it_is_asked_for():
    with pytest.raises(UntraceableRule, match="give the persons a column household_role"):
        computed("household", OF_HOUSEHOLDS["how many"][0], population(roles=None))


def test_a_role_that_there_is_not():
    with pytest.raises(BadInputError, match=r"household_role holds 'uncle', which the rules do"):
        computed("household", OF_HOUSEHOLDS["how many"][0], population(["uncle", *ROLES[1:]]))


def test_one_role_needs_no_column():
    one = types.SimpleNamespace(key="family", plural="families", roles=[role("member", "members")])
    assert role_variable("person", one) is None
    assert roles_of(types.SimpleNamespace(key="family")) == ("member",)
    assert roles_of(HOUSEHOLD) == ("first_adult", "second_adult", "child")
    assert role_column("family") == "family_role"
    assert {CHILD.key, SECOND.key} < set(roles_of(HOUSEHOLD))


# ---- situations


def situation(**homes):
    units = {"one": {"members": ["a", "b", "c", "d"]}, "two": {"members": ["e"]}}
    people = {name: {"income": about["income"]} for name, about in PEOPLE.items() if name != "f"}
    return {"people": people, "tax_units": units, "households": homes}


def read(*written, **homes):
    rules = country("household", OF_HOUSEHOLDS["how many"][0])
    return Population.from_situation(*written or [situation(**homes)], rules, 2025)


HOMES = {
    "one": {"adults": ["a", "c"], "children": ["b", "d"], "rent": 100},
    "two": {"adults": "e", "rent": 200},
}


def test_a_situation_says_roles_by_the_words_of_the_country():
    people = read(**HOMES)
    assert people.labels("household_role", "person").tolist() == ROLES[:5]
    found, _ = computed("household", OF_HOUSEHOLDS["the one person's"][0], people)
    assert found == [20, -5]


def test_a_situation_along_an_axis_keeps_roles():
    axes = [[{"name": "income", "min": 0, "max": 9, "count": 2}]]
    people = read({**situation(**HOMES), "axes": axes})
    assert people.labels("household_role", "person").tolist() == 2 * ROLES[:5]


@pytest.mark.parametrize(
    ("homes", "problem"),
    [
        ({"one": {"adults": ["a", "b", "c"], "children": ["d", "e"]}}, "adults are 3, at most 2"),
        (
            {"one": {"members": ["a", "b", "c", "d", "e"]}},
            "household 'one': 'members' is neither a variable nor one of its roles, adults, child",
        ),
        ({"one": {"uncles": ["a"]}}, "'uncles' is neither a variable nor one of its roles"),
        ({"one": {"adults": ["a"], "children": ["a"]}}, "'a' is a member of household"),
        ({"one": {"adults": ["a"]}}, "'b' is a member of no household"),
    ],
)
def test_situations_whose_roles_are_none(homes, problem):
    with pytest.raises((BadInputError, UnknownNameError), match=problem):
        read(**homes)

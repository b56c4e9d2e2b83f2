"""Cases that say as what persons belong to a group, and formulas that ask for it."""

import dataclasses
import types

import pytest
from _engine_rules import Colour, people, system

from pejax.conform import Case, Runner, read_cases
from pejax.conform._batch import Batch
from pejax.conform._people import Reader
from pejax.core._validate import BadInputError
from pejax.engine import UntraceableRule, compile, input_variable, rule

ENTITIES = {"person": "people", "tax_unit": "tax_units", "household": "households"}
INPUTS = (
    input_variable("income", entity="person"),
    input_variable("colour", entity="person", vocabulary=Colour, default=Colour.RED),
    input_variable("name", entity="person", kind="str", default="zed"),
    input_variable("rent", entity="household"),
)


def role(key, plural=None, most=None, within=()):
    return types.SimpleNamespace(key=key, plural=plural, max=most, subroles=list(within))


FIRST, SECOND = role("first_adult", most=1), role("second_adult", most=1)
ADULT = role("adult", "adults", 2, [FIRST, SECOND])
CHILD = role("child", "children")
HOUSEHOLD = types.SimpleNamespace(key="household", plural="households", roles=[ADULT, CHILD])
for one in (FIRST, SECOND, ADULT, CHILD):
    one.entity = HOUSEHOLD

OF_HOUSEHOLDS = {
    "how many": (lambda h, period: h.nb_persons(CHILD), [2, 0, 0]),
    "of a role with others within": (lambda h, period: h.nb_persons(ADULT), [2, 1, 1]),
    "all of them": (lambda h, period: h.nb_persons(), [4, 1, 1]),
    "a sum": (lambda h, period: h.sum(h.members("income", period), role=CHILD), [7, 0, 0]),
    "the largest": (lambda h, period: h.max(h.members("income", period), role=ADULT), [20, 30, 40]),
    "any": (lambda h, period: h.any(h.members("income", period) > 3, role=CHILD), [1, 0, 0]),
    "all": (lambda h, period: h.all(h.members("income", period) > 3, role=CHILD), [0, 1, 1]),
    "the one person's": (
        lambda h, period: h.value_from_person(h.members("income", period), SECOND, default=-5),
        [20, -5, -5],
    ),
    "the one person's name": (
        lambda h, period: (
            h.value_from_person(h.members("colour", period), FIRST, default=Colour.RED)
            == Colour.BLUE
        ),
        [1, 0, 0],
    ),
}
for text, expected in {"none": [0, 1, 1], "aa": [0, 0, 0], "zed": [1, 0, 0]}.items():
    OF_HOUSEHOLDS[f"the one person's text, {text}"] = (
        lambda h, period, text=text: (
            h.value_from_person(h.members("name", period), SECOND, default="none") == text
        ),
        expected,
    )
OF_PERSONS = {
    "who has it": (lambda p, period: p.has_role(CHILD), [0, 1, 0, 1, 0, 0]),
    "who has one within": (lambda p, period: p.has_role(SECOND), [0, 0, 1, 0, 0, 0]),
    "what those have": (
        lambda p, period: p.simulation.populations["household"].project(
            p.simulation.calculate("rent", period), role=CHILD
        ),
        [0, 100, 0, 100, 0, 0],
    ),
}
GIVEN = {
    "people": {
        "a": {"income": 10, "colour": "BLUE"},
        "b": {"income": 3},
        "c": {"income": 20},
        "d": {"income": 4},
        "e": {"income": 30},
        "f": {"income": 40},
    },
    "tax_units": {"t": {"members": ["a", "b", "c", "d", "e", "f"]}},
    "households": {
        "one": {"adults": ["a", "c"], "children": ["b", "d"], "rent": 100},
        "two": {"adults": "e", "rent": 200},
        "three": {"adults": ["f"]},
    },
}


def rules(entity, read):
    if entity == "household":

        @rule(entity="household", name="answer")
        def answer(household, period):
            return read(household, period) * 1.0

    else:

        @rule(entity="person", name="answer")
        def answer(person, period):
            return read(person, period) * 1.0

    made = system(answer, inputs=INPUTS)
    return dataclasses.replace(made, entities={**made.entities, "household": HOUSEHOLD})


@pytest.mark.parametrize(("read", "expected"), OF_HOUSEHOLDS.values(), ids=OF_HOUSEHOLDS)
def test_groups_know_the_roles_of_their_members(read, expected):
    assert answers("household", read) == [expected]


@pytest.mark.parametrize(("read", "expected"), OF_PERSONS.values(), ids=OF_PERSONS)
def test_persons_know_their_roles(read, expected):
    assert answers("person", read) == [expected]


def test_cases_beside_each_other_have_their_own():
    read, expected = OF_HOUSEHOLDS["a sum"]
    assert answers("household", read, 3) == [expected] * 3


def answers(entity, read, count=1):
    made = rules(entity, read)
    reader = Reader(made, ENTITIES)
    cases = [Case(str(i), period="2025", given=GIVEN) for i in range(count)]
    batch = Batch(made, [reader.people(case) for case in cases])
    outcome = batch.traced(["answer"], reader.period("2025"))
    assert outcome.refused == {}
    values = batch.values(outcome)["answer"]
    return [values[batch.rows_of(i, entity)].tolist() for i in range(count)]


def test_a_population_does_not_say_roles():
    with pytest.raises(UntraceableRule, match="give the persons a column household_role"):
        made = rules("household", OF_HOUSEHOLDS["a sum"][0])
        compile(made, ["answer"], 2025, people(rent=[1.0, 2.0]))


def test_more_members_than_roles_within_are_refused():
    homes = {"one": {"adults": ["a", "b", "c"]}, "two": {"adults": ["d", "e", "f"]}}
    given = GIVEN | {"households": homes}
    made = rules("household", OF_HOUSEHOLDS["how many"][0])
    with pytest.raises(BadInputError, match="adults of a household are 3, at most 2"):
        Reader(made, ENTITIES).people(Case("0", period="2025", given=given))


def test_one_person_among_selected_rows_is_refused():
    def read(household, period):
        income = household.members("income", period)
        return household.value_from_person(income[income > 5], SECOND)

    made = rules("household", read)
    people = [Reader(made, ENTITIES).people(Case("0", period="2025", given=GIVEN))]
    outcome = Batch(made, people).traced(["answer"], Reader(made, ENTITIES).period("2025"))
    assert "one person among selected rows" in outcome.refused["answer"]


# ---- a tree of parameters of a case's own


def test_parameters_are_read_with_texts_as_keys(tmp_path):
    (tmp_path / "a.yaml").write_text(
        """
- name: own
  period: 2025
  parameters: {tax: {rate: {values: {2020-01-01: {value: 0.25}}}}}
  input: {income: 8}
  output: {answer: 2}
- name: none
  period: 2025
  parameters: 3
  input: {income: 8}
  output: {answer: 2}
"""
    )
    own, none = read_cases(tmp_path)
    assert own.tree == {"tax": {"rate": {"values": {"2020-01-01": {"value": 0.25}}}}}
    assert none.problem == "no test: its parameters are no mapping"


def test_a_tree_of_its_own_parts_a_case():
    @rule(entity="person")
    def answer(income, params):
        return income * params.rate

    made = system(answer, inputs=INPUTS, law={"rate": 0.5})

    def under(case):
        return made.with_reform({"rate": float(case.tree["rate"])}) if case.tree else made

    cases = [
        Case(str(i), period="2025", given={"income": 8}, tree=tree, expected={"answer": expected})
        for i, (tree, expected) in enumerate([({}, 4), ({"rate": 0.25}, 2), ({"rate": 0.25}, 2)])
    ]
    found = Runner(under, ENTITIES).run(cases)
    assert [(v.status, v.together) for v in found] == [("passed", 1), ("passed", 2), ("passed", 2)]


def test_a_tree_as_a_package_writes_it():
    pytest.importorskip("policyengine_core")
    from pejax.engine import Country
    from pejax.engine.importer import with_tree

    made = with_tree(
        Country("policyengine_toyland", "1").load(),
        {"gov": {"tax": {"rate": {"values": {"2020-01-01": {"value": 0.75}}}}}},
    )
    assert made.law.find("gov.tax.rate").at("2025-01-01") == 0.75
    assert made.paths().names() == ["gov.tax.rate"]
    assert made.version.startswith("1+")

"""What the source's witnesses draw, read, keep and count; no country package is needed."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from pejax import engine
from pejax.conform._cases import _case_of
from pejax.conform._judge import agrees
from pejax.testing import toy_population, toy_system

FOLDER = str(Path(__file__).parents[2] / "benchmarks")
STATES = {"CA": 6, "NY": 36, "TX": 48, "DC": 11}
ENTITIES = {"person": "people", "household": "households", "tax_unit": "tax_units"}
ENTITY_OF = {"age": "person", "rent": "household", "region": "household", "income": "person"}


@pytest.fixture(scope="module")
def room():
    """The benchmarks' own modules, by name."""
    sys.path.insert(0, FOLDER)
    yield importlib.import_module
    sys.path.remove(FOLDER)


# ---- situations


@pytest.fixture(scope="module")
def asked(room):
    question = room("_situations").Question
    return [
        question("age", "person", "int", 40, ""),
        question("employment_income", "person", "float", 0.0, "currency-USD", computed=True),
        question("employment_income_before_lsr", "person", "float", 0.0, "currency-USD"),
        question("rental_income", "person", "float", 0.0, "currency-USD"),
        question("is_blind", "person", "bool", False, ""),
        question("takes_up", "tax_unit", "bool", True, ""),
        question("tenure", "household", "enum", "OWNED", "", ("OWNED", "RENTED")),
        question("ca_renter_months", "household", "int", 0, ""),
        question("ny_use_tax", "tax_unit", "float", 0.0, "currency-USD"),
        question("county_fips", "household", "str", "", ""),
        question("eitc", "tax_unit", "float", 0.0, "currency-USD", computed=True),
    ]


def test_a_draw_is_a_function_of_the_seed(room, asked):
    deal, digest = room("_situations").deal, room("_situations").digest
    once, twice = (deal(asked, STATES, 24, 3, 0, given=1) for _ in range(2))
    assert list(map(digest, once)) == list(map(digest, twice))
    other = deal(asked, STATES, 24, 3, 1, given=1)
    assert digest(once[0]) != digest(other[0])


def test_every_input_comes_up_and_states_ask_their_own(room, asked):
    batches = room("_situations").deal(asked, STATES, 24, 3, 0, given=0)
    said = [(a["state"], name) for b in batches for a in b.answers for name in a]
    names = {name for _, name in said}
    drawn = {q.name for q in asked if q.name not in ("age", "eitc")}
    assert drawn <= names
    assert {state for state, name in said if name == "ca_renter_months"} == {"CA"}


def test_a_batch_gives_an_income_by_one_of_its_names(room, asked):
    for batch in room("_situations").deal(asked, STATES, 24, 3, 0, given=0):
        moved = "employment_income_before_lsr" in batch.columns["person"]
        assert moved == bool(batch.number % 2)
        assert ("employment_income" in batch.columns["person"]) != moved


def test_groups_lie_within_households_and_both_engines_see_the_same(room, asked):
    situations = room("_situations")
    sizes = set()
    for batch in situations.deal(asked, STATES, 24, 3, 0, given=1):
        people = situations.population(batch)
        written = situations.situation(batch, 2025)
        households = np.array(batch.members["household"])
        for group, rows in batch.members.items():
            homes = {
                row: {h for r, h in zip(rows, households, strict=True) if r == row} for row in rows
            }
            assert all(len(found) == 1 for found in homes.values())
            assert people.count(group) == len(written[situations.PLURALS[group]])
        for row in range(batch.count("person")):
            key = f"person{row}"
            ages = written["people"][key]["age"]
            assert ages == {"2025": int(people.column("age", "person")[row])}
            household = f"household{households[row]}"
            assert key in written["households"][household]["members"]
        sizes |= set(np.bincount(households).tolist())
        json.dumps(written)  # the source writes a situation as JSON
    assert sizes == set(range(1, 8))


# ---- cases


def case(room, **written):
    whole = {"name": "a case", "period": 2025, "input": {}, "output": {"tax": 0}}
    return _case_of("a.yaml[0]", whole | written)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ({}, None),
        ({"period": "2025-01"}, "monthly period"),
        ({"period": "ETERNITY"}, "period of another form: ETERNITY"),
        ({"input": {"age": {"2025-03": 4}}}, "monthly input or output"),
        ({"input": {"age": {2025: 4}}}, None),
        ({"input": {"people": {"a": {"age": {2024: 4}}}}}, "values of several years"),
        ({"output": {"tax": {"2025-02": 4}}}, "monthly input or output"),
    ],
)
def test_what_a_program_cannot_be_asked_has_a_reason(room, written, reason):
    assert room("_cases").not_expressible(case(room, **written)) == reason


def test_numbers_of_the_law_are_told_from_inputs(room):
    found = case(room, input={"age": 4, "gov.rate": 0.2}, reforms="some.reform")
    assert (found.given, found.law, found.reforms) == (
        {"age": 4},
        {"gov.rate": 0.2},
        ("some.reform",),
    )


def test_people_without_entities_live_alone(room):
    found = room("_cases").people_of(
        case(room, input={"age": [40, 8], "rent": [100, 0]}), ENTITIES, ENTITY_OF
    )
    assert found.members == {"household": [0, 1], "tax_unit": [0, 1]}
    assert found.values["household"]["rent"] == {0: 100, 1: 0}


def test_people_by_entity(room):
    given = {
        "people": {"a": {"age": 40}, "b": {"age": {"2025": "2 * 4"}}, "c": {}},
        "household": {"members": ["a", "b", "c"], "rent": 100},
        "tax_units": {"one": {"members": ["c", "a"]}},
    }
    found = room("_cases").people_of(case(room, input=given), ENTITIES, ENTITY_OF)
    # The singular wins: groups by their plural stay, and whom none names stands alone.
    assert found.members == {"household": [0, 0, 0], "tax_unit": [0, 1, 0]}
    assert found.ids["tax_unit"] == ["one", "b"]
    assert found.values["person"]["age"] == {0: 40, 1: "2 * 4"}


def test_a_column_holds_what_was_said_or_the_default(room):
    column_of, system = room("_cases").column_of, toy_system()
    assert column_of("age", {1: "2 * 4"}, 3, "person", system) == [0, 8, 0]
    assert column_of("rent", {0: 100}, 2, "household", system) == [100.0, 0.0]
    default = system.variable("region").default.name
    assert column_of("region", {0: "SOUTH"}, 2, "household", system) == ["SOUTH", default]
    with pytest.raises(room("_cases").NotExpressible):
        column_of("age", {}, 1, "household", system)


def test_a_case_says_what_it_expects_in_three_forms(room):
    cases = room("_cases")
    expected = {
        "income": [1, 2],
        "household": {"rent": 3},
        "people": {"b": {"age": {"2025": 8}}},
    }
    asked_for = cases.expected_of(case(room, output=expected), ENTITIES, ENTITY_OF)
    assert [(one.variable, one.row, one.value) for one in asked_for] == [
        ("income", None, [1, 2]),
        ("rent", None, 3),
        ("age", "people/b", 8),
    ]
    people = cases.People({"person": ["a", "b"]}, {}, {})
    assert [cases.row_of(one, people, ENTITIES) for one in asked_for] == [None, None, 1]


@pytest.mark.parametrize(
    ("value", "expected", "margins", "passes"),
    [
        (10.0005, 10, {}, True),
        (10.002, 10, {}, False),
        (10.4, 10, {"absolute_error_margin": 0.5}, True),
        (10.4, "12 - 2", {"absolute_error_margin": 0.1}, False),
        (101.0, 100, {"relative_error_margin": 0.02}, True),
        (True, True, {}, True),
        ("SINGLE", "SINGLE", {}, True),
        ("SINGLE", "JOINT", {}, False),
    ],
)
def test_margins(room, value, expected, margins, passes):
    found = case(room, **margins)
    assert agrees(np.array([value]), expected, found) is passes


# ---- reforms


def test_kinds_of_numbers(room):
    kind_of = room("engine_reforms").kind_of
    assert kind_of("gov.tax.brackets[1].threshold", "currency-USD") == "threshold of a scale"
    assert kind_of("gov.tax.brackets[1].rate", "/1") == "amount of a scale"
    assert kind_of("gov.tax.rate.NY", "/1") == "by place or status"
    assert kind_of("gov.ssi.age_limit", "") == "age"
    assert kind_of("gov.tax.rate", "/1") == "rate"
    assert kind_of("gov.tax.allowance", "currency-USD") == "amount"


def test_another_value_is_of_the_same_kind(room):
    changed = room("engine_reforms").changed
    rng = np.random.default_rng(0)
    assert changed(True, "", rng) is False
    assert changed(["a", "b"], "", rng) == ["b"]
    assert changed(0, "/1", rng) == 0.1
    for value in (18, 400, 0.25, 12_000.0):
        assert changed(value, "", rng) != value
        assert isinstance(changed(value, "", rng), int) == (value == 18)


def test_sixty_reforms_in_every_form_of_a_date(room):
    reforms = room("engine_reforms")
    assert sum(reforms.QUOTA.values()) == 60
    written = [form(1.0) for form in reforms.FORMS]
    edits = importlib.import_module("pejax.engine.rules._reform").read_reform
    for dated in written:
        assert any(e.covers("2025-01-01", "2025-12-31") for e in edits({"a": dated})["a"])


# ---- work


def test_what_is_done_is_kept_and_a_torn_line_is_done_again(room, tmp_path):
    witness = room("_witness")
    path, runs = tmp_path / "work.jsonl", []

    def run(key):
        runs.append(key)
        return {"says": key, "value": np.float32(1.5)}

    witness.run_all(witness.Work(path, {"seed": 0}), ["a", "b"], run)
    path.write_text(path.read_text()[:-9])  # as if it were stopped while it wrote
    lines = witness.run_all(witness.Work(path, {"seed": 0}), ["a", "b"], run)
    assert runs == ["a", "b", "b"]
    assert [line["value"] for line in lines] == [1.5, 1.5]
    assert "a" not in witness.Work(path, {"seed": 1})


# ---- comparing


def test_last_digits_and_names_count_as_the_same(room):
    same = room("_witness").same
    near = np.float32([1e6, 1e6, 0.0, np.nan, np.inf])
    found = same(near, np.float32([1e6 + 0.5, 1e6 + 5, 1e-7, np.nan, np.inf]))
    assert found.tolist() == [True, False, True, True, True]
    assert not same(np.float32([np.inf, 1.0]), np.float32([1.0, np.inf])).any()
    assert same(np.array(["A", "B"]), np.array(["A", "C"])).tolist() == [True, False]


def test_differences_say_where_they_begin(room):
    witness = room("_witness")
    people = toy_population()
    names = ["taxable_income", "income_tax", "net_income"]
    program = engine.compile(toy_system(), names, 2025, people)
    mine = witness.in_numpy(program, people)
    assert witness.differences(program, people, mine, witness.Answers(mine, {})) == {}
    theirs = {name: values + 100.0 for name, values in mine.items()}
    off = witness.differences(program, people, mine, witness.Answers(theirs, {}))
    assert off["net_income"]["begins_in"] == ["taxable_income"]
    assert {name: witness.reason(name, off) for name in off} == dict.fromkeys(
        names, witness.UNEXPLAINED
    )
    assert off["income_tax"]["rows"][0]["source"] == theirs["income_tax"][0]


def test_rounding_is_shown_by_another_width(room, monkeypatch):
    witness = room("_witness")
    people = toy_population()
    program = engine.compile(toy_system(), ["taxable_income", "income_tax"], 2025, people)
    mine = witness.in_numpy(program, people)
    theirs = {name: values + 0.5 for name, values in mine.items()}
    other = {name: values - 0.1 for name, values in mine.items()}
    monkeypatch.setattr(witness, "in_numpy", lambda *_: other)
    off = witness.differences(program, people, mine, witness.Answers(theirs, {}))
    assert witness.reason("income_tax", off) == witness.ROUNDING
    assert off["income_tax"]["rounding"]

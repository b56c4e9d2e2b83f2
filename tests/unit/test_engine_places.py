"""Rows by their number, from either end: what numpy gives, or a refusal by name."""

import numpy as np
import pandas as pd
import pytest

from pejax import BadInputError, Population
from pejax.engine import SelfCheckError, build_system, compile, input_variable, rule
from pejax.engine.running import _runtime

MANY = 1000
INPUTS = [
    input_variable("income", entity="person"),
    input_variable("mate", entity="person", kind="int"),
    input_variable("state", entity="household", kind="int"),
]


def people(mate=None, persons=MANY) -> Population:
    rows = np.arange(persons)
    home = rows // 3
    person = {
        "person_id": rows + 500,
        "household_id": home,
        "income": 1.0 + rows,
        "mate": (rows + 7) % persons if mate is None else mate,
    }
    household = {
        "household_id": np.arange(home[-1] + 1),
        "household_weight": 1.0,
        "state": np.arange(home[-1] + 1) % 3,
    }
    return Population.from_frames(
        {"person": pd.DataFrame(person), "household": pd.DataFrame(household)}
    )


def program_of(formula, **options):
    made = rule(entity="person", name="asked")(formula)
    rules = build_system(
        "rows", entities=("person", "household"), parameters={}, rules=[made], inputs=INPUTS
    )
    return compile(rules, ["asked"], 2025, people(), **options)


def value(program, population=None):
    found = program(program.parameters, people() if population is None else population)["asked"]
    return np.asarray(found)


def by_column(income, mate):
    return income[mate]


def from_the_end(income, mate):
    return income[-1 - mate]


def last_where_there_is_none(income, mate):
    return income[np.where(mate > 500, mate, -1)]


def always_the_last(income):
    return income[np.full(len(income), -1)]


def of_some(income, mate):
    chosen = mate < 500
    found = income * 0
    found[chosen] = income[mate[chosen] + 490]
    return found


def written(income, mate):
    found = income * 0
    found[mate] = income
    return found


def written_by_some(income, mate):
    found = income * 1
    found[mate[income > 700]] = income[income > 700]
    return found


def written_at_the_end(income, mate):
    found = income * 1
    found[np.where(mate > 500, mate, -1)] = 7.0
    return found


INCOME, MATE = 1.0 + np.arange(MANY), (np.arange(MANY) + 7) % MANY
FORMULAS = [
    by_column,
    from_the_end,
    last_where_there_is_none,
    always_the_last,
    of_some,
    written,
    written_by_some,
    written_at_the_end,
]


def expected(formula):
    given = {"income": INCOME, "mate": MATE}
    names = formula.__code__.co_varnames[: formula.__code__.co_argcount]
    return formula(*(given[name] for name in names))


@pytest.mark.parametrize("formula", FORMULAS)
def test_rows_by_number(formula):
    program = program_of(formula)
    np.testing.assert_array_equal(value(program), expected(formula))
    padded = people().pad_to({"person": 2000, "household": 700})
    np.testing.assert_array_equal(value(program, padded)[:MANY], expected(formula))


def test_a_number_of_a_member_that_is_not_there():
    """A household's third member, or the last of all where it has two."""

    def third(income, household):
        rows = household.value_nth_person(2, np.arange(len(income)), default=-1)
        return income[household.project(rows)]

    found = value(program_of(third))
    home = np.arange(MANY) // 3
    there = 3 * home + 2
    np.testing.assert_array_equal(found, INCOME[np.where(there < MANY, there, -1)])


def test_strata_on_their_own_rows(monkeypatch):
    monkeypatch.setattr(_runtime, "SMALLEST_COMPACTED", 0)
    monkeypatch.setattr(_runtime, "FEWEST_AT_HOME", 1)

    def there(income, state, household):
        rows = household.value_nth_person(1, np.arange(len(income)), default=-1)
        found = income[np.where(income > 500, household.project(rows), -1)]
        return np.where(state == 1, found * 2, 0.0)

    found = value(program_of(there))
    rows = np.arange(MANY)
    second = np.where(3 * (rows // 3) + 1 < MANY, 3 * (rows // 3) + 1, -1)
    kept = INCOME[np.where(INCOME > 500, second, -1)] * 2
    np.testing.assert_array_equal(found, np.where((rows // 3) % 3 == 1, kept, 0))


def test_blocks_never_give_another_row_in_silence():
    def last(income, household):
        rows = household.value_nth_person(2, np.arange(len(income)), default=-1)
        return income[np.where(income > 500, household.project(rows), -1)]

    with pytest.raises((SelfCheckError, BadInputError)):
        value(program_of(last, chunk=50))


@pytest.mark.parametrize(
    ("mate", "place"), [(np.arange(MANY) + 3, "1,000 in row 997"), (-np.arange(MANY) - 2, "-1,001")]
)
def test_a_place_that_is_not_there_is_refused(mate, place):
    program = program_of(by_column)
    assert len(value(program)) == MANY
    with pytest.raises(BadInputError, match=f"asked asks for place {place}"):
        value(program, people(mate))


# ---- places made from floats


def of_a_table(income):
    table = np.stack([income.max() * 0, income.min(), income.min() * 2])
    return table[np.maximum((income / 300).astype(int), 0)]


def of_a_row(income):
    return income[(income * 1.0).astype(int) - 1]


def one_too_far(income):
    return income[np.floor(income).astype(int) + 99]


def of_its_columns(income):
    table = np.stack([income, income * 2], axis=1)
    return table[np.arange(len(income)), (income / 400).astype(int)]


def written_to_its_columns(income):
    table = np.stack([income, income * 2], axis=1)
    table[np.arange(len(income)), (income / 400).astype(int)] = 5.0
    return table.sum(axis=1)


def written_to_rows(income):
    found = income * 0
    found[np.ceil(income / 800).astype(int) * 700] = 5.0
    return found


@pytest.mark.parametrize(
    "formula",
    [of_a_table, of_a_row, one_too_far, of_its_columns, written_to_its_columns, written_to_rows],
)
def test_places_made_from_floats_are_there_or_refused(formula):
    """A program that ran on people of whom all places are there meets others."""
    program = program_of(formula)
    for income in (INCOME, np.minimum(INCOME, 500.0)):
        given = people().with_columns("person", income=income)
        try:
            right = formula(income.copy())
        except IndexError:
            with pytest.raises(BadInputError, match=r"asked asks for place [\d,]+ in row"):
                value(program, given)
        else:
            np.testing.assert_array_equal(value(program, given), right)


def test_a_column_from_the_end_and_of_the_selected_rows():
    def chosen(income, mate):
        table = np.stack([income, income * 2], axis=1)
        table[np.arange(len(income)), -1 - (mate > 500)] = 0.0
        return table[np.arange(len(income)), np.where(mate > 800, -1, 0)]

    np.testing.assert_array_equal(value(program_of(chosen)), chosen(INCOME, MATE))


def test_a_smaller_population_has_its_own_end():
    program = program_of(always_the_last)
    assert (value(program, people(persons=17)) == 17).all()


# ---- plain arrays by places that depend on people


def a_table(mate):
    return np.array([3.0, 5.0, 8.0, 1.0])[np.minimum(mate // 300, 3)]


def a_table_from_the_end(mate):
    table = np.asarray([3, 5, 8, 1])
    return table[-1 - mate % 4] + table[-1]


def rows_of_a_table(mate):
    return np.array([[1.0, 2.0], [4.0, 8.0]])[mate % 2].sum(axis=1)


def truth_values(mate):
    return np.where(np.array([True, False])[mate % 2], mate, 0)


def by_search(income):
    edges, rates = np.array([0.0, 100.0, 600.0]), np.array([0.1, 0.2])
    bracket = np.clip(np.searchsorted(edges, income, side="right") - 1, 0, len(rates) - 1)
    beyond = np.minimum(bracket + 1, len(edges) - 1)
    return rates[bracket] * (income - edges[bracket]) + edges[beyond]


@pytest.mark.parametrize(
    "formula", [a_table, a_table_from_the_end, rows_of_a_table, truth_values, by_search]
)
def test_a_plain_array_is_a_table(formula):
    np.testing.assert_allclose(value(program_of(formula)), expected(formula), rtol=1e-6)


def test_a_place_outside_of_a_plain_array_is_refused():
    def outside(mate):
        return np.array([3.0, 5.0])[mate // 300]

    with pytest.raises(BadInputError, match="place"):
        value(program_of(outside))

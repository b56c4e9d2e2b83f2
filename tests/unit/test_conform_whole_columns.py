"""Numbers of whole columns, which cases that share a graph have each of its own rows."""

import numpy as np
import pytest
from _conform_cases import CASES, alone, answers

from pejax.engine import rule


def a_share(income):
    return income / np.sum(income)


def put_into_selected_rows(income, rent):
    found = np.zeros_like(rent, dtype=float)
    for amount in np.unique(np.where(rent > 0, "some", "none")):
        there = np.where(rent > 0, "some", "none") == amount
        found[there] = np.sum(income[there])
    return found


def numbers_of_numbers(income, rent, gift):
    return income * (np.maximum(rent.sum(), gift.sum()) > 5)


def a_place_in_a_table(income, rent):
    place = np.clip(rent.sum(), 0, 3).astype(int)
    return income * np.array([1.0, 2.0, 3.0, 4.0])[place]


def beside_another_entity(person, period):
    return person.tax_unit("total", period)


@rule(entity="tax_unit")
def total(tax_unit, period):
    incomes, rents = tax_unit.members("income", period), tax_unit.members("rent", period)
    return np.sum(incomes) + tax_unit.sum(rents)


def decided_by_it(person, income):
    if income.sum() == -1:
        return np.zeros(person.count)
    return income / np.maximum(income.sum(), 1)


def nothing_else(income):
    return np.sum(income)


def places_among_all_rows(person, income):
    """Who comes first, found by numbers of rows, which those of all cases have in common."""
    many = person.count
    place = np.arange(many) + many
    return income[place - many] + 0 * income


def the_largest_of_some(income, rent):
    return np.maximum(np.max([income.sum(), rent.sum() + 30], axis=0), income)


def of_another_column_in_place(income, gift):
    found = gift.copy()
    found += income.sum()
    return found


def of_who_has_the_id(income, rent):
    """The ids are rents, of which other cases have the next smaller ones."""
    ids = np.asarray(rent).astype(int)
    distinct, first, own = np.unique(ids[ids > 0], return_index=True, return_inverse=True)
    sums = np.bincount(own, weights=income[ids > 0], minlength=len(distinct))
    found = np.zeros_like(income, dtype=float)
    for sought in (ids, ids - 1):
        place = np.clip(np.searchsorted(distinct, sought), 0, len(distinct) - 1)
        values = sums[place] * 1_000 + income[ids > 0][first][place]
        found = found + np.where(distinct[place] == sought, values, 0)
    return found


FORMULAS = (
    a_share,
    put_into_selected_rows,
    numbers_of_numbers,
    a_place_in_a_table,
    beside_another_entity,
    decided_by_it,
    nothing_else,
    places_among_all_rows,
    the_largest_of_some,
    of_another_column_in_place,
    of_who_has_the_id,
)


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda f: f.__name__)
def test_each_case_has_the_number_of_its_own_rows(formula):
    rules = [total, rule(entity="person", name="answer")(formula)]
    together, _ = answers(rules, "answer", CASES)
    np.testing.assert_equal(together, alone(rules, "answer"))


def test_a_number_among_others_is_refused_together():
    """Not arithmetic: cases that break a batch are asked again, each without the others."""

    @rule(entity="person", name="answer")
    def answer(income, rent):
        return np.array([income.sum(), rent.sum()])[(income > 15).astype(int)]

    with pytest.raises(AssertionError, match="numbers of all rows"):
        answers([answer], "answer", CASES)
    assert alone([answer], "answer")[2] == [2.0, 2.0]

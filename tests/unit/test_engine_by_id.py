"""Formulas that find other people by ids: who supports whom, wherever they live."""

import numpy as np
import pytest
from _engine_rules import INCOME, people, system

from pejax import BadInputError
from pejax.engine import UntraceableRule, compile, gradient, input_variable, load, rule

ID = input_variable("number", entity="person", kind="int")
SUPPORTED_BY = input_variable("supported_by", entity="person", kind="int")
INPUTS = (INCOME, ID, SUPPORTED_BY)
IDS, SUPPORTERS = [7, 5, 9, 8], [0, 7, 0, 9]


def _of_supporter(ids, supporters, values, among):
    distinct, first = np.unique(ids[among], return_index=True)
    place = np.clip(np.searchsorted(distinct, supporters), 0, len(distinct) - 1)
    return np.where(distinct[place] == supporters, values[among][first][place], 0)


def _of_supported(ids, supporters, values, among):
    distinct, own = np.unique(supporters[among], return_inverse=True)
    sums = np.bincount(own, weights=values[among], minlength=len(distinct))
    place = np.clip(np.searchsorted(distinct, ids), 0, len(distinct) - 1)
    return np.where(distinct[place] == ids, sums[place], 0)


@rule(entity="person")
def their_supporters(number, supported_by, income, params):
    return _of_supporter(number, supported_by, income * params.rate, income > 5)


@rule(entity="person")
def those_they_support(number, supported_by, income, params):
    return _of_supported(number, supported_by, income * params.rate, income > 5)


FOUND = {their_supporters: _of_supporter, those_they_support: _of_supported}


@pytest.fixture(params=FOUND, ids=lambda r: r.name)
def found(request):
    """What a formula finds, and a program of it."""
    made = request.param

    def compiled(population, **options):
        rules = system(made, inputs=INPUTS)
        return compile(rules, [made.name], 2025, population, **options)

    return FOUND[made], made.name, compiled


def world(ids=IDS, supporters=SUPPORTERS, **columns):
    return people(number=ids, supported_by=supporters, **columns)


def test_a_program_finds_who_numpy_finds(found, tmp_path):
    of, name, compiled = found
    program = compiled(world())
    program.save(tmp_path / "found.pejax")
    draw = np.random.default_rng(0)
    for one in (program, load(tmp_path / "found.pejax")):
        for income in ([10.0, 20.0, 30.0, 40.0], [1.0, 20.0, 2.0, 40.0]):
            ids, supporters = draw.integers(1, 4, 4), draw.integers(0, 5, 4)
            population = world(ids, supporters, income=income)
            values = np.asarray(income) * 0.5
            expected = of(ids, supporters, values, values > 2.5)
            for these in (
                population,
                population.pad_to({"person": 9, "tax_unit": 9, "household": 4}),
            ):
                answer = one(one.parameters, these)[name]
                np.testing.assert_array_equal(np.asarray(answer)[:4], expected)


def test_gradients_reach_what_is_found(found):
    of, name, compiled = found
    population = world()
    program = compiled(population)
    slopes = gradient(program, program.parameters, population, name)[1]
    income, weights = np.array([10.0, 20.0, 30.0, 40.0]), np.array([1.0, 1.0, 1.0, 2.0])
    expected = of(np.array(IDS), np.array(SUPPORTERS), income, income > 5) @ weights
    assert slopes["rate"] == expected != 0


def test_households_that_find_each_other_are_not_cut_apart(found, tmp_path):
    _, name, compiled = found
    with pytest.raises(BadInputError, match="chunk= needs households that do not depend on each"):
        compiled(world(), chunk=1)
    with pytest.raises(BadInputError, match=f"{name} compares households"):
        compiled(world()).save(tmp_path / "carried.pejax", carrier=world())


def _compared(distinct, first, own):
    return len(distinct) == 3


def _another_place(distinct, first, own):
    return len(distinct) - 2


def _reckoned_with(distinct, first, own):
    return distinct + 1


def _gone_through(distinct, first, own):
    return list(distinct)


def _before_it_is_kept_within(distinct, first, own):
    return distinct[np.searchsorted(distinct, own)]


def _summed(distinct, first, own):
    return distinct.sum()


def _an_index_by_itself(distinct, first, own):
    return first + 1


def _counted(distinct, first, own):
    return np.bincount(own, minlength=7)


OTHERWISE = (
    _compared,
    _another_place,
    _reckoned_with,
    _gone_through,
    _before_it_is_kept_within,
    _summed,
    _an_index_by_itself,
    _counted,
)


@pytest.mark.parametrize("use", range(len(OTHERWISE)), ids=[f.__name__ for f in OTHERWISE])
def test_any_other_use_of_the_distinct_ids_is_refused(use):
    @rule(entity="person")
    def answer(number, income):
        rows = number[income > 5]
        OTHERWISE[use](*np.unique(rows, return_index=True, return_inverse=True))
        return income

    with pytest.raises(UntraceableRule, match=r"numpy\.unique of"):
        compile(system(answer, inputs=INPUTS), ["answer"], 2025, world())

"""How many rows there are: a program meets populations of other sizes than the one traced with."""

import numpy as np
import pytest
from _engine_world import INCOME, OTHERS, people, program_of

from pejax.engine import GuardMovedError, UntraceableRule, load, rule
from pejax.engine.graph._ir import DimensionClash, Graph
from pejax.engine.running._segments import cut

larger, smaller = np.maximum, np.minimum

# ---- counts of rows, in other populations


COUNTS = {
    "a mean": (
        lambda person, income: income.sum() / person.count,
        lambda income, households: income.mean(),
    ),
    "len": (lambda person, income: income * len(income), lambda income, _: income * income.size),
    "len of a household's": (
        lambda person, income: income + len(person.household("rent", 2025)),
        lambda income, _: income + income.size,
    ),
    "count of households": (
        lambda person, income: income / person.simulation.populations["household"].count,
        lambda income, households: income / households,
    ),
    "reflected": (
        lambda person, income: 1 / person.count + (1 - person.count) + 2 * person.count,
        lambda income, _: 1 / income.size + 1 + income.size,
    ),
    "shapes": (
        lambda person, income: (
            np.zeros(person.count) + np.ones(len(income)) + np.full(person.count, 2.0)
        ),
        lambda income, _: 3.0,
    ),
    "a list repeated": (
        lambda person, income: np.array([3.0] * person.count) + np.arange(len(income)) * 0,
        lambda income, _: 3.0,
    ),
    "arange": (
        lambda person, income: np.arange(person.count) / len(income),
        lambda income, _: np.arange(income.size) / income.size,
    ),
    "a choice": (
        lambda person, income: np.where(income > 0, person.count, 0),
        lambda income, _: income.size,
    ),
    "comparisons": (
        lambda person, income: income * ((person.count > 3) + 2.0 * (person.count <= 4)),
        lambda income, _: income * ((income.size > 3) + 2.0 * (income.size <= 4)),
    ),
    "the size of a buffer": (
        lambda person, income: np.bincount(np.arange(len(income)) * 0, minlength=person.count)[0],
        lambda income, _: income.size,
    ),
    "both joined": (
        lambda person, income: (
            _both(person, income).sum()
            + np.concatenate([income, income * 2]).max()
        ),
        lambda income, households: (
            income.sum() + 100 * households * (households + 1) / 2 + 2 * income.max()
        ),
    ),
    "joined and found": (
        lambda person, income: (
            np.isin(
                income, np.concatenate([income[:] * 2, person.household.members("income", 2025)])
            )
            * 1.0
        ),
        lambda income, _: 1.0,
    ),
    "kinds": (
        lambda person, income: (
            np.bincount(
                np.unique(income > 20, return_inverse=True)[1], minlength=len(income)
            )[np.unique(income > 20, return_inverse=True)[1]]
        ),
        lambda income, _: np.where(income > 20, (income > 20).sum(), (income <= 20).sum()),
    ),
    "kinds of rows": (
        lambda person, income: (
            np.bincount(
                np.unique(
                    np.column_stack([income > 20, income < 80]), axis=0, return_inverse=True
                )[1],
                weights=income,
                minlength=person.count,
            )[
                np.unique(
                    np.column_stack([income > 20, income < 80]), axis=0, return_inverse=True
                )[1]
            ]
        ),
        lambda income, _: sum(
            np.where(k, income[k].sum(), 0)
            for k in (income <= 20, (income > 20) & (income < 80), income >= 80)
        ),
    ),
    "ufuncs by their own names": (
        lambda person, income: (
            larger.reduce([income, income * 0 + 25]) - smaller.reduce([income, income * 0 + 25])
        ),
        lambda income, _: np.abs(income - 25),
    ),
    "the most by group": (
        lambda person, income: _most(person.household.members_entity_id, income),
        None,
    ),
}  # fmt: skip


def _most(group, income):
    most = np.zeros(len(income))
    larger.at(most, group, income)
    return most[group]


def _households(income, households):
    return np.sort(np.arange(income.size) % households)


def _compiled(formula):
    @rule(entity="person", name="result")
    def result(person, income):
        return income * 0 + formula(person, income)

    return program_of("result", result)


@pytest.mark.parametrize("name", COUNTS)
def test_a_program_counts_the_population_it_runs_on(name):
    formula, exact = COUNTS[name]
    if name == "the most by group":

        def exact(income, households):
            group = _households(income, households)
            return np.array([income[group == g].max() for g in group])

    program = _compiled(formula)
    for other, population in OTHERS.items():
        rows, households = population.count(), population.count("household")
        income = np.asarray(population.column("income"), float)[:rows]
        found = np.asarray(program(program.parameters, population)["result"])[:rows]
        expected = np.broadcast_to(exact(income, households), rows)
        np.testing.assert_allclose(found, expected, rtol=1e-5, err_msg=other)


NUMBERS = {
    "whole part": (lambda n, x: x + n // 2, lambda n: n // 2),
    "remainder": (lambda n, x: x + n % 3, lambda n: n % 3),
    "square": (lambda n, x: x + n**2, lambda n: n**2),
    "negative": (lambda n, x: x - (-n), lambda n: n),
    "root": (lambda n, x: x + np.sqrt(n), np.sqrt),
    "greatest": (lambda n, x: x + np.maximum(n, 1), lambda n: n),
    "Python's greatest": (lambda n, x: x + max(n, 1), lambda n: n),
    "a float": (lambda n, x: x + float(n), lambda n: n),
    "an integer": (lambda n, x: x + int(n), lambda n: n),
    "an array": (lambda n, x: x + np.array(n), lambda n: n),
    "a sum": (lambda n, x: x + sum([n, n]), lambda n: 2 * n),
    "a loop": (lambda n, x: x + sum(1 for _ in range(n)), lambda n: n),
    "text": (lambda n, x: x + float(f"{n}"), lambda n: n),
    "a literal that is a shadow's": (lambda n, x: x + (n == 101), lambda n: n == 101),
    "of some": (lambda n, x: x + len(x[x > 15]), lambda n: n - 1),
    "of joined": (lambda n, x: x + len(np.concatenate([x, x])), lambda n: 2 * n),
    "size": (lambda n, x: x + x.size, lambda n: n),
    "shape": (lambda n, x: x + x.shape[0], lambda n: n),
    "twice": (lambda n, x: x + (n + n), lambda n: 2 * n),
    "decision": (lambda n, x: x + (1 if n > 3 else 2), lambda n: 1 if n > 3 else 2),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_no_shadow_size_becomes_a_number(name):
    """The number of rows, or a refusal: never how many rows a formula was traced with."""
    formula, exact = NUMBERS[name]
    try:
        program = _compiled(lambda person, income: formula(person.count, income))
    except UntraceableRule:
        return
    found = program(program.parameters, people())["result"]
    np.testing.assert_allclose(found, INCOME + exact(INCOME.size), rtol=1e-6)


LITERALS = {
    "arange": (lambda person, income: np.arange(101).sum(), lambda income: 5050),
    "ones": (lambda person, income: np.ones(101).sum(), lambda income: 101),
    "counts by income": (
        lambda person, income: np.bincount(income.astype(int), minlength=101)[income.astype(int)],
        lambda income: np.bincount(income.astype(int), minlength=101)[income.astype(int)],
    ),
    "a buffer": (lambda person, income: _tally(101, income), lambda income: 1),
    "a buffer as long as two columns": (
        lambda person, income: _tally(204, income) + 0 * _both(person, income).sum(),
        lambda income: 1,
    ),
}


def _tally(length, income):
    tally = np.zeros(length)
    np.add.at(tally, income.astype(int), 1.0)
    return tally[income.astype(int)]


def _both(person, income):
    rents = person.simulation.populations["household"]("rent", 2025)
    return np.concatenate([income, rents])


@pytest.mark.parametrize("name", LITERALS)
def test_a_length_that_a_formula_gives_is_no_number_of_rows(name):
    """A table by age has 101 entries, as the first shadow population has persons."""
    formula, exact = LITERALS[name]
    try:
        program = _compiled(formula)
    except UntraceableRule:
        return
    found = program(program.parameters, people())["result"]
    np.testing.assert_allclose(found, np.broadcast_to(exact(INCOME), 4))


def test_a_decision_on_the_number_of_rows_is_guarded():
    program = _compiled(lambda person, income: 1.0 if person.count > 3 else 2.0)
    np.testing.assert_allclose(program(program.parameters, OTHERS["more"])["result"][:23], 1.0)
    with pytest.raises(GuardMovedError, match="result"):
        program(program.parameters, OTHERS["fewer"])


# ---- joined lengths


def test_joined_lengths_are_saved_and_loaded(tmp_path):
    def joined(person, income):
        both = _both(person, income)
        return both.sum() + np.cumsum(np.where(both > 15, both, 0)).max()

    program = _compiled(joined)
    program.save(tmp_path / "joined.pejax")
    again = load(tmp_path / "joined.pejax")
    assert again == program
    for population in OTHERS.values():
        rows, households = population.count(), population.count("household")
        income = np.asarray(population.column("income"), float)[:rows]
        both = np.concatenate([income, 100.0 * np.arange(1, households + 1)])
        expected = both.sum() + both[both > 15].sum()
        for each in (program, again):
            found = each(each.parameters, population)["result"][:rows]
            np.testing.assert_allclose(found, np.full(rows, expected), rtol=1e-5)


def test_equal_sums_of_shadow_sizes_are_told_apart():
    """101 + 109 rows are as many as 103 + 107, but in a population they are not."""
    graph = Graph({"a": 101, "b": 103, "c": 107, "d": 109})
    ones = {e: graph.input(e, np.ones(n)) for e, n in graph.sizes.items()}
    sizes = {101: 2, 103: 3, 107: 5, 109: 11}
    outer = graph.apply("concatenate", ones["a"], ones["d"], axis=0)
    assert graph.length(outer.shape[0], sizes) == 13
    with pytest.raises(DimensionClash, match="joined to 210 rows"):
        graph.apply("concatenate", ones["b"], ones["c"], axis=0)
    assert graph.length(outer.shape[0], sizes) == 13


def test_a_table_as_long_as_joined_columns_is_told_apart():
    graph = Graph({"a": 101, "b": 103})
    ones = {e: graph.input(e, np.ones(n)) for e, n in graph.sizes.items()}
    graph.broadcast(1.0, (204,))
    with pytest.raises(DimensionClash, match="204 rows"):
        graph.apply("concatenate", ones["a"], ones["b"], axis=0)


def test_pieces_on_other_joined_lengths_do_not_share_their_code():
    def last_digest(*entities):
        graph = Graph(dict(zip(entities, (101, 103, 107), strict=True)))
        columns = [graph.input(e, np.ones(graph.sizes[e])) for e in entities[:2]]
        both = graph.apply("concatenate", *columns, axis=0)
        return cut([graph.apply("multiply", both, 2.0)], size=1)[-1].digest

    assert last_digest("person", "unit", "household") != last_digest("person", "household", "unit")


# ---- how many kinds there are is a value of the population


def _pooled(person, income, age):
    """What people of the same age have together, in as many pools as there are ages."""
    _, pool = np.unique(np.column_stack([age, age % 2]), axis=0, return_inverse=True)
    count = int(np.max(pool, initial=-1)) + 1
    shares = np.bincount(pool, weights=income, minlength=count)
    return shares[pool] + 1000 * pool + 1e6 * count


@pytest.mark.parametrize("rows", [1, 2, 7, 60, 100, 101, 103, 120, 128, 256])
@pytest.mark.parametrize("padded", [False, True])
def test_numbers_of_pools_owe_nothing_to_sizes_or_padding(rows, padded):
    program = program_of("pooled", rule(entity="person", name="pooled")(_pooled))
    population = people(np.linspace(1.0, 90.0, rows), max(1, rows // 2))
    ages = (np.arange(rows) * 7) % 11
    population = population.with_columns({"person": {"age": ages}})
    expected = _pooled(None, np.linspace(1.0, 90.0, rows), ages)
    run = population.pad_to() if padded else population
    found = program(program.parameters, run)["pooled"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_an_order_of_rows_begins_with_the_real_ones():
    def ordered(person, income):
        order = np.lexsort((income, -income))
        return income[order]

    population = people(np.array([-5.0, -7.0, -6.0]), 2).pad_to({"person": 64, "household": 16})
    program = program_of("ordered", rule(entity="person", name="ordered")(ordered))
    found = program(program.parameters, population)["ordered"]
    np.testing.assert_allclose(found, [-5.0, -6.0, -7.0])


def test_groups_beyond_their_number_are_a_moved_decision():
    def counted(person, household, age):
        return np.bincount(age, minlength=40)[age] + 0.0

    program = program_of("counted", rule(entity="person", name="counted")(counted))
    found = program(program.parameters, people())["counted"]
    np.testing.assert_allclose(found, 1.0)
    older = people().with_columns({"person": {"age": np.array([7, 8, 30, 90])}})
    with pytest.raises(GuardMovedError, match="counted"):
        program(program.parameters, older)


def test_numpy_computes_in_the_widths_of_the_source():
    """Columns are as wide as the source stores them: 32 bits, which sums in 64 would hide."""

    def raised(person, income):
        return income.astype(np.float32) * np.float32(1.1)

    program = program_of("raised", rule(entity="person", name="raised")(raised))
    income = np.array([0.1, 0.2, 0.3, 16_777_217.0])
    found = program.interpreter(program.parameters, people(income))(program.outputs[0].node)
    np.testing.assert_array_equal(found, income.astype(np.float32) * np.float32(1.1))
    wide = program.interpreter(program.parameters, people(income), floats="float64")(
        program.outputs[0].node
    )
    np.testing.assert_array_equal(wide, income.astype(np.float32).astype(float) * np.float32(1.1))
    assert (wide != found).any()

"""Whole numbers that 32-bit floats do not hold keep all their digits where something is decided."""

import operator

import jax
import numpy as np
import pytest
from _engine_rules import INCOME, people, system

from pejax.engine import compile, input_variable, rule
from pejax.engine.graph._interpret import Interpreter
from pejax.engine.graph._ir import Graph
from pejax.engine.running._emit import Emitter

B = 2**24
CODE = input_variable("code", entity="person", kind="int")
CODES = [B + 1, B, B + 2, B + 3]


def asked(formula, **columns):
    """What the program gives, and the graph in numpy."""
    made, population = rule(entity="person", name="asked")(formula), people(code=CODES, **columns)
    program = compile(
        system(made, inputs=(INCOME, CODE), law={"limit": float(B)}), ["asked"], 2025, population
    )
    numpy = program.interpreter(program.parameters, population)(program.outputs[0].node)
    return np.asarray(program(program.parameters, population)["asked"]).tolist(), numpy.tolist()


def ranked(person, household, code):
    return person.get_rank(household, code) * 1.0


def ranked_of_some(person, household, code):
    return person.get_rank(household, code, code != B) * 1.0


def ranked_as_floats(person, household, code):
    return person.get_rank(household, code * 1.0) * 1.0


def is_largest_of_household(household, code):
    return (household.project(household.max(code)) == code) * 1.0


def is_least_of_household(household, code):
    return (household.project(household.min(code)) == code) * 1.0


def is_largest(code):
    return (code == code.max()) * 1.0


def above_a_float(code):
    return (code > B + 0.0) * 1.0


def above_the_law(code, params):
    return (code > params.limit) * 1.0


def equal_to_a_float(code):
    return (code * 1.0 == B + 1) * 1.0


def searched_among_integers(code):
    return np.searchsorted(np.array([B, B + 1, B + 2]), code) * 1.0


def searched_among_floats(code):
    return np.searchsorted(np.array([B, B + 1.5, B + 2]), code, side="right") * 1.0


def in_a_table_of_floats(code):
    return np.isin(code, [B + 1.0, B + 2.5]) * 1.0


def sorted_rows(code):
    return np.lexsort([code]) * 1.0


def larger_of_two(code):
    return np.maximum(code, B + 1) - B


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (ranked, [1, 0, 2, 0]),
        (ranked_of_some, [0, -1, 1, 0]),
        (ranked_as_floats, [1, 0, 2, 0]),
        (is_largest_of_household, [0, 0, 1, 1]),
        (is_least_of_household, [0, 1, 0, 1]),
        (is_largest, [0, 0, 0, 1]),
        (above_a_float, [1, 0, 1, 1]),
        (above_the_law, [1, 0, 1, 1]),
        (equal_to_a_float, [1, 0, 0, 0]),
        (searched_among_integers, [1, 0, 2, 3]),
        (searched_among_floats, [1, 1, 3, 3]),
        (in_a_table_of_floats, [1, 0, 0, 0]),
        (sorted_rows, [1, 0, 2, 3]),
        (larger_of_two, [1, 1, 2, 3]),
    ],
)
def test_integers_above_the_digits_of_a_float(formula, expected):
    assert asked(formula) == (expected, expected)


def test_a_rank_by_sorting_keeps_the_digits_too():
    made = rule(entity="person", name="asked")(ranked)
    population = people(code=CODES)
    program = compile(system(made, inputs=(INCOME, CODE)), ["asked"], 2025, population)
    aside = population.pad_to({"person": 64, "tax_unit": 64, "household": 64})
    found = jax.jit(program)(program.parameters, aside)["asked"]
    assert np.asarray(found)[:4].tolist() == [1, 0, 2, 0]


# ---- an integer and a float, at the ends of both

INTEGERS = np.array(
    [-(2**31) + 1, -B - 1, -3, -2, 0, 2, 3, B + 1, 2**31 - 200, 2**31 - 2], dtype=np.int32
)
FLOATS = np.array(
    [
        -np.inf,
        -3e9,
        -B - 1.5,
        -2.5,
        -2,
        0,
        2,
        2.5,
        B,
        B + 2,
        2**31 - 128,
        2**31,
        3e9,
        np.inf,
        np.nan,
    ],
    np.float32,
)
COMPARISONS = ["greater", "greater_equal", "less", "less_equal", "equal", "not_equal"]


def emitted(build, columns):
    """A node of columns in JAX's 32-bit floats, and in numpy."""
    graph = Graph({"person": 101})
    nodes = [graph.input(name, np.ones(101, v.dtype)) for name, v in columns.items()]
    root, rows = build(graph, *nodes), len(next(iter(columns.values())))
    emitter = Emitter({}, {101: rows}, np.float32)
    for node in graph.nodes:
        if node.op == "input":
            emitter.values[node.index] = jax.numpy.asarray(columns[node.attr("name")])
        elif node.op != "constant":
            emitter.run(node)
    return np.asarray(emitter.get(root)), Interpreter(columns, {101: rows})(root)


@pytest.mark.parametrize("op", COMPARISONS)
@pytest.mark.parametrize("turned", [False, True])
def test_an_integer_beside_a_float(op, turned):
    grid = np.meshgrid(INTEGERS, FLOATS)
    columns = {"i": grid[0].ravel(), "x": grid[1].ravel().astype(np.float32)}
    order = operator.itemgetter(1, 0) if turned else operator.itemgetter(0, 1)
    found, expected = emitted(lambda g, i, x: g.apply(op, *order((i, x))), columns)
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("op", COMPARISONS)
@pytest.mark.parametrize("literal", [B + 1.0, B + 1.5, -3e9, 3e9, np.inf, -np.inf, np.nan, 2.5])
def test_an_integer_beside_a_literal(op, literal):
    for turned in (False, True):
        found, expected = emitted(
            lambda g, i: g.apply(op, *((literal, i) if turned else (i, literal))),  # noqa: B023
            {"i": INTEGERS},
        )
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("side", ["left", "right"])
def test_integers_among_floats_and_floats_among_integers(side):
    edges = np.array([-np.inf, -2.5, 0, 2, B + 1, B + 1.5, 2**31 - 300, np.inf])
    found, expected = emitted(lambda g, i: g.apply("search", edges, i, side=side), {"i": INTEGERS})
    assert found.tolist() == expected.tolist()
    whole = np.sort(INTEGERS)
    found, expected = emitted(lambda g, x: g.apply("search", whole, x, side=side), {"x": FLOATS})
    assert found.tolist() == expected.tolist()

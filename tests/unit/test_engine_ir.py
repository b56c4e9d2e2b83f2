"""The graph: interning, folding, symbolic sizes."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from pejax.engine.graph import _ir
from pejax.engine.graph._interpret import Interpreter
from pejax.engine.graph._ir import DimensionClash, Graph
from pejax.engine.graph._node import literal_of, reachable

SHADOW = {"person": 101, "household": 103}
SIZES = {101: 5, 103: 3}
COLUMNS = {
    "f": np.array([0.0, -1.5, 2.0, 1e9, 3.0]),
    "g": np.array([1.0, 0.0, -2.0, 0.5, 0.0]),
    "i": np.array([0, 3, -2, 7, 1], np.int32),
    "b": np.array([True, False, True, True, False]),
    "link": np.array([0, 1, 1, 0, 1], np.int32),
}
NUMBERS = {"p": 0.3, "zero": 0.0, "one": 1.0, "infinite": np.inf}


@pytest.fixture
def graph():
    return Graph(SHADOW)


def column(graph: Graph, name: str):
    values = COLUMNS[name]
    wide = values.dtype if values.dtype.kind != "f" else np.dtype(np.float64)
    return graph.input(name, np.ones(101, wide))


def value(node):
    return Interpreter(COLUMNS, SIZES, NUMBERS)(node)


# ---- interning


def test_equal_operations_are_one_node(graph):
    a = graph.apply("add", column(graph, "f"), graph.parameter("p", 0.3))
    b = graph.apply("add", column(graph, "f"), graph.parameter("p", 0.3))
    assert a is b


def test_weak_and_strong_scalars_are_told_apart(graph):
    weak, strong = graph.constant(1.0), graph.constant(np.float64(1.0))
    assert weak is not strong
    assert graph.constant(1) is not graph.constant(True)
    assert weak.weak and not strong.weak


def test_dtypes_are_those_of_numpy(graph):
    single = graph.astype(column(graph, "f"), np.float32)
    assert graph.apply("multiply", single, 2.0).dtype == np.float32
    assert graph.apply("multiply", single, np.float64(2.0)).dtype == np.float64
    assert graph.apply("divide", column(graph, "i"), 2).dtype == np.float64
    assert graph.apply("add", column(graph, "b"), column(graph, "b")).dtype == np.bool_


def test_a_node_knows_what_it_depends_on(graph):
    tax = graph.apply("multiply", column(graph, "f"), graph.parameter("p", 0.3))
    assert (tax.data, tax.law) == (True, True)
    assert (graph.constant(3.0).data, graph.parameter("p", 0.3).data) == (False, False)
    assert [n.op for n in reachable([tax])] == ["input", "parameter", "multiply"]


def test_the_origin_is_the_variable_being_computed(graph):
    graph.origin.append("income_tax")
    assert graph.apply("negative", column(graph, "f")).origin == "income_tax"


# ---- folding: the same value and dtype with less work


def folded(op, *args, **attrs):
    """What `Graph` makes of an operation, and what it would be unfolded."""
    return lambda graph: graph.apply(op, *[a(graph) if callable(a) else a for a in args], **attrs)


def c(name):
    return lambda graph: column(graph, name)


def p(name):
    return lambda graph: graph.parameter(name, NUMBERS[name])


def rows(x):
    return lambda graph: graph.broadcast(x, (101,))


def single(name):
    return lambda graph: graph.astype(column(graph, name), np.float32)


def rows_of(make):
    return lambda graph: graph.broadcast(make(graph), (101,))


FOLDS = {
    "where of a known condition": folded("where", rows(True), c("i"), c("f")),
    "where of a false condition": folded("where", rows(False), c("f"), c("i")),
    "where of equal branches": folded("where", c("b"), c("i"), c("i")),
    "where of true and false": folded("where", c("b"), True, False),
    "and true": folded("bitwise_and", c("b"), rows(True)),
    "and false": folded("logical_and", rows(False), c("b")),
    "and itself": folded("bitwise_and", c("b"), c("b")),
    "or false": folded("logical_or", c("b"), rows(False)),
    "or true": folded("bitwise_or", c("b"), True),
    "plus 0": folded("add", c("f"), 0),
    "plus 0.0 of integers": folded("add", c("i"), 0.0),
    "0 plus": folded("add", rows(np.float64(0.0)), single("f")),
    "0 plus true": folded("add", 0, c("b")),
    "minus 0": folded("subtract", c("i"), 0.0),
    "times 1": folded("multiply", c("i"), 1.0),
    "times true": folded("multiply", c("f"), True),
    "times 0": folded("multiply", c("f"), 0),
    "0 times integers": folded("multiply", 0.0, c("i")),
    "over 1": folded("divide", c("i"), 1),
    "0 over 4": folded("divide", rows(0.0), 4.0),
    "maximum with itself": folded("maximum", c("f"), c("f")),
    "minimum with itself": folded("minimum", single("f"), single("f")),
    "uniform table": folded("take", np.array([2.0, 2.0, 2.0]), c("i")),
    "known index": folded("take", folded("pack", 1, p("p")), rows(1)),
    "known index beyond the end": folded("take", folded("pack", 1, p("p")), rows(9)),
    "take of uniform rows": folded("take", rows(7), c("i")),
    "entry of a pack": folded("getitem", folded("pack", 1, p("p")), key=("int", 0)),
    "number of a pack": folded("getitem", folded("pack", 1, p("p")), key=("int", -1)),
    "the whole slice": folded("getitem", c("f"), key=("slice", None, None, None)),
    "sum of zeros": folded("segment_sum", rows(0.0), c("link"), num=103),
    "any of uniform rows": folded("any", rows(True), axis=None),
    "all of uniform numbers": folded("all", rows(2), axis=None),
    "max of uniform rows": folded("max", rows(2.5), axis=None),
    "literals": folded("add", 2, 0.5),
    "uniform rows": folded("multiply", rows(2.0), rows_of(p("p"))),
    "uniform rows, weak and strong": folded("add", rows(1), rows(np.float32(2.5))),
}


def unfolded(build):
    """The same expression with every rewrite switched off."""
    with (
        mock.patch.object(_ir, "simplify", lambda *_: None),
        mock.patch.object(Graph, "_uniform", lambda *_: None),
    ):
        return build(Graph(SHADOW))


def assert_same(a, b):
    """Equal values, dtypes and weakness."""
    found, expected = value(a), value(b)
    np.testing.assert_array_equal(found, expected)
    assert np.shape(found) == np.shape(expected)
    assert np.result_type(found) == np.result_type(expected)
    assert (a.dtype, a.weak, a.shape) == (b.dtype, b.weak, b.shape)


@pytest.mark.parametrize("build", FOLDS.values(), ids=FOLDS)
def test_a_fold_is_exact(build):
    simple = build(Graph(SHADOW))
    assert_same(simple, unfolded(build))


@pytest.mark.parametrize("build", FOLDS.values(), ids=FOLDS)
def test_a_fold_saves_work(build):
    plain = {"input", "parameter", "constant", "broadcast", "astype", "pack"}
    operations = [n.op for n in reachable([build(Graph(SHADOW))]) if n.op not in plain]
    expected = {"0 plus true": ["add"], "uniform rows": ["multiply"]}
    names = {build: name for name, build in FOLDS.items()}
    assert operations == expected.get(names[build], [])


def test_zero_times_what_may_be_infinite_stays(graph):
    ratio = graph.apply("divide", column(graph, "f"), column(graph, "g"))
    product = graph.apply("multiply", 0.0, ratio)
    assert product.op == "multiply"
    assert np.isnan(value(product)).any()


@pytest.mark.parametrize("op", ["divide", "floor_divide", "remainder"])
def test_a_quotient_by_data_is_not_taken_to_be_finite(graph, op):
    assert not graph.apply(op, column(graph, "f"), column(graph, "g")).finite
    assert graph.apply(op, column(graph, "f"), 2.0).finite
    assert not graph.apply(op, column(graph, "f"), 0.0).finite


def test_zero_times_an_infinite_number_stays(graph):
    product = graph.apply("multiply", 0.0, graph.parameter("infinite", np.inf))
    assert literal_of(product) is None


# ---- folding, at random

OPERATIONS = {
    "add": 2, "subtract": 2, "multiply": 2, "divide": 2, "maximum": 2, "minimum": 2,
    "greater": 2, "less_equal": 2, "equal": 2, "logical_and": 2, "logical_or": 2,
    "bitwise_and": 2, "bitwise_or": 2, "logical_not": 1, "negative": 1, "absolute": 1,
    "where": 3, "floor_divide": 2, "remainder": 2, "round": 1, "sqrt": 1, "pack": 2,
    "take": 2, "getitem": 1, "segment_sum": 1, "segment_max": 1, "any": 1, "max": 1, "astype": 1,
}  # fmt: skip
ATTRIBUTES = {
    "segment_sum": {"num": 103},
    "segment_max": {"num": 103},
    "any": {"axis": None},
    "max": {"axis": None},
    "getitem": {"key": ("int", 0)},
    "astype": {"dtype": "<f4"},
}
LEAVES = [
    *(c(name) for name in COLUMNS if name != "link"),
    *(p(name) for name in NUMBERS),
    *(rows(x) for x in (0, 1, 0.0, 1.0, True, False, np.float32(0.5))),
    *(lambda graph, x=x: graph.constant(x) for x in (0, 1, 2.5, True, False, np.float64(0.0))),
]

steps = st.lists(
    st.tuples(st.sampled_from(sorted(OPERATIONS)), st.lists(st.integers(0, 60), min_size=3)),
    min_size=1,
    max_size=8,
)


def expression(plan):
    """An expression over the leaves; a step that numpy would refuse is left out."""

    def build(graph):
        made = [leaf(graph) for leaf in LEAVES]
        for op, picks in plan:
            args = [made[-1 - k % len(made)] for k in picks[: OPERATIONS[op]]]
            if _fits(op, args):
                link = [column(graph, "link")] if op.startswith("segment") else []
                made.append(graph.apply(op, *args, *link, **ATTRIBUTES.get(op, {})))
        return graph, made

    return build


ONLY_NUMBERS = ["subtract", "negative", "round", "sqrt", "absolute", "floor_divide", "remainder"]
SPECIAL = {
    "segment_sum": lambda shapes, kinds: shapes[0] == (101,),
    "segment_max": lambda shapes, kinds: shapes[0] == (101,),
    "getitem": lambda shapes, kinds: shapes[0] == (2,),
    "pack": lambda shapes, kinds: shapes == [(), ()],
    "take": lambda shapes, kinds: shapes[0] == (2,) and kinds[1] == "i",
    "bitwise_and": lambda shapes, kinds: set(kinds) == {"b"} and len(set(shapes)) == 1,
    "bitwise_or": lambda shapes, kinds: set(kinds) == {"b"} and len(set(shapes)) == 1,
}


def _fits(op, args):
    shapes, kinds = [a.shape for a in args], [a.dtype.kind for a in args]
    if op in SPECIAL:
        return SPECIAL[op](shapes, kinds)
    return len({*shapes, ()}) <= 2 and not (op in ONLY_NUMBERS and "b" in kinds)


@settings(max_examples=150, deadline=None)
@given(steps)
@example([("pack", [0, 1, 2]), ("getitem", [0, 0, 0]), ("add", [0, 20, 0])])
def test_folding_changes_nothing(plan):
    _, simple = expression(plan)(Graph(SHADOW))
    with (
        mock.patch.object(_ir, "simplify", lambda *_: None),
        mock.patch.object(Graph, "_uniform", lambda *_: None),
    ):
        _, plain = expression(plan)(Graph(SHADOW))
    for a, b in zip(simple[len(LEAVES) :], plain[len(LEAVES) :], strict=True):
        assert_same(a, b)


# ---- sizes


def test_a_literal_as_long_as_an_entity_is_a_clash(graph):
    with pytest.raises(DimensionClash, match="101"):
        graph.constant(np.arange(101.0))


def test_a_table_of_numbers_as_long_as_an_entity_is_a_clash(graph):
    with pytest.raises(DimensionClash, match="103"):
        graph.apply("pack", *[graph.parameter(f"p{i}", float(i)) for i in range(103)])


def test_a_uniform_literal_as_long_as_an_entity_belongs_to_it(graph):
    ones = graph.constant(np.ones(101))
    assert ones.op == "broadcast"
    np.testing.assert_array_equal(value(ones), np.ones(5))


def test_sizes_are_those_of_the_population(graph):
    total = graph.apply("segment_sum", column(graph, "f"), column(graph, "link"), num=103)
    np.testing.assert_allclose(value(total), [0.0 + 1e9, -1.5 + 2.0 + 3.0, 0.0])
    np.testing.assert_array_equal(value(graph.apply("arange", num=101)), np.arange(5))


def test_text_has_no_place_in_a_graph(graph):
    with pytest.raises(TypeError, match="no place"):
        graph.constant(np.array(["a", "b"]))

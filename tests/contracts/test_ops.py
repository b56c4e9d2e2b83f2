"""Every operation, one row: numpy's meaning is JAX's meaning, and its derivative is a number.

A row says what the operation is called with. The battery below runs each row on ordinary and on
extreme values: interpreter against emitter, derivatives against central differences where they
exist, and no NaN in any derivative, wherever the values are.
"""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax.engine.graph._interpret import Interpreter
from pejax.engine.graph._ir import Graph
from pejax.engine.graph._node import reachable
from pejax.engine.graph._ops import OPS
from pejax.engine.running._emit import EMITTERS, Emitter

EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e300, 1e-300, np.inf, -np.inf, np.nan)
PERSONS, GROUPS = len(EDGES) ** 2, 40
SHADOW = {"person": 101, "group": 103}
SIZES = {101: PERSONS, 103: GROUPS}
ROWS_OF = {PERSONS: SHADOW["person"], GROUPS: SHADOW["group"]}
LINK = np.random.default_rng(0).integers(0, GROUPS - 1, PERSONS).astype(np.int32)  # one is empty
RANK = np.array([(LINK[:i] == LINK[i]).sum() for i in range(PERSONS)], np.int32)

pytestmark = pytest.mark.usefixtures("x64")


# ---- what an operation is called with


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of the population; its values are drawn, or edge cases."""

    kind: str = "f"
    low: float = -3.0
    high: float = 3.0

    def ordinary(self, rng: np.random.Generator) -> np.ndarray:
        if self.kind == "b":
            return rng.random(PERSONS) < 0.5
        if self.kind == "i":
            return rng.integers(int(self.low), int(self.high) + 1, PERSONS).astype(np.int32)
        return rng.uniform(self.low, self.high, PERSONS)

    def edges(self, row: np.ndarray) -> list[np.ndarray]:
        """Edge cases in the order of `row`: all, those that are numbers, and nothing but zero."""
        if self.kind == "b":
            return [row % 2 == 0, np.zeros(row.size, bool), np.ones(row.size, bool)]
        if self.kind == "i":
            whole = np.arange(int(self.low), int(self.high) + 1, dtype=np.int32)
            return [whole[row % whole.size], whole[row % 2], np.zeros(row.size, np.int32)]
        every = np.array(EDGES)[row % len(EDGES)]
        return [every, np.where(np.isfinite(every), every, 2.0), np.zeros(row.size)]


@dataclasses.dataclass(frozen=True)
class Given:
    """A structural input, always the same."""

    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class Number:
    """A parameter."""

    value: float


@dataclasses.dataclass(frozen=True)
class Table:
    """A vector of parameters."""

    values: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Row:
    """One operation of the contract.

    Attributes:
        args: what it takes (anything else is a literal).
        attrs: its settings.
        slope: whether its derivative is to equal a difference quotient at ordinary values.
    """

    args: tuple[Any, ...]
    attrs: dict[str, Any] = dataclasses.field(default_factory=dict)
    slope: bool = False


X, Y = Column(), Column()
POSITIVE = Column(low=0.2)
FLAG = Column("b")
WHOLE = Column("i", -5, 5)
PLACE = Column("i", 0, 3)
GROUP, POSITION = Given(LINK), Given(RANK)
HOLES = Table((1.5, np.nan, -2.0, np.inf))
STEPS = Table((-2.0, 0.0, 1.0, 2.5))


def smooth(*args: Any, **attrs: Any) -> Row:
    return Row(args, attrs, slope=True)


def jump(*args: Any, **attrs: Any) -> Row:
    return Row(args, attrs)


ROWS: dict[str, list[Row]] = {
    "add": [smooth(X, Y), smooth(X, Number(2.0)), jump(FLAG, FLAG), jump(WHOLE, 3)],
    "subtract": [smooth(X, Y), smooth(Number(2.0), X), jump(WHOLE, WHOLE)],
    "multiply": [smooth(X, Y), smooth(X, Number(0.0)), smooth(X, Number(np.inf)), smooth(X, FLAG)],
    "divide": [smooth(X, POSITIVE), smooth(X, Number(4.0)), jump(X, Y), jump(WHOLE, WHOLE)],
    "power": [smooth(POSITIVE, Y), smooth(POSITIVE, Number(0.7)), jump(X, Number(0.0)), jump(X, 2)],
    "float_power": [smooth(POSITIVE, Number(1.5)), jump(X, Y)],
    "maximum": [smooth(X, Y), smooth(X, Number(0.5)), jump(WHOLE, 0), jump(FLAG, FLAG)],
    "minimum": [smooth(X, Y), smooth(X, Number(np.inf)), jump(WHOLE, 0), jump(FLAG, FLAG)],
    "fmax": [smooth(X, Y), jump(X, np.nan)],
    "fmin": [smooth(X, Y), jump(X, np.nan)],
    "negative": [smooth(X), jump(WHOLE)],
    "positive": [smooth(X), jump(WHOLE)],
    "absolute": [smooth(X), jump(WHOLE)],
    "square": [smooth(X), jump(WHOLE)],
    "sqrt": [smooth(POSITIVE), jump(X)],
    "exp": [smooth(X)],
    "log": [smooth(POSITIVE), jump(X)],
    "log10": [smooth(POSITIVE), jump(X)],
    "nan_to_num": [smooth(X)],
    "sign": [jump(X), jump(WHOLE)],
    "floor": [jump(X)],
    "ceil": [jump(X)],
    "trunc": [jump(X)],
    "rint": [jump(X)],
    "round": [jump(X), jump(X, decimals=1), jump(WHOLE)],
    "floor_divide": [jump(X, Number(0.7)), jump(WHOLE, WHOLE), jump(WHOLE, 0)],
    "remainder": [smooth(X, Number(0.7)), jump(WHOLE, WHOLE), jump(WHOLE, 0)],
    "bitwise_and": [jump(FLAG, FLAG), jump(WHOLE, 3)],
    "bitwise_or": [jump(FLAG, FLAG), jump(WHOLE, 3)],
    "bitwise_xor": [jump(FLAG, FLAG), jump(WHOLE, 3)],
    "right_shift": [jump(WHOLE, 1), jump(WHOLE, PLACE), jump(FLAG, 1)],
    "left_shift": [jump(WHOLE, 2), jump(WHOLE, PLACE), jump(FLAG, 3)],
    "invert": [jump(FLAG), jump(WHOLE)],
    "logical_and": [jump(X, Y), jump(WHOLE, FLAG)],
    "logical_or": [jump(X, Y), jump(WHOLE, FLAG)],
    "logical_xor": [jump(X, Y), jump(WHOLE, FLAG)],
    "logical_not": [jump(X), jump(WHOLE)],
    "greater": [jump(X, Y), jump(WHOLE, 2), jump(FLAG, FLAG)],
    "greater_equal": [jump(X, Y), jump(X, Number(0.0))],
    "less": [jump(X, Y), jump(WHOLE, 0.5)],
    "less_equal": [jump(X, Y), jump(X, Number(0.0))],
    "equal": [jump(X, X), jump(WHOLE, 2), jump(FLAG, FLAG)],
    "not_equal": [jump(X, Y), jump(WHOLE, 2), jump(FLAG, True)],
    "isnan": [jump(X), jump(WHOLE)],
    "isinf": [jump(X)],
    "isfinite": [jump(X)],
    "where": [smooth(FLAG, X, Y), smooth(FLAG, X, Number(2.0)), jump(FLAG, WHOLE, 1)],
    "astype": [smooth(X, dtype="<f8"), jump(WHOLE, dtype="<f8"), jump(X, dtype="|b1")],
    "broadcast": [smooth(Number(2.0), shape=(101,))],
    "pack": [smooth(Number(2.0), 3, Number(np.inf))],
    "from_end": [jump(WHOLE, 4, beyond="near"), jump(WHOLE, 4, beyond="none")],
    "take": [smooth(HOLES, PLACE), jump(HOLES, Column("i", -9, 9)), smooth(X, GROUP)],
    "getitem": [smooth(STEPS, key=("int", 2)), smooth(STEPS, key=("slice", 1, None, None))],
    "set": [smooth(STEPS, Number(9.0), key=("int", 1)), smooth(X, Number(9.0), key=("int", 0))],
    "scatter": [smooth(X, Given(np.array([3, 0])), Number(7.0))],
    "stack": [smooth(X, Y, axis=0), smooth(X, Y, axis=1)],
    "concatenate": [
        smooth(STEPS, HOLES, axis=0),
        smooth(X, Y, axis=0),
        smooth(X, Given(np.arange(GROUPS)), axis=0),
        jump(Given(np.arange(GROUPS)), WHOLE, FLAG, axis=0),
    ],
    "reshape": [smooth(STEPS, shape=(2, 2)), smooth(X, shape=(101, 1))],
    "transpose": [smooth(X)],
    "arange": [jump(num=101)],
    "isin": [jump(X, np.array([1.0, -2.5])), jump(WHOLE, np.array([1, 3]))],
    "interp": [smooth(X, STEPS, Table((1.0, 4.0, 2.0, 2.0)))],
    "search": [jump(STEPS, X, side="left"), jump(STEPS, X, side="right")],
    "segment_sum": [smooth(X, GROUP, num=103), jump(FLAG, GROUP, num=103)],
    "segment_max": [smooth(X, GROUP, num=103), jump(WHOLE, GROUP, num=103)],
    "segment_min": [smooth(X, GROUP, num=103), jump(FLAG, GROUP, num=103)],
    "rank": [jump(GROUP, POSITION, X, FLAG, num=103), jump(GROUP, POSITION, WHOLE, True, num=103)],
    "nth": [jump(GROUP, POSITION, place=1, num=103)],
    "kinds": [jump(WHOLE), jump(WHOLE, FLAG), jump(PLACE, WHOLE, FLAG)],  # NaNs: no order
    "find": [jump(FLAG, WHOLE, PLACE), jump(FLAG, WHOLE, PLACE, PLACE, WHOLE)],
    "lexsort": [jump(X, WHOLE)],
    "cumsum": [smooth(X, axis=None), smooth(X, axis=0), jump(FLAG, axis=None)],
    "sum": [smooth(X, axis=None), jump(FLAG, axis=None), smooth(STEPS, axis=0)],
    "prod": [smooth(POSITIVE, axis=None), smooth(STEPS, axis=None)],
    "mean": [smooth(X, axis=None), jump(FLAG, axis=None)],
    "max": [smooth(X, axis=None), jump(WHOLE, axis=None)],
    "min": [smooth(X, axis=None), jump(FLAG, axis=None)],
    "any": [jump(X, axis=None), jump(FLAG, axis=None)],
    "all": [jump(X, axis=None), jump(FLAG, axis=None)],
}

CASES = [
    pytest.param(op, row, id=f"{op}-{i}") for op, rows in ROWS.items() for i, row in enumerate(rows)
]
SMOOTH = [
    pytest.param(op, row, id=f"{op}-{i}")
    for op, rows in ROWS.items()
    for i, row in enumerate(rows)
    if row.slope
]


def test_every_operation_has_a_row_and_a_meaning_in_jax():
    assert set(ROWS) == set(OPS) == set(EMITTERS)


# ---- an operation as a node, and its two meanings


@dataclasses.dataclass
class Call:
    """One operation in a graph, with names for what its arguments hold."""

    node: Any
    columns: dict[str, Column]
    given: dict[str, np.ndarray]
    numbers: dict[str, float]

    def numpy(self, columns: dict[str, np.ndarray], numbers: dict[str, float]) -> np.ndarray:
        return np.asarray(Interpreter({**self.given, **columns}, SIZES, numbers)(self.node))

    def jax(self, columns: dict[str, Any], numbers: dict[str, Any]) -> jax.Array:
        known = {**self.given, **columns}
        values: dict[int, Any] = {}
        emitter = Emitter(values, SIZES, jnp.float64)
        for node in reachable([self.node]):
            name = str(node.attr("name"))
            if node.op == "input":
                values[node.index] = jnp.asarray(known[name])
            elif node.op == "parameter":
                values[node.index] = jnp.asarray(numbers[name])
            elif node.op != "constant":
                emitter.run(node)
        return emitter.get(self.node)


def call(op: str, row: Row) -> Call:
    graph = Graph(SHADOW)
    made = Call(None, {}, {}, {"one": 1.0})
    nodes = [_argument(graph, made, i, arg) for i, arg in enumerate(row.args)]
    made.node = graph.apply(op, *nodes, **row.attrs)
    return made


def _argument(graph: Graph, made: Call, i: int, arg: Any) -> Any:
    name = f"x{i}"
    if isinstance(arg, Column):
        made.columns[name] = arg
        kind = {"f": np.float64, "i": np.int32, "b": bool}[arg.kind]
        column = graph.input(name, np.ones(SHADOW["person"], kind))
        if arg.kind != "f":
            return column
        # A column is taken to be finite; what is computed from it need not be.
        return graph.apply("divide", column, graph.parameter("one", 1.0))
    if isinstance(arg, Given):
        made.given[name] = arg.values
        rows = ROWS_OF.get(arg.values.size, arg.values.size)
        return graph.input(name, np.arange(rows, dtype=np.int32) % arg.values.size)
    if isinstance(arg, Number):
        made.numbers[name] = arg.value
        return graph.parameter(name, arg.value)
    if isinstance(arg, Table):
        made.numbers.update({f"{name}.{j}": v for j, v in enumerate(arg.values)})
        leaves = [graph.parameter(f"{name}.{j}", v) for j, v in enumerate(arg.values)]
        return graph.apply("pack", *leaves)
    return graph.constant(arg)


def ordinary(made: Call, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: column.ordinary(rng) for name, column in made.columns.items()}


def extremes(made: Call) -> list[dict[str, np.ndarray]]:
    """Every edge of one column against every edge of the next."""
    rows = np.arange(PERSONS)
    edges = {n: c.edges(rows // len(EDGES) ** i) for i, (n, c) in enumerate(made.columns.items())}
    return [{name: cases[pick] for name, cases in edges.items()} for pick in range(3)]


# ---- the battery


@pytest.mark.parametrize(("op", "row"), CASES)
def test_jax_means_what_numpy_means(op, row):
    made = call(op, row)
    for columns in [ordinary(made, 0), ordinary(made, 1), *extremes(made)]:
        expected = made.numpy(columns, made.numbers)
        found = np.asarray(made.jax(columns, made.numbers))
        assert found.dtype.kind == expected.dtype.kind
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-300)


def _floats(columns: dict[str, Any], numbers: dict[str, Any]) -> dict[str, Any]:
    held = {k: jnp.asarray(v) for k, v in {**columns, **numbers}.items()}
    return {k: v for k, v in held.items() if v.dtype.kind == "f"}


def _slopes(
    made: Call, columns: dict[str, Any], numbers: dict[str, Any] | None = None
) -> dict[str, jax.Array]:
    """The derivative of every entry of the result, weighted by 1, 2, 3, 1, ..."""
    numbers = made.numbers if numbers is None else numbers

    def total(floats: dict[str, Any]) -> jax.Array:
        new_columns = {k: floats.get(k, v) for k, v in columns.items()}
        new_numbers = {k: floats.get(k, v) for k, v in numbers.items()}
        result = made.jax(new_columns, new_numbers)
        weights = 1.0 + jnp.arange(result.size, dtype=float).reshape(result.shape) % 3
        if result.dtype.kind != "f":
            return jnp.sum(weights * jax.lax.stop_gradient(result))
        return jnp.sum(weights * jnp.where(jnp.isfinite(result), result, 0.0))

    return jax.grad(total)(_floats(columns, numbers))


@pytest.mark.parametrize(("op", "row"), SMOOTH)
def test_derivative_is_the_difference_quotient(op, row):
    made = call(op, row)
    columns = ordinary(made, 2)

    def total(name: str, place: Any, step: float) -> float:
        held = {k: np.array(v, float) for k, v in _floats(columns, made.numbers).items()}
        held[name][place] += step
        result = made.numpy(
            {k: held.get(k, v) for k, v in columns.items()},
            {k: float(held[k]) if k in held else v for k, v in made.numbers.items()},
        )
        weights = 1.0 + np.arange(result.size, dtype=float).reshape(result.shape) % 3
        return float(np.sum(weights * np.where(np.isfinite(result), result, 0.0)))

    for name, slope in _slopes(made, columns).items():
        for place in itertools.islice(np.ndindex(*slope.shape), 25):
            value = np.asarray(_floats(columns, made.numbers)[name])[place]
            if not np.isfinite(value):
                assert slope[place] == 0 or np.isfinite(slope[place])
                continue
            quotient = (total(name, place, 1e-5) - total(name, place, -1e-5)) / 2e-5
            np.testing.assert_allclose(slope[place], quotient, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(("op", "row"), CASES)
def test_derivative_is_a_number_at_every_edge(op, row):
    made = call(op, row)
    for columns in [ordinary(made), *extremes(made)]:
        for name, slope in _slopes(made, columns).items():
            assert np.isfinite(np.asarray(slope)).all(), f"{name} in {columns}"


@pytest.mark.parametrize(("op", "row"), CASES)
def test_second_derivative_is_a_number_at_every_edge(op, row):
    made = call(op, row)
    for columns in extremes(made):
        held = _floats(columns, made.numbers)

        def slopes(floats, columns=columns):
            new = {k: floats.get(k, v) for k, v in columns.items()}
            return _slopes(made, new, {k: floats.get(k, v) for k, v in made.numbers.items()})

        steps = jax.tree.map(jnp.ones_like, held)
        for name, second in jax.jvp(slopes, (held,), (steps,))[1].items():
            assert np.isfinite(np.asarray(second)).all(), f"{name} in {columns}"


@pytest.mark.parametrize("op", [op.name for op in OPS.values() if op.jumps])
def test_derivative_of_a_step_is_zero(op):
    for row in ROWS[op]:
        if row.slope:  # a remainder jumps, but it is no step
            continue
        made = call(op, row)
        for slope in _slopes(made, ordinary(made)).values():
            np.testing.assert_array_equal(slope, 0.0)

"""A column of a traced frame: codes into a static list of values, or plain numbers.

A code has only as many meanings as there are values, so what pandas would do to every row it does
here to every value, once, while tracing. What remains for the program is to gather.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ...graph._ir import Graph
from ...graph._node import Node
from ...tracing._array import Traced, Untraceable, to_node
from ...tracing._names import unify

_MOST_VALUES = 1_000_000
"""The combined values of columns with codes of their own; more are refused."""


def pandas() -> Any:
    return importlib.import_module("pandas")


@dataclasses.dataclass(frozen=True, eq=False)
class Column:
    """One entry a row.

    Attributes:
        codes: one integer a row.
        values: the pandas series that they index. Plain numbers have no values: `codes` are the
            numbers themselves.
    """

    codes: Node
    values: Any = None

    @property
    def graph(self) -> Graph:
        return self.codes.graph

    @property
    def is_numeric(self) -> bool:
        return self.values is None or self.values.dtype.kind in "biuf"

    @property
    def is_constant(self) -> bool:
        return self.values is not None and len(self.values) == 1

    def numbers(self) -> Node:
        """The column as an array of numbers or truth values."""
        if self.values is None:
            return self.codes
        if not self.is_numeric:
            raise Untraceable("numbers of a pandas column that holds other things")
        array = self.values.to_numpy()
        source = self.codes.args[0] if self.codes.op == "astype" else None
        if source is not None and source.dtype == np.bool_ and array.tolist() == [False, True]:
            return source
        return self.graph.apply("take", array, self.codes)

    def operand(self) -> Any:
        """The numbers; a constant as a Python scalar, which leaves the other operand's type."""
        constant = self.is_constant and self.is_numeric
        return self.values.iloc[0].item() if constant else self.numbers()

    def missing(self) -> Column:
        """Whether each entry is missing, as pandas' `isna` says."""
        if self.values is not None:
            return Column(self.codes, self.values.isna())
        if self.codes.dtype.kind != "f":
            return constant(False, self.codes)
        return truth(self.graph.apply("isnan", self.codes))

    def traced(self, rows: Node | None) -> Traced:
        """The column as the array that `to_numpy` gives, of the selected rows."""
        if self.is_numeric:
            return Traced(self.numbers(), mask=rows)
        self.fail_if_missing(rows, "a code that the formula's table does not hold")
        places, held = pandas().factorize(self.values)
        if all(isinstance(v, str) for v in held):
            vocabulary: Any = tuple(held) or ("",)
        elif all(isinstance(v, str | enum.Enum) for v in held):
            codes, vocabulary = unify(list(held))
            places = np.array(codes)[places]
        else:
            raise Untraceable("a pandas column that holds neither numbers nor names")
        table = np.maximum(places, 0)  # a missing value is on no selected row
        return Traced(self.graph.apply("take", table, self.codes), vocabulary, rows)

    def fail_if_missing(self, rows: Node | None, message: str) -> None:
        """Refuse an entry that has no value; the check is one of the program's guards."""
        if self.values is None or not self.values.isna().any():
            return
        if bool(Traced(self.missing().numbers(), mask=rows).any()):
            raise Untraceable(message)


def constant(value: Any, like: Node) -> Column:
    """The same value on every row."""
    return Column(like.graph.broadcast(0, like.shape), pandas().Series([value]))


def truth(node: Node) -> Column:
    """Truth values, which are codes of False and True."""
    return Column(node.graph.astype(node, np.int32), pandas().Series([False, True]))


def lift(x: Any, like: Node) -> Column:
    """A traced array or a scalar as a column with as many rows as `like`."""
    if not isinstance(x, Traced):
        if isinstance(x, np.ndarray) and x.ndim == 0:
            x = x.item()
        if np.ndim(x) or isinstance(x, list | tuple | dict):
            raise Untraceable("a plain array among the columns of the population")
        return constant(x, like)
    node = like.graph.broadcast(to_node(like.graph, x), like.shape)
    if isinstance(x.vocabulary, tuple):
        return Column(node, pandas().Series(list(x.vocabulary)))
    if x.vocabulary is not None:
        return Column(node, pandas().Series(np.arange(len(x.names))))
    return truth(node) if node.dtype == np.bool_ else Column(node)


def elementwise(what: str, function: Callable[..., Any], *columns: Column) -> Column:
    """Apply what pandas does to each row to each value, or to each combination of values."""
    if any(c.values is None for c in columns):
        raise Untraceable(f"pandas.{what} of numbers")
    varying = [c for c in columns if not c.is_constant]
    if len({c.codes.index for c in varying}) > 1:
        codes, values = _combinations(what, columns)
    else:
        codes = (varying or columns)[0].codes
        every = np.arange(min(len(c.values) for c in varying or columns))
        values = [c.values.iloc[every * 0 if c.is_constant else every] for c in columns]
        values = [v.reset_index(drop=True) for v in values]
    return Column(codes, function(*values))


def same_codes(*columns: Column) -> bool:
    """Whether the columns are functions of the same codes."""
    coded = all(c.values is not None for c in columns)
    return coded and len({c.codes.index for c in columns if not c.is_constant}) <= 1


def select(test: Column, yes: Column, no: Column) -> Column:
    """`yes` where `test` holds, else `no`."""
    if same_codes(test, yes, no):
        return elementwise("where", lambda t, y, n: y.where(t.astype(bool), n), test, yes, no)
    graph = test.graph
    if yes.is_numeric and no.is_numeric:
        node = graph.apply("where", test.numbers(), yes.operand(), no.operand())
        return truth(node) if node.dtype == np.bool_ else Column(node)
    if yes.values is None or no.values is None:
        raise Untraceable("pandas.Series.where between numbers and other things")
    after = graph.apply("add", no.codes, len(yes.values))
    codes = graph.apply("where", test.numbers(), yes.codes, after)
    return Column(codes, pandas().Series([*yes.values, *no.values]))


def _combinations(what: str, columns: tuple[Column, ...]) -> tuple[Node, list[Any]]:
    """The codes and values of every combination of the columns' distinct values."""
    pd = pandas()
    parts = [pd.factorize(c.values, use_na_sentinel=False) for c in columns]
    sizes = tuple(len(distinct) for _, distinct in parts)
    if np.prod(sizes, dtype=float) > _MOST_VALUES:
        raise Untraceable(f"pandas.{what} of columns with {' x '.join(map(str, sizes))} values")
    places = [(c.codes, place) for c, (place, _) in zip(columns, parts, strict=True)]
    grid = np.indices(sizes).reshape(len(sizes), -1)
    values = [pd.Series(d[i]) for (_, d), i in zip(parts, grid, strict=True)]
    return mixed_radix(places, sizes), values


def mixed_radix(places: list[tuple[Node, np.ndarray]], sizes: tuple[int, ...]) -> Node:
    """One number for the digits `table[codes]`, the last of them varying fastest."""
    graph = places[0][0].graph
    total: Any = None
    for (codes, table), size in zip(places, sizes, strict=True):
        digit = graph.apply("take", np.asarray(table, np.int32), codes)
        shifted = None if total is None else graph.apply("multiply", total, size)
        total = digit if shifted is None else graph.apply("add", shifted, digit)
    return total

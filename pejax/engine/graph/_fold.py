"""Folding: the rewrites that give the same number with less work.

Every rule is exact on its stated assumption. Rows that a rule needs to be finite are known to be
(`Node.finite`): `0 * x` folds to 0 only then, because `0 * inf` is NaN in the source engine too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._node import Attrs, Node, literal_of, scalar_of
from ._ops import index_key, is_weak

if TYPE_CHECKING:
    from ._ir import Graph

_LARGEST_LITERAL = 4096
Result = Callable[[Node], Node | None]
Rule = Callable[["Graph", tuple[Node, ...], Attrs, Result], Node | None]


def simplify(
    graph: Graph, op: str, args: tuple[Node, ...], attrs: Attrs, shadow: Any
) -> Node | None:
    """The simpler node that equals `op(*args)`, or None."""
    if _is_literal(graph, op, args, shadow):
        return graph.constant(shadow)
    rule = RULES.get(op)
    if rule is None:
        return None

    def result(node: Node) -> Node | None:
        if is_weak(shadow):
            return _as_weak(graph, node, type(shadow))
        return graph.broadcast(graph.astype(node, np.asarray(shadow).dtype), np.shape(shadow))

    return rule(graph, args, attrs, result)


def _as_weak(graph: Graph, node: Node, kind: type) -> Node | None:
    """`node` as a Python scalar of one type, if that takes no operation."""
    if type(node.shadow) is kind:
        return node
    return graph.constant(kind(node.shadow)) if node.op == "constant" else None


def _is_literal(graph: Graph, op: str, args: tuple[Node, ...], shadow: Any) -> bool:
    if op == "broadcast" or not args or any(a.op != "constant" for a in args):
        return False
    shape = np.shape(shadow)
    return np.size(shadow) <= _LARGEST_LITERAL and not (shape and shape[0] in graph.entity_of)


def _where(graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Result) -> Node | None:
    condition, yes, no = args
    known = literal_of(condition)
    if known is not None:
        return result(yes if known else no)
    if yes is no:
        return result(yes)
    if condition.dtype == np.bool_ and yes.dtype == np.bool_ and no.dtype == np.bool_:
        a, b = literal_of(yes), literal_of(no)
        if a is not None and b is not None:
            return result(condition) if a and not b else None
    return _chosen_extreme(graph, condition, yes, no, result)


_LARGER = {"greater": True, "greater_equal": True, "less": False, "less_equal": False}


def _chosen_extreme(graph: Graph, test: Node, yes: Node, no: Node, result: Result) -> Node | None:
    """`where(x > y, x, y)` is their maximum: a kink, where a comparison would hide it."""
    test = scalar_of(test) or test
    if test.op not in _LARGER or not all(a.finite for a in test.args):
        return None
    if np.result_type(yes.shadow, no.shadow).kind != "f":
        return None
    for picked, other, straight in ((yes, no, True), (no, yes, False)):
        if _same(picked, test.args[0]) and _same(other, test.args[1]):
            larger = _LARGER[test.op] == straight
            return result(graph.apply("maximum" if larger else "minimum", picked, other))
    return None


def _same(a: Node, b: Node) -> bool:
    """Whether two nodes hold the same number in every row."""
    a, b = (_before_widening(scalar_of(n) or n) for n in (a, b))
    if a is b:
        return True
    return a.op == b.op == "constant" and a.ndim == b.ndim == 0 and bool(a.shadow == b.shadow)


def _before_widening(node: Node) -> Node:
    """The integer of which a 64-bit float was made: the same number, with all its digits in a
    program of narrower floats too."""
    widened = node.op == "astype" and node.dtype == np.float64
    return node.args[0] if widened and node.args[0].dtype.kind == "i" else node


def _comparison(op: str) -> Rule:
    """Integers are compared, ranked and looked for as they are."""

    def rule(graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Result) -> Node | None:
        whole = tuple(map(_before_widening, args))
        return None if whole == args else graph.apply(op, *whole, **dict(attrs))

    return rule


def _boolean(neutral: bool) -> Rule:
    """`and` with neutral True, `or` with neutral False."""

    def rule(graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Result) -> Node | None:
        if any(a.dtype != np.bool_ for a in args):
            return None
        for this, other in (args, args[::-1]):
            known = literal_of(this)
            if known is not None:
                return result(other if bool(known) == neutral else this)
        return result(args[0]) if args[0] is args[1] else None

    return rule


def _add(graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Result) -> Node | None:
    for this, other in (args, args[::-1]):
        if _equals(this, 0) and other.dtype != np.bool_:
            return result(other)
    return None


def _subtract(graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Result) -> Node | None:
    return result(args[0]) if _equals(args[1], 0) else None


def _multiply(graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Result) -> Node | None:
    for this, other in (args, args[::-1]):
        if _equals(this, 1):
            return result(other)
        if _equals(this, 0) and other.finite:
            return result(graph.constant(0))
        if other.dtype == np.bool_ and this.dtype.kind == "f":
            extreme = _chosen_extreme(graph, other, this, graph.constant(0), result)
            if extreme is not None:
                return extreme
    return None


def _divide(graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Result) -> Node | None:
    if _equals(args[1], 1):
        return result(args[0])
    below = literal_of(args[1])
    if _equals(args[0], 0) and below is not None and below != 0 and not np.isnan(below):
        return result(graph.constant(0.0))
    return None


def _extreme(graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Result) -> Node | None:
    return result(args[0]) if args[0] is args[1] else None


def _take(graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Result) -> Node | None:
    table, index = args
    if table.op == "constant" and table.ndim == 1 and table.shadow.size:
        first = table.shadow[0]
        if (table.shadow == first).all():
            return result(graph.constant(first))
    if table.ndim and (row := scalar_of(table)) is not None:
        return result(row)
    at = literal_of(index)
    if at is not None and table.ndim == 1 and not table.data:
        place = int(np.clip(at, 0, table.shape[0] - 1))  # one below zero has been counted already
        return result(graph.getitem(table, place))
    if table.ndim and (whole := _before_widening(table)) is not table:
        return result(graph.apply("take", whole, index))
    return None


def _getitem(graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Result) -> Node | None:
    key: Any = dict(attrs)["key"]
    if args[0].op == "pack" and key[0] == "int":
        return result(args[0].args[key[1]])
    if key == index_key(slice(None)):
        return args[0]
    return None


def _segment_sum(graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Result) -> Node | None:
    return result(graph.constant(0)) if _equals(args[0], 0) else None


def _uniform_reduction(
    graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Any
) -> Node | None:
    if dict(attrs).get("axis") is None and args[0].ndim == 1:
        row = scalar_of(args[0])
        return None if row is None else result(row)
    return None


def _extreme_reduction(op: str) -> Rule:
    """The extreme along the axis of a stack is that of its parts, two by two."""

    def rule(graph: Graph, args: tuple[Node, ...], attrs: Attrs, result: Result) -> Node | None:
        stack = args[0]
        axis: Any = dict(attrs).get("axis")
        if stack.op == "stack" and axis is not None and axis % stack.ndim == _axis_of(stack):
            parts = [graph.astype(a, stack.dtype) for a in stack.args]
            return result(functools.reduce(functools.partial(graph.apply, op), parts))
        return _uniform_reduction(graph, args, attrs, result)

    return rule


def _axis_of(stack: Node) -> int:
    return int(stack.attr("axis", 0)) % stack.ndim


def _equals(node: Node, value: float) -> bool:
    known = literal_of(node)
    return known is not None and not isinstance(known, np.ndarray) and bool(known == value)


RULES: dict[str, Rule] = {
    "where": _where,
    "bitwise_and": _boolean(True),
    "bitwise_or": _boolean(False),
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "maximum": _extreme,
    "minimum": _extreme,
    "take": _take,
    "getitem": _getitem,
    "segment_sum": _segment_sum,
    "any": _uniform_reduction,
    "all": _uniform_reduction,
    "max": _extreme_reduction("maximum"),
    "min": _extreme_reduction("minimum"),
} | {op: _comparison(op) for op in (*_LARGER, "equal", "not_equal", "isin", "search", "rank")}
"""The rule for each operation that has one."""

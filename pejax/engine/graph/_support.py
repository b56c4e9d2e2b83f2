"""In which strata a node may be anything but zero, and in which it may be zero.

Both sets are bits, one a stratum, and both are generous: a stratum is left out only if no row of
it, whatever its household looks like, can have such a value. A value counts as decided by the
stratum only if it is computed from the stratum's column and literals by operations that act row by
row, and is passed along links.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._node import Node, literal_of, reachable
from ._ops import OPS, apply
from ._structure import (
    Numbers,
    follows_links,
    has_rows,
    is_link,
    is_structure,
    looks_across,
    name_of,
    row_numbers,
    structural,
)

AND = {"bitwise_and", "logical_and"}
_OR = {"bitwise_or", "logical_or"}
_EITHER = {
    "add", "subtract", "bitwise_or", "logical_or", "maximum", "minimum",
    "not_equal", "greater", "less", "stack",
}  # fmt: skip
_KEEPS_ZERO = {
    "astype", "negative", "positive", "absolute", "floor", "ceil", "rint", "trunc", "round",
    "sign", "sqrt", "square", "nan_to_num", "reshape", "getitem", "isnan", "isinf", "broadcast",
}  # fmt: skip

_TABLES = {"take": (0,), "search": (0,), "isin": (1,), "interp": (1, 2)}
"""Arguments of which every row may see all."""

Sets = dict[int, int]


def support(
    nodes: list[Node],
    column: str,
    values: tuple[int, ...],
    own: set[int],
    numbers: Numbers,
) -> tuple[Sets, Sets]:
    """For every node the strata where it may be nonzero, and where it may be zero.

    Args:
        nodes: arguments first.
        column: whose values `values` are the strata.
        own: those that whole households compute for themselves.
        numbers: those of rows.
    """
    every = (1 << len(values)) - 1
    decided = decided_by_stratum(nodes, column, values)
    nonzero: Sets = {}
    zero: Sets = {}
    for node in nodes:
        known = decided.get(node.index)
        if known is not None:
            nonzero[node.index], zero[node.index] = _bits(known != 0), _bits(known == 0)
            continue
        nonzero[node.index] = _may_be_nonzero(node, own, numbers, nonzero, zero, every)
        zero[node.index] = _may_be_zero(node, nonzero, zero, every)
    return nonzero, zero


def decided_by_stratum(
    nodes: list[Node], column: str, values: tuple[int, ...]
) -> dict[int, np.ndarray]:
    """The value in every stratum of each node that the stratum alone decides."""
    found: dict[int, np.ndarray] = {}
    for node in nodes:
        value = _decided(node, column, values, found)
        if value is not None:
            found[node.index] = np.broadcast_to(value, len(values))
    return found


def _decided(node: Node, column: str, values: tuple[int, ...], found: dict[int, np.ndarray]) -> Any:
    """What a node is in every stratum, if its arguments are decided; else None."""
    literal = literal_of(node)
    if literal is not None:
        return literal if np.ndim(literal) == 0 else None
    if node.op == "input":
        return np.array(values, node.dtype) if name_of(node) == column else None
    if node.ndim != 1 or not has_rows(node):
        return None
    if node.op == "take" and has_rows(node.args[0]):
        return found.get(node.args[0].index) if _is_path(node.args[1]) else None
    if node.op in ("segment_max", "segment_min"):  # no group is without members
        return found.get(node.args[0].index) if is_link(node.args[1]) else None
    return _row_by_row(node, found)


def _row_by_row(node: Node, found: dict[int, np.ndarray]) -> Any:
    """An operation that acts on each row by itself, with static tables."""
    tables = _TABLES.get(node.op, ())
    if not (tables or node.op == "broadcast" or OPS[node.op].elementwise):
        return None
    arguments = []
    for place, argument in enumerate(node.args):
        static = place in tables and argument.op == "constant" and not has_rows(argument)
        if not static and (place in tables or argument.index not in found):
            return None
        arguments.append(argument.shadow if static else found[argument.index])
    return arguments[0] if node.op == "broadcast" else apply(node.op, arguments, dict(node.attrs))


def _is_path(node: Node) -> bool:
    """Whether a node leads from row to row along links that everybody has."""
    if node.op == "take":
        return all(map(_is_path, node.args))
    return is_structure(node) and name_of(node).rpartition(".")[2] in ("group", "first")


def _may_be_nonzero(
    node: Node, own: set[int], numbers: Numbers, nonzero: Sets, zero: Sets, every: int
) -> int:
    op, of = node.op, [nonzero[a.index] for a in node.args]
    if looks_across(node):
        return every
    if op in AND or (op == "multiply" and all(a.finite for a in node.args)):
        return of[0] & of[1]
    if op == "where":
        return (of[0] & of[1]) | (zero[node.args[0].index] & of[2])
    if op in ("invert", "logical_not") and node.dtype == np.bool_:
        return zero[node.args[0].index]
    if op in _EITHER:
        return union(of)
    return of[0] if _is_zero_where_its_first_argument_is(node, own, numbers) else every


def _is_zero_where_its_first_argument_is(node: Node, own: set[int], numbers: Numbers) -> bool:
    if node.op == "segment_sum":
        return is_link(node.args[1])
    if node.op == "divide":
        return _is_never_zero(node.args[1])
    if node.op == "take":
        return has_rows(node.args[0]) and follows_links(node, own, numbers)
    return node.op in _KEEPS_ZERO


def _is_never_zero(node: Node) -> bool:
    """Whether a divisor is nowhere zero: a literal, or how many members a group has."""
    if node.op in ("astype", "broadcast") or (node.op == "take" and has_rows(node.args[0])):
        return _is_never_zero(node.args[0])
    return literal_of(node) not in (None, 0) or (
        is_structure(node) and name_of(node).endswith(".size")
    )


def _may_be_zero(node: Node, nonzero: Sets, zero: Sets, every: int) -> int:
    of = [zero[a.index] for a in node.args]
    if looks_across(node):
        return every
    if node.op in AND | _OR:
        return of[0] | of[1] if node.op in AND else of[0] & of[1]
    if node.op == "where":
        return (nonzero[node.args[0].index] & of[1]) | (of[0] & of[2])
    if node.op in ("invert", "logical_not") and node.dtype == np.bool_:
        return nonzero[node.args[0].index]
    return of[0] if node.op == "broadcast" and has_rows(node) else every


def decides_in(node: Node, column: str, values: tuple[int, ...]) -> list[int]:
    """The strata whose rows can turn an `any` true or an `all` false; any other rows leave it."""
    return each_decides_in([node], column, values)[0]


def each_decides_in(decided: list[Node], column: str, values: tuple[int, ...]) -> list[list[int]]:
    """The same of several nodes in one go."""
    nodes = reachable(decided)
    numbers = row_numbers(nodes)
    sets = support(nodes, column, values, structural(nodes, numbers), numbers)
    held = [sets[0 if node.op == "any" else 1][node.args[0].index] for node in decided]
    return [[value for k, value in enumerate(values) if bits >> k & 1] for bits in held]


def union(sets: list[int]) -> int:
    """The strata in any of the sets."""
    total = 0
    for one in sets:
        total |= one
    return total


def _bits(held: np.ndarray) -> int:
    return sum(1 << int(i) for i in np.flatnonzero(held))

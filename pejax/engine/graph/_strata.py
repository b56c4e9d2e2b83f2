"""Which rows of a node anybody asks for, when a column divides the households into strata.

Most of a federal country's law belongs to one state each: `where(in_california, its_tax, 0)`. Only
the rows of that state are then worth computing. Two passes over the graph find them:

- forward, the strata in which a node may be anything but zero (and, for a condition, false);
- backward, the strata in which anybody reads it: a `where` reads each branch only where its
  condition may choose it, a product only where its other factor may be nonzero.

A node whose two sets meet in one stratum has its *home* there; where they do not meet it is zero.
Groups nest in households, so sums over members and projections stay within a stratum. Row numbers
do not: whatever computes with them is asked for everywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ._interpret import Interpreter
from ._ir import Graph
from ._node import Node, literal_of, reachable

STRUCTURE = ("group", "position", "first", "size", "real")
"""The parts of an entity's structure, as input nodes name them."""

_NUMBERING = ("group", "first")
_ACROSS_ROWS = {
    "sum", "prod", "mean", "max", "min", "any", "all",
    "cumsum", "lexsort", "kinds", "isin", "scatter", "concatenate",
}  # fmt: skip
_AND = {"bitwise_and", "logical_and"}
_EITHER = {
    "add", "subtract", "bitwise_or", "logical_or", "maximum", "minimum",
    "not_equal", "greater", "less", "stack",
}  # fmt: skip
_KEEPS_ZERO = {
    "astype", "negative", "positive", "absolute", "floor", "ceil", "rint", "trunc", "round",
    "sign", "sqrt", "square", "nan_to_num", "reshape", "getitem", "isnan", "isinf", "broadcast",
}  # fmt: skip
_CARRIES_NUMBERS = {
    "where", "maximum", "minimum", "astype", "stack", "getitem", "reshape", "set",
    "segment_min", "segment_max", "broadcast", "take", "concatenate",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Strata:
    """A column of the households and the values it may have.

    **Arguments:** `column`, an input's name such as `household.state_fips`; `values`, ascending.
    """

    column: str
    values: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Homes:
    """Where nodes are worth computing.

    **Arguments:** `strata`; `of`, the stratum of each node that is asked for in one alone; `idle`,
    nodes that are zero wherever they are asked for; `structural`, those that any rows compute for
    themselves from their own links.
    """

    strata: Strata
    of: Mapping[int, int]
    idle: frozenset[int]
    structural: frozenset[int]


def name_of(node: Node) -> str:
    """An input's name."""
    return str(node.attr("name"))


def is_structure(node: Node) -> bool:
    """Whether an input is a part of an entity's structure."""
    return node.op == "input" and name_of(node).rpartition(".")[2] in STRUCTURE


def has_rows(node: Node) -> bool:
    """Whether a node has one entry (or a few) a row of one entity."""
    return node.ndim >= 1 and node.shape[0] in node.graph.entity_of


def homes(roots: Sequence[Node], strata: Strata) -> Homes:
    """Find every node's home."""
    nodes = reachable(list(roots))
    structural = _depends_only_on_structure(nodes)
    somewhere, nowhere = _where_nonzero(nodes, strata, structural)
    wanted = _where_wanted(nodes, roots, strata, structural, somewhere, nowhere)
    of, idle = {}, set()
    for node in nodes:
        if not has_rows(node) or node.index in structural or node.op in ("constant", "input"):
            continue
        asked = wanted[node.index] & somewhere[node.index]
        if asked == 0:
            idle.add(node.index)
        elif asked & (asked - 1) == 0:
            of[node.index] = asked.bit_length() - 1
    return Homes(strata, of, frozenset(idle), frozenset(structural))


def _depends_only_on_structure(nodes: list[Node]) -> set[int]:
    """Nodes that any rows can compute for themselves from their own links."""
    found: set[int] = set()
    for node in nodes:
        leaf = is_structure(node) or node.op in ("constant", "arange")
        inner = bool(node.args) and all(a.index in found for a in node.args)
        if (leaf or inner) and node.op not in _ACROSS_ROWS:
            found.add(node.index)
    return found


# ---- forward: where a node may be nonzero, and where it may be zero


def _where_nonzero(
    nodes: list[Node], strata: Strata, structural: set[int]
) -> tuple[dict[int, int], dict[int, int]]:
    every = (1 << len(strata.values)) - 1
    fixed = _fixed_by_stratum(nodes, strata)
    nonzero: dict[int, int] = {}
    zero: dict[int, int] = {}
    for node in nodes:
        known = fixed.get(node.index, literal_of(node))
        if known is not None and np.ndim(known) <= 1 and np.size(known) in (1, len(strata.values)):
            held = np.broadcast_to(np.asarray(known), len(strata.values))
            nonzero[node.index], zero[node.index] = _bits(held != 0), _bits(held == 0)
            continue
        nonzero[node.index] = _may_be_nonzero(node, structural, nonzero, zero, every)
        zero[node.index] = _may_be_zero(node, nonzero, zero, every)
    return nonzero, zero


def _may_be_nonzero(
    node: Node, structural: set[int], nonzero: dict[int, int], zero: dict[int, int], every: int
) -> int:
    op, of = node.op, [nonzero[a.index] for a in node.args]
    if op in _AND or (op == "multiply" and all(a.finite for a in node.args)):
        return of[0] & of[1]
    if op == "where":
        return (of[0] & of[1]) | (zero[node.args[0].index] & of[2])
    if op in ("invert", "logical_not") and node.dtype == np.bool_:
        return zero[node.args[0].index]
    if op in _EITHER:
        return _union(of)
    return of[0] if _is_zero_where_its_first_argument_is(node, structural) else every


def _is_zero_where_its_first_argument_is(node: Node, structural: set[int]) -> bool:
    if node.op == "segment_sum":
        return is_structure(node.args[1])
    if node.op == "divide":
        return literal_of(node.args[1]) not in (None, 0)
    if node.op == "take":
        return has_rows(node.args[0]) and node.args[1].index in structural
    return node.op in _KEEPS_ZERO


def _may_be_zero(node: Node, nonzero: dict[int, int], zero: dict[int, int], every: int) -> int:
    if node.op in _AND:
        return zero[node.args[0].index] | zero[node.args[1].index]
    if node.op in ("invert", "logical_not") and node.dtype == np.bool_:
        return nonzero[node.args[0].index]
    if node.op == "broadcast" and has_rows(node):
        return zero[node.args[0].index]
    return every


def _fixed_by_stratum(nodes: list[Node], strata: Strata) -> dict[int, np.ndarray]:
    """The value in every stratum of each node that the stratum alone decides.

    They are computed for two made-up populations, of households of one and of three persons: what
    differs between them depends on more than the stratum.
    """
    pure: list[Node] = []
    known: set[int] = set()
    for node in nodes:
        leaf = node.op in ("constant", "input") and (
            node.op == "constant" or is_structure(node) or name_of(node) == strata.column
        )
        inner = bool(node.args) and all(a.index in known for a in node.args)
        if (leaf or inner) and node.op not in _ACROSS_ROWS:
            known.add(node.index)
            if inner and has_rows(node):
                pure.append(node)
    values = [_by_stratum(pure, strata, persons) for persons in (1, 3)]
    return {
        i: one
        for i, one in values[0].items()
        if i in values[1] and np.array_equal(one, values[1][i])
    }


def _by_stratum(nodes: list[Node], strata: Strata, persons: int) -> dict[int, np.ndarray]:
    if not nodes:
        return {}
    interpreter = _made_up(nodes[0].graph, strata, persons)
    found = {}
    for node in nodes:
        if node.ndim == 1:
            table = np.asarray(interpreter(node)).reshape(len(strata.values), -1)
            if (table == table[:, :1]).all():
                found[node.index] = table[:, 0]
    return found


def _made_up(graph: Graph, strata: Strata, persons: int) -> Interpreter:
    """A population with one household a stratum, all of it in one group of each kind."""
    count = len(strata.values)
    total = count * persons
    inputs: dict[str, np.ndarray] = {strata.column: np.array(strata.values)}
    person = next(iter(graph.sizes))
    for entity in graph.sizes:
        inputs |= {f"{entity}.real": np.ones(total if entity == person else count, bool)}
        if entity != person:
            inputs |= {
                f"{entity}.group": np.repeat(np.arange(count), persons),
                f"{entity}.position": np.tile(np.arange(persons), count),
                f"{entity}.first": np.arange(count) * persons,
                f"{entity}.size": np.full(count, persons),
            }
    sizes = {n: total if e == person else count for e, n in graph.sizes.items()}
    return Interpreter(inputs, sizes)


# ---- backward: where a node is read


def _where_wanted(
    nodes: list[Node],
    roots: Sequence[Node],
    strata: Strata,
    structural: set[int],
    nonzero: dict[int, int],
    zero: dict[int, int],
) -> dict[int, int]:
    every = (1 << len(strata.values)) - 1
    wanted = {node.index: 0 for node in nodes}
    for root in roots:
        wanted[root.index] = every
    number = _row_numbers(nodes)
    for node in reversed(nodes):
        if _needs_every_row(node, structural, number):
            wanted[node.index] = every
        asked = wanted[node.index] if has_rows(node) else every
        for argument, reach in _reads(node, nonzero, zero, every):
            wanted[argument.index] |= asked & reach
    return wanted


def _reads(
    node: Node, nonzero: dict[int, int], zero: dict[int, int], every: int
) -> Iterator[tuple[Node, int]]:
    """The arguments, each with the strata in which its value can matter to the node."""
    args = node.args
    if node.op == "where" and has_rows(node):
        test = args[0].index
        yield from zip(args, (every, nonzero[test], zero[test]), strict=True)
    elif node.op in _AND:
        yield from ((args[0], nonzero[args[1].index]), (args[1], nonzero[args[0].index]))
    elif node.op == "multiply":
        for this, other in (args, args[::-1]):
            yield this, nonzero[other.index] if this.finite else every
    else:
        yield from ((argument, every) for argument in args)


def _needs_every_row(node: Node, structural: set[int], number: set[int]) -> bool:
    """Whether a node looks across strata, or computes with row numbers."""
    if not any(has_rows(a) for a in node.args):
        return False
    if node.op in _ACROSS_ROWS or (node.shape and node.shape[0] in node.graph.joined):
        return True
    if node.op == "take" and has_rows(node.args[0]):
        return node.args[1].index not in structural
    if node.op.startswith("segment_"):
        return not is_structure(node.args[1])
    if node.op in ("take", "nth", "rank") or node.index in structural:
        return False
    return any(a.index in number for a in node.args)


def _row_numbers(nodes: list[Node]) -> set[int]:
    """Nodes whose values may be numbers of rows."""
    found: set[int] = set()
    for node in nodes:
        link = is_structure(node) and name_of(node).rpartition(".")[2] in _NUMBERING
        values = node.args[:1] if node.op in ("take", "segment_min", "segment_max") else node.args
        carried = node.op in _CARRIES_NUMBERS and any(a.index in found for a in values)
        if link or carried or node.op in ("arange", "nth", "kinds"):
            found.add(node.index)
    return found


def _union(sets: list[int]) -> int:
    total = 0
    for one in sets:
        total |= one
    return total


def _bits(held: np.ndarray) -> int:
    return sum(1 << int(i) for i in np.flatnonzero(held))

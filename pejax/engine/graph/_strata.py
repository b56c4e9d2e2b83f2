"""Which rows of a node anybody asks for, when a column divides the households into strata.

Most of a federal country's law belongs to one state each: `where(in_california, its_tax, 0)`. Only
the rows of that state are then worth computing. Two passes over the graph find them:

- forward (`_support`), the strata in which a node may be anything but zero (and, for a condition,
  false);
- backward, the strata in which anybody reads it: a `where` reads each branch only where its
  condition may choose it, a product only where its other factor may be nonzero.

A node whose two sets meet in one stratum has its *home* there; where they do not meet it is zero.
Groups nest in households, so sums over members and projections stay within a stratum. Row numbers
do not (`_structure`): whatever computes with them is asked for everywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from ._node import Node, reachable
from ._structure import Numbers, belongs_to_all, has_rows, row_numbers, structural
from ._support import AND, Sets, support


@dataclasses.dataclass(frozen=True)
class Strata:
    """A column of the households and the values it may have.

    Attributes:
        column: an input's name such as `household.state_fips`.
        values: ascending.
    """

    column: str
    values: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Homes:
    """Where nodes are worth computing.

    Attributes:
        strata: those of the program.
        of: the stratum of each node that is asked for in one alone.
        idle: nodes that are zero wherever they are asked for.
        structural: those that any rows compute for themselves from their own links.
    """

    strata: Strata
    of: Mapping[int, int]
    idle: frozenset[int]
    structural: frozenset[int]


def homes(roots: Sequence[Node], strata: Strata) -> Homes:
    """Find every node's home."""
    nodes = reachable(list(roots))
    numbers = row_numbers(nodes)
    own = structural(nodes, numbers)
    nonzero, zero = support(nodes, strata.column, strata.values, own, numbers)
    every = (1 << len(strata.values)) - 1
    wanted = _where_wanted(nodes, roots, own, numbers, nonzero, zero, every)
    of, idle = {}, set()
    for node in nodes:
        if not has_rows(node) or node.index in own or node.op in ("constant", "input"):
            continue
        asked = wanted[node.index] & nonzero[node.index]
        if asked == 0:
            idle.add(node.index)
        elif asked & (asked - 1) == 0 and not belongs_to_all(node, own, numbers):
            of[node.index] = asked.bit_length() - 1
    return Homes(strata, of, frozenset(idle), frozenset(own))


def _where_wanted(
    nodes: list[Node],
    roots: Sequence[Node],
    structural: set[int],
    numbers: Numbers,
    nonzero: Sets,
    zero: Sets,
    every: int,
) -> Sets:
    """The strata in which anybody reads each node."""
    wanted = {node.index: 0 for node in nodes}
    for root in roots:
        wanted[root.index] = every
    for node in reversed(nodes):
        if belongs_to_all(node, structural, numbers):
            wanted[node.index] = every
        asked = wanted[node.index] if has_rows(node) else every
        for argument, reach in _reads(node, nonzero, zero, every):
            wanted[argument.index] |= asked & reach
    return wanted


def _reads(node: Node, nonzero: Sets, zero: Sets, every: int) -> Iterator[tuple[Node, int]]:
    """The arguments, each with the strata in which its value can matter to the node."""
    args = node.args
    if node.op == "where" and has_rows(node):
        test = args[0].index
        yield from zip(args, (every, nonzero[test], zero[test]), strict=True)
    elif node.op in AND:
        yield from ((args[0], nonzero[args[1].index]), (args[1], nonzero[args[0].index]))
    elif node.op == "multiply":
        for this, other in (args, args[::-1]):
            yield this, nonzero[other.index] if this.finite else every
    else:
        yield from ((argument, every) for argument in args)

"""Between which ends whole numbers lie, so that one that 32 bits cannot hold is found.

A program has 32 bits for whole numbers where numpy has 64. What is reckoned from columns, links and
literals by sums, products and choices has ends that follow from theirs. What comes from floats has
none that are known; those numbers are looked at where they are computed (`running._check`).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ._node import Node, literal_of, reachable
from ._ops import LEAVES
from ._structure import is_structure, name_of, row_numbers

WORD = np.iinfo(np.int32)
Ends = tuple[int, int]
Known = Mapping[int, Ends | None]


def is_beyond(node: Node) -> bool:
    """Whether a literal has whole numbers that 32 bits cannot hold."""
    if node.op != "constant" or node.dtype.kind not in "iu" or node.dtype == np.uint64:
        return False
    values = np.asarray(node.shadow)
    return bool(values.size and (values.max() > WORD.max or values.min() < WORD.min))


@dataclasses.dataclass(frozen=True, eq=False)
class Reckoned:
    """The whole numbers of some nodes that are reckoned from columns, links and literals.

    Attributes:
        nodes: arguments first.
        columns: the names of the columns among them.
        numbers: which of them are numbers of rows.
        token: by which these are told from any others.
    """

    nodes: tuple[Node, ...]
    columns: tuple[str, ...]
    numbers: frozenset[int]
    token: object = dataclasses.field(default_factory=object)

    def beyond(self, ends: Mapping[str, Ends], sizes: Mapping[int, int]) -> list[Node]:
        """The first nodes on any way that may hold more than 32 bits, and the places that may not
        be there.

        Args:
            ends: the least and the greatest value of each column.
            sizes: shadow size to row count.
        """
        known: dict[int, Ends | None] = {}
        found: list[Node] = []
        for node in self.nodes:
            held = _ends(node, known, ends, sizes)
            if node.op == "from_end" and not self._is_there(node, known):
                found.append(node)
            if held is not None and (held[0] < WORD.min or held[1] > WORD.max):
                found.append(node)
                held = None
            known[node.index] = held
        return found

    def _is_there(self, node: Node, known: Known) -> bool:
        """Whether a place is a row's number, or cannot be outside; one whose ends are not known
        passes."""
        index, count = (known.get(a.index) for a in node.args)
        if node.args[0].index in self.numbers or index is None:
            return True
        return count is not None and -count[1] <= index[0] and index[1] < count[0]


def reckoned(roots: Sequence[Node]) -> Reckoned:
    """What a look at the ends needs: the arithmetic of whole numbers, and what leads to it."""
    nodes = [n for n in reachable(list(roots)) if n.dtype.kind in "iub" and n.dtype != np.uint64]
    wanted: set[int] = set()
    for node in reversed(nodes):
        if node.index in wanted or (node.op in _LOOKED_AT and node.dtype.kind in "iu"):
            wanted |= {node.index, *(a.index for a in node.args)}
    kept = tuple(n for n in nodes if n.index in wanted)
    given = (name_of(n) for n in kept if n.op == "input" and not is_structure(n))
    return Reckoned(kept, tuple(dict.fromkeys(given)), frozenset(row_numbers(list(kept))))


def _ends(
    node: Node, known: Known, columns: Mapping[str, Ends], sizes: Mapping[int, int]
) -> Ends | None:
    """The ends of one node, None where they are not known."""
    rows = max(sizes.values())
    if node.op in LEAVES or node.dtype.kind == "b":
        return _of_leaf(node, columns, rows)
    if node.op in _PLACES:
        return (-1, max(rows, *(n for a in node.args for n in a.shape), 0))
    rule = _ENDS.get(node.op)
    of = [known.get(a.index) if a.dtype.kind in "iub" else None for a in node.args]
    held = None if rule is None else rule(node, of)
    if held is None or node.op not in _OVER_ROWS:
        return held
    return min(0, held[0]) * rows, max(0, held[1]) * rows


def _of_leaf(node: Node, columns: Mapping[str, Ends], rows: int) -> Ends | None:
    if node.dtype.kind == "b":
        return (0, 1)
    if node.op == "input":
        return (0, rows) if is_structure(node) else columns.get(name_of(node))
    values = np.asarray(node.shadow)
    return (int(values.min()), int(values.max())) if values.size else (0, 0)


def _union(*ends: Ends | None) -> Ends | None:
    if any(e is None for e in ends):
        return None
    return min(e[0] for e in ends if e), max(e[1] for e in ends if e)


def _corners(combine: Callable[[int, int], int]) -> Callable[..., Ends | None]:
    """The ends of an operation that is largest and least at the ends of its arguments."""

    def rule(node: Node, of: Sequence[Ends | None]) -> Ends | None:
        a, b = of
        if a is None or b is None:
            return None
        found = [combine(x, y) for x, y in itertools.product(a, b)]
        return min(found), max(found)

    return rule


def _power(node: Node, of: Sequence[Ends | None]) -> Ends | None:
    exponent, base = literal_of(node.args[1]), of[0]
    if base is None or exponent is None or not 0 <= exponent <= 64:
        return None
    most = max(map(abs, base)) ** int(exponent)
    return -most, most


def _remainder(node: Node, of: Sequence[Ends | None]) -> Ends | None:
    by = of[1]
    return None if by is None else (min(by[0], 0), max(by[1], 0))


def _quotient(node: Node, of: Sequence[Ends | None]) -> Ends | None:
    """No whole division makes a number larger than it was, but for its sign."""
    most = None if of[0] is None else max(map(abs, of[0]))
    return None if most is None else (-most - 1, most)


def _size(node: Node, of: Sequence[Ends | None]) -> Ends | None:
    return None if of[0] is None else (0, max(map(abs, of[0])))


def _square(node: Node, of: Sequence[Ends | None]) -> Ends | None:
    return None if of[0] is None else (0, max(map(abs, of[0])) ** 2)


_PLACES = {"arange", "nth", "rank", "search", "kinds", "lexsort"}
_OVER_ROWS = {"sum", "cumsum", "segment_sum"}
_GROWS = {"add", "subtract", "multiply", "power", "square", "negative", "absolute", *_OVER_ROWS}
"""What may give larger numbers than it is given."""

_LOOKED_AT = {*_GROWS, "from_end"}

_ENDS: dict[str, Callable[..., Ends | None]] = {
    "add": _corners(lambda x, y: x + y),
    "subtract": _corners(lambda x, y: x - y),
    "multiply": _corners(lambda x, y: x * y),
    "power": _power,
    "square": _square,
    "absolute": _size,
    "negative": lambda node, of: of[0] and (-of[0][1], -of[0][0]),
    "remainder": _remainder,
    "floor_divide": _quotient,
    "from_end": lambda node, of: None,
    "where": lambda node, of: _union(*of[1:]),
    "scatter": lambda node, of: _union(of[0], of[2]),
} | {
    name: lambda node, of: _union(*of)
    for name in ("maximum", "minimum", "fmax", "fmin", "stack", "concatenate", "set")
} | {
    name: lambda node, of: of[0]
    for name in (
        "take", "getitem", "broadcast", "reshape", "transpose", "astype", "positive", "max", "min",
        "segment_max", "segment_min", "sum", "cumsum", "segment_sum", "round", "floor", "ceil",
    )
}  # fmt: skip

"""Between which ends numbers lie, so that a whole number that 32 bits cannot hold is found.

A program has 32 bits for whole numbers where numpy has 64, or as few as a narrow type says. What is
reckoned from columns, links, parameters and literals by sums, products and choices has ends that
follow from theirs, whole or not. Where none follow, or they lie too far out, the numbers themselves
are looked at (`_int32`), and their ends are known from there on.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ._node import Node, reachable
from ._ops import LEAVES
from ._structure import is_link, is_structure, name_of, row_numbers

WORD = np.iinfo(np.int32)
Ends = tuple[float, float]
Known = dict[int, Ends | None]
Of = Sequence[Ends | None]

_FAR = 1e30
"""Floats that may lie further out may be infinite in 32 bits."""

_ROUNDING = 1e-5
"""By how much a float may be off, of its own size."""


def is_whole(node: Node) -> bool:
    """Whether a node has whole numbers of one word."""
    return node.dtype.kind in "iu" and node.dtype != np.uint64


def is_beyond(node: Node) -> bool:
    """Whether a literal has whole numbers that 32 bits cannot hold."""
    if node.op != "constant" or not is_whole(node):
        return False
    values = np.asarray(node.shadow)
    return bool(values.size and (values.max() > WORD.max or values.min() < WORD.min))


def room(node: Node) -> Ends:
    """The least and the greatest whole number that a node can have in a program and in numpy."""
    own = np.iinfo(node.dtype)
    return max(int(own.min), int(WORD.min)), min(int(own.max), int(WORD.max))


@dataclasses.dataclass(frozen=True)
class Given:
    """What is known of some people under a law.

    Attributes:
        columns: the least and the greatest value of each column.
        law: between which ends each parameter lies.
        sizes: shadow size to row count.
    """

    columns: Mapping[str, Ends]
    law: Mapping[str, Ends]
    sizes: Mapping[int, int]

    @property
    def rows(self) -> int:
        """More rows than any array has."""
        return sum(self.sizes.values())


@dataclasses.dataclass(frozen=True, eq=False)
class WholeNumbers:
    """The whole numbers that some nodes reckon with, and what they are reckoned from.

    Attributes:
        roots: the nodes.
        nodes: arguments first.
        columns, parameters: the names of those among them.
        inputs: of every column that the roots need, on which choices among rows depend.
        watched: which of the nodes are looked at.
        row_numbers: which of them are numbers of rows.
        token: by which these are told from any others.
    """

    roots: tuple[Node, ...]
    nodes: tuple[Node, ...]
    columns: tuple[str, ...]
    parameters: tuple[str, ...]
    inputs: tuple[str, ...]
    watched: frozenset[int]
    row_numbers: frozenset[int]
    token: object = dataclasses.field(default_factory=object)

    def unsure(self, given: Given, held: Mapping[int, Ends]) -> list[Node]:
        """The watched nodes that may hold more than there is room for, or places that may not be
        there; what follows from one is reckoned as if it had room.

        Args:
            held: nodes that somebody else looks at, and the ends within which they are until then.
        """
        known: Known = {}
        found: list[Node] = []
        for node in self.nodes:
            ends = ends_of(node, known, given)
            if node.index in self.watched and not self._is_sure(node, ends, known):
                if node.index in held:
                    ends = held[node.index]
                else:
                    found.append(node)
                    ends = (0, int(WORD.max)) if node.op == "from_end" else room(node)
            known[node.index] = ends
        return found

    def _is_sure(self, node: Node, ends: Ends | None, known: Known) -> bool:
        if node.op == "from_end":
            return self._is_there(node, known)
        low, high = room(node)
        return ends is not None and low <= ends[0] and ends[1] <= high

    def _is_there(self, node: Node, known: Known) -> bool:
        """Whether a place is a row's number, or cannot be outside."""
        index, count = (known.get(a.index) for a in node.args)
        if node.args[0].index in self.row_numbers:
            return True
        if index is None or count is None:
            return False
        return -count[0] <= index[0] and index[1] < count[0]


def whole_numbers_of(roots: Sequence[Node]) -> WholeNumbers:
    """The whole numbers of some nodes: the arithmetic of whole numbers, and what leads to it."""
    nodes = reachable(list(roots))
    wanted: set[int] = set()
    for node in reversed(nodes):
        if node.index in wanted or is_watched(node):
            wanted |= {node.index, *(a.index for a in _from(node))}
    kept = [n for n in nodes if n.index in wanted]
    return WholeNumbers(
        roots=tuple(roots),
        nodes=tuple(kept),
        columns=_names(kept, "input"),
        parameters=_names(kept, "parameter"),
        inputs=_names(nodes, "input") if kept else (),
        watched=frozenset(n.index for n in kept if is_watched(n)),
        row_numbers=frozenset(row_numbers(kept)),
    )


def parameters_of(nodes: Sequence[Node]) -> tuple[str, ...]:
    """The names of the parameters on which some nodes depend."""
    return _names(reachable(list(nodes)), "parameter")


def _names(nodes: Sequence[Node], op: str) -> tuple[str, ...]:
    """The names of columns or parameters among some nodes."""
    return tuple(dict.fromkeys(name_of(n) for n in nodes if n.op == op and not is_structure(n)))


def is_watched(node: Node) -> bool:
    """Whether a node may have larger whole numbers than its arguments, or places of its own."""
    if not is_whole(node) or node.op in LEAVES or node.op in _PLACES:
        return False
    if node.op == "astype":
        (source,) = node.args
        return source.dtype.kind == "f" or (is_whole(source) and room(source) != room(node))
    return node.op in GROWS or node.op == "from_end" or node.op not in _ENDS


def _from(node: Node) -> Sequence[Node]:
    """The arguments from whose ends those of a node follow."""
    if node.dtype.kind == "b" or node.op in _PLACES:
        return ()
    first, last = _PART.get(node.op, (0, None))
    return node.args[first:last]


def ends_of(node: Node, known: Known, given: Given) -> Ends | None:
    """The ends of one node, None where they are not known."""
    if node.op in LEAVES or node.dtype.kind == "b":
        return _of_leaf(node, given)
    if node.op in _PLACES:
        return (-1, max(given.rows, *(n for a in node.args for n in a.shape), 0))
    rule = _ENDS.get(node.op)
    found = None if rule is None else rule(node, [known.get(a.index) for a in node.args])
    if found is None:
        return None
    if node.op in _OVER_ROWS:
        times = math.prod(node.graph.length(n, given.sizes) for n in node.args[0].shape)
        found = min(0, found[0]) * times, max(0, found[1]) * times
    return found if node.dtype.kind != "f" or max(map(abs, found)) < _FAR else None


def _of_leaf(node: Node, given: Given) -> Ends | None:
    if node.dtype.kind == "b":
        return (0, 1)
    if node.op == "input":
        return (0, given.rows) if is_structure(node) else given.columns.get(name_of(node))
    if node.op == "parameter":
        low, high = given.law.get(name_of(node), (node.shadow, node.shadow))
        return (low, high) if math.isfinite(low) and math.isfinite(high) else None
    values = np.asarray(node.shadow)
    if not values.size:
        return (0, 0)
    return (values.min().item(), values.max().item()) if np.isfinite(values).all() else None


# ---- one rule an operation


def _union(*ends: Ends | None) -> Ends | None:
    if any(e is None for e in ends):
        return None
    return min(e[0] for e in ends if e), max(e[1] for e in ends if e)


def _corners(combine: Callable[[float, float], float]) -> Callable[[Node, Of], Ends | None]:
    """The ends of an operation that is largest and least at the ends of its arguments."""

    def rule(node: Node, of: Of) -> Ends | None:
        a, b = of
        if a is None or b is None:
            return None
        found = [combine(x, y) for x, y in itertools.product(a, b)]
        return min(found), max(found)

    return rule


def _power(node: Node, of: Of) -> Ends | None:
    base, exponent = of
    if node.dtype.kind == "f" or base is None or exponent is None:
        return None
    if not 0 <= exponent[0] <= exponent[1] <= 64:
        return None
    most = max(1, *map(abs, base)) ** int(exponent[1])
    return -most, most


def _shifted(node: Node, of: Of) -> Ends | None:
    value, by = of
    if value is None or by is None or not 0 <= by[0] <= by[1] <= 64:
        return None
    return _corners(lambda x, y: x * 2 ** int(y))(node, of)


def _divided(node: Node, of: Of) -> Ends | None:
    below = of[1]
    if below is None or below[0] <= 0 <= below[1]:
        return None
    return _corners(lambda x, y: x / y)(node, of)


def _bits(node: Node, of: Of) -> Ends | None:
    """No bitwise operation needs more bits than its arguments have."""
    both = _union(*of)
    if both is None:
        return None
    most = 2 ** max(int(x).bit_length() for x in both) - 1
    return (0 if both[0] >= 0 else -most - 1), most


def _remainder(node: Node, of: Of) -> Ends | None:
    by = of[1]
    if by is None or (node.dtype.kind == "f" and (of[0] is None or by[0] <= 0 <= by[1])):
        return None
    return min(by[0], 0), max(by[1], 0)


def _quotient(node: Node, of: Of) -> Ends | None:
    """No whole division makes a number larger than it was, but for its sign."""
    if of[0] is None:
        return None
    if node.dtype.kind == "f":
        found = _divided(node, of)
        return found and (math.floor(found[0]), math.floor(found[1]))
    most = max(map(abs, of[0]))
    return (-most - 1, most)


def _size(node: Node, of: Of) -> Ends | None:
    return None if of[0] is None else (0, max(map(abs, of[0])))


def _square(node: Node, of: Of) -> Ends | None:
    return None if of[0] is None else (0, max(map(abs, of[0])) ** 2)


def _near(node: Node, of: Of) -> Ends | None:
    """A rounding: to whole numbers, decimals, or tens."""
    if of[0] is None or node.dtype.kind != "f":
        return of[0]
    step = 10 ** max(0, -node.attr("decimals", 0))
    return of[0][0] - step, of[0][1] + step


def _cast(node: Node, of: Of) -> Ends | None:
    if node.args[0].dtype == np.uint64:  # of which formulas have the low bits alone
        return (0, int(WORD.max)) if node.dtype.kind in "iu" else None
    if of[0] is None or node.args[0].dtype.kind != "f" or node.dtype.kind == "f":
        return of[0]
    low, high = of[0]
    return math.trunc(low - abs(low) * _ROUNDING), math.trunc(high + abs(high) * _ROUNDING)


def _of_groups(node: Node, of: Of) -> Ends | None:
    """Of a group without members there is no largest float."""
    return of[0] if node.dtype.kind != "f" or is_link(node.args[1]) else None


def _first(node: Node, of: Of) -> Ends | None:
    return of[0]


_PLACES = {"arange", "nth", "rank", "search", "kinds", "find", "lexsort"}
_OVER_ROWS = {"sum", "cumsum", "segment_sum"}
GROWS = {
    "add", "subtract", "multiply", "power", "square", "negative", "absolute", "left_shift",
    "prod", "invert", *_OVER_ROWS,
}  # fmt: skip
"""What may give larger numbers than it is given."""

_PART: dict[str, tuple[int, int | None]] = {
    "where": (1, None), "take": (0, 1), "segment_sum": (0, 1), "segment_max": (0, 1),
    "segment_min": (0, 1),
}  # fmt: skip

_ENDS: dict[str, Callable[[Node, Of], Ends | None]] = {
    "add": _corners(lambda x, y: x + y),
    "subtract": _corners(lambda x, y: x - y),
    "multiply": _corners(lambda x, y: x * y),
    "divide": _divided,
    "power": _power,
    "left_shift": _shifted,
    "right_shift": lambda node, of: _union(of[0], (0, 0)),
    "bitwise_and": _bits,
    "bitwise_or": _bits,
    "bitwise_xor": _bits,
    "invert": lambda node, of: of[0] and (-of[0][1] - 1, -of[0][0] - 1),
    "square": _square,
    "absolute": _size,
    "negative": lambda node, of: of[0] and (-of[0][1], -of[0][0]),
    "remainder": _remainder,
    "floor_divide": _quotient,
    "astype": _cast,
    "from_end": lambda node, of: (0, int(WORD.max)),
    "sign": lambda node, of: of[0] and (-1, 1),
    "where": lambda node, of: _union(*of[1:]),
    "scatter": lambda node, of: _union(of[0], of[2]),
    "interp": lambda node, of: of[0] and of[2],
    "segment_max": _of_groups,
    "segment_min": _of_groups,
} | {
    name: lambda node, of: _union(*of)
    for name in (
        "maximum", "minimum", "fmax", "fmin", "stack", "concatenate", "set", "pack",
    )
} | dict.fromkeys(("round", "floor", "ceil", "rint", "trunc"), _near) | dict.fromkeys(
    (
        "take", "getitem", "broadcast", "reshape", "transpose", "positive", "max", "min", "mean",
        "sum", "cumsum", "segment_sum", "nan_to_num",
    ),
    _first,
)  # fmt: skip

"""Which way a value goes when something rises: it decides which side of a kink counts.

Where `max(u, 0)` has `u = 0`, its derivative is that of the side to which `u` goes. The graph says
which that is, for every *thing* that may rise: each column of real numbers, and the numbers of the
law together. An income rises with itself, `limit - income` falls with it and rises with the limit.
Where one thing reaches a value on two ways that disagree, one of them decides: in a difference what
is left of the minus sign, as in a credit less its reduction, elsewhere what was computed first. Of
`a - b` and `b - a` the second goes against the first in everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ._node import Node

LAW = 1
"""The bit of the law's numbers; columns have the higher ones."""


class Trend(NamedTuple):
    """How a value moves, as far as a derivative tells.

    Args:
        up, down: the things (as bits) with which it rises and falls.
        sign: of the value itself, 1, -1 or 0, as far as it can be told.
    """

    up: int = 0
    down: int = 0
    sign: int = 1

    def way(self, thing: int) -> int:
        """Up (1), down (-1) or not at all (0), when a thing rises."""
        return bool(self.up & thing) - bool(self.down & thing)

    @property
    def things(self) -> int:
        """All things with which it moves."""
        return self.up | self.down

    def times(self, way: int) -> Trend:
        """The trend of the value (1), of its opposite (-1) or of what does not follow it (0)."""
        if way == 0:
            return Trend()
        return self if way > 0 else Trend(self.down, self.up, -self.sign)


Parts = list[tuple["Node", int]]
"""Arguments, and whether the result goes with each of them (1) or against it (-1)."""


def trend_of(op: str, args: tuple[Node, ...], shadow: Any) -> Trend:
    """The trend of an operation's result, from its arguments'."""
    fixed = not any(a.data for a in args) and op != "input"
    sign = _sign_of(shadow) if fixed else 1
    if not args:
        return Trend(LAW if op == "parameter" else 0, 0, sign)
    if np.result_type(shadow).kind != "f":
        return Trend()
    parts = _PARTS.get(op, _with_all)(args)
    in_order = parts if op == "subtract" else sorted(parts, key=lambda part: part[0].index)
    up, down = joined([a.trend.times(way) for a, way in in_order])
    if op in _TURN:
        up, down = up | down, 0
    return Trend(up, down, sign if fixed else _SIGNS.get(op, _usual_sign)(args))


def joined(trends: Sequence[Trend]) -> tuple[int, int]:
    """The things with which a sum rises and falls: of trends that disagree the first decides."""
    up = down = 0
    for one in trends:
        free = ~(up | down)
        up, down = up | (one.up & free), down | (one.down & free)
    return up, down


def _sign_of(value: Any) -> int:
    """The sign of a literal or of what the law alone decides."""
    held = np.asarray(value)
    return int((held > 0).any()) or -int((held < 0).any())


def bits(things: int) -> Iterable[int]:
    """Each thing by itself, the columns first and the law last."""
    for k in range(1, things.bit_length()):
        if things >> k & 1:
            yield 1 << k
    if things & LAW:
        yield LAW


# ---- how an operation goes with its arguments


def _with_all(args: tuple[Node, ...]) -> Parts:
    return [(a, 1) for a in args]


def _with_none(args: tuple[Node, ...]) -> Parts:
    return []


def _ways(*ways: int) -> Callable[[tuple[Node, ...]], Parts]:
    return lambda args: list(zip(args, ways, strict=True))


def _multiply(args: tuple[Node, ...]) -> Parts:
    a, b = args
    return [(a, _factor(b)), (b, _factor(a))]


def _divide(args: tuple[Node, ...]) -> Parts:
    a, b = args
    return [(a, _factor(b)), (b, -_factor(a))]


def _factor(node: Node) -> int:
    """Which way a product goes with its other factor: not at all, where this one is the literal 0;
    a parameter that is 0 may become another."""
    return node.trend.sign or int(node.data or node.law)


_PARTS: dict[str, Callable[[tuple[Node, ...]], Parts]] = {
    "subtract": _ways(1, -1),
    "negative": _ways(-1),
    "multiply": _multiply,
    "divide": _divide,
    "remainder": _ways(1, -1),
    "interp": _ways(1, -1, 1),
} | dict.fromkeys(("floor_divide", "floor", "ceil", "rint", "trunc", "round", "sign"), _with_none)

_TURN = ("absolute", "square")
"""Where these have their kink, they go up whichever way their argument goes."""


# ---- the sign of a result that depends on the population


def _usual_sign(args: tuple[Node, ...]) -> int:
    """That of an argument that is not zero; of one that the law alone decides, if there is one."""
    signs = [(a.data, a.index, a.trend.sign) for a in args if a.trend.sign and _is_real(a)]
    return min(signs)[2] if signs else 1


def _is_real(node: Node) -> bool:
    return np.result_type(node.shadow).kind == "f" or node.op == "constant"


def _sign_of_difference(args: tuple[Node, ...]) -> int:
    a, b = args
    signs = [(a.data, 0, a.trend.sign), (b.data, 1, -b.trend.sign)]
    return min((s for s in signs if s[2]), default=(0, 0, 1))[2]


def _sign_of_product(args: tuple[Node, ...]) -> int:
    a, b = args
    return (a.trend.sign or 1) * (b.trend.sign or 1)


_SIGNS: dict[str, Callable[[tuple[Node, ...]], int]] = {
    "subtract": _sign_of_difference,
    "negative": lambda args: -args[0].trend.sign,
    "multiply": _sign_of_product,
    "divide": _sign_of_product,
    "maximum": lambda args: max(a.trend.sign for a in args) or 1,
    "minimum": lambda args: min(a.trend.sign for a in args) or -1,
    "absolute": lambda args: 1,
    "square": lambda args: 1,
    "sqrt": lambda args: 1,
    "exp": lambda args: 1,
}

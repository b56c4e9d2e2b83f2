"""Which way a value goes when what it depends on rises: it decides which side of a kink counts.

Where `max(u, 0)` has `u = 0`, its derivative is that of the side to which `u` goes. The graph says
which that is: an income rises with itself, `limit - income` falls. Two kinds of things may rise,
the population's columns and the numbers of the law, and a value may go up with one and down with
the other. Where arguments disagree one of them decides: in a difference what is left of the minus
sign, as in a credit less its reduction, elsewhere what was computed first. Of `a - b` and `b - a`
the second always goes against the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ._node import Node


class Trend(NamedTuple):
    """How a value moves: 1 up, -1 down, 0 not at all, as far as a derivative tells.

    **Arguments:** `data`, when columns of the population rise; `law`, when numbers of the law do;
    `sign`, of the value itself, as far as it can be told.
    """

    data: int
    law: int
    sign: int


Parts = list[tuple["Node", int]]
"""Arguments, and whether the result goes with each of them (1) or against it (-1)."""


def trend_of(op: str, args: tuple[Node, ...], shadow: Any) -> Trend:
    """The trend of an operation's result, from its arguments'."""
    real = np.result_type(shadow).kind == "f"
    fixed = not any(a.data for a in args) and op != "input"
    if not args:
        data = int(real and op == "input")
        return Trend(data, int(op == "parameter"), _sign_of(shadow) if fixed else 1)
    if not real:
        return Trend(0, 0, 1)
    parts = _PARTS.get(op, _with_all)(args)
    order = [k if op == "subtract" else a.index for k, (a, _) in enumerate(parts)]
    data, law = (
        _together((way * a.trend[kind], at) for (a, way), at in zip(parts, order, strict=True))
        for kind in (0, 1)
    )
    if op in _TURN:
        data, law = abs(data), abs(law)
    sign = _sign_of(shadow) if fixed else _SIGNS.get(op, _usual_sign)(args)
    return Trend(data, law, sign)


def against(trend: Trend) -> Trend:
    """The trend of a value's opposite."""
    return Trend(*(-way for way in trend))


def leads(a: Node, b: Node, kind: int) -> int:
    """Which way `a - b` goes, when what `Trend` names at the place `kind` rises."""
    return _together([(a.trend[kind], a.index), (-b.trend[kind], b.index)])


def _together(ways: Iterable[tuple[int, int]]) -> int:
    """The way of a sum: what all agree on, else that of the argument of the lowest order."""
    moving = [(order, way) for way, order in ways if way]
    return min(moving)[1] if moving else 0


def _sign_of(value: Any) -> int:
    """The sign of a literal or of what the law alone decides."""
    held = np.asarray(value)
    return int((held > 0).any()) or -int((held < 0).any())


# ---- how an operation goes with its arguments


def _with_all(args: tuple[Node, ...]) -> Parts:
    return [(a, 1) for a in args]


def _with_none(args: tuple[Node, ...]) -> Parts:
    return []


def _ways(*ways: int) -> Callable[[tuple[Node, ...]], Parts]:
    return lambda args: list(zip(args, ways, strict=True))


def _multiply(args: tuple[Node, ...]) -> Parts:
    a, b = args
    return [(a, b.trend.sign or 1), (b, a.trend.sign or 1)]


def _divide(args: tuple[Node, ...]) -> Parts:
    a, b = args
    return [(a, b.trend.sign or 1), (b, -(a.trend.sign or 1))]


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


def _positive(args: tuple[Node, ...]) -> int:
    return 1


_SIGNS: dict[str, Callable[[tuple[Node, ...]], int]] = {
    "subtract": _sign_of_difference,
    "negative": lambda args: -args[0].trend.sign,
    "multiply": _sign_of_product,
    "divide": _sign_of_product,
    "maximum": lambda args: max(a.trend.sign for a in args) or 1,
    "minimum": lambda args: min(a.trend.sign for a in args) or -1,
    **dict.fromkeys(("absolute", "square", "sqrt", "exp"), _positive),
}

"""A node of the intermediate representation, and questions about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._ops import is_weak
from ._trend import Trend

if TYPE_CHECKING:
    from ._ir import Graph

Attrs = tuple[tuple[str, Hashable], ...]


@dataclasses.dataclass(frozen=True, eq=False, slots=True, repr=False)
class Node:
    """One value of the program.

    Attributes:
        index: its place in the graph (arguments come first).
        op, args, attrs: what is done, to which nodes, and how.
        shadow: its value on the shadow population.
        data, law: whether it depends on the population and on a parameter.
        finite: whether it is finite whenever inputs are.
        trend: which way it goes when those rise.
        origin: the variable whose formula asked for it.
        graph: where it lives.
    """

    index: int
    op: str
    args: tuple[Node, ...]
    attrs: Attrs
    shadow: Any
    data: bool
    law: bool
    finite: bool
    trend: Trend
    origin: str
    graph: Graph = dataclasses.field(repr=False)

    def __repr__(self) -> str:
        """One line: with its arguments in full it would hold the whole law."""
        args = ", ".join(f"%{a.index}" for a in self.args)
        return f"%{self.index} = {self.op}({args}) of {self.origin or 'no rule'}, {self.dtype}"

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.shadow)

    @property
    def ndim(self) -> int:
        return np.ndim(self.shadow)

    @property
    def weak(self) -> bool:
        """Whether this is a Python scalar, which yields to an array's dtype."""
        return is_weak(self.shadow)

    @property
    def dtype(self) -> np.dtype:
        return np.result_type(self.shadow) if self.weak else self.shadow.dtype

    def attr(self, name: str, default: Any = None) -> Any:
        return next((v for k, v in self.attrs if k == name), default)


def scalar_of(node: Node) -> Node | None:
    """The single value that every row of `node` holds, if it is known to be one."""
    if node.ndim == 0:
        return node
    if node.op == "broadcast" and node.args[0].ndim == 0:
        return node.args[0]
    return None


def literal_of(node: Node) -> Any:
    """The literal that every row of `node` holds, else None."""
    scalar = scalar_of(node)
    return scalar.shadow if scalar is not None and scalar.op == "constant" else None


def is_truth(node: Node) -> bool:
    """Whether a value is a truth value, or a number made of one; what a segment is given is not."""
    while node.op in ("astype", "broadcast") and node.args and node.dtype != np.bool_:
        node = node.args[0]
    return node.dtype == np.bool_


def reachable(roots: list[Node]) -> list[Node]:
    """Every node that `roots` need, arguments first."""
    seen: set[int] = set()
    found: list[Node] = []
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node.index in seen:
            continue
        seen.add(node.index)
        found.append(node)
        stack.extend(node.args)
    return sorted(found, key=lambda n: n.index)

"""The program in plain numpy: an oracle without a compiler, and the ground for guards.

An `Interpreter` holds one population's inputs and evaluates nodes on demand, each once. It
computes in the widths of the source engine: a column is as wide as the source stores it, and
numpy's own rules say the rest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._node import Node, reachable
from ._ops import SIZES, apply, is_weak


def resolve(node: Node, sizes: Mapping[int, int]) -> dict[str, Any]:
    """The node's attributes with shadow sizes replaced by a population's own."""
    attrs = dict(node.attrs)
    for name in SIZES:
        if name in attrs:
            value: Any = attrs[name]
            attrs[name] = (
                tuple(node.graph.length(n, sizes) for n in value)
                if isinstance(value, tuple)
                else node.graph.length(value, sizes)
            )
    return attrs


class Interpreter:
    """Evaluates nodes on one population.

    Args:
        inputs: arrays by input name.
        sizes: shadow size to row count.
        parameters: values by parameter name (default: the values traced).
        memory: bytes of columns to remember between questions (default: all).
        floats: one width for every float instead of the source's.
    """

    def __init__(
        self,
        inputs: Mapping[str, np.ndarray],
        sizes: Mapping[int, int],
        parameters: Mapping[str, float] | None = None,
        memory: float = math.inf,
        floats: str | None = None,
    ) -> None:
        self.floats = None if floats is None else np.dtype(floats)
        self.inputs = inputs
        self.sizes = sizes
        self.parameters = dict(parameters or {})
        self.memory = memory
        self._held = 0
        self._known: dict[int, Any] = {}

    def __call__(self, node: Node) -> Any:
        """The value of `node`."""
        stack = [node]
        while stack:
            top = stack[-1]
            missing = [a for a in top.args if a.index not in self._known]
            if top.index not in self._known and missing:
                stack.extend(missing)
                continue
            stack.pop()
            if top.index not in self._known:
                value = self.run(top, [self._known[a.index] for a in top.args])
                self._known[top.index] = value
                self._held += np.asarray(value).nbytes
        found = self._known[node.index]
        if self._held > self.memory:
            self._forget()
        return found

    def all(self, roots: Sequence[Node]) -> list[Any]:
        """The values of several nodes at once; what lies between is dropped as soon as it can be.

        Nothing that was asked before is used, and nothing is remembered.
        """
        nodes = reachable(list(roots))
        last = {a.index: n.index for n in nodes for a in n.args}
        ends: dict[int, list[int]] = {}
        for index, user in last.items():
            ends.setdefault(user, []).append(index)
        kept = {r.index for r in roots}
        values: dict[int, Any] = {}
        for node in nodes:
            values[node.index] = self.run(node, [values[a.index] for a in node.args])
            for index in ends.get(node.index, ()):
                if index not in kept:
                    del values[index]
        return [values[r.index] for r in roots]

    def _forget(self) -> None:
        """Drop columns; single values stay."""
        self._known = {i: v for i, v in self._known.items() if np.ndim(v) == 0}
        self._held = 0

    def again(self, node: Node, changed: Mapping[int, Any]) -> Any:
        """The value `node` would have if some of its arguments had `changed`; not remembered."""
        return self.run(node, [changed.get(a.index, self._known.get(a.index)) for a in node.args])

    def run(self, node: Node, args: list[Any]) -> Any:
        """The value of a node whose arguments have these; nothing is remembered."""
        if node.op == "constant":
            return node.shadow if self.floats is None else self._as_wide(node.shadow, self.floats)
        if node.op == "parameter":
            return self.parameters.get(str(node.attr("name")), node.shadow)
        if node.op == "input":
            return self._as_wide(np.asarray(self.inputs[str(node.attr("name"))]), node.dtype)
        attrs = resolve(node, self.sizes)
        if self.floats is not None and node.op == "astype" and node.dtype.kind == "f":
            attrs = {"dtype": self.floats}
        value = apply(node.op, args, attrs)
        return value if self.floats is None else self._as_wide(value, self.floats)

    def _as_wide(self, value: Any, dtype: np.dtype) -> Any:
        """A float as wide as it is to be; anything else as it is."""
        if is_weak(value) or value.dtype.kind != "f":
            return value
        return value.astype(self.floats or dtype, copy=False)

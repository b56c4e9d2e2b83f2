"""A program as flat steps in numpy: what the law alone decides is worked out once.

Steps are the interpreter's operations with its arguments, so the values have the same bits. What a
walk over the graph asks of every node (its attributes, its sizes, where its arguments are) is asked
once a plan.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ._interpret import Interpreter, resolve
from ._node import Node, reachable
from ._ops import OPS

_KEPT = 4
"""Plans of the whole law take some twenty megabytes each."""


class _Step(NamedTuple):
    """One operation: what runs, on which places, where its value goes, whose values end with it."""

    run: Callable[..., Any]
    of: tuple[int, ...]
    to: int
    ends: tuple[int, ...]


class Plan:
    """What some nodes are under one law, for populations of one shape.

    Args:
        roots: the nodes.
        interpreter: of that law, for a population of that shape.
    """

    def __init__(self, roots: Sequence[Node], interpreter: Interpreter) -> None:
        nodes = reachable(list(roots))
        place = {node.index: k for k, node in enumerate(nodes)}
        self._roots = [place[root.index] for root in roots]
        self._fixed: list[Any] = [None] * len(nodes)
        self._inputs: list[tuple[int, str, np.dtype]] = []
        self._steps: list[_Step] = []
        settled, ends = [False] * len(nodes), _ends(nodes, place, set(self._roots))
        for k, node in enumerate(nodes):
            of = tuple(place[a.index] for a in node.args)
            settled[k] = node.op != "input" and all(settled[i] for i in of) and _has_no_rows(node)
            if settled[k]:
                self._fixed[k] = interpreter.run(node, [self._fixed[i] for i in of])
            elif node.op == "input":
                self._inputs.append((k, str(node.attr("name")), node.dtype))
            else:
                over = tuple(i for i in ends.get(k, ()) if not settled[i])
                self._steps.append(_Step(_operation(node, interpreter.sizes), of, k, over))

    def __call__(self, inputs: Mapping[str, np.ndarray]) -> list[Any]:
        """The values for one population, by the names of its arrays."""
        values = list(self._fixed)
        for k, name, dtype in self._inputs:
            held = inputs[name]
            values[k] = held.astype(dtype, copy=False) if held.dtype.kind == "f" else held
        with np.errstate(all="ignore"):
            for run, of, to, ends in self._steps:
                values[to] = run(*[values[i] for i in of])
                for i in ends:
                    values[i] = None
        return [values[k] for k in self._roots]


class Plans:
    """What the same nodes are, law after law and people after people.

    The first question of a kind is answered by a walk over the graph, which is the soonest; the
    second makes a plan. Those asked last are kept.

    Args:
        roots: the nodes.
    """

    def __init__(self, roots: Sequence[Node]) -> None:
        self._roots = list(roots)
        self._made: dict[Hashable, Plan | None] = {}

    def values(
        self,
        kind: Hashable,
        inputs: Mapping[str, np.ndarray],
        interpreter: Callable[[], Interpreter],
    ) -> list[Any]:
        """The values of the nodes.

        Args:
            kind: tells a law, and the shape of a population, from others.
            inputs: this population's arrays, by name.
            interpreter: of this law and population.
        """
        again, plan = kind in self._made, self._made.pop(kind, None)
        if again and plan is None:
            plan = Plan(self._roots, interpreter())
        self._made[kind] = plan
        while len(self._made) > _KEPT:
            self._made.pop(next(iter(self._made)), None)
        return interpreter().all(self._roots) if plan is None else plan(inputs)


def _ends(nodes: Sequence[Node], place: Mapping[int, int], kept: set[int]) -> dict[int, list[int]]:
    """By place of a step, the values that nothing after it needs."""
    last = {place[a.index]: k for k, node in enumerate(nodes) for a in node.args}
    found: dict[int, list[int]] = {}
    for value, user in last.items():
        if value not in kept:
            found.setdefault(user, []).append(value)
    return found


def _has_no_rows(node: Node) -> bool:
    return not node.ndim or not any(node.graph.entities(n) for n in node.shape)


def _operation(node: Node, sizes: Mapping[int, int]) -> Callable[..., Any]:
    """What an operation runs, its attributes in place; single values are numpy's scalars."""
    run, attrs = OPS[node.op].run, resolve(node, sizes)
    if node.op == "take":
        return _taken
    if node.op == "astype" and node.ndim:
        return functools.partial(_cast, dtype=np.dtype(attrs["dtype"]))
    whole = functools.partial(run, **attrs) if attrs else run
    return whole if node.ndim or isinstance(run, np.ufunc) else functools.partial(_scalar, whole)


def _taken(table: np.ndarray, index: np.ndarray) -> np.ndarray:
    return np.asarray(table).take(index, axis=0, mode="clip")


def _cast(x: Any, dtype: np.dtype) -> Any:
    return np.asarray(x).astype(dtype, copy=False)


def _scalar(run: Callable[..., Any], *args: Any) -> Any:
    found = run(*args)
    return found[()] if isinstance(found, np.ndarray) and not found.ndim else found

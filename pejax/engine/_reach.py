"""Which parameters reach anybody, and which meet a discontinuity.

A zero derivative says two very different things: nobody's result depends on the number, or some
do, but through a cliff (an age limit, an eligibility threshold) where the derivative is zero on
both sides. `moved` tells them apart with a finite step; `jumps_met` names the cliffs from the
graph's structure.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.population._population import Population
from ._parameters import Parameters
from ._program import Program
from ._report import jumps_in_law
from .graph._interpret import Interpreter
from .graph._node import Node, reachable

CHUNK = 25_000


def live_parameters(roots: list[Node]) -> dict[str, Node]:
    """Parameter nodes on a path to the roots, by name."""
    return {str(n.attr("name")): n for n in reachable(roots) if n.op == "parameter"}


def jumps_met(roots: list[Node]) -> dict[str, list[str]]:
    """For each parameter, the variables in which it meets a discontinuous operation."""
    nodes = reachable(roots)
    names = sorted(str(n.attr("name")) for n in nodes if n.op == "parameter")
    bit = {name: 1 << i for i, name in enumerate(names)}
    reads: dict[int, int] = {}
    met: dict[str, int] = {}
    for node in nodes:
        reads[node.index] = 0
        for argument in node.args:
            reads[node.index] |= reads[argument.index]
        if node.op == "parameter":
            reads[node.index] = bit[str(node.attr("name"))]
        elif jumps_in_law(node):
            met[node.origin] = met.get(node.origin, 0) | reads[node.index]
    return {name: [v for v, held in met.items() if held & bit[name]] for name in names}


def moved(
    program: Program,
    parameters: Parameters,
    population: Population,
    roots: list[Node],
    names: list[str],
    *,
    step: float = 0.01,
    chunk: int = CHUNK,
) -> set[str]:
    """Parameters whose finite step, up or down, changes a root in some row.

    Args:
        roots: nodes of outputs.
        names: of parameters.
        step: relative; whole numbers below 200 (ages, counts) move by one.
        chunk: households at a time, bounds memory.
    """
    live = live_parameters(roots)
    remaining = {n: live[n] for n in names if n in live}
    found: set[str] = set()
    households = population.count(population.schema.household)
    users = _users(roots)
    for first in range(0, households, chunk):
        if not remaining:
            break
        rows = np.arange(first, min(first + chunk, households))
        some = population.select(rows) if len(rows) < households else population
        interpreter = program.interpreter(parameters, some, "float64")
        here = _moved_here(interpreter, roots, remaining, users, step)
        found |= here
        remaining = {n: node for n, node in remaining.items() if n not in here}
    return found


def _moved_here(
    interpreter: Interpreter,
    roots: list[Node],
    names: Mapping[str, Node],
    users: Mapping[int, list[Node]],
    step: float,
) -> set[str]:
    ends = {r.index for r in roots}
    for root in roots:
        interpreter(root)

    def reaches(node: Node) -> bool:
        steps = _steps(interpreter, node, step)
        return any(_reaches(interpreter, node, value, users, ends) for value in steps)

    asleep = _never_picked(interpreter, names, users)
    return {name for name, node in names.items() if name not in asleep and reaches(node)}


def _never_picked(
    interpreter: Interpreter, names: Mapping[str, Node], users: Mapping[int, list[Node]]
) -> set[str]:
    """Entries of tables that nobody's row picks: most of the law, told without a step."""
    picked: dict[int, np.ndarray | None] = {}

    def rows_of(table: Node) -> np.ndarray | None:
        """Which entries of a table are picked; None if it is used in another way."""
        if table.index not in picked:
            gathers = users.get(table.index, [])
            plain = table.op == "pack" and all(_picks_from(g, table) for g in gathers)
            picked[table.index] = _entries(interpreter, table, gathers) if plain else None
        return picked[table.index]

    def sleeps(parameter: Node) -> bool:
        for table in users.get(parameter.index, []):
            rows = rows_of(table)
            if rows is None or any(rows[i] for i, a in enumerate(table.args) if a is parameter):
                return False
        return True

    return {name for name, node in names.items() if sleeps(node)}


def _picks_from(node: Node, table: Node) -> bool:
    return node.op == "take" and node.args[0] is table and node.args[1] is not table


def _entries(interpreter: Interpreter, table: Node, gathers: list[Node]) -> np.ndarray:
    found = np.zeros(len(table.args), bool)
    for gather in gathers:
        rows = np.asarray(interpreter(gather.args[1])).ravel()
        found[np.clip(rows, 0, len(found) - 1).astype(np.int64)] = True
    return found


def _steps(interpreter: Interpreter, node: Node, step: float) -> list[float]:
    value = float(interpreter(node))
    if not np.isfinite(value):
        return []
    whole = value == round(value) and abs(value) < 200
    size = 1.0 if whole else abs(value) * step
    return [value + size, value - size]


def _users(roots: list[Node]) -> dict[int, list[Node]]:
    """The nodes that take each node as an argument."""
    users: dict[int, list[Node]] = {}
    for node in reachable(roots):
        for argument in {a.index for a in node.args}:
            users.setdefault(argument, []).append(node)
    return users


def _reaches(
    interpreter: Interpreter,
    parameter: Node,
    value: float,
    users: Mapping[int, list[Node]],
    roots: set[int],
) -> bool:
    """Whether a new value changes a root: re-evaluate downstream, stopping where values agree."""
    changed: dict[int, Any] = {parameter.index: value}
    waiting = {n.index: n for n in users.get(parameter.index, [])}
    order = list(waiting)
    heapq.heapify(order)
    while order:
        node = waiting.pop(heapq.heappop(order))
        new = interpreter.again(node, changed)
        if _same(new, interpreter(node)):
            continue
        if node.index in roots:
            return True
        changed[node.index] = new
        for user in users.get(node.index, []):
            if user.index not in waiting:
                waiting[user.index] = user
                heapq.heappush(order, user.index)
    return False


def _same(a: Any, b: Any) -> bool:
    return np.array_equal(a, b, equal_nan=np.result_type(a).kind == "f")

"""Whole numbers that 32 bits cannot hold are refused by name: a program has no more for them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from ..core._transforms import is_traced
from ..core.population._population import Population
from ._inputs import arrays
from ._parameters import Parameters
from .graph._bounds import GROWS, WORD, Ends, Given, WholeNumbers, is_beyond, parameters_of, room
from .graph._interpret import Interpreter, resolve
from .graph._node import Node, reachable
from .graph._ops import OPS, apply
from .running._remember import remembered
from .tracing._trace import UntraceableRule

_FIX = "Reckon in floats (* 1.0), or in larger units"
_FAR_FROM_A_ROOT = 8
"""Operations within which a choice may leave out a row whose number does not fit."""

_MOST_LAWS = 16
"""Laws of which it is remembered for one population whether their whole numbers fit."""

_NEAR = 4.0
"""How many times as large a parameter may become before the whole numbers are looked at again."""

_FROM_ZERO = 10_000.0
"""How large one may become that is zero."""


def fail_if_literals_are_beyond(roots: Sequence[Node]) -> None:
    """No formula has a literal that becomes another number.

    Where it is only compared, or becomes a float, it is itself.

    Raises:
        UntraceableRule: a formula that has one.
    """
    refused: dict[str, str] = {}
    nodes = reachable(list(roots))
    used = [(a, n.origin) for n in nodes for a in n.args if _needs_word(n)]
    for node, variable in [*used, *((root, root.origin) for root in roots)]:
        if is_beyond(node):
            values = np.ravel(node.shadow)
            worst = values[(values > WORD.max) | (values < WORD.min)][0]
            refused[variable] = (
                f"has the whole number {worst:,}, which does not fit in 32 bits. {_FIX}"
            )
    if refused:
        raise UntraceableRule(refused)


def _needs_word(node: Node) -> bool:
    return node.dtype.kind in "iu" and node.dtype != np.uint64 and node.op != "search"


def outgrown(
    numbers: WholeNumbers,
    parameters: Parameters,
    population: Population,
    interpreter: Callable[[], Interpreter],
    graph_sizes: Mapping[str, int],
    held: Mapping[int, Ends],
) -> str | None:
    """What is wrong with the whole numbers that rules reckon from these people under this law;
    looked at once. Nothing is known of people or parameters that are traced.

    Args:
        interpreter: makes what computes a node in 64 bits.
        graph_sizes: shadow sizes by entity.
        held: nodes that the program itself looks at, and the ends within which it finds them.
    """
    columns = arrays(population, numbers.inputs)
    if not numbers.nodes or is_traced((columns, population.links, parameters.values)):
        return None
    answers: list[Answer] = remembered(
        [*columns.values(), *population.links.values()], ("whole", numbers.token, bool(held)), list
    )
    values = np.asarray(parameters.values, np.float64)
    for answer in answers:
        if answer.holds_under(values):
            return answer.problem
    low, high = _around(values)
    position, rows = parameters.index.position, population.schema.sizes
    given = Given(
        columns={name: _ends(columns[name]) for name in numbers.columns},
        law={n: (float(low[k]), float(high[k])) for n in numbers.parameters for k in [position[n]]},
        sizes={n: rows[entity] for entity, n in graph_sizes.items()},
    )
    unsure = numbers.unsure(given, held)
    look = Look(numbers, population, interpreter, unsure)
    problem = next(filter(None, map(look, unsure)), None)
    exact = np.array([position[name] for name in parameters_of(look.seen)], int)
    low[exact] = high[exact] = values[exact]
    places = np.union1d(exact, [position[name] for name in numbers.parameters]).astype(int)
    del answers[: len(answers) - _MOST_LAWS + 1]
    answers.append(Answer(problem, places, low[places], high[places]))
    return problem


def _around(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends around the parameters, so that most reforms ask nothing new: from none to four times
    each, and up to ten thousand where it is zero."""
    far = np.where(values == 0, _FROM_ZERO, values * _NEAR)
    return np.minimum(0.0, far), np.maximum(0.0, far)


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What is wrong with the whole numbers of some people under some laws.

    Attributes:
        places: where the parameters lie on which it depends.
        low, high: the ends of each between which it holds.
    """

    problem: str | None
    places: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def holds_under(self, values: np.ndarray) -> bool:
        held = values[self.places]
        same = np.isnan(held) & np.isnan(self.low)
        return bool(np.all((held >= self.low) & (held <= self.high) | same))


class Look:
    """A look at the numbers of some nodes themselves: what is wrong with one of them, or None.

    Args:
        interpreter: makes what computes nodes in 64 bits.
        nodes: those that will be asked for; their arguments are computed at once, and what lies
            between is dropped as soon as it can be.

    Attributes:
        seen: the nodes that were computed; under other values of their parameters nothing is known
            of them, however much room there is: a choice may fall out otherwise.
    """

    def __init__(
        self,
        numbers: WholeNumbers,
        population: Population,
        interpreter: Callable[[], Interpreter],
        nodes: Sequence[Node],
    ) -> None:
        self._numbers, self._population, self._make = numbers, population, interpreter
        wanted = list({a.index: a for node in nodes for a in node.args}.values())
        values = self._interpreter.all(wanted) if wanted else []
        self._values = {a.index: v for a, v in zip(wanted, values, strict=True)}
        self.seen = wanted

    def __call__(self, node: Node) -> str | None:
        if node.op == "from_end":
            return self._not_there(node)
        values = np.asarray(np.trunc(np.broadcast_to(self._exact(node), self._real(node).shape)))
        low, high = room(node)
        with np.errstate(invalid="ignore"):
            wrong = np.asarray(~((values >= low) & (values <= high)) & self._real(node))
        read = self._read(node, wrong, _FAR_FROM_A_ROOT)
        return self._beyond(node, values, read) if read.any() else None

    def _beyond(self, node: Node, values: np.ndarray, wrong: np.ndarray) -> str:
        row, worst = int(np.argwhere(wrong)[0][0]) if node.ndim else 0, values[wrong].flat[0]
        if not np.isfinite(worst):
            return (
                f"{node.origin} makes a whole number of {worst} in row {row}. Choose another "
                "number there before it becomes whole (np.where), or correct the row"
            )
        width = min(32, 8 * node.dtype.itemsize)
        return (
            f"{node.origin} reckons with the whole number {int(worst):,} in row {row}, "
            f"which does not fit in {width} bits. {_FIX}, or correct the row"
        )

    def _not_there(self, node: Node) -> str | None:
        """What is wrong with places in an array."""
        index, count = (np.asarray(self._values[a.index]) for a in node.args)
        held = np.broadcast_to(index, self._real(node).shape)
        wrong = ((held >= count) | (held < -count)) & self._real(node)
        if not wrong.any():
            return None
        row = int(np.argwhere(wrong)[0][0]) if node.ndim else 0
        return (
            f"{node.origin} asks for place {held[wrong].flat[0]:,} in row {row}, but there "
            f"are {int(count):,}. Correct the row: places are counted from 0"
        )

    @functools.cached_property
    def _interpreter(self) -> Interpreter:
        return self._make()

    def _compute(self, node: Node) -> Any:
        if node.index not in self._values:
            self.seen.append(node)
            (self._values[node.index],) = self._interpreter.all([node])
        return self._values[node.index]

    def _exact(self, node: Node) -> np.ndarray:
        """The numbers of a node as they would be if there were room for them."""
        args = [self._values[a.index] for a in node.args]
        if node.op == "astype":
            return np.asarray(args[0])
        if node.op == "left_shift":
            return np.asarray(args[0], np.float64) * 2.0 ** np.asarray(args[1], np.float64)
        if node.op == "invert":
            return -1.0 - np.asarray(args[0], np.float64)
        if node.op not in GROWS:
            return np.asarray(apply(node.op, args, resolve(node, self._interpreter.sizes)))
        many = 1 if node.op == "segment_sum" else len(args)
        floats = [np.asarray(a, np.float64) for a in args[:many]]
        return np.asarray(
            apply(node.op, [*floats, *args[many:]], resolve(node, self._interpreter.sizes))
        )

    def _real(self, node: Node) -> np.ndarray:
        """Which entries of a node are not padding."""
        graph, sizes = node.graph, self._interpreter.sizes
        entities = graph.entities(node.shape[0]) if node.ndim else ()
        shape = tuple(graph.length(n, sizes) for n in node.shape)
        if not entities:
            return np.ones(shape, bool)
        real = np.concatenate([np.asarray(self._population.mask(e)) for e in entities])
        return np.broadcast_to(real.reshape(-1, *[1] * (node.ndim - 1)), shape)

    def _read(self, node: Node, rows: np.ndarray, steps: int) -> np.ndarray:
        """Those of some rows that a choice does not leave out before anybody has looked at them."""
        if not steps or not rows.any() or node in self._numbers.roots:
            return rows
        read: Any = np.zeros_like(rows)
        for user in self._users.get(node.index, ()):
            if user.shape != node.shape or not OPS[user.op].elementwise:
                return rows
            here = rows
            if user.op == "where" and user.args[0] is not node:
                test = np.broadcast_to(self._compute(user.args[0]), rows.shape).astype(bool)
                here = rows & ((user.args[1] is node) & test | (user.args[2] is node) & ~test)
            read = read | self._read(user, np.asarray(here), steps - 1)
        return np.asarray(read)

    @functools.cached_property
    def _users(self) -> dict[int, list[Node]]:
        users: dict[int, list[Node]] = {}
        for node in reachable(list(self._numbers.roots)):
            for argument in dict.fromkeys(node.args):
                users.setdefault(argument.index, []).append(node)
        return users


def _ends(values: jax.Array) -> Ends:
    return remembered([values], "ends", lambda: _least_and_greatest(np.asarray(values)))


def _least_and_greatest(values: np.ndarray) -> Ends:
    return (values.min().item(), values.max().item()) if values.size else (0, 0)

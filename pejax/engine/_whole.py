"""Whole numbers that 32 bits cannot hold are refused by name: a program has no more for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from ..core._transforms import is_traced
from ..core._validate import BadInputError
from ..core.population._population import Population
from .graph._bounds import WORD, Ends, Reckoned, is_beyond
from .graph._interpret import Interpreter
from .graph._node import Node, reachable
from .running._remember import remembered
from .tracing._inputs import arrays
from .tracing._trace import UntraceableRule

_FIX = "Reckon in floats (* 1.0), or in larger units"


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
    whole: Reckoned, population: Population, interpreter: Any, graph_sizes: Mapping[str, int]
) -> str | None:
    """What is wrong with the whole numbers that rules reckon from these people; looked at once.

    Args:
        interpreter: makes what computes a node in 64 bits.
        graph_sizes: shadow sizes by entity.
    """
    columns = arrays(population, whole.columns) if whole.nodes else {}
    if not whole.nodes or is_traced((columns, population.links)):
        return None
    return remembered(
        [*columns.values(), *population.links.values()],
        ("whole", whole.token),
        lambda: _outgrown(whole, columns, population, interpreter, graph_sizes),
    )


def _outgrown(
    whole: Reckoned,
    columns: Mapping[str, jax.Array],
    population: Population,
    interpreter: Any,
    graph_sizes: Mapping[str, int],
) -> str | None:
    """What is wrong; first by the ends of the columns, then by the numbers themselves."""
    rows = population.schema.sizes
    sizes = {n: rows[entity] for entity, n in graph_sizes.items()}
    suspect = whole.beyond({name: _ends(v) for name, v in columns.items()}, sizes)
    if not suspect:
        return None
    compute: Interpreter = interpreter()
    for node in suspect:
        if node.op == "from_end":
            if (problem := _not_there(node, *map(compute, node.args))) is not None:
                return problem
            continue
        values = np.atleast_1d(np.asarray(compute(node)))
        wrong = (values > WORD.max) | (values < WORD.min)
        if wrong.any():
            row = int(wrong.reshape(len(wrong), -1).any(axis=1).argmax())
            return (
                f"{node.origin} reckons with the whole number {values[wrong][0]:,} in row {row}, "
                f"which does not fit in 32 bits. {_FIX}, or correct the row"
            )
    return None


def _not_there(node: Node, index: Any, count: Any) -> str | None:
    """What is wrong with places in an array."""
    held = np.atleast_1d(np.asarray(index))
    wrong = (held >= count) | (held < -np.asarray(count))
    if not wrong.any():
        return None
    return (
        f"{node.origin} asks for place {held[wrong][0]:,} in row {int(wrong.argmax())}, but there "
        f"are {int(count):,}. Correct the row: places are counted from 0"
    )


def _ends(values: jax.Array) -> Ends:
    held = np.asarray(values)
    return (int(held.min()), int(held.max())) if held.size else (0, 0)


def fail_if_result_is_at_the_end(name: str, values: Any, expected: Any) -> None:
    """No result is the largest whole number because a larger one was cut off.

    Args:
        expected: computes the same in 64 bits.

    Raises:
        BadInputError: a number that 32 bits do not hold.
    """
    if values.dtype.kind != "i" or is_traced(values):
        return
    wide = np.abs(np.asarray(values, np.int64)) >= WORD.max
    if not wide.any():
        return
    right = np.asarray(expected())[: len(wide)]
    cut = wide & (right != np.asarray(values))
    if cut.any():
        row = int(cut.argmax())
        raise BadInputError(
            f"{name} is {right[row]:,} in row {row}, which does not fit in 32 bits. Give it "
            "another type (kind='float'), or correct the row"
        )

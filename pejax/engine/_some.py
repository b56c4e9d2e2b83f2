"""A few households of the population of a trace, to try out on them what a decision changes."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.population._population import Population
from .graph._interpret import Interpreter
from .graph._node import Node
from .graph._strata import Strata
from .tracing._inputs import host_arrays, sizes_of

_MOST = 400
_MEMORY = 2**27
"""Bytes of intermediate columns that are kept between two trials."""


def interpreter_of(
    population: Population,
    shadow: Mapping[str, int],
    numbers: Mapping[str, float],
    memory: float | int,
    inputs: Mapping[str, np.ndarray] | None = None,
    kind: type[Interpreter] = Interpreter,
) -> Interpreter:
    """What computes nodes on a population; `shadow`, the trace's sizes."""
    rows = sizes_of(population)
    sizes = {n: rows[entity] for entity, n in shadow.items()}
    given = host_arrays(population) if inputs is None else inputs
    return kind(given, sizes, numbers, memory=memory)


def some_of(
    population: Population,
    strata: Strata | None,
    shadow: Mapping[str, int],
    numbers: Mapping[str, float],
    without: Collection[int],
) -> Sequence[Interpreter]:
    """Some households that live in none of the given strata: as they are, and with other amounts,
    some of them below zero, and under other parameters, for what nobody in the population
    happens to have and what a reform may bring."""
    chosen = _chosen(population, strata, without)
    if not len(chosen):
        return ()
    few = population.select(chosen)
    others = _others(host_arrays(few))
    return [
        interpreter_of(few, shadow, numbers, _MEMORY),
        interpreter_of(few, shadow, numbers, _MEMORY, others, OtherLaw),
    ]


class OtherLaw(Interpreter):
    """Numpy under a law whose numbers are all others, each by a factor of its own."""

    def _run(self, node: Node, args: list[Any]) -> Any:
        value = super()._run(node, args)
        if node.op != "parameter":
            return value
        return value * (0.75 + zlib.crc32(str(node.attr("name")).encode()) / 2**33)


def _chosen(population: Population, strata: Strata | None, without: Collection[int]) -> np.ndarray:
    """Rows of real households, of every stratum about as many."""
    rows = np.arange(population.count(population.schema.household))
    if strata is None:
        return rows[:: max(1, -(-len(rows) // _MOST))]
    entity, _, name = strata.column.partition(".")
    held = np.asarray(population.trim(population.columns[entity][name], entity))
    kinds = [rows[held == value] for value in np.unique(held) if value not in without]
    each = -(-_MOST // max(1, len(kinds)))
    taken = [kind[:: max(1, -(-len(kind) // each))] for kind in kinds]
    return np.concatenate(taken) if taken else rows[:0]


def _others(arrays: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    rng = np.random.default_rng(0)

    class Other(dict[str, np.ndarray]):
        def __missing__(self, name: str) -> np.ndarray:
            held = arrays[name]
            if held.dtype.kind == "f":
                held = held * rng.uniform(-1, 2, held.shape) + rng.normal(0, 100, held.shape)
            self[name] = held
            return held

    return Other()

"""A few households of the population of a trace, to try out on them what a decision changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from .._population import Population
from .graph._interpret import Interpreter
from .graph._strata import Strata
from .tracing._inputs import host_arrays, sizes_of

_MOST = 400
_MEMORY = 2**27
"""Bytes of intermediate columns that are kept between two trials."""


def interpreter_of(
    population: Population,
    shadow: Mapping[str, int],
    numbers: Mapping[str, float],
    memory: float,
    inputs: Mapping[str, np.ndarray] | None = None,
) -> Interpreter:
    """What computes nodes on a population; `shadow`, the trace's sizes."""
    rows = sizes_of(population)
    sizes = {n: rows[entity] for entity, n in shadow.items()}
    given = host_arrays(population) if inputs is None else inputs
    return Interpreter(given, sizes, numbers, memory=memory)


def some_of(
    population: Population,
    strata: Strata | None,
    shadow: Mapping[str, int],
    numbers: Mapping[str, float],
    without: Collection[int],
) -> Sequence[Interpreter]:
    """Some households that live in none of the given strata: as they are, and with other amounts,
    some of them below zero, for what nobody in the population happens to have."""
    chosen = _chosen(population, strata, without)
    if not len(chosen):
        return ()
    few = population.select(chosen)
    arrays = (host_arrays(few), _others(host_arrays(few)))
    return [interpreter_of(few, shadow, numbers, _MEMORY, inputs) for inputs in arrays]


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

"""A few households of the population of a trace, to try out on them what a decision changes."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.population._population import Population
from ._inputs import IDS, host_arrays, sizes_of
from .graph._interpret import Interpreter
from .graph._node import Node
from .graph._strata import Strata
from .graph._thresholds import thresholds_of

_MOST = 400
_ENOUGH, _MOST_TRIALS = 100, 8
"""Fewer households have other values several times."""

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
    compared: Sequence[Node],
) -> Sequence[Interpreter]:
    """Some households that live in none of the given strata: as they are; with other amounts, some
    of them below zero, ages, truth values and categories, and under other parameters; and on both
    sides of every threshold. For what nobody in the population happens to have and what a reform
    may bring.

    Args:
        compared: nodes with whose thresholds columns may be compared.
    """
    chosen = _chosen(population, strata, without)
    if not len(chosen):
        return ()
    few = population.select(chosen)
    kept, thresholds = _kept(few, strata), thresholds_of(compared)
    trials = [interpreter_of(few, shadow, numbers, _MEMORY)]
    for trial in range(min(_MOST_TRIALS, -(-_ENOUGH // len(chosen)))):
        others = Others(few, kept, trial)
        beside = BesideThresholds(few, kept, trial, thresholds)
        trials.append(interpreter_of(few, shadow, numbers, _MEMORY, others, OtherLaw))
        trials.append(interpreter_of(few, shadow, numbers, _MEMORY, beside))
    return trials


class OtherLaw(Interpreter):
    """Numpy under a law whose numbers are all others, each by a factor of its own."""

    def run(self, node: Node, args: list[Any]) -> Any:
        value = super().run(node, args)
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


def _kept(few: Population, strata: Strata | None) -> frozenset[str]:
    """Columns that stay as they are: strata, ids, and those who are the one of their group."""
    names = {f"{e}.{n}": v for e, held in few.columns.items() for n, v in held.items()}
    ids = {key for key in names if key.endswith((f".{IDS}", "_id"))}
    heads = {
        f"{few.schema.person}.{name}"
        for name, values in few.columns[few.schema.person].items()
        if np.dtype(values.dtype).kind == "b" and _is_one_of_a_group(np.asarray(values), few)
    }
    return frozenset(ids | heads | ({strata.column} if strata is not None else set()))


def _is_one_of_a_group(held: np.ndarray, few: Population) -> bool:
    """Whether a truth value holds for exactly one member of every group of some kind."""
    counts = (np.bincount(np.asarray(link)[held]) for link in few.links.values())
    sizes = (np.bincount(np.asarray(link)) for link in few.links.values())
    return any(
        len(one) == len(every) and (one[every > 0] == 1).all() and every.max(initial=0) > 1
        for one, every in zip(counts, sizes, strict=True)
    )


class Others(dict[str, np.ndarray]):
    """The columns of a population with other values, each made when first asked for.

    Args:
        kept: the names of those that stay as they are.
        trial: other values for another trial.
    """

    def __init__(self, few: Population, kept: Collection[str], trial: int) -> None:
        super().__init__()
        self._few, self._own, self._given = few, kept, host_arrays(few)
        self._trial = trial

    def __missing__(self, name: str) -> np.ndarray:
        rng = np.random.default_rng([zlib.crc32(name.encode()), self._trial])
        held = self._given[name]
        entity, _, column = name.partition(".")
        is_given = column in self._few.columns.get(entity, {}) or held.dtype.kind == "f"
        if is_given and name not in self._own and held.size:
            held = self._other(name, held, rng).astype(held.dtype)
        self[name] = held
        return held

    def _other(self, name: str, held: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        entity, _, column = name.partition(".")
        words = self._few.schema.vocabularies.get((entity, column))
        if held.dtype.kind == "f":
            return held * rng.uniform(-1, 2, held.shape) + rng.normal(0, 100, held.shape)
        if held.dtype.kind == "b":
            return rng.random(held.shape) < 0.5
        if words is not None:
            return rng.integers(0, len(words), held.shape)
        moved = rng.choice(held.ravel(), held.shape) + rng.integers(-1, 2, held.shape)
        return np.maximum(moved, min(0, held.min()))


class BesideThresholds(Others):
    """The same with every second number on one side of a threshold, or on it.

    Args:
        thresholds: by column, in ascending order.
    """

    def __init__(
        self,
        few: Population,
        kept: Collection[str],
        trial: int,
        thresholds: Mapping[str, np.ndarray],
    ) -> None:
        super().__init__(few, kept, trial)
        self._thresholds = thresholds

    def _other(self, name: str, held: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        near = self._thresholds.get(name)
        entity, _, column = name.partition(".")
        named = (entity, column) in self._few.schema.vocabularies
        if near is None or named or held.dtype.kind not in "fiu":
            return held if held.dtype.kind == "f" else super()._other(name, held, rng)
        if held.dtype.kind == "f":  # a month is compared with a twelfth
            near = np.concatenate([near, 12 * near])
            beside = rng.choice(near, held.shape) * rng.uniform(0.9, 1.1, held.shape)
            beside = beside + rng.integers(-1, 2, held.shape)
        else:
            ends = np.iinfo(np.int32)
            beside = np.floor(rng.choice(near, held.shape)) + rng.integers(-1, 2, held.shape)
            beside = np.clip(beside, min(0, held.min()), ends.max)
        return np.where(rng.random(held.shape) < 0.5, beside, held)

"""A few households of a population, with everybody in them, in arrays of the population's size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import jax
import numpy as np
from jaxtyping import Array

from ...core.population._population import Population
from ..graph._strata import Strata
from ._compact import households_of, structure_of
from ._extent import Extent

MOST = 800
"""Households in a sample, unless more are needed to have every kind."""


@dataclasses.dataclass(frozen=True)
class Sample:
    """Some households.

    Attributes:
        population: as large as the one it is of, the rest padding.
        counts: the real rows of each entity, which come first.
        rows: where they lie in the population.
        kinds: the households' strata and numbers of persons.
    """

    population: Population
    counts: Mapping[str, int]
    rows: Mapping[str, np.ndarray]
    kinds: frozenset[tuple[int, int]]


def sample_of(
    population: Population, extent: Extent, strata: Strata | None, seen: frozenset
) -> Sample | None:
    """A household of every pair of stratum and number of persons that there is and that is not in
    `seen`, those with the largest and least of every column, and one of every make-up of groups;
    None where nothing is new."""
    household_of_row = households_of(population)
    real = {e: np.asarray(population.mask(e)) for e in population.schema.entities}
    households = np.flatnonzero(real[population.schema.household])
    stratum, make_up = _kinds(population, household_of_row, real, strata)
    persons = make_up[0]
    pairs = np.stack([stratum, persons])[:, households]
    kinds = list(map(tuple, pairs.T.tolist()))
    first = dict(reversed(list(zip(kinds, households.tolist(), strict=True))))
    new = {kind: row for kind, row in first.items() if kind not in seen}
    if not new:
        return None
    chosen = set(new.values())
    chosen.update(islice(_with_extremes(population, household_of_row, real), MOST // 2))
    for row in _one_of_each(make_up[:, households], households):
        if len(chosen) >= MOST:
            break
        chosen.add(row)
    return _taken(
        population, extent, household_of_row, real, np.array(sorted(chosen)), frozenset(new)
    )


def _kinds(
    population: Population,
    household_of_row: Mapping[str, np.ndarray],
    real: Mapping[str, np.ndarray],
    strata: Strata | None,
) -> tuple[np.ndarray, np.ndarray]:
    """The stratum of every household, and how many rows it has of each entity, how many members
    its largest group of each kind."""
    schema = population.schema
    many = schema.sizes[schema.household]
    rows = [
        np.bincount(household_of_row[e][real[e]], minlength=many)
        for e in (schema.person, *(g for g in schema.groups if g != schema.household))
    ]
    for group in schema.groups:
        if group != schema.household:
            size = np.bincount(np.asarray(population.links[group])[real[schema.person]])
            largest = np.zeros(many, np.int64)
            whose = household_of_row[group][: len(size)]
            np.maximum.at(largest, whose, size)
            rows.append(largest)
    if strata is None:
        return np.zeros(many, np.int64), np.stack(rows)
    entity, _, name = strata.column.partition(".")
    return np.asarray(population.columns[entity][name]).astype(np.int64), np.stack(rows)


def _with_extremes(
    population: Population,
    household_of_row: Mapping[str, np.ndarray],
    real: Mapping[str, np.ndarray],
) -> Iterator[int]:
    """Households with the largest and the least of every column: there whole numbers overflow, and
    limits are passed, if anywhere."""
    for entity, held in population.columns.items():
        rows = np.flatnonzero(real[entity])
        for values in map(np.asarray, held.values()):
            if rows.size and values.ndim == 1 and values.dtype.kind in "fiu":
                own = values[rows]
                yield from {
                    int(household_of_row[entity][rows[at]]) for at in (own.argmax(), own.argmin())
                }


def _one_of_each(columns: np.ndarray, rows: np.ndarray) -> list[int]:
    """The first row of every kind of column."""
    return rows[np.unique(columns, axis=1, return_index=True)[1]].tolist()


def _taken(
    population: Population,
    extent: Extent,
    household_of_row: Mapping[str, np.ndarray],
    real: Mapping[str, np.ndarray],
    households: np.ndarray,
    kinds: frozenset[tuple[int, int]],
) -> Sample:
    chosen = np.isin(np.arange(population.schema.sizes[population.schema.household]), households)
    rows = {e: np.flatnonzero(chosen[of_row] & real[e]) for e, of_row in household_of_row.items()}
    sizes = dict(extent.sizes)
    links = {n: jax.device_put(v) for n, v in structure_of(population, rows, sizes).items()}
    schema = population.schema
    full = type(schema.sizes)(sizes)

    def placed(values: Array, entity: str) -> Array:
        moved = np.zeros((sizes[entity], *values.shape[1:]), values.dtype)
        moved[: len(rows[entity])] = np.asarray(values)[rows[entity]]
        return jax.device_put(moved)

    columns = {
        e: {name: placed(v, e) for name, v in held.items()}
        for e, held in population.columns.items()
    }
    some = Population(
        columns=columns,
        links={g: links[f"{g}.group"] for g in schema.groups},
        positions={g: links[f"{g}.position"] for g in schema.groups},
        weights=placed(population.weights, schema.household),
        ids={e: placed(v, e) for e, v in population.ids.items()},
        real={e: links[f"{e}.real"] for e in schema.entities},
        schema=schema.replace(sizes=full, counts=full, blocks=1),
    )
    return Sample(some, {e: len(r) for e, r in rows.items()}, rows, kinds)


def unpadded(
    arrays: Mapping[str, np.ndarray], names: Sequence[str], counts: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """Named inputs of a sample without its padding; `counts` begins with the persons."""
    person = next(iter(counts))
    found = {}
    for name in names:
        entity, _, part = name.rpartition(".")
        of_persons = part in ("group", "position")
        found[name] = arrays[name][: counts[person if of_persons else entity]]
    return found

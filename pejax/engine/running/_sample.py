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
from ._remember import remembered

Kind = tuple[int, int]
"""A stratum and a number of persons."""

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
    kinds: frozenset[Kind]


def sample_of(
    population: Population, extent: Extent, strata: Strata | None, seen: frozenset
) -> Sample | None:
    """A household of every pair of stratum and number of persons that there is and that is not in
    `seen`, those with the largest and least of every column, and one of every make-up of groups;
    None where nothing is new."""
    first = kinds_of(population, strata)
    new = first.keys() - seen
    if not new:
        return None
    household_of_row = households_of(population)
    real = {e: np.asarray(population.mask(e)) for e in population.schema.entities}
    households = np.flatnonzero(real[population.schema.household])
    chosen = {first[kind] for kind in new}
    chosen.update(islice(_with_extremes(population, household_of_row, real), MOST // 2))
    make_up = _make_up(population, household_of_row, real)
    for row in _one_of_each(make_up[:, households], households):
        if len(chosen) >= MOST:
            break
        chosen.add(row)
    return _taken(
        population, extent, household_of_row, real, np.array(sorted(chosen)), frozenset(new)
    )


def kinds_of(population: Population, strata: Strata | None) -> dict[Kind, int]:
    """The first household of every pair of stratum and number of persons; found out once for a
    population."""
    schema = population.schema
    link, real = population.links[schema.household], population.mask(schema.household)
    stratum = None
    if strata is not None:
        entity, _, name = strata.column.partition(".")
        stratum = population.columns[entity][name]

    def found() -> dict[Kind, int]:
        here = np.asarray(population.mask(schema.person))
        persons = np.bincount(np.asarray(link)[here], minlength=len(real))
        own = np.zeros(len(real), np.int64) if stratum is None else np.asarray(stratum, np.int64)
        rows, most = np.flatnonzero(np.asarray(real)), int(persons.max(initial=0)) + 1
        kinds, first = np.unique(own[rows] * most + persons[rows], return_index=True)
        pairs = zip((kinds // most).tolist(), (kinds % most).tolist(), strict=True)
        return dict(zip(pairs, rows[first].tolist(), strict=True))

    held = [link, real, population.mask(schema.person)]
    return remembered(held if stratum is None else [*held, stratum], "kinds", found)


def _make_up(
    population: Population,
    household_of_row: Mapping[str, np.ndarray],
    real: Mapping[str, np.ndarray],
) -> np.ndarray:
    """How many rows every household has of each entity, how many members its largest group of each
    kind."""
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
    return np.stack(rows)


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
    kinds: frozenset[Kind],
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

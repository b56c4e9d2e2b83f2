"""Rows of one stratum: where they lie, and values moved in and out of them.

A stratum's rows are few, so its nodes are computed on them alone. `StratumRows` says which rows
those are and how they are linked among themselves; it is worked out on the host, once for a
population.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Int

from ...core.population._layout import size_bucket
from ...core.population._population import Population
from .._inputs import host_arrays
from ..graph._strata import Strata
from ._extent import Extent
from ._remember import remembered

Key = tuple[int, str]


@dataclasses.dataclass(frozen=True)
class StratumRows:
    """The rows of every stratum in one population.

    Attributes:
        extents: how many rows each stratum is computed with.
        arrays: by stratum and name: `household.rows`, where they lie, and their own
            `household.group`, `.real` and so on.
    """

    extents: tuple[Extent, ...]
    arrays: Mapping[Key, Int[Array, " row"]]


def taken(value: Array, rows: Int[Array, " row"]) -> Array:
    """A stratum's rows of a column; the padding is zero."""
    rest = value.shape[1:]
    dims = lax.GatherDimensionNumbers(
        offset_dims=tuple(range(1, value.ndim)), collapsed_slice_dims=(0,), start_index_map=(0,)
    )
    return lax.gather(
        value,
        lax.expand_dims(rows, (1,)),
        dims,
        (1, *rest),
        indices_are_sorted=True,
        mode=lax.GatherScatterMode.FILL_OR_DROP,
        fill_value=0,
    )


def put_back(value: Array, rows: Int[Array, " row"], total: int) -> Array:
    """A column of `total` rows that is zero outside of the stratum."""
    dims = lax.ScatterDimensionNumbers(
        update_window_dims=tuple(range(1, value.ndim)),
        inserted_window_dims=(0,),
        scatter_dims_to_operand_dims=(0,),
    )
    return lax.scatter(
        jnp.zeros((total, *value.shape[1:]), value.dtype),
        lax.expand_dims(rows, (1,)),
        value,
        dims,
        indices_are_sorted=True,
        mode=lax.GatherScatterMode.FILL_OR_DROP,
    )


def stratum_rows_of(
    populations: Sequence[Population], strata: Strata, extent: Extent
) -> list[StratumRows] | None:
    """The strata's rows in populations of one size, with the same capacities in all of them.

    None where the column holds a value that is none of the strata's. They are remembered for as
    long as the populations' arrays live.
    """
    entity, _, name = strata.column.partition(".")
    held = [
        array
        for p in populations
        for array in (p.columns[entity][name], *jax.tree.leaves((p.links, p.real)))
    ]
    return remembered(held, (strata, extent), lambda: _worked_out(populations, strata, extent))


def stratum_rows_like(
    population: Population, strata: Strata, extent: Extent, like: StratumRows
) -> StratumRows | None:
    """The strata's rows in a population, with the capacities that they have in another."""
    stratum = _strata_of_households(population, strata)
    if stratum is None:
        return None
    stratum_of_row = _strata_of_rows(population, stratum)
    return _stratum_rows(population, stratum_of_row, [dict(e.sizes) for e in like.extents], extent)


def own_rows(population: Population, strata: Strata) -> list[dict[str, np.ndarray]]:
    """The rows of every stratum and their links to each other, without padding.

    Raises:
        ValueError: where a household belongs to none of the strata.
    """
    stratum = _strata_of_households(population, strata)
    if stratum is None:
        raise ValueError(f"{strata.column} holds other values than {strata.values}")
    stratum_of_row = _strata_of_rows(population, stratum)
    everybody = Extent(tuple(sorted(population.schema.sizes.items())))
    return [
        _one(population, stratum_of_row, k, _counts(stratum_of_row, k), everybody)
        for k in range(len(strata.values))
    ]


def _worked_out(
    populations: Sequence[Population], strata: Strata, extent: Extent
) -> list[StratumRows] | None:
    found = [_strata_of_households(p, strata) for p in populations]
    strata_of_rows = [
        _strata_of_rows(p, stratum)
        for p, stratum in zip(populations, found, strict=True)
        if stratum is not None
    ]
    if len(strata_of_rows) < len(populations):
        return None
    sizes = [_capacities(strata_of_rows, k) for k in range(len(strata.values))]
    return [
        _stratum_rows(p, one, sizes, extent)
        for p, one in zip(populations, strata_of_rows, strict=True)
    ]


def _strata_of_households(population: Population, strata: Strata) -> np.ndarray | None:
    """The stratum of every household, -1 for padding; None where one belongs to none."""
    entity, _, name = strata.column.partition(".")
    codes = np.asarray(population.columns[entity][name])
    real = np.asarray(population.mask(population.schema.household))
    stratum = np.searchsorted(strata.values, codes)
    stratum = np.minimum(stratum, len(strata.values) - 1)
    if (np.asarray(strata.values)[stratum] != codes)[real].any():
        return None
    return np.where(real, stratum, -1)


def _capacities(strata_of_rows: Sequence[Mapping[str, np.ndarray]], stratum: int) -> dict[str, int]:
    """The rows with which a stratum is computed: the bucket of the most that it has anywhere."""
    counts = [_counts(one, stratum) for one in strata_of_rows]
    return {e: size_bucket(max(c[e] for c in counts) + 1) for e in counts[0]}


def _counts(stratum_of_row: Mapping[str, np.ndarray], stratum: int) -> dict[str, int]:
    """The rows of one stratum, by entity."""
    return {e: int((of_row == stratum).sum()) for e, of_row in stratum_of_row.items()}


def _stratum_rows(
    population: Population,
    stratum_of_row: Mapping[str, np.ndarray],
    sizes: Sequence[Mapping[str, int]],
    extent: Extent,
) -> StratumRows:
    held = [_one(population, stratum_of_row, k, own, extent) for k, own in enumerate(sizes)]
    arrays = {(k, name): value for k, one in enumerate(held) for name, value in one.items()}
    extents = [dataclasses.replace(extent, sizes=tuple(sorted(own.items()))) for own in sizes]
    return StratumRows(tuple(extents), jax.device_put(arrays))


def _strata_of_rows(population: Population, of_household: np.ndarray) -> dict[str, np.ndarray]:
    """Each entity's rows by the stratum of their household; -1 for padding."""
    stratum_of_row = {e: of_household[row] for e, row in households_of(population).items()}
    real = {e: np.asarray(population.mask(e)) for e in stratum_of_row}
    return {e: np.where(real[e], of_row, -1) for e, of_row in stratum_of_row.items()}


def _one(
    population: Population,
    stratum_of_row: Mapping[str, np.ndarray],
    stratum: int,
    sizes: Mapping[str, int],
    extent: Extent,
) -> dict[str, np.ndarray]:
    """The rows of one stratum, padded, and their links to each other."""
    full = dict(extent.sizes)
    rows = {e: np.flatnonzero(of_row == stratum) for e, of_row in stratum_of_row.items()}
    where = {f"{e}.rows": _padded(mine, sizes[e], full[e]) for e, mine in rows.items()}
    return where | structure_of(population, rows, sizes)


def households_of(population: Population) -> dict[str, np.ndarray]:
    """The household row of each row of every entity, on the host."""
    schema, arrays = population.schema, host_arrays(population)
    of_person = arrays[f"{schema.household}.group"]
    household_of_row = {schema.person: of_person}
    for group in schema.groups:
        household_of_row[group] = of_person[arrays[f"{group}.first"]]
    return household_of_row | {schema.household: np.arange(schema.sizes[schema.household])}


def structure_of(
    population: Population, rows: Mapping[str, np.ndarray], sizes: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """The links among some rows, which are whole households, by name; padded to `sizes`."""
    held: dict[str, np.ndarray] = {}
    place: dict[str, np.ndarray] = {}
    for entity, mine in rows.items():
        held[f"{entity}.real"] = np.arange(sizes[entity]) < len(mine)
        place[entity] = np.full(population.schema.sizes[entity], sizes[entity] - 1)
        place[entity][mine] = np.arange(len(mine))
    for group in population.schema.groups:
        held |= _links(population, group, rows, sizes, place)
    return held


def _links(
    population: Population,
    group: str,
    rows: Mapping[str, np.ndarray],
    sizes: Mapping[str, int],
    place: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    person = population.schema.person
    persons, groups = rows[person], rows[group]
    link = place[group][np.asarray(population.links[group])[persons]]
    first = np.full(sizes[group], sizes[person] - 1)
    first[link[::-1]] = np.arange(len(persons))[::-1]
    count = np.bincount(link, minlength=len(groups))[: len(groups)]
    position = np.asarray(population.positions[group])[persons]
    return {
        f"{group}.group": _padded(link, sizes[person], sizes[group] - 1),
        f"{group}.position": _padded(position, sizes[person], 0),
        f"{group}.first": first.astype(np.int32),
        f"{group}.size": _padded(count, sizes[group], sizes[person] - len(persons)),
    }


def _padded(values: np.ndarray, size: int, fill: int) -> np.ndarray:
    padded = np.full(size, fill, np.int32)
    padded[: len(values)] = values
    return padded

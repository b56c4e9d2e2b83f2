"""Where rows go when a population is padded: at the end, or in equal blocks of whole households."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from .._arguments import as_whole, shown
from .._types import HostIndex
from .._validate import BadInputError, unknown
from ._tables import Tables

_COARSE = 65_536
_MOST = np.iinfo(np.int32).max


def size_bucket(n: int) -> int:
    """The smallest of 8, 10, 12, 14, 16, 20, 24, 28, 32, ... that is at least `n`.

    Powers of two times 1, 1.25, 1.5 and 1.75: at most a quarter of the rows is padding, and
    populations of nearby sizes meet in one bucket and so share one compiled program. Above 65,536
    rows, where padding costs more than a compile, the steps are sixteenths.

    >>> [size_bucket(n) for n in (0, 9, 1000, 1100, 542_168)]
    [8, 10, 1024, 1280, 557056]
    """
    power = 8
    while 2 * power < n:
        power *= 2
    steps = 4 if n <= _COARSE else 16
    sizes = (power * k // steps for k in range(steps, 2 * steps + 1))
    return next(size for size in sizes if size >= n)


@dataclasses.dataclass(frozen=True)
class Layout:
    """A place in the padded arrays for every real row.

    Attributes:
        sizes: padded rows by entity.
        slots: the place of each real row, ascending, by entity.
        spare: by group, the padding row of each block, to which the block's padding persons link.
        blocks: number of equal blocks of rows.
    """

    sizes: Mapping[str, int]
    slots: Mapping[str, HostIndex]
    spare: Mapping[str, HostIndex]
    blocks: int = 1


def unpadded(tables: Tables) -> Layout:
    """Every row where it is, no padding."""
    counts = tables.counts
    return Layout(
        sizes=counts,
        slots={entity: np.arange(n) for entity, n in counts.items()},
        spare={group: np.array([max(counts[group] - 1, 0)]) for group in tables.groups},
    )


def padded_at_end(tables: Tables, sizes: object) -> Layout:
    """Padding after the last row; `sizes` as in `Population.pad_to`.

    A group gets room for one row more than it has, because padding persons need a padding group.
    """
    chosen = _chosen_sizes(tables, sizes)
    persons = tables.count(tables.person)
    full = {tables.person: chosen.get(tables.person, size_bucket(persons))}
    _fail_if_too_small(tables.person, full[tables.person], persons)
    for group in tables.groups:
        count = tables.count(group)
        full[group] = chosen.get(group, size_bucket(count + 1))
        _fail_if_too_small(group, full[group], count, spare=full[tables.person] > persons)
    return Layout(
        sizes=full,
        slots={entity: np.arange(n) for entity, n in tables.counts.items()},
        spare={group: np.array([full[group] - 1]) for group in tables.groups},
    )


def in_blocks(tables: Tables, blocks: int) -> Layout:
    """Whole households dealt to `blocks` equal runs of rows, as even in persons as cuts allow.

    Raises:
        BadInputError: rows of some entity are not in household order, or there are fewer
            households than blocks.
    """
    _fail_if_not_in_household_order(tables)
    block_of_household = _deal(tables, blocks)
    sizes, slots, spare = {}, {}, {}
    for entity in tables.entities:
        block = block_of_household[tables.household_of(entity)]
        filled = np.bincount(block, minlength=blocks)
        size = size_bucket(int(filled.max()) + (entity != tables.person))
        start = np.r_[0, np.cumsum(filled)[:-1]]
        slots[entity] = block * size + np.arange(len(block)) - start[block]
        sizes[entity] = blocks * size
        if entity != tables.person:
            spare[entity] = (np.arange(blocks) + 1) * size - 1
    return Layout(sizes, slots, spare, blocks)


def _chosen_sizes(tables: Tables, sizes: object) -> dict[str, int]:
    if sizes is None:
        return {}
    if isinstance(sizes, Mapping):
        for entity in sizes:
            if entity not in tables.entities:
                raise unknown("entity", entity, tables.entities)
        return {entity: _rows(f"n[{entity!r}]", size) for entity, size in sizes.items()}
    return {tables.person: _rows("n", sizes)}


def _rows(name: str, given: object) -> int:
    """A number of rows that links of 32 bits can name."""
    rows = as_whole(name)(given)
    if rows > _MOST:
        raise BadInputError(f"{name} is {shown(rows)}. Give a number of rows up to {_MOST:,}.")
    return rows


def _fail_if_too_small(entity: str, size: int, count: int, spare: bool = False) -> None:
    if size < count + spare:
        why = ", and padding persons need a row more" if spare else ""
        raise BadInputError(
            f"Cannot pad {entity} to {size} rows: there are {count}{why}. Ask for"
            f" {count + spare} or more."
        )


def _fail_if_not_in_household_order(tables: Tables) -> None:
    for entity in tables.entities:
        household = tables.household_of(entity)
        backwards = household[1:] < household[:-1]
        if backwards.any():
            row = int(backwards.argmax()) + 1
            raise BadInputError(
                f"The rows of {entity} are not in the order of their {tables.household}: row {row}"
                f" goes back to {tables.household} row {household[row]}. Sort them first with"
                " population.in_household_order()."
            )


def _deal(tables: Tables, blocks: int) -> HostIndex:
    """The block of each household: consecutive households with about equally many persons."""
    households = tables.count(tables.household)
    if not 1 <= blocks <= households:
        raise BadInputError(
            f"Cannot deal {households} households to {blocks} blocks. Choose between 1 and"
            f" {households} blocks."
        )
    persons = np.bincount(tables.links[tables.household], minlength=households)
    middle = np.cumsum(persons) - persons / 2
    return np.minimum((middle * blocks / persons.sum()).astype(np.int64), blocks - 1)

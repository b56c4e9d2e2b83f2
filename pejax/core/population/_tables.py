"""A population on the host: plain numpy arrays of real rows, before they become a pytree."""

import dataclasses

import numpy as np
from jaxtyping import Array

from .._types import HostColumn, HostIndex


@dataclasses.dataclass
class Tables:
    """Real rows in the caller's order; the form that is checked, selected, sorted and laid out.

    Attributes:
        person, household, groups: entity names, as in `Schema`.
        columns: one array a column, by entity and name; strings as codes.
        links: row of each person's group, by group.
        ids: the caller's ids, by entity.
        weights: one a household.
        vocabularies, origin, weight_name: as in `Schema`.
    """

    person: str
    household: str
    groups: tuple[str, ...]
    columns: dict[str, dict[str, HostColumn]]
    links: dict[str, HostIndex]
    ids: dict[str, HostIndex]
    weights: HostColumn
    vocabularies: dict[tuple[str, str], tuple[str, ...]] = dataclasses.field(default_factory=dict)
    origin: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    weight_name: str = "household_weight"

    @property
    def entities(self) -> tuple[str, ...]:
        return (self.person, *self.groups)

    def count(self, entity: str) -> int:
        """Real rows of an entity."""
        return len(self.ids[entity])

    @property
    def counts(self) -> dict[str, int]:
        return {entity: self.count(entity) for entity in self.entities}

    def household_of(self, entity: str) -> HostIndex:
        """The household row of each row of an entity, through its first person."""
        if entity == self.household:
            return np.arange(self.count(entity))
        of_person = self.links[self.household]
        return of_person if entity == self.person else of_person[first_members(self, entity)]

    def take(self, rows: dict[str, HostIndex]) -> "Tables":
        """The tables of some rows by entity, in the order given, with links renumbered.

        Every kept person's groups must be among the kept rows.
        """
        return dataclasses.replace(
            self,
            columns={
                entity: {name: values[rows[entity]] for name, values in held.items()}
                for entity, held in self.columns.items()
            },
            links={
                group: _renumber(self.count(group), rows[group])[link[rows[self.person]]]
                for group, link in self.links.items()
            },
            ids={entity: ids[rows[entity]] for entity, ids in self.ids.items()},
            weights=self.weights[rows[self.household]],
        )

    def select(self, households: HostIndex) -> "Tables":
        """Whole households with everybody in them; rows keep their order."""
        kept = np.zeros(self.count(self.household), dtype=bool)
        kept[households] = True
        return self.take({e: np.flatnonzero(kept[self.household_of(e)]) for e in self.entities})

    def in_household_order(self) -> "Tables":
        """Every entity's rows sorted by household; within a household the order stays."""
        return self.take(
            {e: np.argsort(self.household_of(e), kind="stable") for e in self.entities}
        )


def first_members(tables: Tables, group: str) -> HostIndex:
    """The first person of each group, in row order; the number of persons where it has none."""
    persons = tables.count(tables.person)
    first = np.full(tables.count(group), persons)
    np.minimum.at(first, tables.links[group], np.arange(persons))
    return first


def positions(link: HostIndex) -> HostIndex:
    """The rank 0, 1, 2, ... of each person within the group, in row order.

    >>> positions(np.array([1, 0, 1, 1])).tolist()
    [0, 0, 1, 2]
    """
    order = np.argsort(link, kind="stable")
    in_order = link[order]
    starts = np.r_[True, in_order[1:] != in_order[:-1]] if len(link) else np.zeros(0, dtype=bool)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(link)), 0))
    ranks = np.empty(len(link), dtype=np.int32)
    ranks[order] = np.arange(len(link)) - first
    return ranks


def ascends(link: HostIndex | Array) -> bool:
    """Whether rows are in the order of their groups."""
    return bool((np.diff(np.asarray(link)) >= 0).all())


def _renumber(size: int, kept: HostIndex) -> HostIndex:
    new = np.full(size, -1, dtype=np.int64)
    new[kept] = np.arange(len(kept))
    return new

"""What is static about a population: its entities, sizes and vocabularies, hashable by value."""

import dataclasses
from collections.abc import Hashable, Iterator, Mapping
from typing import TypeVar

from .._validate import unknown

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


class FrozenMapping(Mapping[K, V]):
    """A dictionary that never changes and hashes by value, fit for a pytree's static part.

    >>> sizes = FrozenMapping({"person": 3, "household": 2})
    >>> sizes["person"], hash(sizes) == hash(FrozenMapping({"household": 2, "person": 3}))
    (3, True)
    """

    __slots__ = ("_hash", "_items")

    def __init__(self, items: Mapping[K, V] | None = None):
        self._items = dict(items or {})
        self._hash = hash(frozenset(self._items.items()))

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrozenMapping):
            return self._hash == other._hash and self._items == other._items
        return NotImplemented

    def __repr__(self) -> str:
        return f"FrozenMapping({self._items!r})"

    def merged(self, items: Mapping[K, V]) -> "FrozenMapping[K, V]":
        """A copy in which `items` win."""
        return FrozenMapping({**self._items, **items})


@dataclasses.dataclass(frozen=True)
class Schema:
    """The static part of a `Population`; equal schemas share one compiled program.

    Attributes:
        person: name of the entity of individuals.
        household: name of the group that carries the weights and that the other groups nest in.
        groups: every group entity, the household among them.
        counts: real rows by entity.
        sizes: rows by entity with the padding; never below `counts`.
        blocks: into how many equal runs of rows the padding is spread; 1 puts it all at the end.
        vocabularies: the sorted labels behind a string column's codes, by (entity, column).
        origin: where a column came from, by (entity, column): `given`, `added`, or a loader's word.
        weight_name: what the household weights are called in tables.
        ordered: groups whose link never decreases from one person's row to the next.
        largest: by group, at least as many members as any one has (in the steps of row counts, so
            that populations of a kind have equal schemas).
    """

    person: str
    household: str
    groups: tuple[str, ...]
    counts: FrozenMapping[str, int]
    sizes: FrozenMapping[str, int]
    blocks: int = 1
    vocabularies: FrozenMapping[tuple[str, str], tuple[str, ...]] = FrozenMapping()  # noqa: RUF009
    origin: FrozenMapping[tuple[str, str], str] = FrozenMapping()  # noqa: RUF009
    weight_name: str = "household_weight"
    ordered: tuple[str, ...] = ()
    largest: tuple[tuple[str, int], ...] = ()

    @property
    def entities(self) -> tuple[str, ...]:
        """The person entity, then the groups."""
        return (self.person, *self.groups)

    def check_entity(self, entity: object) -> None:
        """Raise `UnknownNameError` unless `entity` is one of `entities`."""
        if not isinstance(entity, str) or entity not in self.entities:
            raise unknown("entity", entity, self.entities)

    def replace(self, **changes: object) -> "Schema":
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def generic(self) -> "Schema":
        """The schema of every population of these padded sizes: no real counts, no origins."""
        return self.replace(counts=self.sizes, origin=FrozenMapping())

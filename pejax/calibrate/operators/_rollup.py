"""Totals of areas, rolled up to targets of every level, and back."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...core._segment import segment_sum
from ...core._validate import BadInputError
from ._accumulate import target_dtype


class Rollup(eqx.Module):
    """Which total of which area each target is, where areas of one level make up those above.

    Level 0 is the finest. `parents[l]` is the area of level l + 1 in which each area of level l
    lies. A target is one column's total in one area; `columns[l]` are those with a target at
    level l, and `places[l]` is where in (area, column of the level) each of its targets stands.
    """

    parents: tuple[Int[Array, " _"], ...]  # one entry an area
    targets: tuple[Int[Array, " _"], ...]
    slots: tuple[Int[Array, " _"], ...]  # in (area, column)
    columns: tuple[Int[Array, " _"], ...]
    places: tuple[Int[Array, " _"], ...]  # in (area, column of the level)
    counts: tuple[int, ...] = eqx.field(static=True)
    n_targets: int = eqx.field(static=True)
    n_columns: int = eqx.field(static=True)
    repeats: bool = eqx.field(static=True)  # some total is more than one target

    @classmethod
    def of(
        cls,
        level: Int[np.ndarray, " target"],
        area: Int[np.ndarray, " target"],
        column: Int[np.ndarray, " target"],
        parents: Sequence[Int[np.ndarray, " _"]],
        counts: Sequence[int],
        n_columns: int,
    ) -> "Rollup":
        """Lay the targets out by level.

        Raises:
            BadInputError: a target of a level, area or column that is not there; areas without the
                area above.
        """
        _check_parents(parents, counts)
        _check_targets(level, area, column, counts, n_columns)
        targets = [np.flatnonzero(level == at) for at in range(len(counts))]
        columns = [np.unique(column[rows]) for rows in targets]
        slots = [area[rows] * n_columns + column[rows] for rows in targets]
        places = [
            area[rows] * len(own) + np.searchsorted(own, column[rows])
            for rows, own in zip(targets, columns, strict=True)
        ]
        repeats = any(len(np.unique(own)) < len(own) for own in slots)
        return cls(
            _held(parents),
            _held(targets),
            _held(slots),
            _held(columns),
            _held(places),
            tuple(counts),
            len(level),
            n_columns,
            repeats,
        )

    @property
    def levels(self) -> int:
        """The number of levels."""
        return len(self.counts)

    def up(self, totals: Float[Array, "area column"]) -> Float[Array, " target"]:
        """The targets' estimates from the totals of the finest areas."""
        totals = totals.astype(target_dtype())
        found = jnp.zeros(self.n_targets, totals.dtype)
        for level, (rows, slots) in enumerate(zip(self.targets, self.slots, strict=True)):
            if level:
                totals = segment_sum(totals, self.parents[level - 1], self.counts[level])
            found = found.at[rows].set(totals.reshape(-1)[slots])
        return found

    def down(self, multipliers: Float[Array, " target"]) -> Float[Array, "area column"]:
        """The transpose of `up`: what a unit of each column is worth in each finest area."""
        worth = None
        for level in reversed(range(self.levels)):
            own = jnp.zeros(self.counts[level] * self.n_columns, multipliers.dtype)
            own = own.at[self.slots[level]].add(multipliers[self.targets[level]])
            own = own.reshape(self.counts[level], self.n_columns)
            worth = own if worth is None else own + worth[self.parents[level]]
        assert worth is not None
        return worth

    def by_area(self, values: Float[Array, " target"]) -> tuple[Float[Array, "_ _"], ...]:
        """The targets of each level as a table of its areas and columns, 0 where there is none."""
        return tuple(
            jnp.zeros(count * len(own), values.dtype)
            .at[places]
            .set(values[rows])
            .reshape(count, len(own))
            for count, own, places, rows in zip(
                self.counts, self.columns, self.places, self.targets, strict=True
            )
        )

    def of_areas(self, tables: Sequence[Float[Array, "_ _"]]) -> Float[Array, " target"]:
        """The inverse of `by_area`."""
        found = jnp.zeros(self.n_targets, tables[0].dtype)
        for rows, places, table in zip(self.targets, self.places, tables, strict=True):
            found = found.at[rows].set(table.reshape(-1)[places])
        return found

    def extreme(
        self, values: Float[np.ndarray, "area column"], reduce: np.ufunc
    ) -> Float[np.ndarray, " target"]:
        """The smallest or largest of the finest areas' values (`np.minimum`, `np.maximum`) for each
        target, zero included; on the host."""
        found = np.zeros(self.n_targets)
        for level, (rows, slots) in enumerate(zip(self.targets, self.slots, strict=True)):
            if level:
                above = np.zeros((self.counts[level], self.n_columns))
                reduce.at(above, np.asarray(self.parents[level - 1]), values)
                values = above
            found[np.asarray(rows)] = values.reshape(-1)[np.asarray(slots)]
        return found

    def take(self, targets: Int[np.ndarray, " kept"]) -> "Rollup":
        """The roll-up of some targets, in the order given."""
        level, area, column = self.described()
        parents = [np.asarray(p) for p in self.parents]
        at = np.asarray(targets)
        return Rollup.of(level[at], area[at], column[at], parents, self.counts, self.n_columns)

    def described(
        self,
    ) -> tuple[Int[np.ndarray, " target"], Int[np.ndarray, " target"], Int[np.ndarray, " target"]]:
        """The level, area and column of every target."""
        level, slot = np.zeros((2, self.n_targets), np.int64)
        for at, (rows, slots) in enumerate(zip(self.targets, self.slots, strict=True)):
            level[np.asarray(rows)] = at
            slot[np.asarray(rows)] = np.asarray(slots)
        return level, slot // self.n_columns, slot % self.n_columns


def _held(arrays: Sequence[np.ndarray]) -> tuple[Int[Array, " _"], ...]:
    return tuple(jnp.asarray(x) for x in arrays)


def _check_parents(parents: Sequence[np.ndarray], counts: Sequence[int]) -> None:
    if len(parents) != len(counts) - 1:
        raise BadInputError(
            f"{len(counts)} levels of areas need {len(counts) - 1} columns of parents, not "
            f"{len(parents)}. Give the area above for every area but those of the last level."
        )
    for level, above in enumerate(parents):
        if len(above) != counts[level]:
            raise BadInputError(
                f"parents[{level}] has {len(above)} entries and level {level} {counts[level]} "
                "areas. Give one parent an area."
            )
        bad = np.flatnonzero((above < 0) | (above >= counts[level + 1]))
        if bad.size:
            raise BadInputError(
                f"parents[{level}][{bad[0]}] is {above[bad[0]]}, but level {level + 1} has areas 0 "
                f"to {counts[level + 1] - 1}."
            )


def _check_targets(
    level: np.ndarray, area: np.ndarray, column: np.ndarray, counts: Sequence[int], n_columns: int
) -> None:
    known = np.isin(level, np.arange(len(counts)))
    limit = np.where(known, np.asarray(counts)[np.where(known, level, 0)], 0)
    bad = np.flatnonzero(
        ~known | (area < 0) | (area >= limit) | (column < 0) | (column >= n_columns)
    )
    if bad.size:
        row = bad[0]
        raise BadInputError(
            f"Target row {row} is of level {level[row]}, area {area[row]}, column {column[row]}; "
            f"there are {list(counts)} areas by level and {n_columns} columns."
        )


def fail_if_repeated(level: np.ndarray, area: np.ndarray, column: np.ndarray) -> None:
    """Every total is one target."""
    rows = np.stack([level, area, column])
    _, first, times = np.unique(rows, axis=1, return_index=True, return_counts=True)
    if (times > 1).any():
        row = first[times > 1][0]
        raise BadInputError(
            f"Target row {row} (level {level[row]}, area {area[row]}, column {column[row]}) is "
            "given more than once. Give each total one row."
        )

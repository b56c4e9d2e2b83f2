"""The estimate matrix of a geography: totals of areas, rolled up to the areas above them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from ...core._arguments import as_instance, as_whole, shown
from ...core._arrays import as_column, as_numbers, as_places, items_of
from ...core._validate import BadInputError
from ._accumulate import binary_size, not_folded, target_dtype
from ._blocks import Blocks
from ._cells import ByUnit, Cells
from ._factor import Factor, NestedFactor
from ._grid import Grid
from ._operator import HessianParts, Operator
from ._parts import Parts
from ._rollup import Rollup, fail_if_repeated


class AreaTargets(NamedTuple):
    """One entry a target: its level (0 is the finest), its area there, and its column."""

    level: Int[np.ndarray, " target"]
    area: Int[np.ndarray, " target"]
    column: Int[np.ndarray, " target"]


class GeographyOperator(Operator):
    r"""An estimate matrix of shape (target, unit) for units that live in areas.

    Every target is the total of one column in one area. A unit contributes to its own area and to
    those above it, so the matrix is a product of two: the totals of the finest areas, and a
    roll-up of a few thousand numbers. It is never written out. Five million clones of twelve
    thousand households in 436 districts take two small matrix products, and Newton's equations
    are solved district by district, then state by state (`NestedFactor`).

    Products are taken in the wider of the dtypes of values and vector; sums over areas in float64
    where JAX has it switched on.

    Args:
        values: with `household`, the values of each household, (household, column); else those of
            each unit, (unit, column).
        area: the finest area of each unit, counted from 0.
        targets: level, area and column of each target, as `AreaTargets` or three sequences.
        parents: for every level but the last, the area above of each of its areas; `()` for areas
            that are not added up.
        household: the household of each unit. The same household may stand in many areas, and in
            one area several times.
        own: columns that the units of a household do not share, such as their own draws of
            take-up: column number to one value a unit. Needs `household`.

    Raises:
        BadInputError: NaN or infinite values, lengths that disagree, an area, household, level or
            column that is not there, a total given twice.

    Two households in two districts of one state; the targets are both districts' people and the
    state's income:

    >>> operator = GeographyOperator(
    ...     [[2.0, 50.0], [1.0, 30.0]], [0, 1, 1], ([0, 0, 1], [0, 1, 0], [0, 0, 1]), [[0, 0]],
    ...     household=[0, 0, 1])
    >>> operator.mv(jnp.array([10.0, 20.0, 30.0]))
    Array([  20.,   70., 2400.], dtype=float32)
    """

    cells: Cells
    rollup: Rollup

    def __init__(
        self,
        values: Any,
        area: ArrayLike,
        targets: AreaTargets | Sequence[Any],
        parents: Sequence[Any] = (),
        *,
        household: ArrayLike | None = None,
        own: Mapping[int, Any] | None = None,
    ):
        table, places = _table(values), as_places(area, "area")
        rows = _rows(targets)
        levels = _each(parents, f"parents is {shown(parents)}. Give a list for each level.")
        above = [as_places(p, f"parents[{k}]") for k, p in enumerate(levels)]
        counts = _counts(places, rows, above)
        if household is None:
            if own is not None:
                raise BadInputError("own columns need household=; give values by unit instead.")
            _check_same("values", len(table), "area", len(places))
            self.cells = Blocks.of(table, places, counts[0])
        else:
            home = as_places(household, "household")
            _check_same("household", len(home), "area", len(places))
            _check_below("household", home, len(table))
            held = _own({} if own is None else own, len(places), table.shape[1])
            self.cells = Grid.of(ByUnit(places, home, table), held, counts[0])
        fail_if_repeated(*rows)
        self.rollup = Rollup.of(*rows, above, counts, table.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        return self.rollup.n_targets, self.cells.n_units

    @property
    def dtype(self) -> jnp.dtype:
        return self.cells.dtype

    @eqx.filter_jit
    def mv(self, weights: Float[Array, " unit"]) -> Float[Array, " target"]:
        return self.rollup.up(self.cells.sums(weights))

    @eqx.filter_jit
    def rmv(self, residual: Float[Array, " target"]) -> Float[Array, " unit"]:
        return self.cells.potentials(self.rollup.down(residual))

    @eqx.filter_jit
    def gram(self, q: Float[Array, " unit"]) -> Float[Array, "target target"]:
        grams = self._grams(q)

        def row(target):
            worth = self.rollup.down(jnp.zeros(self.shape[0], grams.dtype).at[target].set(1))
            return self.rollup.up(jnp.einsum("akl,al->ak", grams, worth))

        return jax.lax.map(row, jnp.arange(self.shape[0]))

    def _grams(self, q: Float[Array, " unit"]) -> Float[Array, "area column column"]:
        size = binary_size(not_folded(self.cells).largest())
        found = self.cells.grams(q, size).astype(target_dtype())
        size = size.astype(found.dtype)
        return size[:, None] * found * size

    def extent(self) -> tuple[Float[np.ndarray, " target"], Float[np.ndarray, " target"]]:
        low, high = (np.asarray(bound, float) for bound in self.cells.bounds())
        return self.rollup.extreme(low, np.minimum), self.rollup.extreme(high, np.maximum)

    def take(
        self,
        targets: Int[np.ndarray, " kept_target"] | None = None,
        units: Int[np.ndarray, " kept_unit"] | None = None,
    ) -> "GeographyOperator":
        rollup = self.rollup if targets is None else self.rollup.take(targets)
        cells = self.cells if units is None else self.cells.take(np.asarray(units))
        return eqx.tree_at(lambda o: (o.cells, o.rollup), self, (cells, rollup))

    def cut(self, n: int) -> Parts:
        cells = self.cells.cut(n)
        return cells._replace(pieces=[_with_cells(self, piece) for piece in cells.pieces])

    @classmethod
    def joined(cls, parts: Parts) -> "GeographyOperator":
        first = parts.pieces[0]
        found = ByUnit.joined([piece.cells.by_unit() for piece in parts.pieces])
        return _with_cells(first, first.cells.like(found.take(parts.slots())))

    @property
    def reuses_factor(self) -> bool:
        # The areas' Gram matrices cost more than all else of a step. A total taken twice has no
        # place in `NestedFactor`: its equations are dense, and their factor is always new.
        return not self.rollup.repeats

    def hessian_parts(self, q: Float[Array, " unit"]) -> HessianParts:
        return self._grams(q) if self.reuses_factor else self.gram(q)

    def factor(
        self,
        parts: HessianParts,
        row_scale: Float[Array, " target"],
        ridge: Float[Array, ""],
    ) -> Factor:
        if not self.reuses_factor:
            return super().factor(parts, row_scale, ridge)
        return NestedFactor.of(parts.astype(row_scale.dtype), self.rollup, row_scale, ridge)


def _with_cells(operator: GeographyOperator, cells: Cells) -> GeographyOperator:
    return eqx.tree_at(lambda o: o.cells, operator, cells)


def _table(values: Any) -> Float[np.ndarray, "row column"]:
    table = as_numbers(values, "values")
    if table.ndim != 2 or not table.size:
        raise BadInputError(
            f"values have shape {table.shape}; give a table of at least one row and one column."
        )
    _check_finite("values", table)
    return (
        table if np.issubdtype(table.dtype, np.floating) else table.astype(np.dtype(target_dtype()))
    )


def _each(given: Any, refusal: str) -> list[Any]:
    """The items of a list, or the rows of an array."""
    is_table = isinstance(given, np.ndarray) and given.ndim == 2
    return list(given) if is_table else items_of(given, refusal)


def _rows(targets: AreaTargets | Sequence[Any]) -> AreaTargets:
    fix = "Give level, area and column of each target: three lists."
    given = _each(targets, f"targets is {shown(targets)}. {fix}")
    if len(given) != len(AreaTargets._fields):
        raise BadInputError(f"targets has {len(given)} entries. {fix}")
    rows = zip(AreaTargets._fields, given, strict=True)
    return AreaTargets(*(as_places(x, name) for name, x in rows))


def _check_finite(name: str, table: np.ndarray) -> None:
    bad = np.argwhere(~np.isfinite(table))
    if bad.size:
        at = ", ".join(str(k) for k in bad[0])
        raise BadInputError(
            f"{name}[{at}] is {table[tuple(bad[0])]}, and {len(bad) - 1} more are not finite. "
            "Give finite numbers; 0 where there is none."
        )


def _counts(
    area: np.ndarray, targets: AreaTargets, parents: Sequence[np.ndarray]
) -> tuple[int, ...]:
    """How many areas each level has: as many as have a parent, at the last as many as are named."""
    last = targets.area[targets.level == len(parents)]
    top = parents[-1] if parents else area
    named = 1 + max(int(last.max(initial=-1)), int(top.max(initial=-1)))
    counts = (*(len(p) for p in parents), named)
    _check_below("area", area, counts[0])
    return counts


def _own(
    own: Mapping[int, Any], n_units: int, n_columns: int
) -> dict[int, Float[np.ndarray, " unit"]]:
    as_instance(own, Mapping, "own", "Give column number to one value a unit.")
    held = {
        as_whole("a column of own")(column): as_column(values, f"own[{column}]", "unit")
        for column, values in own.items()
    }
    for column, values in held.items():
        if not 0 <= column < n_columns:
            raise BadInputError(f"own column {column} is not one of the {n_columns} columns.")
        _check_same(f"own[{column}]", len(values), "area", n_units)
        _check_finite(f"own[{column}]", values)
    return held


def _check_same(name: str, length: int, other: str, expected: int) -> None:
    if length != expected:
        raise BadInputError(
            f"{name} has {length} entries and {other} {expected}. Give one of each a unit."
        )


def _check_below(name: str, numbers: np.ndarray, limit: int) -> None:
    bad = np.flatnonzero(numbers >= limit)
    if bad.size:
        raise BadInputError(
            f"{name}[{bad[0]}] is {numbers[bad[0]]}, but there are {limit}, counted from 0."
        )

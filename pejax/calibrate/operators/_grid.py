"""Households that stand in several areas, each time with the same values."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ._accumulate import accumulate, ceil_div, target_dtype
from ._blocks import Blocks
from ._cells import ByUnit, Cells
from ._parts import NOBODY, Parts, slots_of

_LANE, _MOST_LANES = 1024, 64  # households of one product before partial sums meet in a tree
_FEW = 0.25  # share of the cells of a grid under which its units are better laid out in blocks


class _Region(eqx.Module):
    """Areas that share households with each other and with no other area.

    Households are cut into lanes, because a long float32 product drifts: the table of weights is
    (lane, area, household of the lane), and the lanes' products meet in a wider sum.
    """

    values: Float[Array, "lane household column"]
    areas: Int[Array, " area"]
    cell: Int[Array, " unit"] | None  # in the table, past its end for nobody; None: all, in order
    units: tuple[int, int] = eqx.field(static=True)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the table of weights."""
        lanes, households, _ = self.values.shape
        return lanes, self.areas.shape[0], households

    def spread(self, weights: Float[Array, " unit"]) -> Float[Array, "lane area household"]:
        own = weights[self.units[0] : self.units[1]]
        if self.cell is not None:
            lanes, areas, households = self.shape
            own = (
                jnp.zeros(lanes * areas * households, own.dtype).at[self.cell].add(own, mode="drop")
            )
        return own.reshape(self.shape)

    def sums(self, weights: Float[Array, " unit"]) -> Float[Array, "area column"]:
        return accumulate(jnp.einsum("lah,lhk->lak", self.spread(weights), self.values))

    def potentials(self, worth: Float[Array, "area column"]) -> Float[Array, " unit"]:
        # A product for each lane, so that its table comes out in the order of the cells.
        lanes = jnp.broadcast_to(worth, (self.values.shape[0], *worth.shape))
        table = jnp.einsum("lak,lhk->lah", lanes, self.values).reshape(-1)
        return table if self.cell is None else table[self.cell]

    def grams(
        self, q: Float[Array, " unit"], size: Float[Array, " column"]
    ) -> Float[Array, "area column column"]:
        def of_area(area):
            row = table[:, area, :].reshape(-1, 1).astype(values.dtype)
            return (values * row).T @ values

        table, values = self.spread(q), self.by_household / size
        return jax.lax.map(of_area, jnp.arange(self.shape[1]))

    def bounds(
        self, here: Float[Array, " unit"]
    ) -> tuple[Float[Array, "area column"], Float[Array, "area column"]]:
        def of_area(area):
            there = jnp.where(table[:, area, :].reshape(-1, 1) > 0, values, 0)
            return there.min(axis=0, initial=0), there.max(axis=0, initial=0)

        table, values = self.spread(here), self.by_household
        return jax.lax.map(of_area, jnp.arange(self.shape[1]))

    @property
    def by_household(self) -> Float[Array, "household column"]:
        return self.values.reshape(-1, self.values.shape[2])

    def places(self) -> tuple[Int[np.ndarray, " unit"], Int[np.ndarray, " unit"]]:
        """The household (of this region) and the area of each unit; any for nobody."""
        size = int(np.prod(self.shape))
        cell = np.arange(size) if self.cell is None else np.minimum(self.cell, size - 1)
        lane, area, household = np.unravel_index(cell, self.shape)
        return lane * self.shape[2] + household, np.asarray(self.areas)[area]


class Grid(Cells):
    """Households in areas: values by household, and who stands where.

    Units are sorted by region, area and household; `order` and `place` lead there and back, None
    where the caller's order is that one. Columns that units have for themselves, such as a draw of
    take-up, are blocks beside the table.
    """

    regions: tuple[_Region, ...]
    own: Blocks | None
    own_columns: Int[Array, " own"]
    order: Int[Array, " unit"] | None
    place: Int[Array, " unit"] | None
    n_units: int = eqx.field(static=True)
    n_areas: int = eqx.field(static=True)

    @classmethod
    def of(cls, units: ByUnit, own: dict[int, Float[np.ndarray, " unit"]], n_areas: int) -> "Grid":
        """Sort the units, each a row of a household, by region and area and by household there."""
        shared = np.array(units.table)
        shared[:, list(own)] = 0
        regions, unit = _dealt(units._replace(table=shared), n_areas, 1)
        drawn = np.stack(list(own.values()), axis=1).astype(shared.dtype) if own else None
        held = None if drawn is None else Blocks.of(drawn, units.area, n_areas)
        order, place = _orders(unit[0])
        return cls(
            regions=regions[0],
            own=held,
            own_columns=jnp.asarray(np.array(list(own), np.int32)),
            order=order,
            place=place,
            n_units=len(units.area),
            n_areas=n_areas,
        )

    @property
    def dtype(self) -> jnp.dtype:
        return self.regions[0].values.dtype

    @property
    def n_columns(self) -> int:
        """The number of columns."""
        return self.regions[0].values.shape[2]

    def sums(self, weights: Float[Array, " unit"]) -> Float[Array, "area column"]:
        found = self._shared_sums(weights)
        if self.own is not None:
            found = found.at[:, self.own_columns].add(self.own.sums(weights))
        return found

    def _shared_sums(self, weights: Float[Array, " unit"]) -> Float[Array, "area column"]:
        weights = _in_order(weights, self.order)
        found = jnp.zeros((self.n_areas, self.n_columns), target_dtype())
        for region in self.regions:
            found = found.at[region.areas].set(region.sums(weights))
        return found

    def potentials(self, worth: Float[Array, "area column"]) -> Float[Array, " unit"]:
        found = jnp.concatenate([r.potentials(worth[r.areas]) for r in self.regions])
        found = _in_order(found, self.place)
        return (
            found if self.own is None else found + self.own.potentials(worth[:, self.own_columns])
        )

    def grams(
        self, q: Float[Array, " unit"], size: Float[Array, " column"]
    ) -> Float[Array, "area column column"]:
        sorted_q = _in_order(q, self.order)
        found = jnp.zeros((self.n_areas, self.n_columns, self.n_columns), self.dtype)
        for region in self.regions:
            found = found.at[region.areas].set(region.grams(sorted_q, size))
        return found if self.own is None else self._with_own(found, q, size, self.own)

    def largest(self) -> Float[Array, " column"]:
        found = jnp.zeros(self.n_columns, self.dtype)
        for region in self.regions:
            found = jnp.maximum(found, jnp.abs(region.values).max(axis=(0, 1), initial=0))
        if self.own is not None:
            found = found.at[self.own_columns].max(self.own.largest())
        return found

    def _with_own(
        self, found: Array, q: Float[Array, " unit"], size: Float[Array, " column"], own: Blocks
    ) -> Array:
        """The rows and columns of the units' own values: with the shared ones, and each other."""
        columns = self.own_columns
        for k in range(len(columns)):
            shared = self._shared_sums(q * (own.in_order[:, k] / size[columns[k]]))
            shared = (shared / size).astype(self.dtype)
            found = found.at[:, columns[k], :].add(shared)
            found = found.at[:, :, columns[k]].add(shared)
        return found.at[:, columns[:, None], columns[None, :]].set(own.grams(q, size[columns]))

    @eqx.filter_jit
    def bounds(self) -> tuple[Float[Array, "area column"], Float[Array, "area column"]]:
        low = high = jnp.zeros((self.n_areas, self.n_columns), self.dtype)
        here = jnp.ones(self.n_units, self.dtype)
        for region in self.regions:
            lows, highs = region.bounds(here)
            low, high = low.at[region.areas].set(lows), high.at[region.areas].set(highs)
        if self.own is not None:
            least, most = self.own.bounds()
            low, high = (
                low.at[:, self.own_columns].set(least),
                high.at[:, self.own_columns].set(most),
            )
        return low, high

    def take(self, units: Int[np.ndarray, " kept"]) -> Cells:
        found = self.by_unit()
        if len(units) < _FEW * sum(np.prod(region.shape) for region in self.regions):
            return Blocks.of_some(found, units, self.n_areas)
        return self.like(found.take(units))

    def cut(self, n: int) -> Parts:
        found = self.by_unit()
        regions, unit = _dealt(found, self.n_areas, n)
        own: list[Blocks | None] = [None] * n
        if found.own is not None:
            drawn, area = found.own.values(unit.reshape(-1)), found.area[unit]
            area[unit == NOBODY] = self.n_areas
            own = [*Blocks.pieces(np.split(drawn, n), list(area), self.n_areas)]
        pieces = [
            Grid(
                regions=of_piece,
                own=drawn,
                own_columns=self.own_columns,
                order=None,
                place=None,
                n_units=unit.shape[1],
                n_areas=self.n_areas,
            )
            for of_piece, drawn in zip(regions, own, strict=True)
        ]
        return Parts(pieces, unit)

    def like(self, units: ByUnit) -> "Grid":
        own = {}
        if units.own is not None:
            drawn = units.own.values(np.arange(len(units.row)))
            own = dict(zip(units.own_columns.tolist(), drawn.T, strict=True))
        return Grid.of(units, own, self.n_areas)

    def by_unit(self) -> ByUnit:
        households, areas, shift = [], [], 0
        for region in self.regions:
            household, area = region.places()
            households.append(shift + household)
            areas.append(area)
            shift += len(region.by_household)
        back = slice(None) if self.place is None else np.asarray(self.place)
        row, area = (np.concatenate(x)[back] for x in (households, areas))
        table = np.concatenate([np.asarray(region.by_household) for region in self.regions])
        if self.own is None:
            return ByUnit(area, row, table)
        return ByUnit(area, row, table, self.own.by_unit(), np.asarray(self.own_columns))


def _in_order(x: Float[Array, " unit"], order: Int[Array, " unit"] | None) -> Array:
    return x if order is None else x[order]


def _orders(
    order: Int[np.ndarray, " unit"],
) -> tuple[Int[Array, " unit"] | None, Int[Array, " unit"] | None]:
    """A permutation and its inverse, None for the one that moves nothing."""
    if np.array_equal(order, np.arange(len(order))):
        return None, None
    return jnp.asarray(order.astype(np.int32)), jnp.asarray(slots_of(order))


def _dealt(
    units: ByUnit, n_areas: int, n: int
) -> tuple[list[tuple[_Region, ...]], Int[np.ndarray, "piece slot"]]:
    """The regions of `n` pieces, and the unit in each slot of each piece."""
    region = _regions(units, n_areas)
    of_unit = region[units.area]
    order = np.lexsort((units.row, units.area, of_unit))
    bounds = np.searchsorted(of_unit[order], np.arange(region.max(initial=-1) + 2))
    pieces, placed = [], []
    for members in np.split(order, bounds[1:-1]):
        start = sum(unit.shape[1] for unit in placed)
        if len(members):
            of_pieces, place = _dealt_region(units.take(members), start, n)
            pieces.append(of_pieces)
            placed.append(np.where(place == NOBODY, NOBODY, members[place]))
    unit = np.concatenate(placed, axis=1) if placed else np.zeros((n, 0), np.int64)
    return [*zip(*pieces, strict=True)] if pieces else [()] * n, unit


def _dealt_region(
    units: ByUnit, start: int, n: int
) -> tuple[list[_Region], Int[np.ndarray, "piece slot"]]:
    """One region cut by households, its units in order of area and household and in slots from
    `start` on; and the unit in each slot."""
    households, column = np.unique(units.row, return_inverse=True)
    areas, row = np.unique(units.area, return_inverse=True)
    lanes = _Lanes.of(len(households), n)
    shape = lanes.each, len(areas), lanes.width
    piece, lane, within = lanes.places(column)
    cell = np.ravel_multi_index((lane, row, within), shape)
    slot, n_slots = cell, int(np.prod(shape))
    once = len(np.unique(piece * n_slots + cell)) == len(cell) == len(households) * len(areas)
    full = once and (n > 1 or len(cell) == n_slots)
    if not full:
        slot, n_slots = _ranks(piece, n)
    unit = np.full((n, n_slots), NOBODY)
    unit[piece, slot] = np.arange(len(cell))
    cells = np.where(unit == NOBODY, np.prod(shape), cell[unit]).astype(np.int32)
    table = np.zeros((n, *shape[::2], units.table.shape[1]), units.table.dtype)
    table[lanes.places(np.arange(len(households)))] = units.table[households]
    place = jnp.asarray(areas.astype(np.int32))
    regions = [
        _Region(
            jnp.asarray(table[k]),
            place,
            None if full else jnp.asarray(cells[k]),
            (start, start + n_slots),
        )
        for k in range(n)
    ]
    return regions, unit


class _Lanes(NamedTuple):
    """Households cut into pieces, and these into lanes."""

    each: int  # lanes a piece
    width: int
    share: int  # households a piece

    @classmethod
    def of(cls, n_households: int, n: int) -> "_Lanes":
        share = ceil_div(n_households, n)
        each = min(ceil_div(share, _LANE), _MOST_LANES)
        return cls(each, ceil_div(share, each), share)

    def places(self, household: Int[np.ndarray, " any"]) -> tuple[np.ndarray, ...]:
        """The piece, the lane and the place in it of each household."""
        piece, within = np.divmod(household, self.share)
        return piece, *np.divmod(within, self.width)


def _ranks(piece: Int[np.ndarray, " unit"], n: int) -> tuple[Int[np.ndarray, " unit"], int]:
    """How many units of its piece come before each, and the most that a piece has."""
    order, counts = np.argsort(piece, kind="stable"), np.bincount(piece, minlength=n)
    rank = np.empty(len(piece), np.int64)
    rank[order] = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rank, int(counts.max())


def _regions(units: ByUnit, n_areas: int) -> Int[np.ndarray, " area"]:
    """The region of each area: areas with a household in common are in the same one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = n_areas + len(units.table)
    ends = units.area, n_areas + units.row
    links = coo_array((np.ones(len(units.row), bool), ends), shape=(n, n))
    return connected_components(links, directed=False)[1][:n_areas]

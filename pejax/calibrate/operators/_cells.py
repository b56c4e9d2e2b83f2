"""Where units live: totals by area, what units are worth, and the Gram matrix of each area.

Two layouts of the same products. `Grid` is for households that stand in several areas, each time
with the same values: weights go into a table of areas by households, and everything else is a
matrix product. `Blocks` is for units with values of their own, in blocks of 128 of one area.
"""

import abc
import itertools
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..._segment import segment_max, segment_min
from ._accumulate import accumulate, ceil_div, target_dtype, wider
from ._sumtree import sum_tree, tree_sum

_LANE, _MOST_LANES = 1024, 64  # households of one product before partial sums meet in a tree
_BLOCK = 128  # units of one area side by side
_FEW = 0.25  # share of the cells of a grid under which its units are better laid out in blocks
_CHUNK = 32  # blocks that are widened to the weights' dtype at a time


class Cells(eqx.Module):
    """Units of areas, in an order of their own; `n_columns` values each."""

    n_units: eqx.AbstractVar[int]
    n_areas: eqx.AbstractVar[int]

    @property
    @abc.abstractmethod
    def dtype(self) -> jnp.dtype:
        """The dtype of the values."""

    @abc.abstractmethod
    def sums(self, weights: Float[Array, " unit"]) -> Float[Array, "area column"]:
        """The weighted total of every column in every area."""

    @abc.abstractmethod
    def potentials(self, worth: Float[Array, "area column"]) -> Float[Array, " unit"]:
        """The transpose of `sums`: each unit's values at what its area pays for them."""

    @abc.abstractmethod
    def grams(self, q: Float[Array, " unit"]) -> Float[Array, "area column column"]:
        """The Gram matrix of every area's units with weights `q`."""

    @abc.abstractmethod
    def bounds(self) -> tuple[Float[Array, "area column"], Float[Array, "area column"]]:
        """The smallest and largest value of every column in every area, zero included."""

    @abc.abstractmethod
    def take(self, units: Int[np.ndarray, " kept"]) -> "Cells":
        """Some units, in the order given."""

    @abc.abstractmethod
    def by_unit(self) -> "ByUnit":
        """The area and the values of each unit, on the host."""


class ByUnit(NamedTuple):
    """Units in the caller's order: their areas, and their rows of a table of values.

    Columns that units of one row do not share are added from a table of their own.
    """

    area: Int[np.ndarray, " unit"]
    row: Int[np.ndarray, " unit"]
    table: Float[np.ndarray, "row column"]
    own: "ByUnit | None" = None
    own_columns: Int[np.ndarray, " own"] = np.zeros(0, int)

    def values(self, units: Int[np.ndarray, " some"]) -> Float[np.ndarray, "some column"]:
        """The values of some units."""
        found = self.table[self.row[units]]
        if self.own is not None:
            found[:, self.own_columns] += self.own.values(units)
        return found


class _Region(eqx.Module):
    """Areas that share households with each other and with no other area.

    Households are cut into lanes, because a long float32 product drifts: the table of weights is
    (lane, area, household of the lane), and the lanes' products meet in a wider sum.
    """

    values: Float[Array, "lane household column"]
    areas: Int[Array, " area"]
    cell: Int[Array, " unit"] | None  # in the table; None: every cell once, in order
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
            own = jnp.zeros(lanes * areas * households, own.dtype).at[self.cell].add(own)
        return own.reshape(self.shape)

    def sums(self, weights: Float[Array, " unit"]) -> Float[Array, "area column"]:
        return accumulate(jnp.einsum("lah,lhk->lak", self.spread(weights), self.values))

    def potentials(self, worth: Float[Array, "area column"]) -> Float[Array, " unit"]:
        table = jnp.einsum("ak,lhk->lah", worth, self.values).reshape(-1)
        return table if self.cell is None else table[self.cell]

    def grams(self, q: Float[Array, " unit"]) -> Float[Array, "area column column"]:
        def of_area(area):
            row = table[:, area, :].reshape(-1, 1).astype(values.dtype)
            return (values * row).T @ values

        table, values = self.spread(q), self.by_household
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
        """The household (of this region) and the area of each unit."""
        size = int(np.prod(self.shape))
        cell = np.arange(size) if self.cell is None else np.asarray(self.cell)
        lane, area, household = np.unravel_index(cell, self.shape)
        return lane * self.shape[2] + household, np.asarray(self.areas)[area]


class Blocks(Cells):
    """Units with values of their own, cut into blocks of one area, padded with zero units."""

    values: Float[Array, "block unit_of_block column"]
    area: Int[Array, " block"]
    place: Int[Array, " unit"]  # of each unit among the padded ones
    tree: tuple[Int[Array, "level_block width"], ...]  # that adds up an area's blocks
    n_units: int = eqx.field(static=True)
    n_areas: int = eqx.field(static=True)

    @classmethod
    def of(
        cls,
        values: Float[np.ndarray, "unit column"],
        area: Int[np.ndarray, " unit"],
        n_areas: int,
        room: int = 0,
    ) -> "Blocks":
        """Lay the units out by area, in as many blocks as that takes or in `room`, if more."""
        order = np.argsort(area, kind="stable")
        members = np.bincount(area, minlength=n_areas)
        blocks = np.maximum(1, -(-members // _BLOCK))
        first = np.concatenate([[0], np.cumsum(blocks)])
        within = np.arange(len(area)) - np.concatenate([[0], np.cumsum(members)])[area[order]]
        place = np.empty(len(area), np.int64)
        place[order] = first[area[order]] * _BLOCK + within
        n_blocks = ceil_div(max(room, int(first[-1])), _CHUNK) * _CHUNK
        table = np.zeros((n_blocks * _BLOCK, values.shape[1]), values.dtype)
        table[place] = values
        area_of_block = np.full(n_blocks, n_areas, np.int32)  # padding counts nowhere
        area_of_block[: first[-1]] = np.repeat(np.arange(n_areas), blocks)
        return cls(
            values=jnp.asarray(table.reshape(n_blocks, _BLOCK, -1)),
            area=jnp.asarray(area_of_block),
            place=jnp.asarray(place.astype(np.int32)),
            tree=sum_tree(first, n_blocks),
            n_units=len(area),
            n_areas=n_areas,
        )

    @classmethod
    def of_some(cls, found: ByUnit, units: Int[np.ndarray, " kept"], n_areas: int) -> "Blocks":
        """Some units, in the order given: in room enough for any so many, so that one compiled
        program serves every choice of them."""
        room = n_areas + ceil_div(len(units), _BLOCK)
        return cls.of(found.values(units), found.area[units], n_areas, room)

    @property
    def dtype(self) -> jnp.dtype:
        return self.values.dtype

    @property
    def in_order(self) -> Float[Array, "unit column"]:
        """The units' values in the caller's order."""
        return self.values.reshape(-1, self.values.shape[2])[self.place]

    def sums(self, weights: Float[Array, " unit"]) -> Float[Array, "area column"]:
        def of_chunk(chunk):
            values, weights = chunk
            return jnp.einsum("nb,nbk->nk", weights, values.astype(weights.dtype))

        spread = self._spread(weights.astype(wider(weights, self.dtype)))
        found = jax.lax.map(of_chunk, (self._chunks(), self._by_chunk(spread)))
        return tree_sum(found.reshape(len(self.area), -1), self.tree)

    def potentials(self, worth: Float[Array, "area column"]) -> Float[Array, " unit"]:
        def of_chunk(chunk):
            values, worth = chunk
            return jnp.einsum("nk,nbk->nb", worth, values.astype(worth.dtype))

        worth = worth.astype(wider(worth, self.dtype))
        worth = jnp.concatenate([worth, jnp.zeros_like(worth[:1])])[self.area]
        chunks = worth.reshape(-1, _CHUNK, worth.shape[1])
        return jax.lax.map(of_chunk, (self._chunks(), chunks)).reshape(-1)[self.place]

    def grams(self, q: Float[Array, " unit"]) -> Float[Array, "area column column"]:
        def add(found, block):
            values, q, area = block
            return found.at[area].add((values * q[:, None]).T @ values, mode="drop"), None

        spread = self._spread(q.astype(self.dtype)).reshape(-1, _BLOCK)
        zero = jnp.zeros((self.n_areas, *2 * self.values.shape[2:]), self.dtype)
        return jax.lax.scan(add, zero, (self.values, spread, self.area))[0]

    def bounds(self) -> tuple[Float[Array, "area column"], Float[Array, "area column"]]:
        low = segment_min(self.values.min(axis=1), self.area, self.n_areas)
        high = segment_max(self.values.max(axis=1), self.area, self.n_areas)
        return jnp.minimum(low, 0), jnp.maximum(high, 0)

    def take(self, units: Int[np.ndarray, " kept"]) -> "Blocks":
        return Blocks.of_some(self.by_unit(), units, self.n_areas)

    def by_unit(self) -> ByUnit:
        place = np.asarray(self.place)
        table = np.asarray(self.values).reshape(-1, self.values.shape[2])
        return ByUnit(np.asarray(self.area)[place // _BLOCK], place, table)

    def _spread(self, x: Float[Array, " unit"]) -> Float[Array, " padded"]:
        return jnp.zeros(len(self.area) * _BLOCK, x.dtype).at[self.place].set(x)

    def _by_chunk(self, x: Float[Array, " padded"]) -> Float[Array, "chunk block unit"]:
        return x.reshape(-1, _CHUNK, _BLOCK)

    def _chunks(self) -> Float[Array, "chunk block unit column"]:
        return self.values.reshape(-1, _CHUNK, *self.values.shape[1:])


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
    def of(
        cls,
        values: Float[np.ndarray, "household column"],
        household: Int[np.ndarray, " unit"],
        area: Int[np.ndarray, " unit"],
        own: dict[int, Float[np.ndarray, " unit"]],
        n_areas: int,
    ) -> "Grid":
        """Sort the units and cut them into regions."""
        region = _regions(household, area, len(values), n_areas)
        order = np.lexsort((household, area, region[area]))
        shared = np.array(values)
        shared[:, list(own)] = 0
        bounds = np.searchsorted(region[area][order], np.arange(region.max(initial=-1) + 2))
        regions = tuple(
            _region(shared, household[order[a:b]], area[order[a:b]], (int(a), int(b)))
            for a, b in itertools.pairwise(bounds)
            if b > a
        )
        drawn = np.stack(list(own.values()), axis=1).astype(values.dtype) if own else None
        held = None if drawn is None else Blocks.of(drawn, area, n_areas)
        columns = jnp.asarray(np.array(list(own), np.int32))
        there, back = _orders(order)
        return cls(
            regions=regions,
            own=held,
            own_columns=columns,
            order=there,
            place=back,
            n_units=len(area),
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

    def grams(self, q: Float[Array, " unit"]) -> Float[Array, "area column column"]:
        sorted_q = _in_order(q, self.order)
        found = jnp.zeros((self.n_areas, self.n_columns, self.n_columns), self.dtype)
        for region in self.regions:
            found = found.at[region.areas].set(region.grams(sorted_q))
        return found if self.own is None else self._with_own(found, q, self.own)

    def _with_own(self, found: Array, q: Float[Array, " unit"], own: Blocks) -> Array:
        """The rows and columns of the units' own values: with the shared ones, and each other."""
        columns = self.own_columns
        for k in range(len(columns)):
            shared = self._shared_sums(q * own.in_order[:, k]).astype(self.dtype)
            found = found.at[:, columns[k], :].add(shared)
            found = found.at[:, :, columns[k]].add(shared)
        return found.at[:, columns[:, None], columns[None, :]].set(own.grams(q))

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
        own = {}
        if found.own is not None:
            own = dict(zip(found.own_columns.tolist(), found.own.values(units).T, strict=True))
        return Grid.of(found.table, found.row[units], found.area[units], own, self.n_areas)

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
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    return jnp.asarray(order.astype(np.int32)), jnp.asarray(place)


def _regions(
    household: Int[np.ndarray, " unit"],
    area: Int[np.ndarray, " unit"],
    n_households: int,
    n_areas: int,
) -> Int[np.ndarray, " area"]:
    """The region of each area: areas with a household in common are in the same one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = n_areas + n_households
    links = coo_array((np.ones(len(area), bool), (area, n_areas + household)), shape=(n, n))
    return connected_components(links, directed=False)[1][:n_areas]


def _region(
    values: Float[np.ndarray, "household column"],
    household: Int[np.ndarray, " unit"],
    area: Int[np.ndarray, " unit"],
    units: tuple[int, int],
) -> _Region:
    """A region of units in order of area and household."""
    households, column = np.unique(household, return_inverse=True)
    areas, row = np.unique(area, return_inverse=True)
    lanes = min(ceil_div(len(households), _LANE), _MOST_LANES)
    width = ceil_div(len(households), lanes)
    table = np.pad(values[households], ((0, lanes * width - len(households)), (0, 0)))
    shape = lanes, len(areas), width
    cell = np.ravel_multi_index((column // width, row, column % width), shape)
    each_once = len(cell) == np.prod(shape) and (np.diff(cell) == 1).all()
    return _Region(
        jnp.asarray(table.reshape(lanes, width, -1)),
        jnp.asarray(areas.astype(np.int32)),
        None if each_once else jnp.asarray(cell.astype(np.int32)),
        units,
    )

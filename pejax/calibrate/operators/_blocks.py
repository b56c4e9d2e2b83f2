"""Units with values of their own, in blocks of one area."""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...core._segment import segment_max, segment_min
from ._accumulate import ceil_div, wider
from ._cells import ByUnit, Cells
from ._parts import NOBODY, Parts, in_runs
from ._sumtree import sum_trees, tree_sum

_BLOCK = 128  # units of one area side by side


class Blocks(Cells):
    """Units with values of their own, cut into blocks of one area, padded with zero units."""

    values: Float[Array, "block unit_of_block column"]
    area: Int[Array, " block"]
    place: Int[Array, " unit"]  # of each unit among the padded ones; past the end: nobody
    tree: tuple[Int[Array, "_ width"], ...]  # that adds up an area's blocks
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
        return cls.pieces([values], [area], n_areas, room)[0]

    @classmethod
    def pieces(
        cls,
        values: Sequence[Float[np.ndarray, "_ column"]],
        areas: Sequence[Int[np.ndarray, " _"]],
        n_areas: int,
        room: int = 0,
    ) -> list["Blocks"]:
        """Several tables laid out in arrays of the same shapes; a unit of area `n_areas` is
        nobody's."""
        members = np.stack([np.bincount(own, minlength=n_areas + 1)[:n_areas] for own in areas])
        counts = np.maximum(1, -(-members // _BLOCK))
        first = np.pad(np.cumsum(counts, axis=1), ((0, 0), (1, 0)))
        n_blocks = max(room, int(first.max()))
        trees = sum_trees(first, n_blocks)
        laid = [_laid(*x, n_blocks) for x in zip(values, areas, first, strict=True)]
        return [
            cls(
                values=table, area=area, place=place, tree=tree, n_units=len(place), n_areas=n_areas
            )
            for (table, area, place), tree in zip(laid, trees, strict=True)
        ]

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
        dtype = wider(weights, self.dtype)
        spread = self._spread(weights.astype(dtype)).reshape(-1, _BLOCK, 1)
        return tree_sum(jnp.sum(spread * self.values.astype(dtype), axis=1), self.tree)

    def potentials(self, worth: Float[Array, "area column"]) -> Float[Array, " unit"]:
        dtype = wider(worth, self.dtype)
        worth = worth.astype(dtype)
        of_block = jnp.concatenate([worth, jnp.zeros_like(worth[:1])])[self.area]
        found = jnp.sum(of_block[:, None, :] * self.values.astype(dtype), axis=2)
        return found.reshape(-1)[self.place]

    def grams(
        self, q: Float[Array, " unit"], size: Float[Array, " column"]
    ) -> Float[Array, "area column column"]:
        def add(found, block):
            values, q, area = block
            values = values / size
            return found.at[area].add((values * q[:, None]).T @ values, mode="drop"), None

        spread = self._spread(q.astype(self.dtype)).reshape(-1, _BLOCK)
        zero = jnp.zeros((self.n_areas, *2 * self.values.shape[2:]), self.dtype)
        return jax.lax.scan(add, zero, (self.values, spread, self.area))[0]

    def largest(self) -> Float[Array, " column"]:
        return jnp.abs(self.values).max(axis=(0, 1), initial=0)

    def bounds(self) -> tuple[Float[Array, "area column"], Float[Array, "area column"]]:
        low = segment_min(self.values.min(axis=1), self.area, self.n_areas)
        high = segment_max(self.values.max(axis=1), self.area, self.n_areas)
        return jnp.minimum(low, 0), jnp.maximum(high, 0)

    def take(self, units: Int[np.ndarray, " kept"]) -> "Blocks":
        return Blocks.of_some(self.by_unit(), units, self.n_areas)

    def cut(self, n: int) -> Parts:
        found = self.by_unit()
        unit = in_runs(np.argsort(found.area, kind="stable"), n)
        table, area = found.values(unit.reshape(-1)), found.area[unit]
        area[unit == NOBODY] = self.n_areas
        return Parts(Blocks.pieces(np.split(table, n), list(area), self.n_areas), unit)

    def by_unit(self) -> ByUnit:
        table = np.asarray(self.values).reshape(-1, self.values.shape[2])
        place = np.minimum(self.place, len(table) - 1)
        return ByUnit(np.asarray(self.area)[place // _BLOCK], place, table)

    def like(self, units: ByUnit) -> "Blocks":
        return Blocks.of(units.values(np.arange(len(units.row))), units.area, self.n_areas)

    def _spread(self, x: Float[Array, " unit"]) -> Float[Array, " padded"]:
        return jnp.zeros(len(self.area) * _BLOCK, x.dtype).at[self.place].set(x, mode="drop")


def _laid(
    values: Float[np.ndarray, "unit column"],
    area: Int[np.ndarray, " unit"],
    first: Int[np.ndarray, " bound"],
    n_blocks: int,
) -> tuple[Float[Array, "block unit_of_block column"], Int[Array, " block"], Int[Array, " unit"]]:
    """The blocks of units whose areas begin at the blocks `first`: values, areas, and places."""
    n_areas = len(first) - 1
    order = np.argsort(area, kind="stable")
    order = order[: np.searchsorted(area[order], n_areas)]
    there = area[order]
    place = np.full(len(area), n_blocks * _BLOCK, np.int32)
    place[order] = first[there] * _BLOCK + np.arange(len(there)) - np.searchsorted(there, there)
    table = np.zeros((n_blocks * _BLOCK, values.shape[1]), values.dtype)
    table[place[order]] = values[order]
    area_of_block = np.full(n_blocks, n_areas, np.int32)  # padding counts nowhere
    area_of_block[: first[-1]] = np.repeat(np.arange(n_areas), np.diff(first))
    return (
        jnp.asarray(table.reshape(n_blocks, _BLOCK, -1)),
        jnp.asarray(area_of_block),
        jnp.asarray(place),
    )

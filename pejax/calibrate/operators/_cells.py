"""Where units live: totals by area, what units are worth, and the Gram matrix of each area."""

import abc
from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ._parts import Parts


class Cells(eqx.Module):
    """Units of areas, in an order of their own; `n_columns` values each.

    Two layouts of the same products. `Grid` is for households that stand in several areas, each
    time with the same values: weights go into a table of areas by households, and everything else
    is a matrix product. `Blocks` is for units with values of their own, in blocks of 128 of one
    area.
    """

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
    def grams(
        self, q: Float[Array, " unit"], size: Float[Array, " column"]
    ) -> Float[Array, "area column column"]:
        """The Gram matrix of every area's units with weights `q`, of values divided by `size`."""

    @abc.abstractmethod
    def largest(self) -> Float[Array, " column"]:
        """The largest absolute value of every column."""

    @abc.abstractmethod
    def bounds(self) -> tuple[Float[Array, "area column"], Float[Array, "area column"]]:
        """The smallest and largest value of every column in every area, zero included."""

    @abc.abstractmethod
    def take(self, units: Int[np.ndarray, " kept"]) -> "Cells":
        """Some units, in the order given."""

    @abc.abstractmethod
    def cut(self, n: int) -> Parts:
        """The cells as `n` pieces that share the units between them."""

    @abc.abstractmethod
    def by_unit(self) -> "ByUnit":
        """The area and the values of each unit, on the host."""

    @abc.abstractmethod
    def like(self, units: "ByUnit") -> "Cells":
        """Other units in this layout."""


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

    def take(self, units: Int[np.ndarray, " some"]) -> "ByUnit":
        """Some units, in the order given."""
        own = None if self.own is None else self.own.take(units)
        return self._replace(area=self.area[units], row=self.row[units], own=own)

    @classmethod
    def joined(cls, pieces: Sequence["ByUnit"]) -> "ByUnit":
        """The units of all pieces, one piece after the other."""
        shifts = np.cumsum([0, *(len(piece.table) for piece in pieces[:-1])])
        own = [piece.own for piece in pieces if piece.own is not None]
        return cls(
            np.concatenate([piece.area for piece in pieces]),
            np.concatenate([p.row + shift for p, shift in zip(pieces, shifts, strict=True)]),
            np.concatenate([piece.table for piece in pieces]),
            cls.joined(own) if own else None,
            pieces[0].own_columns,
        )

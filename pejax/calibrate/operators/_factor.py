r"""Solves of :math:`(D A \operatorname{diag}(q) A^\top D + \rho I)\,x = b`, D the row scales."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...core._segment import segment_sum
from ._rollup import Rollup


class Factor(eqx.Module):
    """A factorised system of equations."""

    @abc.abstractmethod
    def solve(self, rhs: Float[Array, " target"]) -> Float[Array, " target"]:
        """The solution for one right-hand side; linear in it, so it transposes."""


class DenseFactor(Factor):
    """A positive semidefinite matrix, its rows scaled to a unit diagonal, by Cholesky."""

    matrix: Float[Array, "target target"]
    spread: Float[Array, " target"]
    lower: Float[Array, "target target"]

    @classmethod
    def of(
        cls,
        gram: Float[Array, "target target"],
        row_scale: Float[Array, " target"],
        ridge: Float[Array, ""],
    ) -> "DenseFactor":
        """Factorise the scaled Gram matrix plus the ridge."""
        scaled = row_scale[:, None] * gram * row_scale
        matrix = scaled + ridge * jnp.eye(scaled.shape[0], dtype=scaled.dtype)
        spread, lower = _scaled_cholesky(matrix)
        return cls(matrix, spread, lower)

    def solve(self, rhs: Float[Array, " target"]) -> Float[Array, " target"]:
        """The solution, refined once against what scaling and jitter took."""
        x = self._apply(rhs)
        return x + self._apply(rhs - self.matrix @ x)

    def _apply(self, b: Float[Array, " target"]) -> Float[Array, " target"]:
        return _solved(self.spread, self.lower, b)


class NestedFactor(Factor):
    """The equations of a geography: areas are eliminated level by level, the nation last.

    Targets of different areas of one level meet only in the levels above, so each area's block
    is eliminated by itself (a Schur complement in the columns), and what is left of its areas is
    added up for the area above.
    """

    rollup: Rollup
    # One a level, each with its own areas and columns.
    scales: tuple[Float[Array, "_ _"], ...]  # (area, column)
    spreads: tuple[Float[Array, "_ _"], ...]  # (area, column)
    lowers: tuple[Float[Array, "_ _ _"], ...]  # (area, column, column)
    borders: tuple[Float[Array, "_ _ all_columns"], ...]  # (area, column, column of all)

    @classmethod
    def of(
        cls,
        grams: Float[Array, "area all_columns all_columns"],
        rollup: Rollup,
        row_scale: Float[Array, " target"],
        ridge: Float[Array, ""],
    ) -> "NestedFactor":
        """Eliminate every level of the areas' own Gram matrices."""
        scales = rollup.by_area(row_scale)
        spreads, lowers, borders = [], [], []
        for level, (scale, columns) in enumerate(zip(scales, rollup.columns, strict=True)):
            border = scale[:, :, None] * grams[:, columns, :]
            block = border[:, :, columns] * scale[:, None, :]
            block = block + ridge * jnp.eye(block.shape[-1], dtype=block.dtype)
            spread, lower = _scaled_cholesky(block)
            spreads.append(spread)
            lowers.append(lower)
            borders.append(border)
            if level + 1 < rollup.levels:
                through = jax.vmap(_solved)(spread, lower, border)
                left = grams - jnp.einsum("aki,akj->aij", border, through)
                grams = segment_sum(left, rollup.parents[level], rollup.counts[level + 1])
        return cls(rollup, scales, tuple(spreads), tuple(lowers), tuple(borders))

    def solve(self, rhs: Float[Array, " target"]) -> Float[Array, " target"]:
        """Down the eliminated levels and back."""
        sides = list(self.rollup.by_area(rhs))
        carried = jnp.zeros((self.rollup.counts[0], self.rollup.n_columns), rhs.dtype)
        for level in range(self.rollup.levels):
            columns = self.rollup.columns[level]
            sides[level] = sides[level] - self.scales[level] * carried[:, columns]
            if level + 1 < self.rollup.levels:
                gone = jnp.einsum("akc,ak->ac", self.borders[level], self._inverse(level, sides))
                parents, count = self.rollup.parents[level], self.rollup.counts[level + 1]
                carried = segment_sum(carried + gone, parents, count)
        return self.rollup.of_areas(self._back(sides))

    def _back(self, sides: list[Float[Array, "_ _"]]) -> list[Float[Array, "_ _"]]:
        """From the nation to the districts: every level knows what those above it take."""
        top = self.rollup.levels - 1
        above = jnp.zeros((self.rollup.counts[top], self.rollup.n_columns), sides[top].dtype)
        found = list(sides)
        for level in reversed(range(self.rollup.levels)):
            sides[level] = sides[level] - jnp.einsum("akc,ac->ak", self.borders[level], above)
            found[level] = self._inverse(level, sides)
            if level:
                own = self.scales[level] * found[level]
                above = above.at[:, self.rollup.columns[level]].add(own)
                above = above[self.rollup.parents[level - 1]]
        return found

    def _inverse(self, level: int, sides: list[Float[Array, "_ _"]]) -> Float[Array, "area column"]:
        return jax.vmap(_solved)(self.spreads[level], self.lowers[level], sides[level])


def _solved(spread: Float[Array, " row"], lower: Float[Array, "row row"], b: Array) -> Array:
    shape = (-1,) + (1,) * (b.ndim - 1)
    scaled = b / spread.reshape(shape)
    return jax.scipy.linalg.cho_solve((lower, True), scaled) / spread.reshape(shape)


def _scaled_cholesky(
    matrix: Float[Array, "*area row row"],
) -> tuple[Float[Array, "*area row"], Float[Array, "*area row row"]]:
    """The roots of the diagonal, and the factor of the matrix scaled by them.

    The least multiple of the machine precision that makes the factorisation succeed is added.
    """
    limits = jnp.finfo(matrix.dtype)
    diagonal = jnp.diagonal(matrix, axis1=-2, axis2=-1)
    spread = jnp.sqrt(jnp.maximum(diagonal, limits.tiny))
    unit = matrix / (spread[..., :, None] * spread[..., None, :])
    n, eps = matrix.shape[-1], float(limits.eps)
    return spread, jax.lax.stop_gradient(_cholesky(unit, 4 * n * eps))


def _cholesky(unit: Float[Array, "*area row row"], jitter: float) -> Float[Array, "*area row row"]:
    eye = jnp.eye(unit.shape[-1], dtype=unit.dtype)

    def attempt(amount):
        return jnp.linalg.cholesky(unit + amount * eye)

    def failed(carry):
        factor, amount = carry
        return ~jnp.all(jnp.isfinite(factor)) & (amount < 1)

    def retry(carry):
        return attempt(30 * carry[1]), 30 * carry[1]

    amount = jnp.asarray(jitter, unit.dtype)
    return jax.lax.while_loop(failed, retry, (attempt(amount), amount))[0]

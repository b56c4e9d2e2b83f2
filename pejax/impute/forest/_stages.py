"""A forest for the sign of an outcome, and one for its size on each side of zero."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, ArrayLike, Float, Int

from ...core._arguments import check_key
from ...core._formerly import former_names
from ...core._one_line import one_line
from ...core._transforms import is_traced
from ...core._types import Key
from .._checks import Covariates, as_covariates, as_levels
from .._keys import Ids
from ..readout._levels import Method
from ._forest import Forest
from ._trees import Trees

SIGNS = (-1.0, 0.0, 1.0)


@former_names(draw_rank="draw_index")
class SignForest(eqx.Module):
    r"""Outcomes with a heap at zero or of both signs, in two stages.

    The first forest gives the chances of a negative, a zero and a positive outcome; two more, each
    grown on the donors of its side alone, give the size. The tails then get every donor they have,
    instead of leaves that are mostly zeros. A side that no donor is on has no forest.

    Quantiles are those of the mixture, a draw draws the sign and then a donor of that side. What
    it reads has the names and meanings that it has for a `Forest`.

    Attributes:
        sign: a forest of the classes -1, 0 and 1, those that donors have.
        negative, positive: the forests of either side.

    >>> import pandas as pd
    >>> from pejax.impute import QRF
    >>> table = pd.DataFrame({"age": [20.0, 70.0] * 32, "gain": [0.0, 9.0, 0.0, -9.0] * 16})
    >>> fitted = QRF(n_estimators=2, sign_stage=True).fit(table, ["age"], ["gain"])
    >>> fitted.imputers[0].forest.negative.values.tolist()
    [-9.0]
    """

    sign: Forest
    negative: Forest | None
    positive: Forest | None

    @one_line
    def __repr__(self) -> str:
        sides = {"negative": self.negative, "positive": self.positive}
        there = " and ".join(name for name, forest in sides.items() if forest is not None)
        return f"{self.sign.trees!r}; {there or 'no other'} sizes"

    @property
    def values(self) -> Float[Array, " value"] | Float[np.ndarray, " value"]:
        """The distinct outcomes of the donors, ascending; a zero stands between the sides."""
        sides = [side.values for side in (self.negative, self.positive) if side is not None]
        xp = jnp if is_traced(*sides) else np
        low = [] if self.negative is None else [self.negative.values]
        high = [] if self.positive is None else [self.positive.values]
        return xp.concatenate([*low, np.zeros(1), *high])

    @property
    def trees(self) -> Trees:
        """The splits of the first forest; those of the sides read the same covariates."""
        return self.sign.trees

    @property
    def gaps(self) -> tuple[int, ...]:
        """The covariates of which all stages route a missing value."""
        stages = [x for x in (self.sign, self.negative, self.positive) if x is not None]
        return tuple(sorted(set.intersection(*(set(stage.gaps) for stage in stages))))

    def chances(self, X: Covariates, *, mesh: Mesh | None = None) -> Float[Array, "row 3"]:
        """The chances of a negative, a zero and a positive outcome of every receiver."""
        x = as_covariates(X, self.trees.n_features, self.trees.missing, self.sign.gaps)
        points = np.broadcast_to(SIGNS, (x.shape[0], len(SIGNS)))
        reached = self.sign.cdf(x, points, mesh=mesh)
        return jnp.diff(reached, axis=1, prepend=0)

    def mean(self, X: Covariates, *, mesh: Mesh | None = None) -> Float[Array, " row"]:
        """The conditional mean of every receiver."""
        chances = self.chances(X, mesh=mesh)
        sides = (self.negative, chances[:, 0]), (self.positive, chances[:, 2])
        return sum(
            (p * side.mean(X, mesh=mesh) for side, p in sides if side is not None),
            jnp.zeros(chances.shape[0], chances.dtype),
        )

    def quantile(
        self,
        X: Covariates,
        levels: Float[ArrayLike, " quantile"] | Float[ArrayLike, "row quantile"] | Sequence[float],
        *,
        method: Method | None = None,
        mesh: Mesh | None = None,
    ) -> Float[Array, "row quantile"]:
        """Receivers' quantiles of the mixture; `method` is that of the sides."""
        chances = self.chances(X, mesh=mesh)
        levels = as_levels(levels, chances.shape[0]).astype(chances.dtype)
        levels = jnp.broadcast_to(levels, (chances.shape[0], levels.shape[-1]))
        below, upto = chances[:, :1], chances[:, :1] + chances[:, 1:2]
        found = jnp.where(jnp.isnan(below), jnp.nan, jnp.zeros_like(levels))
        for side, inside, share in (
            (self.negative, levels <= below, levels / _positive(below)),
            (self.positive, levels > upto, (levels - upto) / _positive(1 - upto)),
        ):
            if side is not None:
                at = jnp.clip(jnp.where(inside, share, 0.5), 0, 1)
                there = side.quantile(X, at, method=method, mesh=mesh)
                found = jnp.where(inside & (share >= 0), there, found)
        return found

    def draw_index(
        self,
        X: Covariates,
        *,
        key: Key,
        ids: Ids | None = None,
        mesh: Mesh | None = None,
    ) -> Int[Array, " row"]:
        """The index in `values` of each receiver's drawn outcome; -1 where there is none."""
        check_key(key)
        sign_key, side_key = jax.random.split(key)
        drawn = self.sign.draw(X, key=sign_key, ids=ids, mesh=mesh)
        settings: dict[str, Any] = {"key": side_key, "ids": ids, "mesh": mesh}
        zero = 0 if self.negative is None else len(self.negative.values)
        index = jnp.where(jnp.isnan(drawn), -1, zero)
        if self.negative is not None:
            index = jnp.where(drawn < 0, self.negative.draw_index(X, **settings), index)
        if self.positive is not None:
            there = self.positive.draw_index(X, **settings)
            index = jnp.where(drawn > 0, jnp.where(there < 0, there, there + zero + 1), index)
        return index

    def draw(
        self,
        X: Covariates,
        *,
        key: Key,
        ids: Ids | None = None,
        mesh: Mesh | None = None,
    ) -> Float[Array, " row"]:
        """One donor's outcome for each receiver: a sign, then a donor of that side."""
        index = self.draw_index(X, key=key, ids=ids, mesh=mesh)
        return jnp.where(index >= 0, jnp.asarray(self.values)[index], jnp.nan)


def _positive(share: Float[Array, "row 1"]) -> Float[Array, "row 1"]:
    return jnp.maximum(share, jnp.finfo(share.dtype).tiny)

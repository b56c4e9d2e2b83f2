"""One step of a chain: the columns a forest reads and the column it fills."""

from collections.abc import Iterable, Mapping

import equinox as eqx
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Shaped

from ..._types import Key
from ..._validate import unknown
from .._checks import check_covariates
from .._keys import Ids, variable_key
from ..forest._forest import Forest
from ..forest._stages import SignForest
from ._columns import Column, NumberColumn

Columns = Mapping[str, Shaped[Array, " row"]]


class Imputer(eqx.Module):
    """A forest with the names and kinds of the columns it reads and of the one it fills.

    Attributes:
        forest: the fitted forest.
        inputs: the predictors, in the order of the forest's covariates.
        target: the outcome.
    """

    forest: Forest | SignForest
    inputs: tuple[Column, ...] = eqx.field(static=True)
    target: Column = eqx.field(static=True)

    @classmethod
    def of_numbers(cls, forest: Forest, predictors: Iterable[str], target: str) -> "Imputer":
        """Name the covariates and the outcome of a forest of numbers."""
        return cls(forest, tuple(NumberColumn(name) for name in predictors), NumberColumn(target))

    def covariates(self, columns: Columns) -> Float[Array, "row feature"]:
        """The forest's covariates from encoded columns."""
        for column in self.inputs:
            if column.name not in columns:
                raise unknown("predictor", column.name, columns)
        parts = [column.features(columns[column.name]) for column in self.inputs]
        x = jnp.concatenate(parts, axis=1)
        names = [
            column.name
            for column, part in zip(self.inputs, parts, strict=True)
            for _ in range(part.shape[1])
        ]
        trees = self.forest.trees
        check_covariates(x, trees.n_features, trees.missing, self.forest.gaps, names)
        return x

    def draw_rank(
        self,
        columns: Columns,
        key: Key,
        ids: Ids,
        mesh: Mesh | None = None,
    ) -> Int[Array, " row"]:
        """A donor's outcome for each row, as an index into the forest's values."""
        x = self.covariates(columns)
        own_key = variable_key(key, self.target.name)
        return self.forest.draw_rank(x, key=own_key, ids=ids, mesh=mesh)

    def outcome(self, rank: Int[Array, " row"]) -> Float[Array, " row"]:
        """The outcomes behind drawn ranks; NaN for -1."""
        values = jnp.asarray(self.forest.values)
        return jnp.where(rank >= 0, values[rank], jnp.nan)

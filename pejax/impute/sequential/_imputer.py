"""One step of a chain: the columns a forest reads and the column it fills."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Int32, Num, Shaped, UInt32

from ...core._formerly import former_names, formerly
from ...core._one_line import listed, one_line
from ...core._types import Key
from ...core._validate import unknown
from .._checks import as_covariates
from .._keys import Ids, variable_key
from ..forest._forest import Forest
from ..forest._stages import SignForest
from ._columns import Column, NumberColumn

_EXACT = 2**24  # whole numbers up to it are exact in float32
HostOrDevice: TypeAlias = Array | np.ndarray
Columns = Mapping[str, Shaped[Array | np.ndarray, " row"]]


@former_names(draw_rank="draw_index", inputs="predictors")
class Imputer(eqx.Module):
    """A forest with the names and kinds of its predictors and of the column it fills.

    Attributes:
        forest: the fitted forest.
        predictors: columns of a table, in the order of the covariates that they become.
        target: the column that is filled.
        whole: the donors' whole numbers, one for each of the forest's values, where these are
            floats that need not hold them: int32, or two words of 32 bits each, the low one first,
            so that no array turns into another where 64-bit types are off.

    >>> import pandas as pd
    >>> from pejax.impute import QRF
    >>> table = pd.DataFrame({"age": [20.0, 70.0] * 8, "pension": [0.0, 9.0] * 8})
    >>> imputer = QRF(n_estimators=2).fit(table, ["age"], ["pension"]).imputers[0]
    >>> [column.name for column in imputer.predictors], imputer.target.name
    (['age'], 'pension')
    """

    forest: Forest | SignForest
    predictors: tuple[Column, ...] = eqx.field(static=True)
    target: Column = eqx.field(static=True)
    whole: Int32[HostOrDevice, " value"] | UInt32[HostOrDevice, "value 2"] | None = None

    @one_line
    def __repr__(self) -> str:
        return f"{listed([column.name for column in self.predictors])} -> {self.target.name}"

    @classmethod
    def of_numbers(cls, forest: Forest, predictors: Iterable[str], target: str) -> "Imputer":
        """Name the covariates and the outcome of a forest of numbers."""
        return cls(forest, tuple(NumberColumn(name) for name in predictors), NumberColumn(target))

    def covariates(self, columns: Columns) -> Float[Array, "row feature"]:
        """The covariates that the forest is given, from encoded predictors."""
        for column in self.predictors:
            if column.name not in columns:
                raise unknown("predictor", column.name, columns)
        parts = [column.covariates(columns[column.name]) for column in self.predictors]
        x = jnp.concatenate(parts, axis=1)
        names = [
            column.name
            for column, part in zip(self.predictors, parts, strict=True)
            for _ in range(part.shape[1])
        ]
        trees = self.forest.trees
        as_covariates(x, trees.n_features, trees.missing, self.forest.gaps, names)
        return x

    def draw_index(
        self,
        columns: Columns,
        key: Key,
        ids: Ids,
        mesh: Mesh | None = None,
    ) -> Int[Array, " row"]:
        """A donor's outcome for each row, as an index into the forest's values."""
        x = self.covariates(columns)
        own_key = variable_key(key, self.target.name)
        return self.forest.draw_index(x, key=own_key, ids=ids, mesh=mesh)

    @formerly(names={"rank": "index"})
    def outcome(self, index: Int[Array, " row"]) -> Float[Array, " row"]:
        """The outcomes behind drawn indices, as floats; NaN for -1."""
        values = jnp.asarray(self.forest.values)
        return jnp.where(index >= 0, values[index], jnp.nan)

    @formerly(names={"rank": "index"})
    def exact_outcome(self, index: Int[np.ndarray, " row"]) -> Num[np.ndarray, " row"]:
        """The outcomes behind drawn indices on the host, whole numbers as the donors had them."""
        if self.whole is None or not isinstance(self.target, NumberColumn):
            return np.asarray(self.forest.values)[index]
        found = np.asarray(self.whole)[index]
        if found.ndim == 2:
            words = found.astype(np.uint64)
            found = words[:, 0] | words[:, 1] << np.uint64(32)
        return found.astype(self.target.dtype)


def whole_values(
    forest: Forest | SignForest, outcomes: Num[np.ndarray, " donor"]
) -> Int32[np.ndarray, " value"] | UInt32[np.ndarray, "value 2"] | None:
    """What an imputer's `whole` is, given the donors' outcomes; None where floats hold them."""
    if outcomes.dtype.kind not in "iu":
        return None
    values = np.unique(outcomes)
    if isinstance(forest, SignForest):
        none = values[:0]
        low = none if forest.negative is None else values[values < 0]
        high = none if forest.positive is None else values[values > 0]
        values = np.concatenate([low, np.zeros(1, values.dtype), high])
    least, most = int(values.min()), int(values.max())
    if max(-least, most) <= _EXACT:
        return None
    if np.iinfo(np.int32).min <= least and most <= np.iinfo(np.int32).max:
        return values.astype(np.int32)
    bits = values.astype(np.int64) if values.dtype.kind == "i" else values
    words = bits.astype(np.uint64)
    return np.stack([words & np.uint64(0xFFFF_FFFF), words >> np.uint64(32)], 1).astype(np.uint32)

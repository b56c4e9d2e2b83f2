"""A fitted chain of forests: fill the variables of receivers in turn."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Shaped

from ...core._arguments import as_instance, check_key
from ...core._arrays import as_column, check_table
from ...core._formerly import formerly
from ...core._one_line import listed, one_line
from ...core._types import Key
from ...core._validate import BadInputError, unknown
from ...core.files._npz import Arrays, Stored
from .._archive import imputers_from_arrays, imputers_to_arrays
from .._keys import Ids, Words, record_words
from ..forest._stages import SignForest
from ._columns import Column
from ._imputer import Columns, Imputer

if TYPE_CHECKING:
    import pandas as pd


class FittedQRF(eqx.Module, Stored):
    """A fitted chain of imputers; a pytree.

    Attributes:
        imputers: one a variable, in the order of the chain.

    >>> import jax, pandas as pd
    >>> from pejax.impute import QRF
    >>> table = pd.DataFrame({"age": [20.0, 70.0] * 8, "pension": [0.0, 9.0] * 8})
    >>> fitted = QRF(n_estimators=2).fit(table, ["age"], ["pension"])
    >>> fitted.draw(pd.DataFrame({"age": [71.0]}), key=jax.random.key(0))["pension"].tolist()
    [9.0]
    """

    imputers: tuple[Imputer, ...]

    @one_line
    def __repr__(self) -> str:
        return f"{listed(self.predictors)} -> {listed(self.imputed_variables)}"

    @property
    def predictors(self) -> tuple[str, ...]:
        """The columns receivers must have."""
        return tuple(column.name for column in self.imputers[0].predictors)

    @property
    def imputed_variables(self) -> tuple[str, ...]:
        """The columns filled, in the order of the chain."""
        return tuple(imputer.target.name for imputer in self.imputers)

    def draw(
        self,
        X: "pd.DataFrame",
        *,
        key: Key,
        ids: Ids | None = None,
        mesh: Mesh | None = None,
    ) -> "pd.DataFrame":
        """Impute by donors: for every row and variable the value of one donor.

        A draw is a function of the key, the variable's name and the record's id, whatever the
        order or number of rows.

        Args:
            X: the receivers, with the predictors as columns.
            key: from `jax.random.key`.
            ids: whole numbers of up to 64 bits, or texts, that name the records; by default the
                frame's index where it is one of unique such names, else the row numbers.
            mesh: devices over which the rows are spread.

        Returns:
            The imputed variables alone, with the index of `X` and the donors' dtypes.
        """
        filling = Filling.of(X, self.imputers[0].predictors, key, ids, mesh)
        for imputer in self.imputers:
            filling.fill(imputer)
        return filling.table()

    @formerly(names={"quantiles": "levels"})
    def predict(
        self,
        X: "pd.DataFrame",
        levels: Sequence[float] = (0.5,),
        *,
        mesh: Mesh | None = None,
    ) -> "dict[float, pd.DataFrame]":
        """Conditional quantiles of every variable, a table for each level.

        At level q a variable is predicted from the q-quantiles of the variables before it. That is
        a path through the conditional distributions, no quantile of the joint one: to impute, draw.

        Args:
            X: the receivers, with the predictors as columns.
            levels: of the quantiles, between 0 and 1.
            mesh: devices over which the rows are spread.

        Returns:
            A table for each level, of the imputed variables, with the index of `X`.

        Raises:
            BadInputError: a variable of the chain is a category or a truth value.
        """
        import pandas as pd

        self._check_quantiles()
        levels = _levels(levels)
        encoded = encoded_columns(X, self.imputers[0].predictors)
        tables = {}
        for level in levels:
            columns = dict(encoded)
            for imputer in self.imputers:
                x = imputer.covariates(columns)
                found = imputer.forest.quantile(x, [level], mesh=mesh)[:, 0]
                columns[imputer.target.name] = found
            found = {name: np.asarray(columns[name]) for name in self.imputed_variables}
            tables[level] = pd.DataFrame(found, index=X.index)
        return tables

    @formerly(names={"quantiles": "levels"})
    def predict_out_of_bag(
        self, X: "pd.DataFrame", levels: Sequence[float] = (0.5,)
    ) -> "dict[float, pd.DataFrame]":
        """Quantiles of the donors, each from the trees that grew without it: an honest score.

        Unlike in `predict`, a variable is predicted from the donors' own values of those before it.

        Args:
            X: the donors that the chain was fitted on, in their order.
            levels: of the quantiles, between 0 and 1.

        Returns:
            A table for each level; NaN for a donor that was in the bag of every tree.

        Raises:
            BadInputError: another number of donors, a category or truth value in the chain, or a
                variable with a sign stage, whose forests grew on different donors.
        """
        import pandas as pd

        self._check_quantiles()
        levels = _levels(levels)
        columns = encoded_columns(X, (*self.imputers[0].predictors, *self._targets()))
        found = {
            imputer.target.name: np.asarray(_out_of_bag(imputer, columns, levels))
            for imputer in self.imputers
        }
        return {
            level: pd.DataFrame({name: table[:, k] for name, table in found.items()}, index=X.index)
            for k, level in enumerate(levels)
        }

    def to_arrays(self) -> Arrays:
        """Everything as arrays by name, without pickles."""
        return imputers_to_arrays(self.imputers)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "FittedQRF":
        """The chain that `to_arrays` took apart.

        Raises:
            BadInputError: not such arrays, or altered since.
        """
        return cls(imputers_from_arrays(arrays))

    def _targets(self) -> tuple[Column, ...]:
        return tuple(imputer.target for imputer in self.imputers)

    def _check_quantiles(self) -> None:
        for target in self._targets():
            if not target.has_quantiles:
                raise BadInputError(
                    f"Column {target.name!r} holds categories, which have no quantiles. Use draw."
                )


class Filling:
    """Receivers whose columns are filled one after the other."""

    def __init__(
        self,
        columns: dict[str, Shaped[Array, " row"]],
        index: "pd.Index",
        key: Key,
        ids: Words,
        mesh: Mesh | None,
    ):
        self._columns, self._index = columns, index
        self._key, self._ids, self._mesh = key, ids, mesh
        self._drawn: dict[str, pd.Series] = {}

    @classmethod
    def of(
        cls,
        X: "pd.DataFrame",
        predictors: Sequence[Column],
        key: Key,
        ids: Ids | None,
        mesh: Mesh | None,
    ) -> "Filling":
        """Begin with the receivers' predictors."""
        check_table(X, "X")
        check_key(key)
        if mesh is not None:
            as_instance(mesh, Mesh, "mesh", "Give a jax.sharding.Mesh, or leave it out.")
        words = record_words(_record_ids(X) if ids is None else ids, len(X))
        return cls(encoded_columns(X, predictors), X.index, key, words, mesh)

    def fill(self, imputer: Imputer) -> None:
        """Draw one column, for the table and for the columns after it."""
        index = imputer.draw_index(self._columns, self._key, self._ids, self._mesh)
        name = imputer.target.name
        self._columns[name] = imputer.outcome(index)
        exact = imputer.exact_outcome(np.asarray(index))
        self._drawn[name] = imputer.target.decode(exact, self._index)

    def table(self) -> "pd.DataFrame":
        """The columns drawn so far."""
        import pandas as pd

        return pd.DataFrame(self._drawn, index=self._index)


def encoded_columns(
    X: "pd.DataFrame", columns: Iterable[Column]
) -> dict[str, Shaped[Array, " row"]]:
    """Columns of a table as arrays."""
    check_table(X, "X")
    found = {}
    for column in columns:
        if column.name not in X.columns:
            raise unknown("column", column.name, map(str, X.columns))
        found[column.name] = jnp.asarray(column.encode(X[column.name]))
    return found


def _out_of_bag(
    imputer: Imputer, columns: Columns, levels: Sequence[float]
) -> Float[Array, "donor quantile"]:
    forest, name = imputer.forest, imputer.target.name
    if isinstance(forest, SignForest):
        raise BadInputError(
            f"Column {name!r} has a sign stage, whose forests grew on different donors. Ask its"
            " stages one by one, or fit with sign_stage=False."
        )
    outside, x = forest.out_of_bag(), imputer.covariates(columns)
    if len(x) != len(outside):
        raise BadInputError(
            f"The chain was fitted on {len(outside)} donors, not on {len(x)}. Give those donors, in"
            " their order."
        )
    return forest.quantile(x, levels, trees=outside)


def _levels(given: Any) -> list[Any]:
    """Quantile levels as they were given, each a number."""
    plain = as_column(given, "levels", "level").tolist()
    return plain if isinstance(given, jax.Array) else list(given)


def _record_ids(X: "pd.DataFrame") -> np.ndarray:
    index = X.index
    if index.inferred_type in ("integer", "string") and index.is_unique:
        return index.to_numpy()
    return np.arange(len(X))

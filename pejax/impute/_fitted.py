"""A fitted chain of forests: fill the variables of receivers in turn."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Integer, Shaped

from .._types import Key
from .._validate import BadInputError, unknown
from ._archive import imputers_from_arrays, imputers_to_arrays, load_arrays, save_arrays
from ._imputer import Imputer

if TYPE_CHECKING:
    import pandas as pd


class FittedQRF(eqx.Module):
    """A fitted chain of imputers; a pytree.

    Attributes:
        imputers: one a variable, in the order of the chain.
    """

    imputers: tuple[Imputer, ...]

    @property
    def predictors(self) -> tuple[str, ...]:
        """The columns receivers must have."""
        return tuple(column.name for column in self.imputers[0].inputs)

    @property
    def imputed_variables(self) -> tuple[str, ...]:
        """The columns filled, in the order of the chain."""
        return tuple(imputer.target.name for imputer in self.imputers)

    def draw(
        self, X: "pd.DataFrame", *, key: Key, ids: Integer[np.ndarray, " row"] | None = None
    ) -> "pd.DataFrame":
        """Impute by donors: for every row and variable the value of one donor.

        A draw is a function of the key, the variable's name and the record's id, whatever the
        order or number of rows.

        Args:
            X: the receivers, with the predictors.
            key: from `jax.random.key`.
            ids: whole numbers that name the records; by default the frame's index where it is one
                of unique whole numbers, else the row numbers.

        Returns:
            The imputed variables alone, with the index of `X` and the donors' dtypes.
        """
        import pandas as pd

        columns = self._encoded(X)
        ids = _record_ids(X) if ids is None else ids
        drawn = {}
        for imputer in self.imputers:
            name = imputer.target.name
            rank = imputer.draw_rank(columns, key, ids)
            columns[name] = imputer.outcome(rank)
            exact = np.asarray(imputer.forest.readout.values)[np.asarray(rank)]
            drawn[name] = imputer.target.decode(exact, X.index)
        return pd.DataFrame(drawn, index=X.index)

    def predict(
        self, X: "pd.DataFrame", quantiles: Sequence[float] = (0.5,)
    ) -> "dict[float, pd.DataFrame]":
        """Conditional quantiles of every variable, a table for each level.

        At level q a variable is predicted from the q-quantiles of the variables before it. That is
        a path through the conditional distributions, no quantile of the joint one: to impute, draw.

        Raises:
            BadInputError: a variable of the chain is a category or a truth value.
        """
        import pandas as pd

        for imputer in self.imputers:
            if not imputer.target.has_quantiles:
                raise BadInputError(
                    f"Column {imputer.target.name!r} holds categories, which have no quantiles."
                    " Use draw."
                )
        encoded = self._encoded(X)
        tables = {}
        for level in quantiles:
            columns = dict(encoded)
            for imputer in self.imputers:
                x = imputer.covariates(columns)
                columns[imputer.target.name] = imputer.forest.quantile(x, [level])[:, 0]
            found = {name: np.asarray(columns[name]) for name in self.imputed_variables}
            tables[level] = pd.DataFrame(found, index=X.index)
        return tables

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays by name, without pickles."""
        return imputers_to_arrays(self.imputers)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "FittedQRF":
        """The chain that `to_arrays` took apart.

        Raises:
            BadInputError: not such arrays, or altered since.
        """
        return cls(imputers_from_arrays(arrays))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the chain to an `npz` file; an interrupted write leaves what was there before."""
        save_arrays(path, self.to_arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "FittedQRF":
        """Read a chain that `save` wrote; scikit-learn is not needed.

        Raises:
            BadInputError: the file is damaged or something else.
        """
        return cls.from_arrays(load_arrays(path))

    def _encoded(self, X: "pd.DataFrame") -> dict[str, Shaped[Array, " row"]]:
        """The receivers' predictors as arrays."""
        for name in self.predictors:
            if name not in X.columns:
                raise unknown("column", name, map(str, X.columns))
        return {
            column.name: jnp.asarray(column.encode(X[column.name]))
            for column in self.imputers[0].inputs
        }


def _record_ids(X: "pd.DataFrame") -> np.ndarray:
    index = X.index
    if index.dtype.kind in "iu" and index.is_unique:
        return index.to_numpy()
    return np.arange(len(X))

"""Host-edge checks of what the forests are handed; each names the row, the column and the fix."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float

from ..core._arrays import as_numbers_of_either
from ..core._transforms import is_traced
from ..core._validate import BadInputError

Covariates: TypeAlias = Float[ArrayLike, "row feature"] | Sequence[Sequence[float]]
"""One row a record, one number a feature."""


def as_covariates(
    x: Any, n_features: int, missing: str, gaps: Sequence[int], names: Sequence[str] = ()
) -> np.ndarray | jax.Array:
    """Covariates as numbers; refused if of the wrong shape and, outside of jit, if no forest can
    route them.

    Args:
        x: the covariates.
        n_features: how many the forest reads.
        missing: its rule for missing values.
        gaps: the covariates for which it has learned the way of a missing value.
        names: of the covariates, for messages.
    """
    x = as_numbers_of_either(x, "The covariates")
    if np.ndim(x) != 2 or np.shape(x)[1] != n_features:
        raise BadInputError(
            f"The covariates have shape {np.shape(x)}, but the forest reads {n_features} columns."
            " Give an array of shape (row, feature) with the columns of the training data."
        )
    if is_traced(x):
        return x
    with np.errstate(over="ignore"):
        held = np.asarray(x).astype(np.float32)
    refused = ~np.isfinite(held)
    refused[:, list(gaps)] &= ~np.isnan(held[:, list(gaps)])
    if refused.any():
        row, column = np.argwhere(refused)[0].tolist()
        where = f"Row {row}, column {names[column]!r}" if names else f"Row {row}, column {column}"
        raise BadInputError(f"{where}: {_refused_value(float(held[row, column]), missing)}")
    return x


def _refused_value(value: float, missing: str) -> str:
    if not np.isnan(value):
        return "the covariate is infinite in float32. Clip or drop it."
    if missing == "learned":
        return (
            "the covariate is missing (NaN), but no donor lacked it, so that the trees learned no"
            " way for such rows. Fill it, or leave the covariate out."
        )
    return (
        "the covariate is missing (NaN). Fill it, or build the forest with missing='learned' to"
        " send missing values the way the trees learned."
    )


def as_levels(
    levels: Any, rows: int, *, open_interval: bool = False
) -> Float[Array, "#row quantile"] | Float[Array, " quantile"]:
    """Quantile levels; refused if outside [0, 1], or (0, 1), or of a shape that fits no row."""
    levels = as_numbers_of_either(levels, "The quantile levels")
    shape = np.shape(levels)
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[0] != rows):
        raise BadInputError(
            f"The quantile levels have shape {shape}. Give (quantile,) for all rows or"
            f" (row, quantile) with {rows} rows."
        )
    if is_traced(levels):
        return jnp.asarray(levels, jnp.result_type(float))
    host = np.asarray(levels)
    inside = (host > 0) & (host < 1) if open_interval else (host >= 0) & (host <= 1)
    if not inside.all():
        where = "strictly between" if open_interval else "between"
        raise BadInputError(f"{host[~inside][0]} is no quantile level. Levels lie {where} 0 and 1.")
    return jnp.asarray(levels, jnp.result_type(float))


def as_points(y: Any, rows: int) -> np.ndarray | jax.Array:
    """Outcomes, one number a row or several; none is missing."""
    y = as_numbers_of_either(y, "The outcomes")
    shape = np.shape(y)
    if len(shape) not in (1, 2) or shape[0] != rows:
        raise BadInputError(
            f"The outcomes have shape {shape}. Give (row,) or (row, point) with {rows} rows."
        )
    if is_traced(y):
        return y
    host = np.asarray(y)
    if np.isnan(host.astype(float)).any():
        row = int(np.argwhere(np.isnan(host.astype(float)))[0][0])
        raise BadInputError(f"Row {row}: the outcome is missing (NaN). Leave the row out.")
    return host


def as_mask(trees: Any, shape: tuple[int, int]) -> Bool[Array, "row tree"]:
    """One truth value a row and tree."""
    given = as_numbers_of_either(trees, "trees")
    if given.shape != shape or given.dtype != np.bool_:
        raise BadInputError(
            f"trees is {given.dtype} of shape {given.shape}. Give one truth value a row and tree,"
            f" {shape}."
        )
    return jnp.asarray(given)


def check_weights(weights: np.ndarray, rows: int, name: str = "weights") -> None:
    """Refuse donor weights that are missing, negative, infinite or all zero."""
    if weights.shape != (rows,):
        raise BadInputError(
            f"{name} has shape {weights.shape}, but there are {rows} donors. Give one a row."
        )
    refused = ~(np.isfinite(weights) & (weights >= 0))
    if refused.any():
        row = int(refused.argmax())
        raise BadInputError(
            f"Row {row}, column {name!r}: the donor weight is {weights[row]}. Weights are finite"
            " and not negative."
        )
    if not weights.any():
        raise BadInputError(f"Column {name!r}: every donor weight is zero. Give some donor weight.")

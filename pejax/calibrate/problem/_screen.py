"""What is wrong with a calibration problem, found before it is solved.

A broken number is an error that names its row. A sound number that no weights can meet is not: it
is set aside and listed with its reason.
"""

from collections.abc import Sequence, Sized
from typing import Any, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...core._arrays import as_column, as_numbers
from ...core._validate import BadInputError
from ..operators._operator import Operator, fail_if_empty

Extent: TypeAlias = tuple[Float[np.ndarray, " target"], Float[np.ndarray, " target"]]
"""The least and the largest entry of each row, zero included."""


class Refusal(NamedTuple):
    """A target that was set aside, and why. `pandas.DataFrame(problem.refused)` is the table.

    >>> from pejax.calibrate import TargetProblem
    >>> TargetProblem([[1.0], [0.0]], [1.0, 2.0]).refused[0].reason
    'no unit contributes to it'
    """

    name: str
    value: float
    reason: str


class Waived(Refusal):
    """A target set aside that nothing has to be answered for: another stands for it, or the caller
    asked for it to be left out."""

    __slots__ = ()


def check_lengths(n_targets: int, **columns: Sized | None) -> None:
    """Every column of the target table has one entry a row of the estimate matrix."""
    for label, column in columns.items():
        if column is not None and len(column) != n_targets:
            raise BadInputError(
                f"{label} has {len(column)} entries and the estimate matrix {n_targets} rows. "
                f"Give one a row; a matrix of shape (unit, target) must be transposed."
            )


def check_names(names: Sequence[str]) -> None:
    """Every name is used once."""
    seen: dict[str, int] = {}
    for row, name in enumerate(names):
        if name in seen:
            raise BadInputError(
                f"names[{row}] {name!r} is already the name of row {seen[name]}. "
                "Give every target its own name."
            )
        seen[name] = row


def check_any_target(operator: Operator, values: Float[np.ndarray, " target"]) -> None:
    """There are targets, and units to meet them with."""
    fail_if_empty((min(operator.shape[0], values.size), operator.shape[1]))


def check_values(values: Float[np.ndarray, " target"], names: Sequence[str]) -> None:
    """Every target is a finite number."""
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise BadInputError(
            f"Target {names[bad[0]]!r} (row {bad[0]}) is {values[bad[0]]}"
            f"{_and_more(bad)}. Give a finite value, or leave the row out."
        )


def check_scale(scale: Float[np.ndarray, " target"], names: Sequence[str]) -> None:
    """Every scale is a positive finite number."""
    bad = np.flatnonzero(~(np.isfinite(scale) & (scale > 0)))
    if bad.size:
        raise BadInputError(
            f"The scale of target {names[bad[0]]!r} (row {bad[0]}) is {scale[bad[0]]}"
            f"{_and_more(bad)}. Give a positive number in the target's unit."
        )


def check_importance(importance: Float[np.ndarray, " target"], names: Sequence[str]) -> None:
    """Every importance is finite and at least zero, and one is positive."""
    bad = np.flatnonzero(~(np.isfinite(importance) & (importance >= 0)))
    if bad.size:
        raise BadInputError(
            f"The importance of target {names[bad[0]]!r} (row {bad[0]}) is {importance[bad[0]]}"
            f"{_and_more(bad)}. Give a number of at least 0; 0 reports a target without fitting it."
        )
    if not np.any(importance > 0):
        raise BadInputError("Every target has importance 0. Give at least one more than that.")


def check_tolerance(tolerance: Float[np.ndarray, " target"], names: Sequence[str]) -> None:
    """Every tolerance is a number of at least zero."""
    bad = np.flatnonzero(~(tolerance >= 0))
    if bad.size:
        raise BadInputError(
            f"The tolerance of target {names[bad[0]]!r} (row {bad[0]}) is {tolerance[bad[0]]}"
            f"{_and_more(bad)}. Give a relative error of at least 0, such as 0.01."
        )


def check_matrix(operator: Operator, names: Sequence[str]) -> Extent:
    """Every entry of the estimate matrix is finite; the least and the largest of each row."""
    low, high = map(np.asarray, operator.extent())
    bad = np.flatnonzero(~(np.isfinite(low) & np.isfinite(high)))
    if bad.size:
        entries = np.asarray(operator.take(targets=bad[:1]).row(0))
        unit = int(np.flatnonzero(~np.isfinite(entries))[0])
        raise BadInputError(
            f"The estimate matrix holds {entries[unit]} for target {names[bad[0]]!r} "
            f"(row {bad[0]}), unit {unit}{_and_more(bad)}. Give finite contributions."
        )
    return low, high


def check_any_left(kept: np.ndarray, aside: dict[int, Refusal]) -> None:
    """Some target survived the screens."""
    if not kept.size:
        example = next(iter(aside.values()), None)
        why = f" ({example.name!r}: {example.reason})" if example else ""
        raise BadInputError(f"No target is left to calibrate to{why}. Give one the data can meet.")


def check_shape(weights: Any, n_units: int, what: str = "weight") -> None:
    """Weights: one a unit."""
    if weights.shape != (n_units,):
        raise BadInputError(
            f"The {what}s have shape {weights.shape} and the estimate matrix {n_units} units. "
            "Give one weight a unit, in the order of the matrix's columns."
        )


def check_weights(weights: np.ndarray, n_units: int, what: str = "weight") -> None:
    """Weights: one a unit, finite."""
    check_shape(weights, n_units, what)
    bad = np.flatnonzero(~np.isfinite(weights))
    if bad.size:
        raise BadInputError(
            f"The {what} of unit {bad[0]} is {weights[bad[0]]}{_and_more(bad)}. "
            "Give finite weights."
        )


def as_base_weights(given: Any, n_units: int) -> Float[np.ndarray, " unit"]:
    """Base weights as float64: one a unit, finite, none negative, not all zero."""
    weights = as_numbers(given, "base_weights")
    check_shape(weights, n_units, "base weight")
    weights = as_column(weights, "base_weights", "unit")
    check_base_weights(weights, n_units)
    return weights


def check_base_weights(weights: np.ndarray, n_units: int) -> None:
    """Base weights: one a unit, finite, none negative, not all zero."""
    check_weights(weights, n_units, "base weight")
    bad = np.flatnonzero(weights < 0)
    if bad.size:
        raise BadInputError(
            f"The base weight of unit {bad[0]} is {weights[bad[0]]}{_and_more(bad)}. "
            "Give finite weights of at least 0; 0 leaves a unit out."
        )
    if not np.any(weights > 0):
        raise BadInputError("Every base weight is 0. Give at least one unit a positive weight.")
    _check_range(weights)


def _check_range(weights: Float[np.ndarray, " unit"]) -> None:
    """The float type in which weights come back holds them, and not all as zero."""
    held = jnp.finfo(jnp.result_type(float))
    bad = np.flatnonzero(weights > float(held.max))
    if not bad.size and weights.max() < float(held.tiny):
        bad = np.array([np.argmax(weights)])
    if bad.size:
        raise BadInputError(
            f"The base weight of unit {bad[0]} is {weights[bad[0]]:g}{_and_more(bad)}, out of the "
            f"range of {held.dtype}. Give weights in another unit, or enable jax_enable_x64."
        )


def unreachable(
    extent: Extent,
    values: Float[np.ndarray, " target"],
    names: Sequence[str],
    importance: Float[np.ndarray, " target"],
) -> dict[int, Refusal]:
    """Rows that no non-negative weights can meet: nothing contributes, or only with one sign."""
    low, high = extent
    found: dict[int, str] = {}
    for row in np.flatnonzero((low == 0) & (high == 0)):
        found[int(row)] = "no unit contributes to it"
    for row in np.flatnonzero((values > 0) & (high == 0) & (low < 0)):
        found[int(row)] = "wrong sign: the target is positive and no contribution is"
    for row in np.flatnonzero((values < 0) & (low == 0) & (high > 0)):
        found[int(row)] = "wrong sign: the target is negative and no contribution is"
    # An empty row is 0, so a target of 0 asks nothing of it.
    asks = (importance > 0) & (values != 0)
    return {
        row: (Refusal if asks[row] else Waived)(names[row], float(values[row]), why)
        for row, why in found.items()
    }


def _and_more(bad: np.ndarray) -> str:
    return f", and {len(bad) - 1} more" if len(bad) > 1 else ""

"""Targets with the same contributions: one total, whatever is asked of it and however often."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from ..operators._operator import Operator
from ._screen import Refusal, Waived

_SAME = 1e-6  # relative difference below which two values are the same
_EQUAL = 1e-9  # relative difference below which two sums, or importances, are the same
_TRIALS = 4  # random weights under which rows are compared


class Asked(NamedTuple):
    """What is asked of the rows."""

    values: Float[np.ndarray, " target"]
    scale: Float[np.ndarray, " target"]
    importance: Float[np.ndarray, " target"]
    names: Sequence[str]


class TwinsMerged(NamedTuple):
    """Which rows are set aside for another, and the importance of all with that of repeats."""

    importance: Float[np.ndarray, " target"]
    aside: dict[int, Refusal]


def merged_twins(clusters: list[Int[np.ndarray, " _"]], asked: Asked) -> TwinsMerged:
    """Rows that repeat a value give it their importance; of several values the most important
    stays.

    Values of equal importance all stay, for a soft solve to divide the difference: nothing says
    which is right, and the order of rows must not.
    """
    importance, aside = asked.importance.copy(), {}
    for cluster in clusters:
        groups = _by_value(cluster, asked.values)
        leaders = [_leader(rows, asked.scale) for rows in groups]
        for leader, rows in zip(leaders, groups, strict=True):
            # The loss of all of them, on the scale of one.
            share = (asked.scale[leader] / asked.scale[rows]) ** 2
            importance[leader] = float(asked.importance[rows] @ share)
            aside |= {
                row: _refused(Waived, row, asked, f"repeats {asked.names[leader]!r}")
                for row in rows.tolist()
                if row != leader
            }
        given = [float(asked.importance[rows].sum()) for rows in groups]
        best = int(np.argmax(given))
        for rows, weight in zip(groups, given, strict=True):
            if weight < given[best] * (1 - _EQUAL):
                why = (
                    f"contradicts {asked.names[leaders[best]]!r}: the same contributions as the "
                    f"target {asked.values[leaders[best]]:,.6g}"
                )
                aside |= {row: _refused(Refusal, row, asked, why) for row in rows.tolist()}
    return TwinsMerged(importance, aside)


def _refused(kind: type[Refusal], row: int, asked: Asked, reason: str) -> Refusal:
    return kind(asked.names[row], float(asked.values[row]), reason)


def _leader(rows: Int[np.ndarray, " twin"], scale: Float[np.ndarray, " target"]) -> int:
    """The row that stays for several of one value: that of the finest scale."""
    return int(min(rows, key=lambda row: (scale[row], row)))


def _by_value(
    cluster: Int[np.ndarray, " twin"], values: Float[np.ndarray, " target"]
) -> list[Int[np.ndarray, " _"]]:
    """The rows of each value, values that differ by rounding together."""
    rows = cluster[np.argsort(values[cluster], kind="stable")]
    found = values[rows]
    gap = np.diff(found) > _SAME * np.maximum(np.abs(found[1:]), np.abs(found[:-1]))
    return np.split(rows, np.flatnonzero(gap) + 1)


def clusters(operator: Operator, skip: Bool[np.ndarray, " target"]) -> list[Int[np.ndarray, " _"]]:
    """Sets of two and more rows, not among those to skip, that have the same contributions.

    Rows are the same if their sums agree under each of a few fixed random weights, which give every
    unit the same say however much it contributes: rows that differ anywhere would have to differ
    by less than rounding.
    """
    found = []
    sums = trial_sums(operator)
    for near in _equal_first(sums[0], skip):
        left = list(near)
        while left:
            first = left[0]
            same = [row for row in left if agree(sums[:, row], sums[:, first])]
            if len(same) > 1:
                found.append(np.array(same))
            left = [row for row in left if row not in same]
    return found


def trial_sums(operator: Operator) -> Float[np.ndarray, "trial target"]:
    """The sums of every row under a few fixed random weights, in float64."""
    rng = np.random.default_rng(20_250_101)
    n_targets, n_units = operator.shape
    with jax.enable_x64(True):
        low, high = (np.asarray(bound, float) for bound in operator.extent())
        largest = np.maximum(-low, high)
        share = rng.uniform(0.5, 1.5, n_targets) / np.where(largest > 0, largest, 1.0)
        said = np.abs(np.asarray(operator.rmv(jnp.asarray(share)), float))
        trials = rng.uniform(0.5, 1.5, (_TRIALS, n_units)) / np.where(said > 0, said, 1.0)
        return np.stack([np.asarray(operator.mv(jnp.asarray(t)), float) for t in trials])


def agree(one: Float[np.ndarray, " trial"], other: Float[np.ndarray, " trial"]) -> bool:
    """Whether two rows, or sums of rows, have the same contributions by their trial sums."""
    return bool(np.all(np.abs(one - other) <= _EQUAL * np.maximum(np.abs(one), np.abs(other))))


def _equal_first(
    sums: Float[np.ndarray, " target"], skip: Bool[np.ndarray, " target"]
) -> list[np.ndarray]:
    """Sets of rows, in row order, whose first sums agree."""
    rows = np.flatnonzero(~skip)
    rows = rows[np.argsort(sums[rows], kind="stable")]
    gap = np.diff(sums[rows]) > _EQUAL * np.abs(sums[rows])[1:]
    found = np.split(rows, np.flatnonzero(gap) + 1)
    return [np.sort(cluster) for cluster in found if len(cluster) > 1]

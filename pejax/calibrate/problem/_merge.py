"""Records that contribute the same to every target: solved as one, without loss.

The ratio of new to base weight that a distance method finds depends on a record's contributions
alone. Records with the same ones move alike, so one of them may stand for all with the sum of their
base weights.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ..operators._operator import Operator
from ._problem import TargetProblem

_TRIALS = 3  # random targets under which units are compared
_EQUAL = 1e-12  # relative difference below which two sums are the same
_WORTH = 0.9  # share of the records above which merging is not worth a copy of the matrix


class Merged(NamedTuple):
    """A problem with one unit for each kind of record, and which of them each record is."""

    problem: TargetProblem
    base: Float[np.ndarray, " merged_unit"]
    kind: Int[np.ndarray, " unit"]

    def spread(
        self, weights: Float[np.ndarray, " merged_unit"], base: Float[np.ndarray, " unit"]
    ) -> Float[np.ndarray, " unit"]:
        """The weights of the records: each moves as its kind does."""
        known = np.where(self.base > 0, self.base, 1.0)
        return base * (np.asarray(weights, float) / known)[self.kind]


def merge_identical(problem: TargetProblem, base: Float[np.ndarray, " unit"]) -> Merged | None:
    """The problem with identical records merged; None where a tenth of them or less would go."""
    kind, first = _kinds(problem.operator)
    if len(first) > _WORTH * problem.n_units:
        return None
    smaller = problem.with_operator(problem.operator.take(units=first))
    return Merged(smaller, np.bincount(kind, base, len(first)), kind)


def _kinds(
    operator: Operator,
) -> tuple[Int[np.ndarray, " unit"], Int[np.ndarray, " kind"]]:
    """The kind of each unit, and the first unit of each kind.

    Units are the same if their sums over targets agree under each of a few fixed random vectors;
    the first vector alone tells most of them apart, and where it tells enough apart the others are
    not asked.
    """
    rng = np.random.default_rng(20_251_121)
    with jax.enable_x64(True):
        order, same = None, None
        for _ in range(_TRIALS):
            trial = rng.uniform(0.5, 1.5, operator.shape[0]) / _row_sizes(operator)
            sums = np.asarray(operator.rmv(jnp.asarray(trial)), float)
            order = np.argsort(sums, kind="stable") if order is None else order
            in_order = sums[order]
            agree = np.abs(np.diff(in_order)) <= _EQUAL * np.abs(in_order[1:])
            same = agree if same is None else same & agree
            if 1 + np.count_nonzero(~same) > _WORTH * len(sums):
                break
    assert order is not None and same is not None
    number = np.concatenate([[0], np.cumsum(~same)])
    kind = np.empty(len(order), np.int64)
    kind[order] = number
    first = order[np.concatenate([[True], ~same])]
    return kind, first


def _row_sizes(operator: Operator) -> Float[np.ndarray, " target"]:
    """The largest contribution to each target, so that dollars do not drown persons."""
    low, high = map(np.asarray, operator.extent())
    largest = np.maximum(np.abs(low), np.abs(high)).astype(float)
    return np.where(largest > 0, largest, 1.0)

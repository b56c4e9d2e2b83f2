"""Records that contribute the same to every target: solved as one, without loss.

The ratio of new to base weight that a distance method finds depends on a record's contributions
alone. Records with the same ones move alike, so one of them may stand for all with the sum of their
base weights.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from ._problem import TargetProblem

_TRIALS = 3  # random targets under which units are compared
_EQUAL = 1e-12  # relative difference below which two sums are the same
_WORTH = 0.5  # share of the records above which merging is not worth a copy of the matrix
_SAMPLE = 65_536  # records looked at first, for pairs
_LENIENT = 0.9  # share of the pairs expected, because a sample has them by chance


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
    """The problem with identical records merged; None where less than half of them would go."""
    kind, first = _kinds(problem)
    if len(first) > _WORTH * problem.n_units:
        return None
    smaller = problem.with_operator(problem.operator.take(units=first))
    return Merged(smaller, np.bincount(kind, base, len(first)), kind)


def _kinds(problem: TargetProblem) -> tuple[Int[np.ndarray, " unit"], Int[np.ndarray, " kind"]]:
    """The kind of each unit, and the first unit of each kind.

    Units are the same if their sums over targets agree under each of a few fixed random vectors.
    The sums under the first, of a sample and then of all, tell whether enough of them are alike to
    look further.
    """
    sums = _sums(problem, 0)
    if not (_many_alike(sums) and _few_kinds(sums)):
        everyone = np.arange(len(sums))
        return everyone, everyone
    order = np.argsort(sums, kind="stable")
    same = _agree(sums[order])
    for trial in range(1, _TRIALS):
        same &= _agree(_sums(problem, trial)[order])
    kind = np.empty_like(order)
    kind[order] = np.concatenate([[0], np.cumsum(~same)])
    return kind, order[np.concatenate([[True], ~same])]


def _many_alike(sums: Float[np.ndarray, " unit"]) -> bool:
    """Whether a sample has as many pairs as it would if every record came twice."""
    size = min(len(sums), _SAMPLE)
    drawn = np.random.default_rng(20_251_121)
    some = sums if size == len(sums) else drawn.choice(sums, size, replace=False)
    return bool(np.count_nonzero(_agree(np.sort(some))) >= _LENIENT * size**2 / (2 * len(sums)))


def _few_kinds(sums: Float[np.ndarray, " unit"]) -> bool:
    """Whether few enough of all sums differ for merging to be worth it."""
    return bool(1 + np.count_nonzero(~_agree(np.sort(sums))) <= _WORTH * len(sums))


def _sums(problem: TargetProblem, trial: int) -> Float[np.ndarray, " unit"]:
    """The sum of each unit over targets under a random vector, in units of the targets' scales."""
    drawn = np.random.default_rng([20_251_121, trial]).uniform(0.5, 1.5, problem.n_targets)
    with jax.enable_x64(True):
        return np.asarray(problem.operator.rmv(jnp.asarray(drawn / problem.scale)), float)


def _agree(sums: Float[np.ndarray, " unit"]) -> Bool[np.ndarray, " gap"]:
    """Whether each sum but the first equals the one before it; infinite ones equal none."""
    with np.errstate(invalid="ignore"):
        return np.abs(np.diff(sums)) <= _EQUAL * np.abs(sums[1:])

"""Which units are chosen together, and what of theirs the choice must keep in balance."""

import abc

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...core._types import Key
from ..operators._geography import GeographyOperator
from ..operators._operator import Operator
from ..problem._problem import TargetProblem, goals_of

_BLOCK_SHARE, _FAMILY = 100.0, 16  # records kept in a block on average, blocks of a pool
_SKETCH = 128  # columns that stand for more targets than that


class Strata(abc.ABC):
    """Units in groups, groups in larger ones, up to all of them.

    `levels[l]` is the group of each unit at level l; at the last there is one.
    """

    levels: tuple[Int[np.ndarray, " unit"], ...]

    @abc.abstractmethod
    def contributions(
        self, level: int, units: Int[np.ndarray, " some"]
    ) -> Float[np.ndarray, "some column"]:
        """What units of weight 1 contribute to the totals of their groups, in units of error."""


def strata_of(problem: TargetProblem, expected: Float[np.ndarray, " unit"], key: Key) -> Strata:
    """The areas of a geography; for any other matrix, blocks of units in the order given.

    Args:
        problem: whose operator and goals they are.
        expected: inclusion probability of each unit.
        key: of a sketch, where there are many targets and no areas.
    """
    goals = goals_of(problem)
    worth = goals.importance / goals.scale**2
    if isinstance(problem.operator, GeographyOperator):
        return _Areas(problem.operator, worth)
    return _BlocksInOrder(problem.operator, worth, expected, key)


def leverage(problem: TargetProblem) -> Float[np.ndarray, " unit"]:
    r"""What a unit of weight 1 adds to the squared errors: :math:`\sum_t q_t (a_{ti}/s_t)^2`."""
    goals = goals_of(problem)
    return np.asarray(problem.operator.squared().rmv(goals.importance / goals.scale**2), float)


class _Areas(Strata):
    """Columns of the areas, each in proportion to what an error in it costs there and above."""

    def __init__(self, operator: GeographyOperator, worth: Float[Array | np.ndarray, " target"]):
        rollup = operator.rollup
        self._units = operator.cells.by_unit()
        levels = [self._units.area]
        for above in rollup.parents:
            levels.append(np.asarray(above)[levels[-1]])
        if rollup.counts[-1] > 1:
            levels.append(np.zeros_like(levels[0]))
        self.levels = tuple(levels)
        own = rollup.described()[0]
        highest = own.max()
        self._columns = [
            np.sqrt(np.asarray(rollup.down(jnp.where(own >= min(level, highest), worth, 0)), float))
            for level in range(len(levels))
        ]

    def contributions(
        self, level: int, units: Int[np.ndarray, " some"]
    ) -> Float[np.ndarray, "some column"]:
        return self._units.values(units) * self._columns[level][self._units.area[units]]


class _BlocksInOrder(Strata):
    """All targets at every level, or random sums of them where they are many."""

    def __init__(
        self,
        operator: Operator,
        worth: Float[Array | np.ndarray, " target"],
        expected: Float[np.ndarray, " unit"],
        key: Key,
    ):
        candidates = np.flatnonzero(expected)
        rows = _sketched(jnp.sqrt(worth), key)
        found = jax.lax.map(operator.take(units=candidates).rmv, rows)
        self._table = np.asarray(found.astype(operator.dtype)).T
        self._place = np.zeros(len(expected), np.int64)
        self._place[candidates] = np.arange(len(candidates))
        through = np.cumsum(expected)
        block = (through / _BLOCK_SHARE).astype(int)
        self.levels = (block, block // _FAMILY, np.zeros_like(block))

    def contributions(
        self, level: int, units: Int[np.ndarray, " some"]
    ) -> Float[np.ndarray, "some column"]:
        return self._table[self._place[units]]


def _sketched(scale: Float[Array, " target"], key: Key) -> Float[Array, "column target"]:
    """Rows to multiply the matrix with: each target's own, or random signs of all."""
    if len(scale) <= _SKETCH:
        return jnp.diag(scale)
    signs = jax.random.rademacher(key, (_SKETCH, len(scale)), scale.dtype)
    return signs * scale / np.sqrt(_SKETCH)

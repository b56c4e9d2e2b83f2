"""Weights on some of the records: what every choice of records ends with."""

import warnings
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ...core._validate import BadInputError
from .._method import Outcome, RunOptions
from ..problem._problem import TargetProblem, goals_of
from ._methods import DualMethod

TRACE = 1e-9


class BudgetWarning(UserWarning):
    """A budget of fewer records than targets: no weights on it can meet them all."""


class Sample(NamedTuple):
    """Records that are kept, in order, and the weights from which theirs are solved for."""

    units: Int[np.ndarray, " kept"]
    weights: Float[np.ndarray, " kept"]


def check_budget(
    budget: int, base: Float[np.ndarray, " unit"], problem: TargetProblem, exact: bool
) -> None:
    """Raise if so many records cannot be kept, or cannot meet targets that must be met.

    Warns if they are fewer than the targets. To be called by `Method.run`.
    """
    available = int(np.count_nonzero(base))
    if budget > available:
        raise BadInputError(
            f"budget is {budget:,} and only {available:,} records have weight. Ask for fewer."
        )
    if budget >= problem.n_targets:
        return
    if exact and budget < (needed := _independent(problem, base)):
        raise BadInputError(
            f"budget is {budget:,} and {needed:,} of the targets that must be met exactly do not "
            f"depend on each other. Keep at least {needed:,} records, or let the targets be soft."
        )
    warnings.warn(
        f"A budget of {budget:,} records is below the {problem.n_targets:,} targets: "
        "no weights on so few records can meet them all. Raise it, or expect a looser fit.",
        BudgetWarning,
        stacklevel=5,
    )


def _independent(problem: TargetProblem, base: Float[np.ndarray, " unit"]) -> int:
    goals = goals_of(problem)
    row = jnp.sqrt(goals.importance) / goals.scale
    gram = row[:, None] * problem.operator.gram(jnp.asarray(base)) * row
    return int(np.linalg.matrix_rank(np.asarray(gram), hermitian=True))


def on_support(problem: TargetProblem, sample: Sample, n_units: int, solver: DualMethod) -> Outcome:
    """The weights of the records kept by a distance method, and 0 for all others.

    A record that the solver would drop keeps a trace of weight, so that the count is exact.
    """
    kept = problem.with_operator(problem.operator.take(units=sample.units))
    outcome = solver.run(kept, sample.weights, RunOptions())
    found, traces = np.asarray(outcome.weights, float), TRACE * sample.weights
    weights = np.zeros(n_units)
    weights[sample.units] = np.where(np.abs(found) < traces, traces, found)
    return outcome._replace(weights=jnp.asarray(weights))

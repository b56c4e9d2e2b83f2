"""Decisions that Python took while rules were traced, and whether they would be taken again."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, SupportsInt, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core._transforms import known
from ..core._validate import PejaxError
from ..core.population._population import Population
from .graph._node import Node
from .graph._strata import Strata
from .graph._support import decides_in
from .tracing._array import ORDER
from .tracing._decisions import AT_MOST, OF_SOME

P = TypeVar("P", bound=PejaxError)


class GuardMovedError(PejaxError):
    """A decision that was taken in Python at compile time would now be taken differently."""


@dataclasses.dataclass(frozen=True)
class Decision:
    """A recorded guard: the node, what Python asked of it, where, and the answer."""

    node: Node
    kind: str
    variable: str
    value: Any


def told(answers: Sequence[Any]) -> list[np.ndarray] | None:
    """Answers on the host, those of a batch or at the point of a derivative too; None inside of a
    `jit`, where nothing is known."""
    found = known(list(answers))
    return None if found is None else [np.asarray(own) for own in jax.device_get(found)]


def agrees(decision: Decision, answer: Any, xp: Any = np) -> Any:
    """Whether Python would decide alike, for each of a batch of answers; `xp` is JAX inside of a
    trace."""
    recorded: Any = np.asarray(decision.value)
    if decision.kind in ("bool", OF_SOME):
        return (xp.asarray(answer) != 0) == bool(recorded)
    if xp.shape(answer)[xp.ndim(answer) - recorded.ndim :] != recorded.shape:
        return xp.zeros(xp.shape(answer)[: xp.ndim(answer) - decision.node.ndim], bool)
    if decision.kind == AT_MOST:
        same = answer <= recorded
    elif recorded.dtype.kind == "f":
        same = xp.isclose(answer, recorded, rtol=1e-6, atol=0.0, equal_nan=True)
    else:
        same = xp.asarray(answer) == recorded
    return xp.all(same, axis=tuple(range(-recorded.ndim, 0)))


def fail_if_moved(
    decisions: Sequence[Decision],
    answers: Sequence[Any],
    population: Population,
    strata: Strata | None,
) -> None:
    """Every decision would be taken again, wherever the answers are known: of each law of a batch,
    and at the point of a derivative.

    Raises:
        GuardMovedError: one that would not.
    """
    asked = zip(decisions, answers, told(answers) or (), strict=False)
    for decision, answer, own in asked:
        found, wrong = own, ~agrees(decision, own)
        if wrong.any() and decision.kind == OF_SOME:
            nobody = jnp.asarray(concerns_nobody(decision, population, strata))
            found, excused = _in_the_same_order(answer, nobody)
            wrong = ~(agrees(decision, found) | excused)
        if wrong.any():
            raise moved(decision, found, np.asarray(wrong))


def _in_the_same_order(answer: Any, nobody: Array) -> tuple[np.ndarray, np.ndarray]:
    """An answer, and for each of a batch whether nobody misses it: of people and laws alike."""
    both = known(jnp.stack([jnp.asarray(answer, bool), nobody]))
    if both is None:
        return np.asarray(answer), np.zeros((), bool)
    found, excused = np.moveaxis(np.asarray(both), -1, 0)
    return np.asarray(found), np.asarray(excused)


def concerns_nobody(decision: Decision, population: Population, strata: Strata | None) -> Any:
    """Whether a decision asked if anybody is so (or all are not) where nobody lives now.

    The law of a state that is absent is computed for nobody, and nobody misses it: when the program
    was made, everybody elsewhere had the same on both ways.
    """
    if strata is None or decision.kind != OF_SOME:
        return False
    entity, _, name = strata.column.partition(".")
    where = decides_in(decision.node, strata.column, strata.values)
    elsewhere = [value for value in strata.values if value not in where]
    held = population.columns[entity][name]
    lives_elsewhere = jnp.isin(held, jnp.array(elsewhere, held.dtype))
    return jnp.all(lives_elsewhere | ~population.mask(entity))


def moved(decision: Decision, answer: np.ndarray, wrong: np.ndarray) -> GuardMovedError:
    """What to raise for a decision that would be taken another way.

    Args:
        wrong: for each of a batch of answers, whether it would.
    """
    at = np.unravel_index(int(wrong.argmax()), wrong.shape)
    own = answer[at] if answer.ndim > np.ndim(decision.value) else answer
    if decision.kind.startswith(ORDER):
        problem = (
            f"the thresholds of {decision.kind.removeprefix(ORDER)} are out of order (met by "
            f"{decision.variable}). A scale is edited as a whole: give each bracket's threshold in "
            "ascending order"
        )
        return of_law(GuardMovedError(problem), at)
    kind = "bool" if decision.kind == OF_SOME else decision.kind
    problem = (
        f"the formula of {decision.variable} took a Python decision ({kind} of a value "
        f"that was {decision.value!r}) which is now {np.asarray(own)!r}. Compile for these "
        "people and this law: program.respecialise(parameters, population)"
    )
    return of_law(GuardMovedError(problem), at)


def of_law(problem: P, at: Sequence[SupportsInt]) -> P:
    """The problem, with the place of what is to blame if there is a batch: a law, as a rule."""
    if at:
        problem.law = int(at[0])
        problem.add_note(f"in number {problem.law} of a batch")
    return problem

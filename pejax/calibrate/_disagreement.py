"""Targets whose sums disagree: margins that add up to 100 one way and to 101 another.

A combination of targets to which no unit contributes must be 0. Where it is not, no weights of any
sign meet its targets, and the combination is the proof.
"""

from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ..core._transforms import on_host_in_float64
from .problem._twins import agree, trial_sums

if TYPE_CHECKING:
    from .problem._problem import TargetProblem

_MOST = 2e10  # units times targets squared above which nobody looks
_NOTHING = {4: 1e-12, 8: 1e-20}  # by bytes of an entry: the square of what is rounding in a row
_LEAST = 1e-14  # that float64 tells from nothing
_GAP = 1e-6  # relative difference of sums that is one
_SAME = 1e-3  # difference of coefficients, to the largest, that is none
_SHOWN = 3  # names of a sum


class _Sum(NamedTuple):
    """Targets that are added up, and to what."""

    rows: Int[np.ndarray, " part"]
    value: float

    def said(self, names: tuple[str, ...], verb: str) -> str:
        listed = [repr(names[row]) for row in self.rows[:_SHOWN]]
        if len(self.rows) > _SHOWN:
            listed.append(f"{len(self.rows) - _SHOWN} more")
        shown = listed[0] if len(listed) == 1 else ", ".join(listed[:-1]) + " and " + listed[-1]
        verb = verb if len(self.rows) > 1 else "is" if verb else ""
        return f"{shown} {verb} {self.value:,.10g}".replace("  ", " ")


def disagreement(problem: "TargetProblem") -> str | None:
    """Which fitted targets ask for different sums of the same units, in a sentence.

    None where there are none, or too many targets to look.
    """
    rows = np.flatnonzero(np.asarray(problem.importance) > 0)
    if len(rows) < 2 or problem.n_units * problem.n_targets**2 > _MOST:
        return None
    found = _combination(problem, rows)
    if found is None:
        return None
    sums = _sums(problem, rows, *found)
    trials = trial_sums(problem.operator)
    for k, one in enumerate(sums):
        for other in sums[k + 1 :]:
            both = (trials[:, part.rows].sum(axis=1) for part in (one, other))
            size = max(abs(one.value), abs(other.value))
            if abs(one.value - other.value) > _GAP * size and agree(*both):
                first = one.said(problem.names, "add up to")
                return (
                    f"Sums disagree: {first}, {other.said(problem.names, 'to')}, and the same "
                    "units make up both."
                )
    involved = _Sum(np.concatenate([part.rows for part in sums]), 0.0)
    listed = involved.said(problem.names, "x").rsplit(" ", 2)[0]
    return f"Sums disagree: no weights of any sign meet {listed} together."


def _combination(
    problem: "TargetProblem", rows: Int[np.ndarray, " row"]
) -> tuple[Float[np.ndarray, " row"], Float[np.ndarray, " row"]] | None:
    """Coefficients of targets to which no unit contributes and whose sum is not 0, and the sizes of
    the targets' rows."""
    slack = max(_LEAST, _NOTHING[np.dtype(problem.operator.dtype).itemsize])
    with on_host_in_float64():
        operator = problem.operator.astype(jnp.float64)
        gram = np.asarray(operator.gram(jnp.ones(problem.n_units)), float)[np.ix_(rows, rows)]
        size = np.sqrt(np.maximum(np.diag(gram), 0.0))
        if not (np.isfinite(gram).all() and (size > 0).all()):
            return None
        powers, directions = np.linalg.eigh(gram / size[:, None] / size)
        free = directions[:, powers <= slack]
        asked = np.asarray(problem.values, float)[rows] / size
        combination = free @ (free.T @ asked) / size
        if not np.linalg.norm(combination * size) > _GAP * np.linalg.norm(asked):
            return None
        whole = np.zeros(problem.n_targets)
        whole[rows] = combination
        left = np.asarray(operator.rmv(jnp.asarray(whole)))
        moved = np.asarray(operator.absolute().rmv(jnp.asarray(np.abs(whole))))
    # The proof is looked at: what units contribute to it is rounding.
    nothing = np.abs(left).max() <= 10 * np.sqrt(slack) * moved.max()
    return (combination, size) if nothing else None


def _sums(
    problem: "TargetProblem",
    rows: Int[np.ndarray, " row"],
    combination: Float[np.ndarray, " row"],
    size: Float[np.ndarray, " row"],
) -> list[_Sum]:
    """The targets of each coefficient, and of each group if they have some.

    A target takes part by its coefficient or by what its units contribute, which are far apart
    where persons are counted beside dollars.
    """
    share = combination / np.abs(combination).max()
    moves = np.abs(combination * size)
    taking = np.flatnonzero((np.abs(share) > _SAME) | (moves > _SAME * moves.max()))
    taking = taking[np.argsort(share[taking], kind="stable")]
    step = np.concatenate([[0], np.cumsum(np.diff(share[taking]) > _SAME)])
    labels = problem.groups or ("",) * problem.n_targets
    parts: dict[tuple[int, str], list[int]] = {}
    for row, kind in zip(rows[taking], step, strict=True):
        parts.setdefault((int(kind), labels[row]), []).append(int(row))
    values = np.asarray(problem.values, float)
    found = [np.sort(part) for part in parts.values()]
    return [_Sum(part, float(values[part].sum())) for part in sorted(found, key=lambda p: p[0])]

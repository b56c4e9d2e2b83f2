"""What is wrong with weights that a solve calls a success: named, with the thresholds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np

from ..core._arguments import as_number
from ..core._transforms import on_host_in_float64
from ..core._validate import BadInputError
from . import _diagnostics
from ._disagreement import disagreement

if TYPE_CHECKING:
    from ._solution import Solution

_FAIR = 10.0  # times its fair share that a weight of a few records may have
_ALL = 0.9  # share of the total that no weight may have
_CLOSE = 1e-4  # errors below which nobody asks why targets are not met


class CalibrationWarning(UserWarning):
    """Weights that solve the problem and should not be used without a look."""


class Caution(NamedTuple):
    """One thing to look at before weights are used, by name and in words.

    >>> Caution("large_weight", "one weight is half of the total").name
    'large_weight'
    """

    name: str
    text: str


@dataclass(frozen=True)
class Thresholds:
    """From where on `Solution.warnings` speaks and `Solution.check` raises.

    Args:
        effective_share: `small_effective_sample`: Kish's effective sample size is below this share
            of the records with base weight, or of those chosen where a method chooses.
        largest_share: `large_weight`: one weight is above this share of the total. Of fewer records
            it is ten times its fair share, 1 / records, and never more than 90 %.
        further_off: `further_off`: a fitted target beyond its tolerance is further off than under
            the base weights, by more than this, in units of its scale.
        unmet: an error above which a target of an exact solve is unmet, and `check` raises.

    Raises:
        BadInputError: a number that is not at least 0.

    >>> Thresholds(largest_share=0.01).effective_share
    0.1
    """

    effective_share: float = 0.1
    largest_share: float = 0.05
    further_off: float = 0.05
    unmet: float = 1e-4

    def __post_init__(self):
        for name, value in vars(self).items():
            if not as_number(name)(value) >= 0:
                raise BadInputError(f"{name} is {value}; give a number of at least 0.")


USUAL = Thresholds()
ABOUT_WEIGHTS = ("small_effective_sample", "large_weight")


class Spread(NamedTuple):
    """How much of the sample weights leave, and how much of the total the largest holds."""

    records: int
    effective: float
    largest: float
    share: float

    @classmethod
    def of(cls, solution: "Solution") -> "Spread":
        """That of a solution, among the records that were to keep a weight."""
        weights = np.asarray(solution.weights, float)
        size = np.abs(weights)
        # A weight that vanished for being small is no record that was left out.
        meant = size if solution.chosen else np.asarray(solution.base_weights)
        with on_host_in_float64():
            effective = float(_diagnostics.effective_sample_size(jnp.asarray(weights)))
        total = float(size.sum())
        largest = float(size.max(initial=0.0))
        share = largest / total if total > 0 else 0.0
        return cls(int(np.count_nonzero(meant)), effective, largest, share)

    def is_small(self, limits: Thresholds) -> bool:
        """Whether the effective sample is a small share of the records."""
        return self.effective < limits.effective_share * self.records

    def is_held_by_one(self, limits: Thresholds) -> bool:
        """Whether one weight is a large share of the total."""
        fair = min(_ALL, _FAIR / max(self.records, 1))
        return self.share > max(limits.largest_share, fair)

    def said(self, limits: Thresholds) -> str | None:
        """One line if either is bad; None if neither is."""
        if not (self.is_small(limits) or self.is_held_by_one(limits)):
            return None
        return (
            "Look at the weights before you use them: "
            f"the effective sample is {self.effective:,.1f} of {self.records:,} records, and the "
            f"largest weight, {self.largest:,.6g}, is {self.share:.1%} of the total."
        )


def cautions_of(solution: "Solution") -> tuple[Caution, ...]:
    """Everything to look at, the weights first."""
    limits = solution.thresholds
    spread = Spread.of(solution)
    remedy = "Raise the ridge, bound the weights with Logit, or drop targets that the data lack."
    found = []
    if spread.is_small(limits):
        found.append(
            Caution(
                "small_effective_sample",
                f"The effective sample is {spread.effective:,.1f} of {spread.records:,} records. "
                + remedy,
            )
        )
    if spread.is_held_by_one(limits):
        found.append(
            Caution(
                "large_weight",
                f"One weight, {spread.largest:,.6g}, is {spread.share:.1%} of the total. {remedy}",
            )
        )
    return (*found, *_of_targets(solution, limits))


def _of_targets(solution: "Solution", limits: Thresholds) -> list[Caution]:
    problem, found = solution.problem, []
    fitted = np.asarray(problem.importance) > 0
    error, before = np.abs(solution.errors()), np.abs(solution.base_errors())
    worse = fitted & (error > before + limits.further_off) & (error > problem.tolerance)
    if worse.any():
        worst = int(np.argmax(np.where(worse, error - before, -np.inf)))
        more = f", and {np.count_nonzero(worse) - 1} more are" if worse.sum() > 1 else ""
        text = (
            f"Target {problem.names[worst]!r} is further off than before: by {error[worst]:.2%}, "
            f"under the base weights by {before[worst]:.2%}{more}. "
            + ("Keep more records." if solution.chosen else "Look for one that contradicts it.")
        )
        found.append(Caution("further_off", text))
    if (error[fitted] > _CLOSE).any():
        said = disagreement(problem)
        if said:
            found.append(Caution("contradiction", f"{said} Correct one of them, or drop it."))
    return found


def unmet(solution: "Solution") -> str | None:
    """What an exact solve did not meet, in words; None where it met all."""
    if solution.met_within is None:
        return None
    problem = solution.problem
    asked = problem.unanswered
    if asked:
        first, *others = asked
        more = f", and {len(others)} more" if others else ""
        return (
            f"Target {first.name!r}, which was to be met exactly, was set aside before the "
            f"solve: {first.reason}{more}. "
        )
    errors = np.where(np.asarray(problem.importance) > 0, solution.errors(), 0.0)
    worst = int(np.argmax(np.abs(errors)))
    if abs(errors[worst]) <= max(solution.thresholds.unmet, solution.met_within):
        return None
    return (
        f"Target {problem.names[worst]!r}, which was to be met exactly, is off by "
        f"{errors[worst]:+.2%}. "
    )

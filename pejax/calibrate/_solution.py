"""A solved calibration: the weights, how the solve ended, and how well they fit."""

from typing import TYPE_CHECKING, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .._results import Result, SolveError
from . import _diagnostics
from .dual._certificate import Certificate
from .problem._problem import TargetProblem

if TYPE_CHECKING:
    import pandas as pd


class Report(NamedTuple):
    """What to look at before using calibrated weights.

    `targets` has one row a target: value, the estimates before and after, the relative errors in
    units of its scale, importance. `refused` has one row a target that was set aside. `summary`
    has the figures of the whole.
    """

    targets: "pd.DataFrame"
    refused: "pd.DataFrame"
    summary: dict[str, float | int | str]

    def __str__(self) -> str:
        lines = [f"{name:<28}{_shown(value)}" for name, value in self.summary.items()]
        return "\n".join(lines)


class Solution(eqx.Module):
    """Calibrated weights in the caller's unit order and length, with their provenance.

    `result` is a code of `pejax.Result`; `estimates` are the totals under the new weights and
    `base_estimates` under the old, both in the order of `problem.names`; `loss_history` has one
    loss an epoch for gradient methods and is None for the others. `certificate` is a proof, for
    bounded weights, of the error that none of them can go below. `multipliers`, of the distance
    methods, say what one more of a target's contribution adds to a unit's potential: the logarithm
    of its weight ratio for `Entropy`.
    """

    weights: Float[Array, " unit"]
    base_weights: Float[np.ndarray, " unit"]
    estimates: Float[np.ndarray, " target"]
    base_estimates: Float[np.ndarray, " target"]
    problem: TargetProblem
    result: Int[Array, ""]
    steps: int
    loss_history: Float[np.ndarray, " epoch"] | None
    certificate: Certificate | None
    multipliers: Float[np.ndarray, " target"] | None

    def check(self) -> "Solution":
        """This solution, or an error with the remedy if the solve did not succeed.

        Raises:
            SolveError: how the solve ended, the worst-fitted target, and what to try.
        """
        if Result.of(self.result) is not Result.successful:
            errors = self.errors()
            worst = int(np.argmax(np.abs(errors)))
            raise SolveError(
                f"{Result.of(self.result).text} After {self.steps} steps the worst target is "
                f"{self.problem.names[worst]!r}, off by {errors[worst]:+.2%}. "
                f"{self._proof()}{Result.of(self.result).remedy}"
            )
        return self

    def _proof(self) -> str:
        if self.certificate is None or self.certificate.least_error <= 0:
            return ""
        names = ", ".join(repr(name) for name in self.certificate.binding(self.problem.names))
        return (
            "No weights within the bounds have a root mean square error below "
            f"{self.certificate.least_error:.2%}; what stands in the way is {names}. "
        )

    def errors(self) -> Float[np.ndarray, " target"]:
        """The signed error of each target in units of its scale."""
        return _errors(self.estimates, self.problem)

    def report(self) -> Report:
        """Tables of the fit by target and of what was refused, and a summary of the weights."""
        import pandas as pd

        problem = self.problem
        columns = {
            "name": problem.names,
            "group": problem.groups if problem.groups is not None else [""] * problem.n_targets,
            "target": np.asarray(problem.values),
            "base_estimate": self.base_estimates,
            "estimate": self.estimates,
            "base_error": _errors(self.base_estimates, problem),
            "error": self.errors(),
            "scale": np.asarray(problem.scale),
            "importance": np.asarray(problem.weights),
        }
        refused = pd.DataFrame(list(problem.refused), columns=["name", "value", "reason"])
        return Report(pd.DataFrame(columns), refused, self._summary())

    def _summary(self) -> dict[str, float | int | str]:
        fitted = np.asarray(self.problem.weights) > 0
        errors = np.abs(self.errors())[fitted]
        before = np.abs(_errors(self.base_estimates, self.problem))[fitted]
        return {
            "result": Result.describe(self.result),
            "steps": self.steps,
            "targets": int(fitted.sum()),
            "targets_refused": len(self.problem.refused),
            "mean_error_before": float(before.mean()),
            "mean_error": float(errors.mean()),
            "median_error": float(np.median(errors)),
            "p95_error": float(np.quantile(errors, 0.95)),
            "within_1_percent": float(np.mean(errors <= 0.01)),
            **_weight_summary(self.weights, self.base_weights),
            **self._bound(),
        }

    def _bound(self) -> dict[str, float | int | str]:
        """The error that no weights within the bounds go below, where there are bounds."""
        found = self.certificate
        return {} if found is None else {"least_possible_rms_error": found.least_error}


def _weight_summary(
    weights: Float[Array, " unit"], base_weights: Float[np.ndarray, " unit"]
) -> dict[str, float | int]:
    with jax.enable_x64(True):
        new = jnp.asarray(np.asarray(weights, float))
        base = jnp.asarray(base_weights)
        return {
            "effective_sample_size": float(_diagnostics.effective_sample_size(new)),
            "base_effective_sample_size": float(_diagnostics.effective_sample_size(base)),
            "largest_weight_ratio": float(jnp.max(_diagnostics.weight_ratio(new, base))),
            "largest_weight": float(jnp.max(new)),
            "records_kept": int(_diagnostics.records_kept(new)),
            "negative_share": float(_diagnostics.negative_share(new)),
        }


def _errors(
    estimates: Float[np.ndarray, " target"], problem: TargetProblem
) -> Float[np.ndarray, " target"]:
    with jax.enable_x64(True):
        numbers = (jnp.asarray(x) for x in (estimates, problem.values, problem.scale))
        return np.asarray(_diagnostics.relative_error(*numbers))


def _shown(value: float | int | str) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)

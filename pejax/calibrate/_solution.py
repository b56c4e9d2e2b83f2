"""A solved calibration: the weights, how the solve ended, and how well they fit."""

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core._one_line import counted, one_line
from ..core._results import Result, SolveError
from ..core._transforms import is_traced, on_host_in_float64
from ..core.files._files import plain, write_text
from ..core.files._modules import StoredFields
from . import _diagnostics
from ._cautions import USUAL, CalibrationWarning, Caution, Thresholds, cautions_of, unmet
from ._disagreement import disagreement
from ._report import Report, report_of
from .dual._certificate import Certificate
from .problem._problem import TargetProblem


class Solution(eqx.Module, StoredFields):
    """Calibrated weights in the caller's unit order and length, with their provenance.

    `result` is a code of `pejax.Result`; `estimates` are the totals under the new weights and
    `base_estimates` under the old, both in the order of `problem.names`; `loss_history` has one
    loss an epoch for gradient methods and is None for the others. `certificate` is a proof, for
    bounded weights, of the error that none of them can go below. `multipliers`, of the distance
    methods, say what one more of a target's contribution adds to a unit's potential: the logarithm
    of its weight ratio for `Entropy`. `bounds` are the least and the largest weight ratio that the
    method allows, where it has such. `step_log` has, for each Newton step of a distance method, the
    ridge, and the root mean squares of the optimality conditions and of the weighted errors before
    the step. `met_within` is the error within which an exact method has met its targets, and None
    for the others; `chosen` says whether the method chose among the records. `thresholds` are from
    where on `warnings` speaks.

    >>> from pejax.calibrate import Entropy, TargetProblem, calibrate
    >>> found = calibrate(TargetProblem([[1.0, 1.0]], [4.0]), [1.0, 1.0], Entropy())
    >>> again = Solution.from_arrays(found.to_arrays())
    >>> bool((again.weights == found.weights).all())
    True
    """

    _format: ClassVar = ("pejax-solution", 1)

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
    bounds: tuple[float, float] | None = eqx.field(static=True, default=None)
    step_log: Float[np.ndarray, "step 3"] | None = None
    met_within: float | None = eqx.field(static=True, default=None)
    chosen: bool = eqx.field(static=True, default=False)
    thresholds: Thresholds = eqx.field(static=True, default=USUAL)

    @one_line
    def __repr__(self) -> str:
        if is_traced(self.weights, self.result):
            return f"traced; {self.problem!r}"
        kept = f"{int(np.count_nonzero(self.weights)):,} of {counted(len(self.weights), 'record')}"
        said = Result.of(self.result).name.replace("_", " ")
        errors = np.abs(self.errors())
        off = f"mean error {errors.mean():.2g}, largest {errors.max():.2g}"
        return f"{said} in {counted(int(self.steps), 'step')}; {kept}; {off}"

    def check(self) -> "Solution":
        """This solution, or an error with the remedy if the solve did not succeed.

        Raises:
            SolveError: how the solve ended, the worst-fitted target, and what to try; or the target
                of an exact solve that is unmet, or was set aside before.

        Warns:
            CalibrationWarning: each of `warnings`.
        """
        if Result.of(self.result) is not Result.successful:
            errors = self.errors()
            worst = int(np.argmax(np.abs(errors)))
            raise SolveError(
                f"{Result.of(self.result).text} After {self.steps} steps the worst target is "
                f"{self.problem.names[worst]!r}, off by {errors[worst]:+.2%}. "
                f"{self._proof()}{self._contradiction()}{Result.of(self.result).remedy}"
            )
        missed = unmet(self)
        if missed is not None:
            raise SolveError(f"{missed}Drop it from the problem, or ask for a soft solution.")
        for caution in self.warnings:
            warnings.warn(CalibrationWarning(caution.text), stacklevel=2)
        return self

    @property
    def warnings(self) -> tuple[Caution, ...]:
        """What to look at before the weights are used, by name, from `thresholds` on.

        `small_effective_sample`, `large_weight`, `further_off` (a fitted target is further off than
        under the base weights) and `contradiction` (sums of targets disagree). Empty is good.

        >>> from pejax.calibrate import Entropy, TargetProblem, calibrate
        >>> margins = TargetProblem([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [60.0, 40.0, 101.0],
        ...                         names=["men", "women", "people"])
        >>> [caution] = calibrate(margins, [50.0, 50.0], Entropy()).warnings
        >>> caution.name, caution.text.split(". ")[0]  # doctest: +NORMALIZE_WHITESPACE
        ('contradiction', "Sums disagree: 'men' and 'women' add up to 100, 'people' is 101, and the
        same units make up both")
        """
        return cautions_of(self)

    def _contradiction(self) -> str:
        said = disagreement(self.problem)
        return "" if said is None else f"{said} "

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

    def base_errors(self) -> Float[np.ndarray, " target"]:
        """The signed error of each target under the base weights."""
        return _errors(self.base_estimates, self.problem)

    def report(self) -> Report:
        """Tables of the fit by target, level and group, of what was set aside, of the weights."""
        return report_of(self)

    def write_log(self, path: str | os.PathLike) -> Path:
        """Write how the solve went as lines of JSON.

        The first line has the facts of the whole: targets fitted, units, result, steps, and the
        importance-weighted mean of squared errors before and after. Then one line an epoch has its
        loss, the method's own, for methods with a `loss_history`; distance methods have one line a
        Newton step. An interrupted run leaves nothing half-written.

        Args:
            path: the file, `.jsonl` by custom; its folder is made if it is not there.

        Returns:
            The path.

        >>> import tempfile
        >>> from pejax.calibrate import Linear, calibrate
        >>> problem = TargetProblem([[1.0, 1.0]], [4.0])
        >>> solution = calibrate(problem, [1.0, 1.0], Linear(exact=True))
        >>> path = solution.write_log(Path(tempfile.mkdtemp()) / "log.jsonl")
        >>> json.loads(path.read_text().splitlines()[0])["squared_error_before"]
        0.25
        """
        before, after = self._loss(self.base_estimates), self._loss(self.estimates)
        header = {
            "targets": int(np.count_nonzero(np.asarray(self.problem.importance) > 0)),
            "units": self.problem.n_units,
            "result": Result.of(self.result).name,
            "steps": self.steps,
            "squared_error_before": before,
            "squared_error": after,
        }
        return write_text(path, "".join(_json_line(line) for line in (header, *self._course())))

    def _course(self) -> list[dict[str, float]]:
        """A line an epoch or a step."""
        losses = () if self.loss_history is None else self.loss_history.tolist()
        steps = () if self.step_log is None else self.step_log.tolist()
        names = ("ridge", "gradient", "error")
        return [
            *({"epoch": k, "loss": loss} for k, loss in enumerate(losses, start=1)),
            *(
                {"step": k, **dict(zip(names, step, strict=True))}
                for k, step in enumerate(steps, start=1)
            ),
        ]

    def _loss(self, estimates: Float[np.ndarray, " target"]) -> float:
        problem = self.problem
        columns = (estimates, problem.values, problem.scale, problem.importance)
        with on_host_in_float64():
            numbers = (jnp.asarray(column) for column in columns)
            return float(_diagnostics.squared_relative_loss(*numbers))


def _json_line(fields: Mapping[str, float | int | str]) -> str:
    """One line; NaN and infinities are null."""
    return json.dumps(plain(fields), allow_nan=False) + "\n"


def _errors(
    estimates: Float[np.ndarray, " target"], problem: TargetProblem
) -> Float[np.ndarray, " target"]:
    with on_host_in_float64():
        numbers = (jnp.asarray(x) for x in (estimates, problem.values, problem.scale))
        return np.asarray(_diagnostics.relative_error(*numbers))

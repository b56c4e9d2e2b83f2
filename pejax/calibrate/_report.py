"""What to look at before using calibrated weights: tables by target, level, group and weight."""

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core._arguments import as_text
from ..core._one_line import counted, one_line
from ..core._results import Result
from ..core.files._files import write_text
from . import _diagnostics

if TYPE_CHECKING:
    import pandas as pd

    from ._solution import Solution

RATIO_EDGES = 10.0 ** ((np.arange(-21, 21) + 0.5) / 10)
"""Bins of weight ratios, ten a decade from 0.01 to 100; the weight that stayed is inside one."""

_QUANTILES = {
    "ratio_min": 0.0,
    "ratio_p01": 0.01,
    "ratio_p05": 0.05,
    "ratio_p25": 0.25,
    "ratio_median": 0.5,
    "ratio_p75": 0.75,
    "ratio_p95": 0.95,
    "ratio_p99": 0.99,
    "ratio_max": 1.0,
}


class Report(NamedTuple):
    """What to look at before using calibrated weights.

    Errors are in units of each target's scale. A table of something the problem does not have,
    such as levels, is empty. Units of base weight 0 take no part in a calibration and are not
    counted.

    Attributes:
        targets: one row a target: value, the estimates and errors before and after, scale,
            importance, level, and the tolerance within which it counts as met.
        refused: one row a target that was set aside, and why.
        summary: the figures of the whole, over the targets that were fitted.
        levels: one row a level, in the order in which they first appear: the absolute errors of
            its fitted targets before and after, the share of them within tolerance, the mean
            weighted by importance; and the mean error of those held out.
        groups: the same by group.
        adjusted: one row a target whose value was changed before the solve, and why.
        weights: one row a measure of the weights, before and after: effective sample size, Gini
            coefficient, negative share, quantiles of the weight ratio and, of methods with bounds,
            the shares of units at them.
        lorenz: the Lorenz curves of the base weights and the calibrated ones; the latter is left
            out where weights are negative.
        ratios: how many units have a weight ratio in [`lower`, `upper`).
        notes: what was left out of these tables, a sentence each.
    """

    targets: "pd.DataFrame"
    refused: "pd.DataFrame"
    summary: dict[str, float | int | str]
    levels: "pd.DataFrame"
    groups: "pd.DataFrame"
    adjusted: "pd.DataFrame"
    weights: "pd.DataFrame"
    lorenz: "pd.DataFrame"
    ratios: "pd.DataFrame"
    notes: tuple[str, ...]

    @one_line
    def __repr__(self) -> str:
        refused = f", {len(self.refused):,} refused" if len(self.refused) else ""
        return f"{counted(len(self.targets), 'target')}{refused}"

    def __str__(self) -> str:
        lines = [f"{name:<28}{_shown(value)}" for name, value in self.summary.items()]
        return "\n".join([*lines, *self.notes])

    def to_html(self, path: str | os.PathLike, *, title: str = "Calibration report") -> Path:
        """Write the report as one HTML file that needs no network: tables and drawings.

        Long tables are cut off and say how many rows were left out; drawings are of binned data,
        so that the file stays small however many targets and units there are. An interrupted run
        leaves nothing half-written.

        Args:
            path: the file; its folder is made if it is not there.
            title: the heading.

        Returns:
            The path.

        >>> import tempfile
        >>> from pejax.calibrate import Entropy, TargetProblem, calibrate
        >>> problem = TargetProblem([[1.0, 1.0]], [4.0], levels=["nation"])
        >>> report = calibrate(problem, [1.0, 1.0], Entropy(exact=True)).report()
        >>> report.levels[["level", "targets", "within_tolerance"]].to_dict("records")
        [{'level': 'nation', 'targets': 1, 'within_tolerance': 1.0}]
        >>> report.to_html(Path(tempfile.mkdtemp()) / "report.html").name
        'report.html'
        """
        # The room of pages is above this one and opens with it only where a page is asked for.
        pages = importlib.import_module("pejax.report")
        drawn = pages.calibration_page(self, as_text(title, "title"))
        return write_text(path, drawn)


class _Spread(NamedTuple):
    """How one set of weights is spread over its units."""

    records_kept: int
    total_weight: float
    largest_weight: float
    effective_sample_size: float
    gini: float
    negative_share: float
    lorenz: tuple[Float[Array, " point"], Float[Array, " point"]]


class _Moved(NamedTuple):
    """The weights before and after, of the units that take part, and the ratios between them."""

    base: _Spread
    calibrated: _Spread
    ratio: Float[np.ndarray, " unit"]
    at_bounds: tuple[float, float] | None
    left_out: int

    @property
    def effective_sample_share(self) -> float:
        """What calibration left of the effective sample size."""
        return self.calibrated.effective_sample_size / self.base.effective_sample_size


def report_of(solution: "Solution") -> Report:
    """The tables of a solution."""
    import pandas as pd

    problem = solution.problem
    targets = _targets(solution)
    moved = _moved(solution)
    return Report(
        targets=targets,
        refused=pd.DataFrame(list(problem.refused), columns=["name", "value", "reason"]),
        summary=_summary(solution, targets, moved),
        levels=_fit_by(targets, "level", known=problem.levels is not None),
        groups=_fit_by(targets, "group", known=problem.groups is not None),
        adjusted=pd.DataFrame(list(problem.adjusted), columns=["name", "value", "used", "reason"]),
        weights=_weights(moved),
        lorenz=_lorenz(moved),
        ratios=_ratios(moved.ratio),
        notes=_notes(moved),
    )


def _targets(solution: "Solution") -> "pd.DataFrame":
    import pandas as pd

    problem = solution.problem
    unlabelled = [""] * problem.n_targets
    columns = {
        "name": problem.names,
        "group": unlabelled if problem.groups is None else problem.groups,
        "target": np.asarray(problem.values),
        "base_estimate": solution.base_estimates,
        "estimate": solution.estimates,
        "base_error": solution.base_errors(),
        "error": solution.errors(),
        "scale": np.asarray(problem.scale),
        "importance": np.asarray(problem.importance),
        "level": unlabelled if problem.levels is None else problem.levels,
        "tolerance": np.asarray(problem.tolerance),
        "source": unlabelled if problem.sources is None else problem.sources,
    }
    return pd.DataFrame(columns)


def _fit_by(targets: "pd.DataFrame", label: str, *, known: bool) -> "pd.DataFrame":
    """One row a label, in the order in which labels first appear."""
    import pandas as pd

    rows = targets if known else targets.iloc[:0]
    fitted = rows["importance"] > 0
    error, before = rows["error"].abs(), rows["base_error"].abs().where(fitted)
    columns = {
        "before": before,
        "after": error.where(fitted),
        "met": (error <= rows["tolerance"]).astype(float).where(fitted),
        "importance": rows["importance"],
        "weighted": rows["importance"] * error,
        "held_out": error.where(~fitted),
    }
    parts = pd.DataFrame(columns).groupby(rows[label], sort=False)
    table = {
        "targets": parts["after"].count(),
        "mean_error_before": parts["before"].mean(),
        "mean_error": parts["after"].mean(),
        "median_error_before": parts["before"].median(),
        "median_error": parts["after"].median(),
        "p95_error_before": parts["before"].quantile(0.95),
        "p95_error": parts["after"].quantile(0.95),
        "largest_error_before": parts["before"].max(),
        "largest_error": parts["after"].max(),
        "within_tolerance": parts["met"].mean(),
        "weighted_mean_error": parts["weighted"].sum() / parts["importance"].sum(),
        "held_out": parts["held_out"].count(),
        "held_out_mean_error": parts["held_out"].mean(),
    }
    return pd.DataFrame(table).reset_index(names=label)


def _moved(solution: "Solution") -> _Moved:
    new, base = np.asarray(solution.weights, float), np.asarray(solution.base_weights, float)
    takes_part = (base != 0) | (new != 0)
    left_out = int(np.count_nonzero(~takes_part))
    if left_out:
        new, base = new[takes_part], base[takes_part]
    with jax.enable_x64(True):
        ratio = np.asarray(_diagnostics.weight_ratio(jnp.asarray(new), jnp.asarray(base)))
        at_bounds = None
        if solution.bounds is not None:
            lower, upper = _diagnostics.binding_share(
                jnp.asarray(new), jnp.asarray(base), *solution.bounds
            )
            at_bounds = (float(lower), float(upper))
    return _Moved(_spread(base), _spread(new), ratio, at_bounds, left_out)


def _spread(weights: Float[np.ndarray, " unit"]) -> _Spread:
    with jax.enable_x64(True):
        ordered = jnp.asarray(np.sort(weights))
        return _Spread(
            records_kept=int(_diagnostics.records_kept(ordered)),
            total_weight=float(jnp.sum(ordered)),
            largest_weight=float(ordered[-1]),
            effective_sample_size=float(_diagnostics.effective_sample_size(ordered)),
            gini=float(_diagnostics.gini(ordered)),
            negative_share=float(_diagnostics.negative_share(ordered)),
            lorenz=_diagnostics.lorenz_curve(ordered),
        )


def _summary(
    solution: "Solution", targets: "pd.DataFrame", moved: _Moved
) -> dict[str, float | int | str]:
    problem, new = solution.problem, moved.calibrated
    fitted = targets[targets["importance"] > 0]
    errors, before = np.abs(fitted["error"].to_numpy()), np.abs(fitted["base_error"].to_numpy())
    found = solution.certificate
    bound = {} if found is None else {"least_possible_rms_error": found.least_error}
    return {
        "result": Result.describe(solution.result),
        "steps": solution.steps,
        "targets": len(fitted),
        "targets_refused": len(problem.refused),
        "targets_adjusted": len(problem.adjusted),
        "mean_error_before": float(before.mean()),
        "mean_error": float(errors.mean()),
        "median_error": float(np.median(errors)),
        "p95_error": float(np.quantile(errors, 0.95)),
        "within_1_percent": float(np.mean(errors <= 0.01)),
        "within_tolerance": float(np.mean(errors <= fitted["tolerance"].to_numpy())),
        "effective_sample_size": new.effective_sample_size,
        "base_effective_sample_size": moved.base.effective_sample_size,
        "effective_sample_share": moved.effective_sample_share,
        "largest_weight_ratio": float(moved.ratio.max()),
        "largest_weight": new.largest_weight,
        "records_kept": new.records_kept,
        "negative_share": new.negative_share,
        "gini": new.gini,
        **bound,
    }


def _weights(moved: _Moved) -> "pd.DataFrame":
    import pandas as pd

    base, new, unknown = moved.base, moved.calibrated, float("nan")
    rows = [("units", moved.ratio.size, moved.ratio.size)]
    rows += [(name, getattr(base, name), getattr(new, name)) for name in _Spread._fields[:-1]]
    rows += [("effective_sample_share", 1.0, moved.effective_sample_share)]
    # Of the empirical distribution, not between units: an infinite ratio stays one.
    levels = list(_QUANTILES.values())
    quantiles = np.quantile(moved.ratio, levels, method="inverted_cdf").tolist()
    rows += [(name, unknown, q) for name, q in zip(_QUANTILES, quantiles, strict=True)]
    names = ("at_lower_bound", "at_upper_bound")
    rows += [(name, unknown, s) for name, s in zip(names, moved.at_bounds or (), strict=False)]
    return pd.DataFrame(rows, columns=["measure", "base", "calibrated"])


def _lorenz(moved: _Moved) -> "pd.DataFrame":
    import pandas as pd

    units, before = moved.base.lorenz
    table = pd.DataFrame({"share_of_units": np.asarray(units), "base": np.asarray(before)})
    if np.isfinite(moved.calibrated.gini):
        table["calibrated"] = np.asarray(moved.calibrated.lorenz[1])
    return table


def _ratios(ratio: Float[np.ndarray, " unit"]) -> "pd.DataFrame":
    import pandas as pd

    edges = np.array([-np.inf, *RATIO_EDGES, np.inf])
    bins = np.searchsorted(RATIO_EDGES, ratio, side="right")
    units = np.bincount(bins, minlength=len(edges) - 1)
    columns = {"lower": edges[:-1], "upper": edges[1:], "units": units}
    return pd.DataFrame({**columns, "share": units / ratio.size})


def _notes(moved: _Moved) -> tuple[str, ...]:
    notes = []
    if moved.left_out:
        notes.append(
            f"Units of base weight 0, which take no part and are not counted: {moved.left_out:,}."
        )
    if not np.isfinite(moved.calibrated.gini):
        share = moved.calibrated.negative_share
        why = f"{share:.2%} of them are negative" if share else "all are 0"
        notes.append(f"The weights have no Lorenz curve and no Gini coefficient: {why}.")
    return tuple(notes)


def _shown(value: float | int | str) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else str(value)

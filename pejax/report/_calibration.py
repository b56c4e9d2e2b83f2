"""The report of a calibration as a page of HTML in one file, in the look of all our reports."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ..core._arguments import as_text, shown
from ..core._validate import BadInputError
from ._charts import curves, histogram
from ._page import Section, facts, figure, page, paragraph, table
from ._theme import ACCENT, GREY

if TYPE_CHECKING:
    import pandas as pd

ROWS = 25
"""Rows that a table of the page shows at most."""

_FIT = {
    "targets": "targets",
    "mean_error_before": "before",
    "mean_error": "mean",
    "median_error": "median",
    "p95_error": "p95",
    "largest_error": "largest",
    "weighted_mean_error": "weighted",
    "within_tolerance": "met",
}
_HELD_OUT = {"held_out": "held out", "held_out_mean_error": "their mean"}
_FORMATS = {
    **dict.fromkeys((*_FIT.values(), *_HELD_OUT.values()), ".2%"),
    **dict.fromkeys(("base_error", "error"), "+.2%"),
    **dict.fromkeys(("targets", "held out"), ","),
    **dict.fromkeys(("value", "used"), ",.6g"),
}
_LABELS = ["name", "level", "group", "source"]
_WORST = [*_LABELS, "target", "base_estimate", "estimate", "base_error", "error"]
_PERCENT = ("_share", "_bound")  # how the names of measures end that are shares
_BEFORE_AFTER = (GREY, ACCENT)
_DECADES = np.linspace(-4, 1, 101)  # powers of ten at which errors are counted


@runtime_checkable
class CalibrationTables(Protocol):
    """What `pejax.calibrate.Report` has, by whose names this room reads it."""

    @property
    def targets(self) -> "pd.DataFrame": ...
    @property
    def refused(self) -> "pd.DataFrame": ...
    @property
    def summary(self) -> Mapping[str, float | int | str]: ...
    @property
    def levels(self) -> "pd.DataFrame": ...
    @property
    def groups(self) -> "pd.DataFrame": ...
    @property
    def adjusted(self) -> "pd.DataFrame": ...
    @property
    def weights(self) -> "pd.DataFrame": ...
    @property
    def lorenz(self) -> "pd.DataFrame": ...
    @property
    def ratios(self) -> "pd.DataFrame": ...
    @property
    def notes(self) -> tuple[str, ...]: ...


def calibration_page(report: CalibrationTables, title: str = "Calibration report") -> str:
    """The report of a calibration as a document; nothing is fetched when it is read.

    Args:
        report: of a solution, as `solution.report()` gives it.
        title: the heading.

    >>> from pejax.calibrate import Entropy, TargetProblem, calibrate
    >>> problem = TargetProblem([[1.0, 1.0]], [4.0])
    >>> report = calibrate(problem, [1.0, 1.0], Entropy(exact=True)).report()
    >>> calibration_page(report).count("<figure>")
    3
    """
    _check(report)
    as_text(title, "title")
    sections = [
        Section("Summary", _summary(report)),
        Section("Targets", _targets(report)),
        *_breakdown("By level", report.levels),
        *_breakdown("By group", report.groups),
        Section("Weights", _weights(report)),
        *_aside(report),
    ]
    lead = f"{report.summary['result']} Steps: {report.summary['steps']}."
    return page(title, lead, sections)


def _check(report: object) -> None:
    """A report has all tables, and is no class of them."""
    wanted = [name for name in vars(CalibrationTables) if not name.startswith("_")]
    if isinstance(report, type) or not all(hasattr(report, name) for name in wanted):
        raise BadInputError(f"report is {shown(report)}. Give solution.report().")


def _summary(report: CalibrationTables) -> list[str]:
    found = report.summary
    large = {
        "targets": f"{found['targets']:,}",
        "mean error before": f"{found['mean_error_before']:.2%}",
        "mean error": f"{found['mean_error']:.2%}",
        "within tolerance": f"{found['within_tolerance']:.1%}",
        "effective sample size": f"{found['effective_sample_size']:,.0f}",
        "of that before calibration": f"{found['effective_sample_share']:.1%}",
        "largest weight ratio": f"{found['largest_weight_ratio']:,.3g}",
    }
    said = paragraph(
        "An error is (estimate − target) / scale. A target counts as met within its own tolerance. "
        "Only targets that were fitted count here; those held out are listed apart."
    )
    return [facts(large), said, *map(paragraph, report.notes)]


def _targets(report: CalibrationTables) -> list[str]:
    order = np.argsort(-report.targets["error"].abs().to_numpy(), kind="stable")
    ordered = report.targets.iloc[order]
    columns = [name for name in _WORST if (ordered[name] != "").any()]
    is_fitted = ordered["importance"] > 0
    fitted, held_out = ordered[is_fitted], ordered[~is_fitted]
    pieces = [
        _error_curves(fitted["base_error"].to_numpy(), fitted["error"].to_numpy()),
        _capped(fitted[columns], "Targets that were fitted, the largest errors first."),
    ]
    if len(held_out):
        caption = "Targets held out, reported and not fitted, the largest errors first."
        pieces.append(_capped(held_out[columns], caption))
    return pieces


def _capped(frame: "pd.DataFrame", caption: str) -> str:
    """A table of the first rows and a sentence that says how many were left out."""
    more = len(frame) - ROWS
    if more > 0:
        caption = f"{caption} {more:,} more {'row is' if more == 1 else 'rows are'} left out."
    shown = frame.head(ROWS)
    return table(shown, caption, {k: form for k, form in _FORMATS.items() if k in shown})


def _breakdown(title: str, parts: "pd.DataFrame") -> list[Section]:
    """A section for a problem with such labels, none otherwise."""
    if not len(parts):
        return []
    label = parts.columns[0]
    titles = _FIT | (_HELD_OUT if parts["held_out"].any() else {})
    caption = (
        "Absolute errors of the targets fitted: their mean before and after, after also weighted "
        "by importance, and the share met."
    )
    if len(parts) > ROWS:
        caption = f"{caption} The largest mean errors first."
        parts = parts.sort_values("mean_error", ascending=False, kind="stable")
    return [Section(title, [_capped(parts[[label, *titles]].rename(columns=titles), caption)])]


def _weights(report: CalibrationTables) -> list[str]:
    shown = report.weights.assign(
        **{
            column: [_measured(*row) for row in report.weights[["measure", column]].to_numpy()]
            for column in ("base", "calibrated")
        },
        measure=report.weights["measure"].str.replace("_", " "),
    )
    caption = "A ratio is a unit's calibrated weight over its base weight."
    return [_lorenz_curves(report.lorenz), _ratio_histogram(report.ratios), table(shown, caption)]


def _measured(measure: str, value: float) -> str:
    if np.isnan(value):
        return ""
    return f"{value:.2%}" if measure.endswith(_PERCENT) else f"{value:,.6g}"


def _aside(report: CalibrationTables) -> list[Section]:
    """What was refused and what was changed, where there is such."""
    sections = []
    if len(report.refused):
        pieces = [_capped(report.refused, "Targets that were set aside, and why.")]
        sections.append(Section("Set aside", pieces))
    if len(report.adjusted):
        pieces = [_capped(report.adjusted, "Targets whose value was changed, and why.")]
        sections.append(Section("Adjusted", pieces))
    return sections


def _lorenz_curves(lorenz: "pd.DataFrame") -> str:
    units, names = lorenz["share_of_units"], {"base": "base weights", "calibrated": "calibrated"}
    lines = {name: (units, lorenz[key]) for key, name in names.items() if key in lorenz}
    titles = "Share of units, the lightest first", "Share of weight"
    return figure(
        curves(lines, *titles, x_format="%", diagonal=True, colours=_BEFORE_AFTER),
        "Lorenz curves of the weights; on the diagonal all weights would be equal.",
    )


def _ratio_histogram(ratios: "pd.DataFrame") -> str:
    """Bins of equal width on a logarithmic axis; the outermost hold everything beyond."""
    inner = ratios["lower"].to_numpy()[1:]
    step = inner[1] / inner[0]
    edges = np.concatenate([inner[:1] / step, inner, inner[-1:] * step])
    return figure(
        histogram(edges, {"units": ratios["share"]}, "Weight ratio", "Share of units"),
        "How far the weights moved. The first bin holds every smaller ratio, the last every larger "
        "one.",
    )


def _error_curves(before: Float[np.ndarray, " target"], after: Float[np.ndarray, " target"]) -> str:
    """How many targets have an error of at most so much."""
    limits = 10**_DECADES
    lines = {
        name: (limits, _reached(errors, limits))
        for name, errors in (("before", before), ("after", after))
    }
    titles = "Absolute error of at most", "Share of targets"
    return figure(
        curves(lines, *titles, log_x=True, x_format="%", colours=_BEFORE_AFTER),
        "Errors of the targets under the base weights and the calibrated ones.",
    )


def _reached(
    errors: Float[np.ndarray, " target"], limits: Float[np.ndarray, " limit"]
) -> Float[np.ndarray, " limit"]:
    return np.searchsorted(np.sort(np.abs(errors)), limits, side="right") / errors.size

"""Pieces of a page on several calibrations of the same weights, side by side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from ..core._arguments import as_text
from ..core._arrays import as_names, as_numbers, check_table
from ..core._validate import BadInputError, unknown
from ._charts import curves, dots, histogram
from ._drawing import Chart
from ._page import figure, table
from ._series import column
from ._theme import ACCENT, CONTRAST, GREY, LIGHT

if TYPE_CHECKING:
    import pandas as pd

_WORST = 24  # targets that are drawn by name
_FLOOR = 1e-5  # errors below are drawn at it
_ENDS = (-1, 4)  # between which estimates over targets are drawn
_COLUMNS = {
    "method": "method",
    "mean_error": "mean error",
    "median_error": "median error",
    "p95_error": "95th percentile",
    "records_kept": "records kept",
    "effective_sample_size": "effective sample size",
    "largest_weight_ratio": "largest weight ratio",
}
_OF_TARGETS = ("method", "name", "target", "base_estimate", "estimate", "base_error", "error")
_FORMATS = {
    "mean error": ".3%",
    "median error": ".3%",
    "95th percentile": ".3%",
    "records kept": ",",
    "effective sample size": ",.0f",
    "largest weight ratio": ",.1f",
}


def weights_pieces(
    targets: "pd.DataFrame",
    summary: "pd.DataFrame",
    weights: "pd.DataFrame",
    refused: "pd.DataFrame",
    *,
    shown: Sequence[str] = (),
    among: Bool[np.ndarray, " target"] | None = None,
    weight: str = "Weight of a record",
) -> list[str]:
    """Fit before and after, by target; the spread of the weights; what was set aside.

    Args:
        targets: the `targets` of each method's report below each other, with `method`.
        summary: a row a method: its name and the `summary` of its report.
        weights: a column a method and first those before, by the name that they are to have.
        refused: of a report; which targets were set aside, and why.
        shown: the methods whose targets and weights are drawn; the first two unless given.
        among: which targets may be drawn by name; all unless given.
        weight: what a weight says.

    >>> import pandas as pd
    >>> from pejax.calibrate import Entropy, TargetProblem, calibrate
    >>> problem = TargetProblem([[1.0, 1.0]], [4.0], names=["people"])
    >>> found = calibrate(problem, [1.0, 1.0], Entropy())
    >>> report = found.report()
    >>> pieces = weights_pieces(
    ...     report.targets.assign(method="entropy"),
    ...     pd.DataFrame([{"method": "entropy", **report.summary}]),
    ...     pd.DataFrame({"survey": [1.0, 1.0], "entropy": found.weights}),
    ...     report.refused,
    ... )
    >>> sum("<svg" in piece for piece in pieces)
    3
    """
    check_table(targets, "targets", _OF_TARGETS)
    check_table(summary, "summary", ("base_effective_sample_size", *_COLUMNS))
    check_table(weights, "weights")
    check_table(refused, "refused", ("name", "reason"))
    as_text(weight, "weight")
    names = as_names([*weights.columns], "the columns of weights")
    if len(names) < 2 or not len(targets) or not len(summary):
        raise BadInputError("There is no method to show. Give its targets, summary and weights.")
    before, *methods = names
    methods_of = set(targets["method"])
    chosen = as_names(shown, "shown") or methods[:2]
    for name in chosen:
        if name not in methods or name not in methods_of:
            raise unknown("method", name, [m for m in methods if m in methods_of])
    among = None if among is None else _mask(among, int((targets["method"] == chosen[0]).sum()))
    count = int((targets["method"] == targets["method"].iloc[0]).sum())
    pieces = [
        table(_side_by_side(targets, summary, weights[before], before), "", _FORMATS),
        figure(
            _error_curves(targets, before, chosen),
            f"Fit of all {count} targets before and after. Errors below {_FLOOR:.3%} are drawn"
            " there.",
        ),
        figure(
            _worst(targets, before, chosen, among),
            "The targets that were furthest off before: estimate over target, before and after. The"
            " line is a perfect fit.",
        ),
        figure(
            _spread(weights[[*chosen, before]], weight),
            "Records by weight; bins are tenths of a power of ten. Weights below one are drawn at"
            " one, records without weight not.",
        ),
    ]
    if len(refused):
        caption = f"Why {len(refused)} targets were set aside."
        pieces.append(table(_reasons(refused), caption))
    return pieces


def _mask(among: object, count: int) -> Bool[np.ndarray, " target"]:
    """Whether each target may be drawn."""
    found = as_numbers(among, "among")
    if found.dtype != bool or found.shape != (count,):
        raise BadInputError(
            f"among is {found.dtype} of shape {found.shape}. Give one truth value for each of"
            f" {count} targets."
        )
    return found


def _side_by_side(
    targets: "pd.DataFrame", summary: "pd.DataFrame", weights: "pd.Series", before: str
) -> "pd.DataFrame":
    """The weights before and every method in one table."""
    import pandas as pd

    errors = _of(targets, str(targets["method"].iloc[0]))["base_error"].abs()
    row = {
        "method": before,
        "mean_error": errors.mean(),
        "median_error": errors.median(),
        "p95_error": errors.quantile(0.95),
        "records_kept": int((weights != 0).sum()),
        "effective_sample_size": summary["base_effective_sample_size"].iloc[0],
        "largest_weight_ratio": 1.0,
    }
    rows = pd.concat([pd.DataFrame([row]), summary], ignore_index=True)
    return rows[list(_COLUMNS)].rename(columns=_COLUMNS)


def _of(targets: "pd.DataFrame", method: str) -> "pd.DataFrame":
    return targets[targets["method"] == method].set_index("name")


def _error_curves(targets: "pd.DataFrame", before: str, first: Sequence[str]) -> Chart:
    """The share of targets within an error, the methods that matter most on top."""
    methods = [*first, *(m for m in targets["method"].unique() if m not in first)]
    lines = {method: _reached(_of(targets, method)["error"]) for method in methods}
    start = _of(targets, methods[0])["base_error"]
    drawn = {name: lines[name] for name in first} | {before: _reached(start)} | lines
    return curves(
        drawn,
        "Relative error of a target, absolute",
        "Share of targets with at most this error",
        log_x=True,
        steps=True,
        x_format="%",
        colours=_colours(first),
    )


def _colours(first: Sequence[str]) -> list[str]:
    """The weights before are grey wherever they are drawn, after the methods that matter most."""
    return [*(ACCENT, CONTRAST, LIGHT)[: len(first)], GREY]


def _reached(
    errors: "pd.Series",
) -> tuple[Float[np.ndarray, " target"], Float[np.ndarray, " target"]]:
    ordered = np.sort(np.maximum(np.abs(errors.to_numpy()), _FLOOR))
    return ordered, np.arange(1, len(ordered) + 1) / len(ordered)


def _worst(
    targets: "pd.DataFrame",
    before: str,
    methods: Sequence[str],
    among: Bool[np.ndarray, " target"] | None,
) -> Chart:
    """The targets that were missed most before, by name."""
    of = {method: _of(targets, method) for method in methods}
    rows = of[methods[0]]
    drawable = rows["target"].to_numpy() != 0
    some = rows[drawable if among is None else drawable & among]
    worst = some["base_error"].abs().sort_values(ascending=False).index[:_WORST]
    ratio = {before: rows["base_estimate"] / rows["target"]}
    ratio |= {method: found["estimate"] / found["target"] for method, found in of.items()}
    chosen = {name: values.loc[worst].clip(*_ENDS) for name, values in ratio.items()}
    title = f"Estimate over target (drawn between {_ENDS[0]} and {_ENDS[1]})"
    return dots(list(worst), chosen, title, reference=1)


def _spread(weights: "pd.DataFrame", title: str) -> Chart:
    """How many records have a weight of so much, the weights before last."""
    values = {str(name): column(weights[name], str(name)) for name in weights}
    drawn = {name: np.log10(own[own > 0]) for name, own in values.items()}
    high = max((own.max(initial=0.0) for own in drawn.values()), default=0.0)
    edges = np.arange(max(np.ceil(high * 10), 1) + 1) / 10
    shares = {
        name: np.histogram(np.maximum(own, 0), edges)[0] / max(len(own), 1)
        for name, own in drawn.items()
    }
    axes = title, "Share of records with weight"
    return histogram(10**edges, shares, *axes, colours=_colours(list(shares)[:-1]))


def _reasons(refused: "pd.DataFrame") -> "pd.DataFrame":
    """One row a reason: how many targets it set aside and the first of them."""
    return (
        refused.groupby("reason", sort=False)["name"]
        .agg(["size", "first"])
        .set_axis(["targets", "for example"], axis=1)
        .reset_index()
        .sort_values("targets", ascending=False, kind="stable")
    )

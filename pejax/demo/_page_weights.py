"""The report's section on the calibration."""

from typing import TYPE_CHECKING

import numpy as np

from .. import report as rp
from ..core.population._population import Population
from ._weights import DENSE, SPARSE, Weights

if TYPE_CHECKING:
    import pandas as pd

_NATIONAL = 24
_FLOOR = 1e-5  # relative errors below are drawn at it


def weight_section(population: Population, weights: Weights) -> rp.Section:
    """Fit before and after, by target; the spread of the weights; what was set aside."""
    return rp.Section(
        "Weights that meet public totals",
        [
            rp.paragraph(
                "Targets are the figures that policyengine-us ships: national and state totals of"
                " people, income, benefits. `linear` and `entropy` give every record a weight;"
                " they meet contradictory targets as well as a small ridge allows. `L0` chooses"
                " a budget of records by Hard Concrete gates and then fits their weights anew."
            ),
            rp.table(_summary(weights), "", _FORMATS),
            rp.figure(
                rp.curves(
                    _error_curves(weights),
                    "Relative error of a target, absolute",
                    "Share of targets with at most this error",
                    log_x=True,
                    steps=True,
                    x_format="~%",
                ),
                f"Fit of all {len(weights.problem.names)} targets before and after. Errors below"
                f" {_FLOOR:.3%} are drawn there.",
            ),
            rp.figure(
                _national_dots(weights),
                "The national targets that survey weights miss most: estimate over target before"
                " and after. The line is a perfect fit.",
            ),
            rp.figure(
                _weight_histogram(population, weights),
                "Survey records by the number of households they stand for; bins are tenths of a"
                " power of ten. Weights below one are drawn at one, records without weight not.",
            ),
            rp.table(
                _reasons(weights.refused),
                f"Why {len(weights.refused)} targets were set aside; each is in"
                " tables/targets_refused.parquet.",
            ),
        ],
    )


_COLUMNS = {
    "method": "method",
    "mean_error": "mean error",
    "median_error": "median error",
    "p95_error": "95th percentile",
    "records_kept": "records kept",
    "effective_sample_size": "effective sample size",
    "largest_weight_ratio": "largest weight ratio",
}
_FORMATS = {
    "mean error": ".3%",
    "median error": ".3%",
    "95th percentile": ".3%",
    "records kept": ",",
    "effective sample size": ",.0f",
    "largest weight ratio": ",.1f",
}


def _summary(weights: Weights) -> "pd.DataFrame":
    """The survey weights and every method in one table."""
    import pandas as pd

    first = next(iter(weights.solutions.values()))
    errors = weights.targets[weights.targets["method"] == weights.targets["method"].iloc[0]]
    before = np.abs(errors["base_error"])
    survey = {
        "method": "survey weights",
        "mean_error": before.mean(),
        "median_error": before.median(),
        "p95_error": before.quantile(0.95),
        "records_kept": int((first.base_weights != 0).sum()),
        "effective_sample_size": weights.summary["base_effective_sample_size"].iloc[0],
        "largest_weight_ratio": 1.0,
    }
    rows = pd.concat([pd.DataFrame([survey]), weights.summary], ignore_index=True)
    return rows[list(_COLUMNS)].rename(columns=_COLUMNS)


def _error_curves(weights: Weights) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    curves = {}
    for method, rows in weights.targets.groupby("method", sort=False):
        if not curves:
            curves["survey weights"] = _reached(rows["base_error"])
        curves[str(method)] = _reached(rows["error"])
    order = [DENSE, SPARSE, "survey weights", "linear"]
    return {name: curves[name] for name in order if name in curves}


def _reached(errors: "pd.Series") -> tuple[np.ndarray, np.ndarray]:
    ordered = np.sort(np.maximum(np.abs(errors.to_numpy()), _FLOOR))
    return ordered, np.arange(1, len(ordered) + 1) / len(ordered)


def _national_dots(weights: Weights):
    rows = weights.targets[weights.targets["method"] == DENSE].set_index("name")
    sparse = weights.targets[weights.targets["method"] == SPARSE].set_index("name")
    of_nation = np.array([not _of_state(str(name)) for name in rows.index])
    national = rows[of_nation & (rows["target"].to_numpy() != 0)]
    worst = national["base_error"].abs().sort_values(ascending=False).index[:_NATIONAL]
    ratio = {
        "survey weights": rows["base_estimate"] / rows["target"],
        DENSE: rows["estimate"] / rows["target"],
        SPARSE: sparse["estimate"] / sparse["target"],
    }
    chosen = {name: values.loc[worst].clip(-1, 4) for name, values in ratio.items()}
    return rp.dots(
        list(worst), chosen, "Estimate over target (drawn between -1 and 4)", reference=1
    )


def _reasons(refused: "pd.DataFrame") -> "pd.DataFrame":
    """One row a reason: how many targets it set aside and the first of them."""
    return (
        refused.groupby("reason", sort=False)["name"]
        .agg(["size", "first"])
        .set_axis(["targets", "for example"], axis=1)
        .reset_index()
        .sort_values("targets", ascending=False, kind="stable")
    )


def _of_state(name: str) -> bool:
    last = name.rsplit(".", 1)[-1]
    return len(last) == 2 and last.isupper()


def _weight_histogram(population: Population, weights: Weights):
    survey = np.asarray(population.weights, float)
    solutions = weights.solutions
    columns = {name: np.asarray(solutions[name].weights, float) for name in (DENSE, SPARSE)}
    columns["survey weights"] = survey
    drawn = {name: np.log10(values[values > 0]) for name, values in columns.items()}
    high = max(values.max() for values in drawn.values())
    edges = np.arange(np.ceil(high * 10) + 1) / 10
    shares = {n: np.histogram(np.maximum(v, 0), edges)[0] / len(v) for n, v in drawn.items()}
    axes = ("Households that a record stands for", "Share of records with weight")
    return rp.histogram(10**edges, shares, *axes)

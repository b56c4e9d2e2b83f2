"""Step 4: weights that meet public totals, dense and sparse."""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from .. import Population, calibrate
from ._law import Law
from ._settings import DENSE, SPARSE, SURVEY, YEAR, Found, Settings


class Weights(NamedTuple):
    """A calibration problem and its solutions by method."""

    problem: calibrate.TargetProblem
    solutions: dict[str, calibrate.Solution]
    found: Found


def calibrate_weights(
    settings: Settings,
    population: Population,
    law: Law,
    progress: Callable[[str], None] = lambda line: None,
) -> Weights:
    """Solve for weights by linear and entropy calibration, then for few of them by L0.

    Figures of no variable that this law computes are refused with a reason.
    """
    problem = calibrate.build_problem(calibrate.load_targets(period=YEAR), law.outputs, population)
    base, solutions = np.asarray(population.weights, float), {}
    for name, method in _methods(settings, population).items():
        progress(f"weights: {name}")
        solutions[name] = calibrate.calibrate(
            problem,
            base,
            method,
            key=jax.random.key(settings.seed),
            progress=lambda at, name=name: progress(
                f"weights: {name}, epoch {at.epoch} of {at.epochs}, {at.kept:,.0f} records kept"
            ),
        )
        _check(solutions[name])
    return Weights(problem, solutions, _found(population, solutions))


def _check(solution: calibrate.Solution) -> None:
    """An error if the solve failed; what is to be looked at is said with what was found."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", calibrate.CalibrationWarning)
        solution.check()


def _methods(settings: Settings, population: Population) -> dict[str, calibrate.Method]:
    budget = settings.budget or min(20_000, population.count("household") // 10)
    return {
        "linear": calibrate.Linear(),
        DENSE: calibrate.Entropy(),
        SPARSE: calibrate.L0(budget=budget, epochs=settings.epochs),
    }


def _found(population: Population, solutions: dict[str, calibrate.Solution]) -> Found:
    """The solutions below each other: a row a target and method, a row a method, their weights."""
    import pandas as pd

    reports = {name: solution.report() for name, solution in solutions.items()}
    targets = [report.targets.assign(method=name) for name, report in reports.items()]
    summary = pd.DataFrame([{"method": name, **r.summary} for name, r in reports.items()])
    refused = next(iter(reports.values())).refused
    household = population.schema.household
    ids = np.asarray(population.trim(population.ids[household], household))
    weights = {"household_id": ids, SURVEY: np.asarray(population.weights, float)}
    weights |= {name: np.asarray(s.weights, float) for name, s in solutions.items()}
    tables = {
        "targets": pd.concat(targets, ignore_index=True),
        "targets_refused": refused,
        "calibration": summary,
        "weights": pd.DataFrame(weights),
    }
    methods, kept = summary.to_dict("records"), len(targets[0])
    facts = {"targets": kept, "refused": len(refused), "methods": methods}
    lines = [f"{len(refused)} targets set aside with a reason, {kept} kept"] + [
        f"{row['method']}: mean error {row['mean_error_before']:.1%} before,"
        f" {row['mean_error']:.2%} after, {row['records_kept']:,} records,"
        f" effective sample size {row['effective_sample_size']:,.0f}"
        for row in methods
    ]
    said = dict.fromkeys(c.text for one in solutions.values() for c in one.warnings)
    lines += [f"to look at: {text}" for text in said]
    return Found(tables, {"calibration": facts}, lines)

"""Step 4: weights that meet public totals, dense and sparse."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from .. import calibrate
from ..core.population._population import Population
from ._law import Law
from ._settings import YEAR, Settings

if TYPE_CHECKING:
    import pandas as pd

# Figures of no variable that this law computes are refused with a reason; see the report.
DENSE = "entropy"
SPARSE = "L0"


class Weights(NamedTuple):
    """A calibration problem and its solutions by method.

    `targets` has a row a target and method, `refused` a row a target that was set aside,
    `summary` a row a method.
    """

    problem: calibrate.TargetProblem
    solutions: dict[str, calibrate.Solution]
    targets: "pd.DataFrame"
    refused: "pd.DataFrame"
    summary: "pd.DataFrame"


def calibrate_weights(
    settings: Settings,
    population: Population,
    law: Law,
    progress: Callable[[str], None] = lambda line: None,
) -> Weights:
    """Solve for weights by linear and entropy calibration, then for few of them by L0."""
    targets = calibrate.load_targets(period=YEAR)
    problem = calibrate.build_problem(targets, law.outputs, population)
    base = np.asarray(population.weights, float)
    key = jax.random.key(settings.seed)
    solutions = {}
    for name, method in methods(settings, population).items():
        progress(f"weights: {name}")
        solutions[name] = calibrate.calibrate(
            problem,
            base,
            method,
            key=key,
            progress=lambda at, name=name: progress(
                f"weights: {name}, epoch {at.epoch} of {at.epochs}, {at.kept:,.0f} records kept"
            ),
        ).check()
    return Weights(problem, solutions, *_tables(solutions))


def methods(settings: Settings, population: Population) -> dict[str, calibrate.Method]:
    """The methods that are compared, by name."""
    households = population.count(population.schema.household)
    budget = settings.budget or min(20_000, households // 10)
    return {
        "linear": calibrate.Linear(),
        DENSE: calibrate.Entropy(),
        SPARSE: calibrate.L0(budget=budget, epochs=settings.epochs),
    }


def _tables(
    solutions: dict[str, calibrate.Solution],
) -> tuple["pd.DataFrame", "pd.DataFrame", "pd.DataFrame"]:
    import pandas as pd

    reports = {name: solution.report() for name, solution in solutions.items()}
    targets = [report.targets.assign(method=name) for name, report in reports.items()]
    summary = [{"method": name, **report.summary} for name, report in reports.items()]
    first = next(iter(reports.values()))
    return pd.concat(targets, ignore_index=True), first.refused, pd.DataFrame(summary)

"""The eight steps in order, inside one run with its manifest."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from .. import io
from ..core._validate import BadInputError, MissingExtraError
from ..core.population._population import Population
from ._gradients import Gradients, both_gradients
from ._imputation import Imputation, impute_column
from ._law import Law, People, compile_law, load_people
from ._page import write_page
from ._reform import Reform, reform_law
from ._settings import Settings
from ._sweep import NO_RAY, Sweep, sweep_reforms
from ._weights import Weights, calibrate_weights

_NEEDED = {
    "us": ("policyengine_us", "taxcalc"),
    "io": ("pyarrow",),
    "viz": ("plotly",),
}


class Screen(NamedTuple):
    """Where a run tells what it does: steps, progress inside a step, findings."""

    tell: Callable[[str], None] = lambda line: None
    progress: Callable[[str], None] = lambda line: None
    say: Callable[[str], None] = lambda line: None


class Results(NamedTuple):
    """Everything that the report and the tables are made from."""

    people: People
    law: Law
    reform: Reform
    weights: Weights
    imputation: Imputation
    gradients: Gradients
    sweep: Sweep


def run(settings: Settings, screen: Screen | None = None) -> Path:
    """Do the main job and write `report.html`, `tables/` and `manifest.json` into `settings.out`.

    Returns:
        The path of the report.

    Raises:
        MissingExtraError: what the job needs is not installed; the message is the `pip install`.
        BadInputError: sizes that do not fit each other.
    """
    screen = screen or Screen()
    with io.Run(
        settings.out, "demo", settings.to_dict(), settings.seed, tell=screen.tell
    ) as record:
        check(settings)
        (settings.out / "report.html").unlink(missing_ok=True)  # never beside a newer manifest
        results = _steps(settings, record, screen)
        with record.step("report"):
            write_tables(settings.out / "tables", results)
            return write_page(settings.out / "report.html", results, record.manifest)


def check(settings: Settings) -> None:
    """Everything is there and every size makes sense, before an hour is spent."""
    lacking = [
        extra
        for extra, modules in _NEEDED.items()
        if any(importlib.util.find_spec(module) is None for module in modules)
    ]
    if lacking:
        raise MissingExtraError(
            "The demo reads the US law and the CPS, writes parquet and draws figures. Install"
            f' what is missing with: pip install "pejax[{",".join(lacking)}]"'
        )
    least = {
        "households": 50,
        "budget": 1,
        "epochs": 1,
        "donors": 20,
        "trees": 1,
        "reforms": 1,
        "sweep_households": 1,
    }
    for name, lowest in least.items():
        value = getattr(settings, name)
        if value is not None and value < lowest:
            raise BadInputError(f"{name} is {value}. Give at least {lowest}.")


def _steps(settings: Settings, record: io.Run, screen: Screen) -> Results:
    with record.step("population"):
        people = load_people(settings)
        population = people.population
        record.digest(population)
    record.note(population=dict(population.schema.counts))
    screen.say(_population_line(population))
    with record.step("law"):
        screen.progress("law: tracing policyengine_us, about a minute the first time")
        law = compile_law(settings, population)
    imported = "policyengine_us" in sys.modules  # else the cache had the program
    record.note(law=law.program.report.counts, country_imported=imported)
    screen.say(repr(law.program))
    with record.step("reform"):
        reform = reform_law(population, law)
    record.note(reform=_reform_facts(reform))
    screen.say(_reform_line(reform))
    with record.step("weights"):
        weights = calibrate_weights(settings, population, law, screen.progress)
    record.note(calibration=_weight_facts(weights))
    for line in _weight_lines(weights):
        screen.say(line)
    with record.step("imputation"):
        imputation = impute_column(settings, population)
    record.note(imputation=_imputation_facts(imputation))
    screen.say(_imputation_line(imputation))
    with record.step("gradients"):
        gradients = both_gradients(population, law, reform, weights)
    record.note(gradients=_gradient_facts(gradients))
    screen.say(_gradient_line(gradients))
    with record.step("sweep"):
        sweep = sweep_reforms(settings, population, law.program, screen.progress)
    record.note(sweep=_sweep_facts(sweep))
    screen.say(_sweep_line(sweep))
    return Results(people, law, reform, weights, imputation, gradients, sweep)


def write_tables(folder: Path, results: Results) -> None:
    """One parquet file a table."""
    population, weights = results.people.population, results.weights
    tables = {
        "population_changes": results.people.changes,
        "variables": results.law.variables,
        "totals": results.law.totals,
        "by_decile": results.law.by_decile,
        "reform_by_decile": results.reform.by_decile,
        "sensitivity": results.reform.sensitivity,
        "targets": weights.targets,
        "targets_refused": weights.refused,
        "calibration": weights.summary,
        "weights": _weight_table(population, weights),
        "imputation_pinball": results.imputation.pinball,
        "imputation_distribution": results.imputation.distribution,
        "imputation_by_age": results.imputation.by_age,
        "gradient_by_parameter": results.gradients.by_parameter,
        "gradient_by_target": results.gradients.by_target,
        "sweep": results.sweep.table,
    }
    for name, frame in tables.items():
        io.save(frame, folder / f"{name}.parquet")


def _weight_table(population: Population, weights: Weights):
    import numpy as np
    import pandas as pd

    household = population.schema.household
    ids = np.asarray(population.trim(population.ids[household], household))
    columns = {name: np.asarray(s.weights, float) for name, s in weights.solutions.items()}
    return pd.DataFrame(
        {"household_id": ids, "survey": np.asarray(population.weights, float), **columns}
    )


# ---- what the manifest keeps


def _reform_facts(reform: Reform) -> dict[str, Any]:
    return {
        "cost": reform.cost,
        "entitlement": reform.entitlement,
        "parameters": reform.sensitivity["status"].value_counts().to_dict(),
    }


def _weight_facts(weights: Weights) -> dict[str, Any]:
    return {
        "targets": len(weights.problem.names),
        "refused": len(weights.refused),
        "methods": weights.summary.to_dict("records"),
    }


def _imputation_facts(imputation: Imputation) -> dict[str, Any]:
    return {
        "donors": imputation.donors,
        "receivers": imputation.receivers,
        "statistics": imputation.distribution.to_dict("records"),
    }


def _gradient_facts(gradients: Gradients) -> dict[str, Any]:
    return {
        "cost": gradients.cost,
        "calibrated_cost": gradients.calibrated_cost,
        "largest_gap_by_parameter": gradients.by_parameter["relative_gap"].max(),
        "largest_gap_by_target": gradients.by_target["relative_gap"].max(),
    }


def _sweep_facts(sweep: Sweep) -> dict[str, Any]:
    ray = "not installed" if sweep.on_ray is None else sweep.on_ray
    return {"reforms": len(sweep.table), "households": sweep.households, "largest_gap_on_ray": ray}


# ---- what is said on the screen


def _population_line(population: Population) -> str:
    counts = population.schema.counts
    people = float(population.weight().sum()) / 1e6
    return (
        f"{counts['household']:,} households with {counts['person']:,} persons stand for"
        f" {people:,.1f} million people"
    )


def _reform_line(reform: Reform) -> str:
    status = reform.sensitivity["status"].value_counts()
    found = ", ".join(f"{count:,} {name}" for name, count in status.items())
    return (
        f"the reform costs ${reform.cost / 1e9:,.1f} billion of federal income tax (entitlements"
        f" rise by ${reform.entitlement / 1e9:,.1f} billion); parameters: {found}"
    )


def _weight_lines(weights: Weights) -> list[str]:
    lines = [
        f"{len(weights.refused)} targets set aside with a reason, {len(weights.problem.names)} kept"
    ]
    for row in weights.summary.to_dict("records"):
        lines.append(
            f"{row['method']}: mean error {row['mean_error_before']:.1%} before,"
            f" {row['mean_error']:.2%} after, {row['records_kept']:,} records,"
            f" effective sample size {row['effective_sample_size']:,.0f}"
        )
    return lines


def _imputation_line(imputation: Imputation) -> str:
    mean = imputation.distribution.set_index("statistic").loc["mean"]
    return (
        f"{imputation.donors:,} donors fill {imputation.receivers:,} tax units: weighted mean"
        f" ${mean['imputed']:,.0f}, withheld truth ${mean['truth']:,.0f}"
    )


def _gradient_line(gradients: Gradients) -> str:
    by_law = gradients.by_parameter["relative_gap"].max()
    by_target = gradients.by_target["relative_gap"].max()
    return (
        "largest gap to the finite difference:"
        f" {by_law:.1e} by parameter, {by_target:.1e} by target"
    )


def _sweep_line(sweep: Sweep) -> str:
    line = f"{len(sweep.table)} reforms on {sweep.households:,} households"
    return f"{line}. {NO_RAY}" if sweep.on_ray is None else f"{line}; {ray_in_words(sweep.on_ray)}"


def ray_in_words(difference: float) -> str:
    """How the two tables compare."""
    if difference == 0:
        return "the table from two Ray workers is the same to the last bit"
    return f"the table from two Ray workers differs by ${difference:,.0f} at most"

"""Derivatives of cost and poverty with respect to the numbers of the credit, and their checks."""

from collections.abc import Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from designs import STATUSES, Design, Point
from jaxtyping import Array, Float
from poverty import Statistic, poor_children, smoothed_poor_children, statistics
from study import Study

from pejax import Population, engine

KNOBS = ("amount", "rate")
SMOOTH = ("cost", "poverty_gap")  # what has a derivative almost everywhere


def over_points(
    study: Study,
    design: Design,
    points: tuple[Point, ...],
    chosen: Mapping[str, Statistic],
) -> Iterator[pd.DataFrame]:
    """Derivatives of statistics by amount and by phase-out rate, a table a batch of points.

    Forward mode over the two numbers, `vmap` over the points. Where the design ties the cap on
    refunds to the amount, the derivative by the amount moves both.
    """
    program, families = study.programs[design.name], study.families
    batch = study.config["slopes"]  # one shape for all: one compile

    def at(knobs: Float[Array, " 2"], thresholds: Float[Array, " status"]) -> dict[str, Array]:
        amount, rate = knobs
        reform = design.reform(amount, rate, dict(zip(STATUSES, thresholds, strict=True)))
        outputs = program(program.parameters.with_reform(reform), families)
        return {name: statistic(outputs, families) for name, statistic in chosen.items()}

    derive = jax.vmap(jax.jacfwd(at))
    knobs = np.array([[point.amount, point.rate] for point in points], float)
    named = [study.grid.thresholds[point.thresholds] for point in points]
    thresholds = np.array([[held[status] for status in STATUSES] for held in named], float)
    for first in range(0, len(points), batch):
        rows = np.minimum(
            np.arange(first, first + batch), len(points) - 1
        )  # one shape, one compile
        found = derive(jnp.asarray(knobs[rows]), jnp.asarray(thresholds[rows]))
        columns = {
            f"d_{name}_d_{knob}": np.asarray(slopes)[:, k]
            for name, slopes in found.items()
            for k, knob in enumerate(KNOBS)
        }
        yield pd.DataFrame(columns)[: len(points) - first]


def smooth_statistics(program: engine.Program) -> dict[str, Statistic]:
    """The exact statistics that have a derivative almost everywhere."""
    return {name: s for name, s in statistics(program).items() if name in SMOOTH}


def at_law(study: Study, design: Design) -> pd.DataFrame:
    """Every number listed in the configuration: reverse-mode derivatives beside differences.

    A number marked `jump` acts through a staircase: its derivative is zero almost everywhere, and
    the difference over a whole step of the staircase says what it does.

    Returns:
        A row a statistic and number: `value`, `step`, `derivative`, `difference`, `relative_error`
        (of those that do not jump). Numbers that the design does not read are left out.
    """
    program, families = study.programs[design.name], study.families
    rows = []
    for name, statistic in smooth_statistics(program).items():
        slope = engine.gradient(program, program.parameters, families, statistic)[1]
        for number in study.config["derivatives"]["numbers"]:
            path, step = number["path"], float(number["step"])
            if path not in slope:
                continue
            found = float(slope[path]), central(program, families, statistic, path, step)
            rows.append(
                {
                    "design": design.name,
                    "statistic": name,
                    "path": path,
                    "value": float(program.parameters[path]),
                    "step": step,
                    "derivative": found[0],
                    "difference": found[1],
                    "relative_error": np.nan if number.get("jump") else _relative_error(*found),
                }
            )
    return pd.DataFrame(rows)


def central(
    program: engine.Program, families: Population, statistic: Statistic, path: str, step: float
) -> float:
    """The central difference of a statistic in one parameter."""

    def total(value: float) -> float:
        year = f"year:{program.recipe.period}"  # as the derivative: no other year moves
        law = program.parameters.with_reform({path: {year: value}})
        return float(engine.evaluate(program, law, families, statistic))

    at = float(program.parameters[path])
    return (total(at + step) - total(at - step)) / (2 * step)


def smoothing(study: Study, design: Design) -> pd.DataFrame:
    """The headcount, which has no derivative, and its soft versions, which are biased.

    Returns:
        A row a bandwidth: the exact and the soft count of poor children at the law's amount, the
        bias, the soft count's derivative by the amount, and the exact count's central difference
        over the configured step.
    """
    settings, point = study.config["smoothing"], study.grid.reference
    program, families = study.programs[design.name], study.families
    soft = {f"{h}": smoothed_poor_children(h) for h in settings["bandwidths"]}
    (slopes,) = over_points(study, design, (point,), soft)

    def outputs(amount: float) -> dict[str, Array]:
        shifted = Point(amount, point.rate, point.thresholds)
        return program(program.parameters.with_reform(study.grid.reform(design, shifted)), families)

    def exact(amount: float) -> float:
        return float(poor_children(outputs(amount), families))

    step, now = settings["step"], outputs(point.amount)
    counts = [float(statistic(now, families)) for statistic in soft.values()]
    table = pd.DataFrame({"bandwidth": settings["bandwidths"], "smoothed": counts})
    table.insert(0, "design", design.name)
    return table.assign(
        exact=exact(point.amount),
        bias=table["smoothed"] - exact(point.amount),
        derivative=[float(slopes[f"d_{name}_d_amount"].iloc[0]) for name in soft],
        difference=(exact(point.amount + step) - exact(point.amount - step)) / (2 * step),
    )


def _relative_error(derivative: float, difference: float) -> float:
    return abs(derivative - difference) / max(abs(difference), 1.0)

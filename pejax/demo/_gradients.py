"""Step 6: two gradients that answer different questions, each beside its finite difference.

The reform gradient holds the weights fixed: targets were observed under the law of their year, so
that solving for weights again is no effect of a policy. The gradient through the calibration asks
how an estimate would move had a target been another number.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from .. import Population, calibrate, engine
from ._law import Law, Reform, cost_from, gain_of_units, weight_of
from ._settings import DENSE, TAX, Found
from ._weights import Weights

if TYPE_CHECKING:
    import pandas as pd

_CREDIT = "gov.irs.credits.ctc."
_PARAMETERS = 8  # of the credit, those worth most, at most
_TARGETS = 2  # each takes two further calibrations
_SIDES = ("difference_below", "difference_above")
_STEP = 5e-4  # relative step of a parameter
_TARGET_STEP = 1e-3  # relative step of a target


def both_gradients(population: Population, law: Law, reform: Reform, weights: Weights) -> Found:
    """The cost of the reform, and its derivatives by the law and by the targets.

    Those by parameter are at fixed survey weights, in dollars per unit of the parameter; those by
    target go through the entropy calibration, in dollars per unit of the target.
    """
    household = np.asarray(population.trim(population.household_of("tax_unit"), "tax_unit"))
    per_household = np.bincount(household, reform.change, population.count("household"))
    dense = np.asarray(weights.solutions[DENSE].weights, float)
    base = np.asarray(population.weights, float)
    by_parameter = _reform_gradient(population, law, reform)
    by_target = _target_gradient(weights.problem, base, per_household)
    gaps = by_parameter["relative_gap"].max(), by_target["relative_gap"].max()
    facts = {
        "cost": float(base @ per_household),
        "calibrated_cost": float(dense @ per_household),
        "largest_gap_by_parameter": gaps[0],
        "largest_gap_by_target": gaps[1],
    }
    line = (
        f"largest gap to the finite difference: {gaps[0]:.1e} by parameter, {gaps[1]:.1e} by target"
    )
    tables = {"gradient_by_parameter": by_parameter, "gradient_by_target": by_target}
    return Found(tables, {"gradients": facts}, [line])


def _reform_gradient(population: Population, law: Law, reform: Reform) -> "pd.DataFrame":
    """d(cost of the reform)/d(number of the reformed credit), weights fixed.

    Current law is no function of the reform's numbers, so the cost of the reform moves as the
    tax under the reformed law falls. Beside each derivative stand the differences to a smaller and
    to a larger number: where people stand at a kink of the statute the two are not the same, the
    derivative is one of them, and its gap is to the nearer.
    """
    import pandas as pd

    program, reformed = law.program, reform.parameters
    _, slope = engine.gradient(program, reformed, population, cost_from(law.outputs[TAX]))
    slopes, values = np.asarray(slope.values, float), np.asarray(reformed.values, float)
    leaves = program.index.leaves
    credit = np.array([leaf.path.startswith(_CREDIT) for leaf in leaves])
    worth = np.abs(slopes * np.where(credit & np.isfinite(values), values, 0.0))
    here, rows = program(reformed, population), []
    ranked = np.argsort(-worth, kind="stable")
    for place in ranked[worth[ranked] > 0][:_PARAMETERS]:
        leaf, step = leaves[place], float(abs(values[place])) * _STEP
        sides = [
            _difference(population, program, reformed, here, int(place), sign * step)
            for sign in (-1, 1)
        ]
        rows.append((leaf.path, leaf.start, values[place], slopes[place], *sides))
    columns = ["path", "start", "value", "gradient", *_SIDES]
    table = pd.DataFrame(rows, columns=columns)
    below, above = (_gap(table["gradient"], table[side]) for side in _SIDES)
    return table.assign(relative_gap=np.minimum(below, above))


def _difference(
    population: Population,
    program: engine.Program,
    law: engine.Parameters,
    here: Mapping[str, jax.Array],
    place: int,
    step: float,
) -> float:
    """The difference of the cost to one side of `here`, its rows summed in float64."""
    moved = engine.Parameters(law.values.at[place].add(step), law.index)
    gain = gain_of_units(here, program(moved, population))
    taken = float(moved.values[place]) - float(law.values[place])
    return float(weight_of(population, "tax_unit") @ gain) / taken


def _target_gradient(
    problem: calibrate.TargetProblem, base: np.ndarray, per_household: np.ndarray
) -> "pd.DataFrame":
    """d(cost of the reform)/d(target) through the entropy weights, in one reverse pass."""
    import pandas as pd

    with jax.enable_x64(True):
        change, w0 = jnp.asarray(per_household), jnp.asarray(base)

        @jax.jit
        def cost(values: jax.Array) -> jax.Array:
            moved = problem.with_values(values)
            return calibrate.calibrated_weights(moved, w0, calibrate.Entropy()) @ change

        values = jnp.asarray(problem.values, float)
        slopes = np.asarray(jax.jit(jax.grad(cost))(values))
        worth = np.abs(slopes * np.asarray(values))
        checked = np.argsort(-worth, kind="stable")[:_TARGETS]
        differences = {int(k): _target_difference(cost, values, int(k)) for k in checked}
    frame = pd.DataFrame(
        {
            "target": problem.names,
            "value": np.asarray(problem.values, float),
            "gradient": slopes,
            "dollars_per_percent": slopes * np.asarray(problem.values, float) / 100,
            "finite_difference": [differences.get(k, np.nan) for k in range(len(slopes))],
        }
    )
    gap = _gap(frame["gradient"], frame["finite_difference"])
    frame = frame.assign(relative_gap=gap).iloc[np.argsort(-worth, kind="stable")]
    return frame.reset_index(drop=True)


def _target_difference(cost, values: jax.Array, place: int) -> float:
    step = float(abs(values[place])) * _TARGET_STEP
    above, below = (cost(values.at[place].add(sign * step)) for sign in (1, -1))
    return float(above - below) / (2 * step)


def _gap(gradient: "pd.Series", difference: "pd.Series") -> "pd.Series":
    return (gradient / difference - 1).abs()

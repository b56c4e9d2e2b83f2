"""Step 3: a reform as an edit of the law's numbers, and what every number is worth."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import engine
from .._population import Population
from ._law import Law
from ._measure import deciles, means_by, weight_of
from ._settings import CREDITS, INCOME, REFORM, Settings

if TYPE_CHECKING:
    import pandas as pd

_CENT = 0.005


class Reform(NamedTuple):
    """The reformed law and what it changes; dollars are of the year, weights the survey's.

    `change` is the gain of each tax unit; `sensitivity` ranks the parameters of current law by
    what one percent of them adds to the cost of both credits.
    """

    parameters: engine.Parameters
    change: Float[np.ndarray, " tax_unit"]
    cost: float
    by_decile: "pd.DataFrame"
    sensitivity: "pd.DataFrame"


def cost_of_credits(outputs: Mapping[str, Array], population: Population) -> Float[Array, ""]:
    """Weighted dollars of the child credit and the earned income credit together."""
    weights = population.trim(population.weight("tax_unit"), "tax_unit")
    return jnp.sum((outputs[CREDITS[0]] + outputs[CREDITS[1]]) * weights)


def credits_of_units(outputs: Mapping[str, Array | np.ndarray]) -> Float[np.ndarray, " tax_unit"]:
    """Both credits of each tax unit, in float64."""
    return sum((np.asarray(outputs[name], float) for name in CREDITS), np.zeros(()))


def reform_law(settings: Settings, population: Population, law: Law) -> Reform:
    """Run the reform through the same compiled program and rank the law's parameters."""
    parameters = law.program.parameters.with_reform(REFORM)
    after = law.program(parameters, population)
    change = credits_of_units(after) - credits_of_units(law.outputs)
    weights = weight_of(population, "tax_unit")
    return Reform(
        parameters,
        change,
        float(weights @ change),
        _by_decile(law.outputs[INCOME].astype(float), weights, change),
        rank_parameters(settings, population, law.program),
    )


def rank_parameters(
    settings: Settings, population: Population, program: engine.Program
) -> "pd.DataFrame":
    """Derivatives on all people; zero ones are told apart on a sample of `settings.sample`.

    A derivative is one reverse pass whatever the number of parameters. Telling a cliff from a
    parameter that reaches nobody takes a finite step for each, hence the sample.
    """
    sample = sample_of(population, settings.sample)
    if sample is population:
        return engine.sensitivity(program, population, cost_of_credits)
    table = engine.sensitivity(program, population, cost_of_credits, reach=False)
    steps = engine.sensitivity(program, sample, cost_of_credits)
    entry = ["path", "start", "era"]
    stepped = table[entry].merge(steps[[*entry, "status"]], on=entry, how="left")["status"]
    flat = table["status"] == "flat"
    return table.assign(status=np.where(flat, stepped, table["status"]))


def sample_of(population: Population, count: int) -> Population:
    """Every n-th household, `count` in all, that stand for everybody; all if there are no more."""
    everybody = population.count(population.schema.household)
    if count >= everybody:
        return population
    rows = np.linspace(0, everybody - 1, count).astype(int)
    some = population.select(rows)
    scale = float(np.asarray(population.weights, float).sum())
    held = np.asarray(some.weights, float)
    return some.with_weights(held * (scale / held.sum()))


def _by_decile(
    income: Float[np.ndarray, " tax_unit"],
    weights: Float[np.ndarray, " tax_unit"],
    change: Float[np.ndarray, " tax_unit"],
) -> "pd.DataFrame":
    import pandas as pd

    gains, loses = change > _CENT, change < -_CENT
    columns = {
        "mean_change": change,
        "share_gaining": gains.astype(float),
        "share_unchanged": (~gains & ~loses).astype(float),
        "share_losing": loses.astype(float),
    }
    found = means_by(deciles(income, weights), weights, columns)
    return pd.DataFrame({"decile": np.arange(1, 11), **found})

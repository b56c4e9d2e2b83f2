"""Step 3: a reform as an edit of the law's numbers, and what every number is worth."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import engine, stats
from ..core.population._population import Population
from ._law import Law
from ._measure import means_by, weight_of
from ._settings import ENTITLEMENT, INCOME, REFORM, TAX

if TYPE_CHECKING:
    import pandas as pd


class Reform(NamedTuple):
    """The reformed law and what it changes; dollars are of the year, weights the survey's.

    `change` is the gain of each tax unit, the fall of its income tax; `cost` the sum of them;
    `entitlement`, what the credit alone rises by, before its limit by the tax owed; `sensitivity`
    ranks the parameters of current law by what one percent of them adds to the tax.
    """

    parameters: engine.Parameters
    change: Float[np.ndarray, " tax_unit"]
    cost: float
    entitlement: float
    by_decile: "pd.DataFrame"
    sensitivity: "pd.DataFrame"


def cost_from(before: Float[np.ndarray, " tax_unit"]) -> engine.Statistic:
    """The cost of a law: how far the weighted tax falls from what it was before."""

    def cost(outputs: Mapping[str, Array], population: Population) -> Float[Array, ""]:
        weights = population.trim(population.weight("tax_unit"), "tax_unit")
        return jnp.sum((before - outputs[TAX]) * weights)

    return cost


def gain_of_units(
    before: Mapping[str, Array | np.ndarray], after: Mapping[str, Array | np.ndarray]
) -> Float[np.ndarray, " tax_unit"]:
    """What the tax of each tax unit falls by, in float64."""
    return np.asarray(before[TAX], float) - np.asarray(after[TAX], float)


def reform_law(population: Population, law: Law) -> Reform:
    """Run the reform through the same compiled program and rank the law's parameters."""
    parameters = law.program.parameters.with_reform(REFORM)
    after = law.program(parameters, population)
    change = gain_of_units(law.outputs, after)
    entitled = np.asarray(after[ENTITLEMENT], float) - law.outputs[ENTITLEMENT]
    weights = weight_of(population, "tax_unit")
    return Reform(
        parameters,
        change,
        float(weights @ change),
        float(weights @ entitled),
        _by_decile(law.outputs[INCOME].astype(float), weights, change),
        engine.sensitivity(law.program, law.program.parameters, population, TAX),
    )


def _by_decile(
    income: Float[np.ndarray, " tax_unit"],
    weights: Float[np.ndarray, " tax_unit"],
    change: Float[np.ndarray, " tax_unit"],
) -> "pd.DataFrame":
    import pandas as pd

    way = stats.direction_of_change(np.zeros_like(change), change)
    columns = {
        "mean_change": change,
        "share_gaining": way == 1,
        "share_unchanged": way == 0,
        "share_losing": way == -1,
    }
    found = means_by(stats.deciles(income, weights), weights, columns)
    return pd.DataFrame({"decile": np.arange(1, 11), **found})

"""What a family can spend, what it needs, and how many children live below the line.

Everything is at the level of SPM units, which in this file are households. Statistics are functions
of (outputs, population), pure in both, so that `vmap` runs over reforms and derivatives pass.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from pejax import Population, engine, stats

CREDIT = "ctc_value"  # what is paid: refunds and what tax there is to offset
REFUND = "refundable_ctc"
ENTITLEMENT = "ctc"  # before it is limited to tax and refund
UNIT = "spm_unit"

# Yearly resources before the child credit: each variable of the law and its sign.
RESOURCES = {
    "spm_unit_market_income": 1,
    "non_sch_d_capital_gains": 1,
    "social_security": 1,
    "unemployment_compensation": 1,
    "employee_social_security_tax": -1,
    "employee_medicare_tax": -1,
    "self_employment_tax": -1,
    "ctc_limiting_tax_liability": -1,
    "eitc": 1,
}
LINE = "spm_unit_fpg"
CHILD = "is_child"
COLUMNS = ("other_resources", "poverty_line", "children")
"""Columns of SPM units that statistics read and the law does not."""

Outputs = Mapping[str, Array]
Statistic = Callable[[Outputs, Population], Float[Array, ""]]


def summed(
    values: Float[Array, " row"], entity: str, population: Population
) -> Float[Array, " spm_unit"]:
    """Totals by SPM unit of a person's, a tax unit's or an SPM unit's amounts."""
    if entity == UNIT:
        return values
    unit = population.links[UNIT]
    if entity != "person":
        persons = jnp.arange(population.count("person"))
        links = population.links[entity]
        unit = unit[jax.ops.segment_min(persons, links, population.count(entity))]
    return jax.ops.segment_sum(values, unit, population.count(UNIT))


def with_poverty_columns(
    fixed: Mapping[str, tuple[str, Any]], population: Population
) -> Population:
    """The population with what no reform of the credit changes.

    Args:
        fixed: entity and values of `RESOURCES`, `LINE` and `CHILD`.

    Returns:
        `COLUMNS` by SPM unit: resources and line in dollars, and the number of children.
    """

    def total(name: str) -> Float[Array, " spm_unit"]:
        entity, values = fixed[name]
        return summed(values.astype(float), entity, population)

    return population.with_columns(
        UNIT,
        other_resources=sum(sign * total(name) for name, sign in RESOURCES.items()),
        poverty_line=total(LINE),
        children=total(CHILD),
    )


def _means(
    outputs: Outputs, population: Population
) -> tuple[Float[Array, " spm_unit"], Float[Array, " spm_unit"]]:
    """Resources, the credit included, and the line, in dollars."""
    resources = population.column("other_resources", UNIT)
    credit = summed(outputs[CREDIT], "tax_unit", population)
    return resources + credit, population.column("poverty_line", UNIT)


def _children(population: Population) -> Float[Array, " spm_unit"]:
    """Children that each SPM unit of the file stands for."""
    return population.weight(UNIT) * population.column("children", UNIT)


def children(outputs: Outputs, population: Population) -> Float[Array, ""]:
    """All children."""
    return jnp.sum(_children(population))


def poor_children(outputs: Outputs, population: Population) -> Float[Array, ""]:
    """Children below the line: the exact count, a step function of every parameter."""
    below = stats.is_poor(*_means(outputs, population))
    return stats.total(below, _children(population))


def poverty_gap(outputs: Outputs, population: Population) -> Float[Array, ""]:
    """Dollars that units with children lack to the line; differentiable almost everywhere."""
    missing = stats.shortfall(*_means(outputs, population))
    concerned = population.column("children", UNIT) > 0
    return stats.total(missing, jnp.where(concerned, population.weight(UNIT), 0))


def without_credit(population: Population) -> dict[str, Array]:
    """Outputs in which nobody has the credit.

    Not the law at an amount of zero, where children count as other dependants, who have $500.
    """
    nothing = jnp.zeros(population.count("tax_unit"), population.weights.dtype)
    return {CREDIT: nothing, REFUND: nothing, ENTITLEMENT: nothing}


def smoothed_poor_children(bandwidth: float) -> Statistic:
    r"""The count with a soft step, :math:`\sum_u w_u n_u\,\sigma((z_u - r_u) / h)`.

    Biased for every bandwidth `h` > 0; the exact count is the limit at 0.
    """

    def statistic(outputs: Outputs, population: Population) -> Float[Array, ""]:
        resources, line = _means(outputs, population)
        share = jax.nn.sigmoid((line - resources) / bandwidth)
        return jnp.sum(_children(population) * share)

    return statistic


def statistics(program: engine.Program) -> dict[str, Statistic]:
    """What is computed at every point of the grid, exact."""
    return {
        "cost": engine.weighted_total(program, CREDIT),
        "refunds": engine.weighted_total(program, REFUND),
        "entitlement": engine.weighted_total(program, ENTITLEMENT),
        "poor_children": poor_children,
        "poverty_gap": poverty_gap,
    }

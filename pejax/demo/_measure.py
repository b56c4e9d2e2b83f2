"""Weighted numbers of a population that several steps share."""

from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import ArrayLike, Float, Int, Real

from .. import stats
from ..core.population._population import Population

Rows = Float[np.ndarray, " row"]


def weight_of(population: Population, entity: str) -> Rows:
    """The household weight of every real row of an entity, in float64."""
    return np.asarray(population.trim(population.weight(entity), entity), float)


def summed_to(
    population: Population, values: Rows, entity: str, group: str
) -> Float[np.ndarray, " group"]:
    """Values of persons or groups, summed to the rows of a group that holds them."""
    if entity == group:
        return np.asarray(values, float)
    if entity == population.schema.person:
        rows = population.trim(population.links[group], entity)
    elif group == population.schema.household:
        rows = population.trim(population.household_of(entity), entity)
    else:
        raise ValueError(f"no link from {entity} to {group}")
    return np.bincount(np.asarray(rows), np.asarray(values, float), population.count(group))


def means_by(
    group: Int[ArrayLike, " row"],
    weights: Rows,
    columns: Mapping[str, Real[ArrayLike, " row"]],
    groups: int = 10,
) -> dict[str, np.ndarray]:
    """Weighted means of columns by group 1, 2, ..., `groups`, in float64."""
    with jax.enable_x64(True):
        return {
            name: np.asarray(stats.mean_by_group(values, group, weights, groups))
            for name, values in columns.items()
        }


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

"""A made-up survey to impute from, its forests under several packages, and readings on all cores.

Ten covariates of persons, some of them codes with few values, and up to 27 amounts. Most persons
lack most amounts; whether somebody has one and how much depends on the covariates and on a trait
that nobody records, so that the amounts go together. Some are reported in round numbers.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

NINE = [i / 10 for i in range(1, 10)]
COVARIATES = (
    "age",
    "sex",
    "partner",
    "children",
    "education",
    "region",
    "owner",
    "hours",
    "wage",
    "tenure",
)
AMOUNTS = 27
HEAPS = (1.0, 10.0, 500.0)  # an amount is a multiple of one of these
_SHARES = (0.85, 0.5, 0.2)  # who has an amount, on average
_LAW = 7  # the seed of how amounts depend on covariates: the same in every survey


class Survey(NamedTuple):
    """Persons with everything recorded."""

    X: np.ndarray  # (person, covariate)
    Y: np.ndarray  # (person, amount)
    weights: np.ndarray


def survey(persons: int, seed: int, amounts: int = AMOUNTS) -> Survey:
    """A random sample of persons."""
    rng = np.random.default_rng(seed)
    X = covariates(persons, rng)
    return Survey(X, _amounts(X, amounts, rng), rng.gamma(2.0, 1.0, persons) + 0.2)


def covariates(persons: int, rng: np.random.Generator) -> np.ndarray:
    """What donors and receivers both have."""
    age = rng.integers(16, 91, persons)
    education = rng.integers(0, 6, persons)
    working = rng.random(persons) < np.where(age < 65, 0.75, 0.12)
    hours = working * rng.choice([10, 20, 30, 35, 40, 40, 40, 50, 60], persons)
    wage = hours * 52 * rng.lognormal(2.6 + 0.18 * education, 0.5, persons)
    columns = (
        age,
        rng.integers(0, 2, persons),
        rng.random(persons) < 0.55,
        rng.poisson(0.7, persons),
        education,
        rng.integers(0, 12, persons),
        rng.random(persons) < 0.3 + 0.005 * age,
        hours,
        np.round(wage, -2),
        rng.exponential(8.0, persons),
    )
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def _amounts(X: np.ndarray, amounts: int, rng: np.random.Generator) -> np.ndarray:
    law = np.random.default_rng(_LAW)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    trait = rng.standard_normal(len(X))
    columns = []
    for i in range(amounts):
        has, much = law.normal(0, 0.35, (2, X.shape[1]))
        share = _SHARES[i % len(_SHARES)]
        chance = 1 / (1 + np.exp(-(np.log(share / (1 - share)) + scaled @ has + 0.7 * trait)))
        amount = np.exp(8 + scaled @ much + 0.5 * trait + 0.8 * rng.standard_normal(len(X)))
        heap = HEAPS[i // len(_SHARES) % len(HEAPS)]
        columns.append(np.round(amount / heap) * heap * (rng.random(len(X)) < chance))
    return np.stack(columns, axis=1)


class Case(NamedTuple):
    """Donors and other persons, whose amount is withheld."""

    X: np.ndarray
    y: np.ndarray
    Q: np.ndarray
    truth: np.ndarray
    weights: np.ndarray  # of the receivers


def case(donors: int, receivers: int, seed: int, amount: int = 0) -> Case:
    """One amount of a survey, its persons split in two."""
    found = survey(donors + receivers, seed, amount + 1)
    y = found.Y[:, amount]
    X, Q = np.split(found.X, [donors])
    return Case(X, y[:donors], Q, y[donors:], found.weights[donors:])


def names(count: int) -> list[str]:
    """Names of the amounts."""
    return [f"amount_{i}" for i in range(count)]


def quantile_forest(
    X: np.ndarray, y: np.ndarray, trees: int, leaf: int, kept: int | None, seed: int
) -> Any:
    """A fitted forest of the quantile-forest package that keeps `kept` donors a leaf."""
    from quantile_forest import RandomForestQuantileRegressor

    forest = RandomForestQuantileRegressor(
        trees, min_samples_leaf=leaf, max_samples_leaf=kept, random_state=seed, n_jobs=2
    )
    return forest.fit(X, y)


def counting_cpu(fn: Callable[[], Any], spent: list[float]) -> Callable[[], Any]:
    """`fn`, noting the processor seconds of each call: what a shared machine cannot distort."""

    def call() -> Any:
        start = time.process_time()
        out = jax.block_until_ready(fn())
        spent.append(time.process_time() - start)
        return out

    return call


def relative(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The relative difference of each number, and the difference itself where 0 is wanted."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    return np.abs(found - wanted) / np.where(wanted == 0, 1, np.abs(wanted))

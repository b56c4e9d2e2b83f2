"""Populations of Toyland."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from ..core.population._population import Population

_REGIONS = ("NORTH", "SOUTH", "ISLES")


def toy_population(households: int = 4, seed: int = 0) -> Population:
    """Households of one tax unit and of two, in turn; the first person of all is disabled.

    >>> toy_population()
    Population(17 person, 4 household, 6 tax_unit; 6 columns)
    """
    rng = np.random.default_rng(seed)
    people = _people(rng, 1 + np.arange(households) % 2)
    people["disabled"][0] = True
    return _population(rng, people, households)


def random_population(key: PRNGKeyArray, households: int) -> Population:
    """Households of one to three tax units, in random order of rows: ties, zeros and all.

    >>> random_population(jax.random.key(0), 5).count("household")
    5
    """
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    people = _people(rng, rng.integers(1, 4, households))
    order = rng.permutation(len(people["age"]))
    return _population(rng, {name: values[order] for name, values in people.items()}, households)


def _people(rng: np.random.Generator, units: np.ndarray) -> dict[str, np.ndarray]:
    """Persons by tax unit: one or two adults and up to three children."""
    adults = rng.integers(1, 3, units.sum())
    children = rng.integers(0, 4, units.sum())
    unit = np.repeat(np.arange(units.sum()), adults + children)
    grown = np.concatenate([np.arange(a + c) < a for a, c in zip(adults, children, strict=True)])
    works = grown & (rng.random(unit.size) < 0.8)
    saves = rng.random(unit.size) < 0.4
    return {
        "household_id": np.repeat(np.arange(units.size), units)[unit],
        "tax_unit_id": unit,
        "age": np.where(grown, rng.integers(18, 90, unit.size), rng.integers(0, 18, unit.size)),
        "earnings": np.where(works, np.round(rng.lognormal(10.2, 0.9, unit.size), 2), 0.0),
        "savings": np.where(saves, np.round(rng.gamma(0.5, 2_000, unit.size), 2), 0.0),
        "disabled": rng.random(unit.size) < 0.15,
    }


def _population(
    rng: np.random.Generator, people: dict[str, np.ndarray], households: int
) -> Population:
    import pandas as pd

    rents = rng.random(households) < 0.6
    household = {
        "household_id": np.arange(households),
        "household_weight": np.round(rng.gamma(2.0, 500.0, households), 1),
        "region": rng.choice(_REGIONS, households),
        "rent": np.where(rents, np.round(rng.lognormal(8.7, 0.4, households)), 0.0),
    }
    person = {"person_id": np.arange(len(people["age"])), **people}
    frames = {
        "person": _with_strangers(pd.DataFrame(person)),
        "household": _with_strangers(pd.DataFrame(household), region=_REGIONS),
    }
    frames["tax_unit"] = pd.DataFrame({"tax_unit_id": np.unique(frames["person"]["tax_unit_id"])})
    return Population.from_frames(frames).select(np.arange(households))


def _with_strangers(frame: Any, **columns: Any) -> Any:
    """A household more in each region, so that every population knows the names of all regions."""
    import pandas as pd

    new = frame.iloc[[0] * len(_REGIONS)].assign(**columns)
    ids = [name for name in frame if name.endswith("_id")]
    new[ids] = frame[ids].max().to_numpy() + 1 + np.arange(len(_REGIONS))[:, None]
    return pd.concat([frame, new], ignore_index=True)

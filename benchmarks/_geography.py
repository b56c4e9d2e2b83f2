"""A made-up calibration of the size and shape of real ones: clones of households in districts.

Every household is cloned into districts drawn at random; some columns are drawn anew for each
clone, as take-up is. Targets are totals by district, state and nation of the same columns, from
weights that nobody knows, with noise, and a few of them badly wrong.
"""

import dataclasses
import itertools
from typing import Any

import numpy as np

DISTRICTS, STATES = 436, 51
PEOPLE = 1.3e8  # households of the nation
NOISE, WRONG = 0.01, 0.01  # relative noise of targets, and the share that is far off
TAKE_UP = 0.6


@dataclasses.dataclass(frozen=True)
class Size:
    """Households, clones of each, and columns with targets by district, state and nation."""

    households: int
    clones: int
    by_district: int
    by_state: int
    by_nation: int
    drawn: int

    @property
    def columns(self) -> int:
        return max(self.by_district, self.by_state, self.by_nation)


SIZES = {
    "a": Size(1_163, 43, 4, 5, 20, 1),
    "b": Size(11_628, 43, 20, 30, 60, 3),
    "c": Size(11_999, 430, 33, 63, 106, 4),
}


@dataclasses.dataclass(frozen=True)
class World:
    """The households' values, where their clones live, and the targets."""

    values: np.ndarray  # household, column
    household: np.ndarray  # of each clone
    district: np.ndarray  # of each clone, ascending
    drawn: dict[int, np.ndarray]  # column to each clone's own value
    state_of: np.ndarray  # of each district
    targets: tuple[np.ndarray, np.ndarray, np.ndarray]  # level, area, column
    y: np.ndarray
    base: np.ndarray

    @property
    def parents(self) -> tuple[np.ndarray, np.ndarray]:
        return self.state_of, np.zeros(STATES, int)


def world(size: Size, seed: int) -> World:
    """Draw one."""
    rng = np.random.default_rng(seed)
    state_of = _states(rng)
    values = _values(size, rng)
    clones = size.households * size.clones
    share = rng.dirichlet(np.full(DISTRICTS, 50.0))
    district = rng.choice(DISTRICTS, size=clones, p=share)
    household = np.repeat(np.arange(size.households), size.clones)
    order = np.lexsort((household, district))
    household, district = household[order], district[order]
    columns = range(max(0, size.by_district - size.drawn), size.by_district)
    drawn = {
        column: values[household, column] * (rng.random(clones) < TAKE_UP) for column in columns
    }
    base = np.full(clones, PEOPLE / clones, np.float32)
    spread = rng.normal(0, 1, clones) + rng.normal(0, 0.5, DISTRICTS)[district]
    hidden = base * np.exp(spread + rng.normal(0, 0.3, STATES)[state_of[district]])
    found = World(values, household, district, drawn, state_of, _rows(size), np.zeros(0), base)
    return dataclasses.replace(found, y=_blurred(estimates(found, hidden), rng))


def estimates(found: World, weights: np.ndarray) -> np.ndarray:
    """Every target's total in float64: the oracle."""
    totals = np.zeros((DISTRICTS, found.values.shape[1]))
    bounds = np.searchsorted(found.district, np.arange(DISTRICTS + 1))
    for district, (start, stop) in enumerate(itertools.pairwise(bounds)):
        here = unit_values(found, slice(start, stop)).astype(float)
        totals[district] = weights[start:stop].astype(float) @ here
    by_state = np.zeros((STATES, totals.shape[1]))
    np.add.at(by_state, found.state_of, totals)
    levels = [totals, by_state, by_state.sum(axis=0, keepdims=True)]
    level, area, column = found.targets
    return np.array([levels[k][a, c] for k, a, c in zip(level, area, column, strict=True)])


def unit_values(found: World, units: slice) -> np.ndarray:
    """The values of some clones, their own draws in place."""
    here = found.values[found.household[units]]
    for column, drawn in found.drawn.items():
        here[:, column] = drawn[units]
    return here


def matrix(found: World) -> Any:
    """The estimate matrix (target, unit) as scipy CSR, for programs that need it written out."""
    from scipy import sparse

    level, area, column = found.targets
    row_of = np.full((3, DISTRICTS, found.values.shape[1]), -1, np.int32)
    row_of[level, area, column] = np.arange(len(level), dtype=np.int32)
    entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for start in range(0, len(found.household), 500_000):
        units = slice(start, min(start + 500_000, len(found.household)))
        here = unit_values(found, units)
        unit, at = np.nonzero(here)
        value, district = here[unit, at], found.district[units][unit]
        for k, place in enumerate((district, found.state_of[district], 0 * district)):
            row = row_of[k, place, at]
            kept = row >= 0
            entries.append((value[kept], row[kept], (unit[kept] + start).astype(np.int32)))
    data, rows, columns = (np.concatenate([e[k] for e in entries]) for k in range(3))
    shape = (len(level), len(found.household))
    return sparse.coo_matrix((data, (rows, columns)), shape=shape).tocsr()


def _states(rng: np.random.Generator) -> np.ndarray:
    """Districts of unequal states, every state with one at least."""
    extra = rng.multinomial(DISTRICTS - STATES, rng.dirichlet(np.full(STATES, 0.8)))
    return np.repeat(np.arange(STATES), 1 + extra)


def _values(size: Size, rng: np.random.Generator) -> np.ndarray:
    """Counts of people and amounts of dollars that a share of households has; the first is 1."""
    values = np.zeros((size.households, size.columns), np.float32)
    for column in range(size.columns):
        share = 1.0 if column == 0 else float(np.clip(rng.lognormal(np.log(0.12), 0.7), 0.01, 0.9))
        has = rng.random(size.households) < share
        counts = rng.integers(1, 4, size.households)
        amounts = np.exp(rng.normal(10, 1.6, size.households))
        losses = np.where((column % 7 == 0) & (rng.random(size.households) < 0.1), -1, 1)
        values[:, column] = has * (counts if column % 3 == 0 else amounts * losses)
    values[:, 0] = 1
    return values


def _rows(size: Size) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = [
        (level, area, column)
        for level, (areas, columns) in enumerate(
            [(DISTRICTS, size.by_district), (STATES, size.by_state), (1, size.by_nation)]
        )
        for area in range(areas)
        for column in range(columns)
    ]
    level, area, column = np.array(rows).T
    return level, area, column


def _blurred(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    y = y * (1 + NOISE * rng.normal(size=y.size))
    wrong = rng.random(y.size) < WRONG
    y[wrong] *= np.exp(rng.normal(0, 1, wrong.sum()))
    return y

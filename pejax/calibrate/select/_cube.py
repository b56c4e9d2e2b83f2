"""Balanced samples of an exact size: flights within areas, then pooled, then on size alone."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ...core._types import Key
from ..dual._support import Sample
from ..operators._accumulate import ceil_div
from ._designs import systematic
from ._flight import DECIDED, balanced_flights
from ._inclusion import inclusion_probabilities
from ._strata import Strata

_THIN = 12  # candidates for each record that is kept, among which the flights choose
_SHARE = (0.33, 0.5)  # directions for each record a stratum keeps: at the finest level, above
_LAST_SHARES = (0.25, 0.1, 0.03, 0.0)  # of all that are still undecided, on ever fewer directions
_SIDE_BY_SIDE = 16  # strata that fly together
_FEWEST, _STEP = 64, 16  # units of a stratum with padding, columns of a flight

StrataOf: TypeAlias = Callable[[Float[np.ndarray, " unit"], Key], Strata]


def cube(
    weights: Float[np.ndarray, " unit"],
    sizes: Float[np.ndarray, " unit"],
    count: int,
    strata_of: StrataOf,
    key: Key,
) -> Sample:
    """Exactly `count` units, whose weights over their probabilities keep the totals in balance.

    Args:
        weights: of the whole file.
        sizes: in proportion to which units are kept, as far as no probability exceeds 1.
        count: units to keep.
        strata_of: the strata of units with given probabilities.
        key: of the draws.
    """
    draws, sketch = jax.random.split(key)
    rng = generator(draws)
    inclusion = inclusion_probabilities(sizes, count)
    full = np.divide(weights, inclusion, out=np.zeros(len(weights)), where=inclusion > 0)
    found = _thinned(inclusion, count, rng)
    strata = strata_of(found, sketch)
    for phase, (level, share) in enumerate(_phases(len(strata.levels) - 1)):
        if phase >= len(strata.levels):
            found = _settled(found, count)
        found = _flown(found, full, strata, level, share, rng)
    kept = np.sort(np.argpartition(-found, count - 1)[:count])
    return Sample(kept, full[kept])


def generator(key: Key) -> np.random.Generator:
    """Draws on the host that depend on a key alone."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())


def _phases(top: int) -> Iterator[tuple[int, float]]:
    """Level and share of directions of every phase."""
    for level in range(top + 1):
        yield level, _SHARE[min(level, 1)]
    for share in _LAST_SHARES:
        yield top, share


def _thinned(
    inclusion: Float[np.ndarray, " unit"], count: int, rng: np.random.Generator
) -> Float[np.ndarray, " unit"]:
    """The same expectations with most units already out: some candidates for each to be kept."""
    if np.count_nonzero(inclusion) <= _THIN * count:
        return inclusion
    first = np.minimum(1.0, _THIN * inclusion)
    candidates = systematic(first, rng)
    found = np.zeros(len(inclusion))
    found[candidates] = inclusion_probabilities(inclusion[candidates] / first[candidates], count)
    return found


def _undecided(probabilities: Float[np.ndarray, " unit"]) -> Int[np.ndarray, " some"]:
    return np.flatnonzero((probabilities > DECIDED) & (probabilities < 1 - DECIDED))


def _settled(probabilities: Float[np.ndarray, " unit"], count: int) -> Float[np.ndarray, " unit"]:
    """What is decided as it is, and the rest scaled so that the sum is the count again."""
    rest = _undecided(probabilities)
    found = np.round(probabilities)
    found[rest] = 0.0
    left = int(np.clip(count - found.sum(), 0, len(rest)))
    found[rest] = inclusion_probabilities(probabilities[rest], left) if left else 0.0
    return found


def _flown(
    probabilities: Float[np.ndarray, " unit"],
    expanded: Float[np.ndarray, " unit"],
    strata: Strata,
    level: int,
    share: float,
    rng: np.random.Generator,
) -> Float[np.ndarray, " unit"]:
    """The probabilities after one flight in every stratum of a level."""
    found = probabilities.copy()
    groups = _grouped(rng.permutation(_undecided(probabilities)), strata.levels[level])
    if not groups:
        return found
    columns = strata.contributions(level, groups[0][:1]).shape[1]
    sums = np.array([probabilities[group].sum() for group in groups])
    directions = np.minimum((share * sums).astype(np.int32), columns)
    most = min(columns, ceil_div(int(directions.max()), _STEP) * _STEP)
    for first in range(0, len(groups), _SIDE_BY_SIDE):
        batch = groups[first : first + _SIDE_BY_SIDE]
        wide = _padded([strata.contributions(level, g) * expanded[g, None] for g in batch])
        shares = _padded([probabilities[g] for g in batch])
        some = np.pad(directions[first : first + len(batch)], (0, len(shares) - len(batch)))
        flown = balanced_flights(
            jnp.asarray(wide),
            jnp.asarray(shares),
            jnp.asarray(some),
            jnp.asarray(rng.random(shares.shape)),
            most,
        )
        for group, after in zip(batch, np.asarray(flown), strict=False):
            found[group] = after[: len(group)]
    return found


def _padded(strata: list[Float[np.ndarray, "_ ..."]]) -> Float[np.ndarray, "row width ..."]:
    """Strata side by side, the first the largest, in one of few shapes: each is compiled once."""
    width = max(_FEWEST, 1 << (len(strata[0]) - 1).bit_length())
    found = np.zeros((1 if len(strata) == 1 else _SIDE_BY_SIDE, width, *strata[0].shape[1:]))
    for row, values in enumerate(strata):
        found[row, : len(values)] = values
    return found


def _grouped(
    units: Int[np.ndarray, " some"], stratum: Int[np.ndarray, " unit"]
) -> list[Int[np.ndarray, " group"]]:
    """Units by stratum, the largest first; strata of one unit have nothing to balance."""
    order = np.argsort(stratum[units], kind="stable")
    ends = np.flatnonzero(np.diff(stratum[units][order])) + 1
    groups = [group for group in np.split(units[order], ends) if len(group) > 1]
    return sorted(groups, key=len, reverse=True)

"""Classical designs of an exact size: simple random, in proportion to size, the largest."""

import numpy as np
from jaxtyping import Float, Int

from ...core._validate import BadInputError
from ..dual._support import Sample

_TRIES = 20_000


def simple_random(
    weights: Float[np.ndarray, " unit"], count: int, rng: np.random.Generator
) -> Sample:
    """Every record with weight as likely as any other."""
    there = np.flatnonzero(weights > 0)
    kept = np.sort(rng.choice(there, count, replace=False))
    return Sample(kept, weights[kept] * (len(there) / count))


def largest(weights: Float[np.ndarray, " unit"], count: int) -> Sample:
    """The records of the largest weights, scaled up to the weight of all."""
    kept = np.sort(np.lexsort((np.arange(len(weights)), -weights))[:count])
    return Sample(kept, weights[kept] * (weights.sum() / weights[kept].sum()))


def systematic(
    probabilities: Float[np.ndarray, " unit"], rng: np.random.Generator
) -> Int[np.ndarray, " kept"]:
    """A sample of the given inclusion probabilities, spread evenly over the units' order.

    Its size is the sum of the probabilities, rounded up or down if that is not whole.

    References:
        Madow (1949), "On the theory of systematic sampling, II", Annals of Mathematical Statistics.
    """
    steps = np.floor(np.cumsum(probabilities) + rng.random())
    return np.flatnonzero(np.diff(steps, prepend=0.0) > 0)


def sampford(
    probabilities: Float[np.ndarray, " unit"], rng: np.random.Generator
) -> Int[np.ndarray, " kept"]:
    r"""Sampford's design: the given inclusion probabilities exactly, and a whole number of units.

    A unit is drawn in proportion to :math:`\pi`, and the rest are tossed for, each with its own
    :math:`\pi`, until they are as many as are wanted and the first is not among them.

    Raises:
        BadInputError: nothing was accepted in 20,000 tosses.

    References:
        Sampford (1967), "On sampling without replacement with unequal probabilities of selection",
        Biometrika 54(3-4).
        Grafström (2009), "Non-rejective implementations of the Sampford sampling design", Journal
        of Statistical Planning and Inference 139(6).
    """
    certain = np.flatnonzero(probabilities > 1 - 1e-9)
    open_ = np.flatnonzero((probabilities > 0) & (probabilities <= 1 - 1e-9))
    share = probabilities[open_]
    wanted = round(share.sum())
    if not wanted:
        return certain
    for _ in range(_TRIES):
        first = rng.choice(len(open_), p=share / share.sum())
        tossed = rng.random(len(open_)) < share
        if not tossed[first] and np.count_nonzero(tossed) == wanted - 1:
            tossed[first] = True
            return np.sort(np.concatenate([certain, open_[tossed]]))
    raise BadInputError(
        f"Sampford's design accepted none of {_TRIES:,} draws. Use design='systematic'."
    )

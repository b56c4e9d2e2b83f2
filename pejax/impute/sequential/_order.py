"""In which order to fill several variables."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float


def chosen_order(
    columns: Mapping[str, Float[np.ndarray, " donor"]],
    predictors: Sequence[str],
    targets: Sequence[str],
    weights: Float[np.ndarray, " donor"],
) -> list[str]:
    r"""The variable next that what is known already says most about.

    Next comes the target with the largest rank correlation, in absolute value, with any predictor
    or any target before it. What is drawn early is then what the covariates tell most about, and
    less noise is passed down the chain. Ties keep the order given. Correlations are weighted by
    the donors; categories count by their codes.
    """
    names = [*predictors, *targets]
    related = _rank_correlations(np.stack([columns[name] for name in names]), weights)
    place = {name: k for k, name in enumerate(names)}
    known, left = [place[name] for name in predictors], list(targets)
    order = []
    while left:
        told = [related[place[name], known].max(initial=0) for name in left]
        name = left.pop(int(np.argmax(told)))
        order.append(name)
        known.append(place[name])
    return order


def _rank_correlations(
    table: Float[np.ndarray, "column donor"], weights: Float[np.ndarray, " donor"]
) -> Float[np.ndarray, "column column"]:
    """Absolute weighted correlations of mid-ranks; 0 for a column without variation."""
    ranks = np.stack([_mid_ranks(np.nan_to_num(row), weights) for row in table])
    share = weights / weights.sum()
    centred = ranks - (ranks @ share)[:, None]
    spread = np.sqrt(np.square(centred) @ share)
    scaled = centred / np.where(spread > 0, spread, np.inf)[:, None]
    return np.abs((scaled * share) @ scaled.T)


def _mid_ranks(
    values: Float[np.ndarray, " donor"], weights: Float[np.ndarray, " donor"]
) -> Float[np.ndarray, " donor"]:
    """The weight below each value and half of that at it."""
    _, at = np.unique(values, return_inverse=True)
    mass = np.bincount(at, weights)
    return (np.cumsum(mass) - mass / 2)[at]

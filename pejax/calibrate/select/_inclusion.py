"""How likely each unit is to be kept."""

import numpy as np
from jaxtyping import Float

_CERTAIN = 1 - 1e-9


def inclusion_probabilities(
    size: Float[np.ndarray, " unit"], count: int
) -> Float[np.ndarray, " unit"]:
    """Probabilities in proportion to size that add up to `count`, none above 1.

    Args:
        size: at least 0; of more than `count` units above it, unless all of them are to be kept.
        count: units to keep.

    References:
        Särndal, Swensson and Wretman (1992), "Model assisted survey sampling", section 3.6.2.

    >>> inclusion_probabilities(np.array([8.0, 1.0, 1.0, 0.0]), 2).tolist()
    [1.0, 0.5, 0.5, 0.0]
    """
    certain = np.zeros(len(size), bool)
    while True:
        rest = np.where(certain, 0.0, size)
        left = count - np.count_nonzero(certain)
        found = np.where(certain, 1.0, rest * (left / rest.sum() if left > 0 else 0.0))
        beyond = found > _CERTAIN
        if np.array_equal(beyond, certain):
            return found
        certain = beyond

"""What an error of 1 means for each target where nobody says it."""

import jax
import numpy as np
from jaxtyping import Bool, Float

from ..operators._operator import Operator


def default_scale(
    operator: Operator,
    values: Float[np.ndarray, " target"],
    counts: Bool[np.ndarray, " target"],
) -> Float[np.ndarray, " target"]:
    r"""The size of each target, :math:`|y|`; for a target of 0, what its row can move.

    That is :math:`\bar w \sum_i |a_{ti}|` with the weight :math:`\bar w` that the other targets
    suggest, the median of their :math:`|y_t| / \sum_i |a_{ti}|`. It follows any change of units, of
    targets and of weights, so that the solution does.

    Args:
        operator: the estimate matrix.
        values: the targets.
        counts: which of them may suggest the weight.
    """
    scale = np.abs(values)
    zero = scale == 0
    if not zero.any():
        return scale
    size = absolute_sums(operator)
    tells = counts & ~zero & (size > 0)
    if not tells.any():
        tells = ~zero & (size > 0)
    weight = float(np.median(scale[tells] / size[tells])) if tells.any() else 1.0
    moved = np.where(size > 0, weight * size, 1.0)  # what nothing contributes to is refused
    return np.where(zero, moved, scale)


def absolute_sums(operator: Operator) -> Float[np.ndarray, " target"]:
    """The sum of the absolute contributions of each row, in float64."""
    with jax.enable_x64(True):
        ones = jax.numpy.ones(operator.shape[1])
        return np.asarray(operator.absolute().mv(ones), float)

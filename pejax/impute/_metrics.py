"""How good an imputation is: the imputed distribution beside the true one.

The statistics are those of `pejax.stats`, some by their names here.
"""

from collections.abc import Sequence

from jaxtyping import ArrayLike, Real

from .. import stats
from ..core._validate import BadInputError
from ..stats._distribution import mean_of, ordered_by, part_on_top, quantile_of
from ..stats._weighted import (
    Numbers,
    fail_if_not_rows,
    fail_if_other_labels,
    levels_of,
    numbers,
    weights_of,
)

_TOP = 0.01

crps = stats.crps
pinball = stats.pinball
wasserstein = stats.wasserstein
weighted_cdf = stats.cdf
weighted_mean = stats.mean
weighted_quantile = stats.quantile


def compare(
    imputed: Real[ArrayLike, " row"],
    truth: Real[ArrayLike, " other"],
    weights: Real[ArrayLike, " row"] | None = None,
    truth_weights: Real[ArrayLike, " other"] | None = None,
    levels: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 0.9, 0.99),
) -> list[dict[str, float | str]]:
    """The imputed distribution beside the true one, a record a statistic, for a table.

    Statistics: the weighted mean, the share that is zero, the mean of each side's largest values
    that hold one hundredth of its weight (a value on the border counts with its part of that), and
    the quantiles.

    Raises:
        BadInputError: what `pejax.stats` refuses of a distribution.

    >>> compare([0.0, 4.0], [0.0, 2.0], levels=())[0]
    {'statistic': 'mean', 'imputed': 2.0, 'truth': 1.0}
    """
    asked = levels_of(levels)
    if asked.ndim != 1:
        raise BadInputError(f"levels has shape {asked.shape}. Give a list of levels.")
    columns: dict[str, dict[str, float]] = {}
    for side, given, name, w in (
        ("imputed", imputed, "weights", weights),
        ("truth", truth, "truth_weights", truth_weights),
    ):
        fail_if_other_labels(**{side: given, name: w})
        held = numbers(given, side)
        fail_if_not_rows(held, side)
        counted = weights_of(w, held, name)
        at = quantile_of(held, counted, asked) if asked.size else ()
        columns[side] = {
            "mean": float(mean_of(held, counted)),
            "share zero": float(mean_of(held == 0, counted)),
            "mean in the top 1 %": float(_mean_of_top(held, counted)),
            **{f"quantile {_plain(q)}": float(x) for q, x in zip(asked, at, strict=True)},
        }
    return [
        {"statistic": name, **{side: columns[side][name] for side in columns}}
        for name in columns["truth"]
    ]


def _plain(level: float) -> str:
    """A level so that no two look alike: 0.9, 0.9999999, 1."""
    return repr(float(level)).removesuffix(".0")


def _mean_of_top(values: Numbers, weights: Numbers) -> Numbers:
    """The mean of the largest values that hold one hundredth of the weight."""
    ordered, w = ordered_by(values, weights)
    return mean_of(ordered, part_on_top(w, _TOP))

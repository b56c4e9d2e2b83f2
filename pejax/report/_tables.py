"""Tables that pages are made from: weighted means, changes and distributions, by group."""

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import jax
import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike

from .. import stats
from ..core._arguments import as_instance, as_named, as_number, as_text, as_whole, shown
from ..core._arrays import items_of
from ..core._validate import BadInputError
from ..stats._weighted import numbers
from ._series import Series, column, fail_if_other_labels, plain

if TYPE_CHECKING:
    import pandas as pd


def means_by_decile(columns: Series, ranking: ArrayLike, weights: ArrayLike) -> "pd.DataFrame":
    """Weighted means by tenth of a ranking, in float64.

    Args:
        columns: numbers or truth values by name; of truth values the mean is a share.
        ranking: by what rows are ranked, such as income; see `pejax.stats.deciles`.
        weights: one a row.

    Returns:
        A row a tenth: `decile`, from 1, and a mean a column; NaN for a tenth without weight.

    Raises:
        BadInputError: pandas columns whose labels differ, or what `pejax.stats` refuses.

    >>> means_by_decile({"tax": range(0, 20)}, range(20), [1.0] * 20)["tax"].tolist()[:3]
    [0.5, 2.5, 4.5]
    """
    import pandas as pd

    _fail_if_apart(columns, ranking=ranking, weights=weights)
    tenth = np.asarray(stats.deciles(plain(ranking, "ranking"), plain(weights, "weights")))
    found = _means(columns, tenth, weights, 10)
    return pd.DataFrame({"decile": np.arange(1, 11), **found})


def change_by_decile(gain: ArrayLike, ranking: ArrayLike, weights: ArrayLike) -> "pd.DataFrame":
    """Who gains and who loses by more than half a cent, by tenth of a ranking.

    Args:
        gain: what each row gains, in dollars, negative for a loss.
        ranking: by what rows are ranked, such as income before the change.
        weights: one a row.

    Returns:
        A row a tenth: `decile`, `mean_change`, `share_gaining`, `share_unchanged`, `share_losing`.

    >>> table = change_by_decile([5.0, 0.0] * 10, range(20), [1.0] * 20)
    >>> table.loc[0, ["mean_change", "share_gaining", "share_losing"]].tolist()
    [2.5, 0.5, 0.0]
    """
    fail_if_other_labels({"gain": gain, "ranking": ranking, "weights": weights})
    held = plain(gain, "gain")
    way = stats.direction_of_change(np.zeros_like(held), held)
    columns = {
        "mean_change": held,
        "share_gaining": way == 1,
        "share_unchanged": way == 0,
        "share_losing": way == -1,
    }
    return means_by_decile(columns, ranking, weights)


def means_by_band(
    columns: Series,
    of: ArrayLike,
    edges: Sequence[int],
    weights: ArrayLike,
    name: str = "band",
) -> "pd.DataFrame":
    """Weighted means by band of a number, such as age; bands without weight are left out.

    Args:
        columns: numbers by name.
        of: what decides the band of each row.
        edges: where bands begin, whole numbers; the first has everything below the second edge and
            the last everything from the last but one on.
        weights: one a row.
        name: of the column of labels.

    Raises:
        BadInputError: fewer than three edges, or they do not rise.

    >>> means_by_band({"x": [1.0, 2.0, 6.0]}, [20, 61, 64], [0, 50, 60, 99], [1.0] * 3, "age")
               age    x
    0     under 50  1.0
    2  60 and over  4.0
    """
    import pandas as pd

    as_text(name, "name")
    edges = _edges(edges)
    _fail_if_apart(columns, of=of, weights=weights)
    band, count = np.digitize(numbers(plain(of, "of"), "of"), edges[1:-1]) + 1, len(edges) - 1
    labels = [f"{a}-{b - 1}" for a, b in itertools.pairwise(edges)]
    labels[0], labels[-1] = f"under {edges[1]}", f"{edges[-2]} and over"
    means = _means(columns, band, weights, count)
    occupied = np.bincount(band, plain(weights, "weights"), count + 1)[1:] > 0
    return pd.DataFrame({name: labels, **means})[occupied]


def shares_below(columns: Series, weights: ArrayLike, points: ArrayLike) -> "pd.DataFrame":
    """The weighted distribution of each column: `amount`, and the share of rows at or below it.

    >>> shares_below({"truth": [0.0, 0.0, 10.0]}, [1, 1, 2], [0, 10])["truth"].tolist()
    [0.5, 1.0]
    """
    import pandas as pd

    _fail_if_apart(columns, weights=weights)
    at, counted = column(points, "points"), plain(weights, "weights")
    with jax.enable_x64(True):
        shares = {n: np.asarray(stats.cdf(plain(x, n), at, counted)) for n, x in columns.items()}
    return pd.DataFrame({"amount": at, **shares})


def quantile_scores(
    predicted: Mapping[float, ArrayLike],
    truth: ArrayLike,
    weights: ArrayLike,
    donors: ArrayLike,
    donor_weights: ArrayLike,
) -> "pd.DataFrame":
    """Pinball losses of predicted quantiles, beside those of a guess that knows no predictor.

    Args:
        predicted: a number a row for each level.
        truth: what was to be predicted.
        weights: one a row.
        donors: the values that the prediction was learnt from, whose own quantiles are the guess.
        donor_weights: one a donor.

    Returns:
        A row a level: `level`, the losses `forest` and `donors_quantile`, and `skill`, the share
        of the loss that the prediction removes.

    >>> table = quantile_scores({0.5: [1.0, 4.0]}, [1.0, 5.0], [1, 1], [1.0, 2.0, 3.0], [1, 1, 1])
    >>> table.to_dict("records")
    [{'level': 0.5, 'forest': 0.25, 'donors_quantile': 1.0, 'skill': 0.75}]
    """
    import pandas as pd

    _fail_if_apart(_by_name(predicted), truth=truth, weights=weights)
    fail_if_other_labels({"donors": donors, "donor_weights": donor_weights})
    levels = np.array([as_number("a level of predicted")(level) for level in predicted])
    alone = stats.quantile(plain(donors, "donors"), levels, plain(donor_weights, "donor_weights"))
    held, counted, rows = column(truth, "truth"), plain(weights, "weights"), []
    for (level, guesses), constant in zip(predicted.items(), np.asarray(alone, float), strict=True):
        losses = [
            float(stats.pinball(held, guess, level, counted))
            for guess in (
                column(guesses, f"predicted {level}", len(held)),
                np.full_like(held, constant),
            )
        ]
        rows.append((level, *losses, 1 - losses[0] / losses[1] if losses[1] else np.nan))
    return pd.DataFrame(rows, columns=["level", "forest", "donors_quantile", "skill"])


def _means(
    columns: Series, group: Int[np.ndarray, " row"], weights: ArrayLike, groups: int
) -> dict[str, Float[np.ndarray, " group"]]:
    counted = plain(weights, "weights")
    with jax.enable_x64(True):
        return {
            name: np.asarray(stats.mean_by_group(plain(values, name), group, counted, groups))
            for name, values in columns.items()
        }


def _by_name(predicted: object) -> dict[str, object]:
    given = "Give a list of numbers for each level: {0.5: [...]}."
    held = as_instance(predicted, Mapping, "predicted", given)
    return {f"predicted {level}": values for level, values in held.items()}


def _fail_if_apart(columns: object, **others: object) -> None:
    """Columns of pandas belong together by label; there is one or more."""
    held = as_named(columns, "columns", "numbers")
    if not held:
        raise BadInputError("columns is empty. Give one or more by name.")
    named = {f"column {name!r}" if name in others else name: x for name, x in held.items()}
    fail_if_other_labels({**named, **others})


def _edges(given: object) -> list[int]:
    """Three whole numbers or more that rise."""
    found = items_of(given, f"edges is {shown(given)}. Give a list of whole numbers.")
    edges = [as_whole(f"edges[{k}]")(edge) for k, edge in enumerate(found)]
    if len(edges) < 3 or any(b <= a for a, b in itertools.pairwise(edges)):
        raise BadInputError(f"edges are {edges}. Give three or more that rise.")
    return edges

"""Weighted series on traced rows give what microdf gives, ties and padding included."""

import numpy as np
import pytest
from _engine_traced import REAL, ROWS, traced

from pejax.engine.importer._weighted import in_place_of, is_weighted_series
from pejax.engine.tracing._array import Untraceable

microdf = pytest.importorskip("microdf")
Series = in_place_of(microdf.MicroSeries)

RANKS = {
    "rank": lambda series: series.rank(),
    "share": lambda series: series.rank(pct=True),
    "deciles": lambda series: series.decile_rank(),
    "quartiles": lambda series: series.quartile_rank(),
    "quintiles": lambda series: series.quintile_rank(),
    "percentiles": lambda series: series.percentile_rank(),
}


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize("amounts", ["x", "y", "s", "i"])  # y has two who are alike
@pytest.mark.parametrize("ranks", RANKS.values(), ids=RANKS)
def test_ranks_are_those_of_microdf(ranks, amounts, padding):
    def function(np, x, y, s, i, b, **_):
        values = {"x": x, "y": y, "s": s, "i": i}[amounts]
        return ranks(Series(values, weights=np.where(b, 2.5, 1.0))).values

    found, _ = traced(function, padding)
    weights = np.where(REAL["b"], 2.5, 1.0)
    expected = ranks(microdf.MicroSeries(REAL[amounts], weights=weights))
    np.testing.assert_allclose(found[:ROWS], np.asarray(expected), rtol=1e-12)


def test_plain_series_stay_microdf_s_own():
    assert is_weighted_series(microdf.MicroSeries) and not is_weighted_series(dict)
    assert type(Series([1.0, 2.0], weights=[1, 1])) is microdf.MicroSeries
    assert isinstance(Series([1.0]), Series)


@pytest.mark.parametrize(
    "use",
    [
        lambda np, x, b, **_: Series(x[b]).rank().values,
        lambda np, x, **_: Series(x).gini(),
        lambda np, x, **_: Series(x).decile_rank(negatives_in_zero=True).values,
        lambda np, word, **_: Series(word).rank().values,
    ],
)
def test_the_rest_is_refused_by_name(use):
    with pytest.raises(Untraceable, match="MicroSeries"):
        traced(use)


def test_nobody_weighs_anything():
    with pytest.raises(ZeroDivisionError):
        traced(lambda np, x, **_: Series(x, weights=x * 0).rank().values)

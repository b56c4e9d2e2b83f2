"""Dates, comparisons and tables on traced arrays mean what they mean in numpy."""

import datetime

import numpy
import numpy as np
import pandas as pd
import pytest
from _engine_traced import P, plain, traced
from hypothesis import given, strategies as st

from pejax.engine.graph._interpret import Interpreter
from pejax.engine.graph._ir import Graph
from pejax.engine.tracing import _dates
from pejax.engine.tracing._array import Traced, Untraceable

TABLE = np.array([[1.0, 5.0, 2.0], [7.0, 3.0, np.nan], [0.0, -1.0, 4.0], [9.0, 9.0, 9.0]])
WHOLE = np.array([10, 20, 30, 40, 50, 60, 70, 80])


def months(i):
    return (i * 397 - 700).astype("datetime64[M]")


def days(i):
    return (i * 9_973 - 20_000).astype("datetime64[D]")


def number(time):
    return time.astype(np.int64)


EXPRESSIONS = {
    "the first day of a month": lambda np, i, **_: number(months(i).astype("datetime64[D]")),
    "the month of a day": lambda np, i, **_: number(days(i).astype("datetime64[M]")),
    "the year of a day": lambda np, i, **_: number(days(i).astype("datetime64[Y]")),
    "the first month of a year": lambda np, i, **_: number(
        i.astype("datetime64[Y]").astype("datetime64[M]")
    ),
    "days later": lambda np, i, **_: number(days(i) + np.timedelta64(5, "D")),
    "a span first": lambda np, i, **_: number(np.timedelta64(5, "D") + days(i)),
    "rows later": lambda np, i, **_: number(days(i) + (i - 1).astype("timedelta64[D]")),
    "whole numbers later": lambda np, i, **_: number(days(i) + i - 2),
    "months later": lambda np, i, **_: number(months(i) + np.timedelta64(1, "M")),
    "days after a month": lambda np, i, **_: number(months(i) + np.timedelta64(3, "D")),
    "days between": lambda np, i, **_: number(days(i) - days(i + 1)),
    "days since a day": lambda np, i, **_: number(days(i) - np.datetime64("2017-04-06")),
    "days until a day": lambda np, i, **_: number(np.datetime64("2017-04-06") - days(i)),
    "the day of the month": lambda np, i, **_: number(
        days(i) - days(i).astype("datetime64[M]").astype("datetime64[D]")
    ),
    "the length of a month": lambda np, i, **_: number(
        (months(i) + np.timedelta64(1, "M")).astype("datetime64[D]")
        - months(i).astype("datetime64[D]")
    ),
    "before a day": lambda np, i, **_: days(i) < np.datetime64("1990-06-15"),
    "a day before": lambda np, i, **_: np.datetime64("1990-06-15") <= days(i),
    "a month and its days": lambda np, i, **_: months(i) >= days(i),
    "a span of days in months": lambda np, i, **_: number(
        (days(i) - days(i * 2)).astype("timedelta64[M]")
    ),
    "a span of days in years": lambda np, i, **_: number(
        (days(i) - days(i * 2)).astype("timedelta64[Y]")
    ),
    "the later": lambda np, i, **_: number(np.maximum(days(i), np.datetime64("1990-06-15"))),
    "the earlier, turned": lambda np, i, **_: number(
        np.minimum(np.datetime64("1990-06"), days(i)).astype("datetime64[D]")
    ),
    "a span of no unit later": lambda np, i, **_: number(days(i) + np.timedelta64(5)),
    "days of all weekdays between": lambda np, i, **_: numpy.busday_count(
        days(i), days(i + 1), weekmask="1" * 7
    ),
    "the same day": lambda np, i, **_: days(i) == days(abs(i)),
    "another day": lambda np, i, **_: days(i) != days(abs(i)),
    "longer": lambda np, i, **_: (days(i) - days(i * 2)) > np.timedelta64(0, "D"),
    "close": lambda np, x, y, **_: np.isclose(x, y + 0.5, rtol=0, atol=1.0),
    "close in proportion": lambda np, x, y, **_: np.isclose(x, y, rtol=0.5),
    "close to infinity": lambda np, x, y, **_: np.isclose(x / y, np.inf),
    "close to no number": lambda np, x, y, **_: np.isclose(y / y, np.nan, equal_nan=True),
    "infinite": lambda np, x, y, **_: np.isneginf(x / y) ^ np.isposinf(x / y),
    "the largest of a list": lambda np, x, y, **_: np.argmax([x, y, x * 2], axis=0),
    "the least of a list": lambda np, x, y, **_: np.argmin(np.stack([x, y, -y]), axis=0),
    "the first of the largest": lambda np, i, **_: np.argmax([i, i, i - 1], axis=0),
    "no number is the largest": lambda np, x, y, **_: np.argmax([x, y / y, x + 9], axis=0),
    "so far": lambda np, x, y, **_: np.maximum.accumulate(np.stack([x, y, x + y]), axis=0)[2],
    "so far, truths counted": lambda np, b, x, **_: np.add.accumulate(np.stack([b, x > 0]), 0)[1],
    "so far, small integers": lambda np, i, **_: np.add.accumulate(np.stack([i, i]), axis=0)[1],
    "spans in days": lambda np, i, **_: (days(i) - days(i + 1)) / np.timedelta64(1, "D"),
    "spans in weeks": lambda np, i, **_: (days(i * 2) - days(i)) // np.timedelta64(7, "D"),
    "a span turned round": lambda np, i, **_: number(abs(-(days(i) - days(i + 1)))),
    "selected dates": lambda np, i, b, **_: number(days(i)[b]).max(),
    "a module's own largest": lambda np, x, **_: x * {80: 2.0}[WHOLE.max()],
    "one of what numpy makes": lambda np, x, **_: (
        x * float(isinstance(np.where(TABLE > 0, TABLE, 0).sum(), float))
    ),
    "so far by columns": lambda np, x, y, **_: np.add.accumulate(np.stack([x, y], 1), axis=1)[:, 1],
    "a table of the module's": lambda np, i, **_: WHOLE[np.clip(i, 0, 7)],
    "a table by two": lambda np, i, **_: np.where(TABLE > 0, TABLE, 0)[
        np.clip(i, 0, 3), np.clip(i, 0, 2)
    ],
    "a table that is filled": lambda np, i, **_: filled(np)[np.clip(i, 0, 3), 1],
}


def filled(np):
    made = np.full(TABLE.shape, np.nan)
    chosen = np.isnan(TABLE)
    made[chosen] = 1.0
    made[~chosen] = TABLE[~chosen]
    return made


@pytest.mark.parametrize("function", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_it_is_numpy(function):
    found, _ = traced(function)
    expected = plain(function)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.result_type(found).kind == np.result_type(expected).kind


@given(st.integers(-600_000, 600_000))
def test_the_calendar_is_numpy_s(day):
    """From the year 327 to the year 3612."""
    graph = Graph({"person": 101})
    at = np.int64(day) + np.arange(50)
    dates = at.astype("datetime64[D]")
    found = _dates._month_of(graph, graph.constant(at)).shadow
    np.testing.assert_array_equal(found, dates.astype("datetime64[M]").astype(np.int64))
    first = _dates._first_day_of(graph, graph.constant(found)).shadow
    of_month = dates.astype("datetime64[M]").astype("datetime64[D]")
    np.testing.assert_array_equal(first, of_month.astype(np.int64))


def test_texts_are_dates():
    graph = Graph({"person": 101})
    words = ("1999-12-31", "2000-02-29", "2017-04-06")
    born = Traced(graph.input("born", np.zeros(101, np.int32)), words)
    run = Interpreter({"born": np.array([2, 0, 1])}, {101: 3}, {})
    year = born.astype("datetime64[Y]").astype(int)
    assert run(year.node).tolist() == [47, 29, 30]
    assert run((born >= np.datetime64("2000-01-01")).node).tolist() == [True, False, True]
    assert run((np.datetime64("2017-04-06") == born).node).tolist() == [True, False, False]
    since = born.astype("datetime64[D]") - datetime.date(2000, 1, 1)
    assert run(since.astype(int).node).tolist() == [6305, -1, 59]


def test_a_text_that_is_no_date_is_refused():
    graph = Graph({"person": 101})
    born = Traced(graph.input("born", np.zeros(101, np.int32)), ("1999-12-31", ""))
    with pytest.raises(Untraceable, match="of which one is none"):
        born.astype("datetime64[D]")


REFUSED = {
    "dates by dates": lambda np, i, **_: days(i) / days(i),
    "dates by numbers": lambda np, i, **_: (days(i) - days(i + 1)) / 2,
    "a date below zero": lambda np, i, **_: -days(i),
    "numbers as dates": lambda np, x, **_: x.astype("datetime64[D]"),
    "days without weekends": lambda np, i, **_: numpy.busday_count(days(i), days(i + 1)),
    "the later of a date and a span": lambda np, i, **_: np.maximum(
        days(i), np.timedelta64(5, "D")
    ),
    "another function of dates": lambda np, i, **_: numpy.busday_offset(days(i), 1),
    "hours": lambda np, i, **_: i.astype("datetime64[h]"),
    "months as days": lambda np, i, **_: i.astype("timedelta64[M]").astype("timedelta64[D]"),
    "dates added": lambda np, i, **_: days(i) + days(i),
    "a date from a span": lambda np, i, **_: np.timedelta64(5, "D") - days(i),
    "a date and a span": lambda np, i, **_: days(i) > np.timedelta64(5, "D"),
    "dates as an array": lambda np, i, **_: np.asarray(days(i)),
    "half a day": lambda np, i, **_: days(i) + 0.5,
    "dates chosen": lambda np, i, **_: np.where(i > 0, days(i), days(-i)),
    "the largest row": lambda np, x, **_: np.argmax(x),
    "so far over rows": lambda np, x, **_: np.maximum.accumulate(x),
}


@pytest.mark.parametrize("function", REFUSED.values(), ids=REFUSED)
def test_what_a_program_has_not_is_refused(function):
    with pytest.raises((Untraceable, TypeError)):
        traced(function)


def test_a_law_s_table_is_accumulated():
    found, _ = traced(
        lambda np, i, p, **_: np.maximum.accumulate(np.minimum(TABLE, p * 10), axis=1)[
            np.clip(i, 0, 3), 2
        ]
    )
    table = np.maximum.accumulate(np.minimum(TABLE, P * 10), axis=1)
    np.testing.assert_array_equal(found, table[np.clip([0, 3, -2, 7, 1, 2], 0, 3), 2])


def test_places_of_names_in_an_index_of_pandas():
    importer = pytest.importorskip("pejax.engine.importer._formulas")
    graph = Graph({"person": 101})
    word = Traced(graph.input("colour", np.ones(101, np.int16)), ("red", "green", "blue"))
    look = importer._places_of_names(pd.Index.get_indexer)
    run = Interpreter({"colour": np.array([2, 0, 1])}, {101: 3}, {})
    assert run(look(pd.Index(["blue", "red"]), word).node).tolist() == [0, 1, -1]
    assert look(pd.Index(["a", "b"]), ["b"]).tolist() == [1]
    with pytest.raises(Untraceable):
        look(pd.Index([1, 2]), Traced(graph.input("i", np.ones(101, np.int32))))


# ---- what a function gives is the very thing


HELD = {"n": 0.0, "table": np.array([1.0, 2.0])}


def counted(seen):
    seen["n"] += 1.0
    return seen


def fresh():
    return {"n": 0.0, "table": np.array([5.0, 6.0])}


def held():
    return HELD


def pair():
    return np.array([5.0, 6.0]), "x"


def test_a_dictionary_stays_itself():
    def function(np, i, x, **_):
        seen = fresh()
        again = counted(seen)
        again["n"] += 10.0
        return x * 0 + seen["n"] + again["table"][np.clip(i, 0, 1)] + pair()[0][np.clip(i, 0, 1)]

    found, _ = traced(function)
    np.testing.assert_array_equal(found, plain(function))
    assert held() is HELD

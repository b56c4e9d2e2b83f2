"""The dates of a reform mean what they mean in the source engine."""

import datetime
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st

from pejax.core._validate import BadInputError
from pejax.engine.rules._law import LawParameter
from pejax.engine.rules._reform import read_reform

FORMS = [
    ("2025", "2025-01-01", None),
    (2025, "2025-01-01", None),
    ("2025-03", "2025-03-01", None),
    ("2025-03-15", "2025-03-15", None),
    (datetime.date(2025, 3, 15), "2025-03-15", None),
    ("2025-01-01.2025-12-31", "2025-01-01", "2025-12-31"),
    ("2025-01-01.2100-12-31", "2025-01-01", "2100-12-31"),
    ("2025.2026", "2025-01-01", "2026-01-01"),
    ("2025-02.2025-06", "2025-02-01", "2025-06-01"),
    ("year:2025", "2025-01-01", "2025-12-31"),
    ("year:2025:3", "2025-01-01", "2027-12-31"),
    ("year:2025-04:1", "2025-04-01", "2026-03-31"),
    ("year:2024-02-29", "2024-02-29", "2025-02-28"),
    ("month:2025-01", "2025-01-01", "2025-01-31"),
    ("month:2025-01:12", "2025-01-01", "2025-12-31"),
    ("month:2025-11:3", "2025-11-01", "2026-01-31"),
    ("month:2025-3:2", "2025-03-01", "2025-04-30"),
    ("month:2025-01-31:1", "2025-01-31", "2025-03-02"),
    ("day:2025-01-01", "2025-01-01", "2025-01-01"),
    ("day:2024-02-28:2", "2024-02-28", "2024-02-29"),
    ("ETERNITY", "0000-01-01", None),
]
"""Dates, and the first and last day that the source engine gives them."""


@pytest.mark.parametrize(("dates", "start", "stop"), FORMS)
def test_a_reform_in_every_form(dates, start, stop):
    (edit,) = read_reform({"tax.rate": {dates: 0.3}})["tax.rate"]
    assert (edit.start, edit.stop, edit.value) == (start, stop, 0.3)


def test_a_value_without_dates_holds_from_2000_to_2099():
    (edit,) = read_reform({"tax.rate": 0.3})["tax.rate"]
    assert (edit.start, edit.stop) == ("2000-01-01", "2099-12-31")


def test_edits_are_in_order_of_their_start():
    dates = {"2027": 3, "2025-01-01.2030-12-31": 1, "ETERNITY": 0, "year:2025:1": 2}
    assert [e.value for e in read_reform({"tax.rate": dates})["tax.rate"]] == [0, 1, 2, 3]


NO_DATES = [
    "March 2025",
    "2025-3-1",
    "25",
    "2025-13-01",
    "2025-02-29",
    "2025-01-01.",
    "2025-01-01.2025-06-30.2025-12-31",
    "eternity",
    "month:2025",
    "day:2025-01",
    "week:2025-01-01",
    "year:2025:many",
    "year:2025:1:1",
    "",
]


@pytest.mark.parametrize("dates", [*NO_DATES, "year:2025:0"])
def test_what_is_not_a_date_is_refused(dates):
    with pytest.raises(BadInputError, match="is not a date; write 2025"):
        read_reform({"tax.rate": {dates: 1}})


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ("2025-12-31.2025-01-01", "ends before it starts"),
        ("1066-01-01.1087-12-31", "outside the law"),
        ("3025", "outside the law"),
    ],
)
def test_dates_outside_the_law_are_refused(dates, message):
    with pytest.raises(BadInputError, match=message):
        read_reform({"tax.rate": {dates: 1}})


def test_an_end_beyond_the_law_is_for_good():
    assert read_reform({"p": {"2025-01-01.9999-12-31": 1}})["p"][0].stop is None


# ---- the source engine's own reading


def _reformed_by_the_source(entries, edits):
    """A parameter with these entries after the source engine's own reform."""
    from policyengine_core.parameters import ParameterNode
    from policyengine_core.reforms import Reform

    tree = ParameterNode("", data={"p": {"values": {day: {"value": v} for day, v in entries}}})
    Reform.from_dict({"p": edits}).apply(SimpleNamespace(parameters=tree))
    return tree.children["p"]


ENTRIES = (("2010-01-01", 1.0), ("2024-02-01", 2.0), ("2025-07-01", 3.0), ("2031-01-01", 4.0))
days = st.dates(datetime.date(2005, 1, 1), datetime.date(2034, 12, 31)).map(str)
spans = st.tuples(days, days).map(lambda pair: f"{min(pair)}.{max(pair)}")
periods = st.builds(
    lambda day, unit, size: f"{unit}:{day}:{size}",
    days,
    st.sampled_from(["year", "month", "day"]),
    st.integers(1, 40),
)
forms = days | days.map(lambda d: d[:4]) | days.map(lambda d: d[:7]) | spans | periods
forms = forms | st.sampled_from([form for form, _, _ in FORMS])


@pytest.mark.us
@pytest.mark.parametrize("dates", [None, *(form for form, _, _ in FORMS)])
def test_every_form_is_the_source_engine_s(dates):
    given_dates = 9.0 if dates is None else {dates: 9.0}
    source = _reformed_by_the_source(ENTRIES, given_dates)
    mine = LawParameter("p", ENTRIES).edited(read_reform({"p": given_dates})["p"])
    for day in _every_day(1999, 2101):
        assert mine.at(day) == source._get_at_instant(day), day


@pytest.mark.us
@pytest.mark.parametrize("dates", NO_DATES)
def test_the_source_engine_refuses_them_too(dates):
    with pytest.raises(ValueError):
        _reformed_by_the_source(ENTRIES, {dates: 9.0})


@pytest.mark.us
@given(
    st.dictionaries(days, st.integers(0, 9), min_size=1, max_size=4),
    st.dictionaries(forms, st.integers(10, 99) | st.none(), min_size=1, max_size=4),
)
def test_random_edits_are_the_source_engine_s(entries, edits):
    entries = tuple(sorted(entries.items()))
    source = _reformed_by_the_source(entries, edits)
    mine = LawParameter("p", entries).edited(read_reform({"p": edits})["p"])
    starts = {start for start, _ in mine.entries}
    starts |= {v.instant_str for v in source.values_list}
    for day in sorted(starts):
        assert mine.at(day) == source._get_at_instant(day), day


def _every_day(first, last):
    for year in range(first, last):
        for month in range(1, 13):
            yield from (f"{year}-{month:02d}-{day:02d}" for day in (1, 2, 15, 28))
        yield from (f"{year}-12-31", f"{year}-03-31", f"{year}-06-30")

"""The law's numbers through time, and edits of them."""

import pytest
from hypothesis import given, settings, strategies as st

from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine.native._law_tree import law_from
from pejax.engine.rules._calendar import Period, last_day
from pejax.engine.rules._law import (
    LawNode,
    LawParameter,
    LawScale,
    edited,
    parameters_under,
)
from pejax.engine.rules._reform import read_reform
from pejax.testing import LAW, toy_system


@pytest.fixture
def law():
    return law_from(LAW)


# ---- reading


def test_a_law_may_be_empty():
    assert list(parameters_under(law_from({}))) == []


def test_values_are_in_force_from_their_date(law):
    allowance = law.find("tax.allowance")
    assert allowance.at("2019-12-31") is None
    assert allowance.at("2020-01-01") == allowance.at("2025-12-31") == 8_000
    assert allowance.at("2026-01-01") == 9_000
    assert allowance.start("2025-07-01") == "2020-01-01"


def test_a_value_without_a_date_was_always_in_force(law):
    assert law.find("child.age_limit").at("1800-01-01") == 18


def test_scales_have_numbered_brackets(law):
    scale = law.find("tax.surtax")
    assert isinstance(scale, LawScale) and not scale.single_amount
    assert law.find("child.monthly").single_amount
    assert law.find("tax.surtax[1].rate").path == "tax.surtax[1].rate"
    assert law.find("tax.surtax[1].rate").at("2025-01-01") == 0.25


def test_documentation_is_kept(law):
    rate = law.find("tax.rate")
    assert (rate.label, rate.unit) == ("Income tax rate", "/1")
    assert rate.reference == "Toyland Income Tax Act, section 1"


def test_every_parameter_is_under_the_root(law):
    paths = [p.path for p in parameters_under(law)]
    assert len(paths) == len(set(paths))
    assert {"tax.rate", "tax.surtax[0].threshold", "housing.limit.ISLES"} <= set(paths)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tax.rat", "Nearest: tax.rate"),
        ("tx.rate", "Nearest: tax"),
        ("tax.rate.more", "the path ends here"),
        ("tax.surtax[2].rate", "2 brackets, counted from"),
        ("tax.rate[0]", "not a bracket"),
        ("tax.surtax[x].rate", "'x' is not a bracket"),
        ("tax.surtax[0].rte", "Nearest: tax.surtax\\[0\\].rate"),
    ],
)
def test_a_path_that_does_not_exist_names_its_neighbours(law, path, message):
    with pytest.raises(UnknownNameError, match=message):
        law.find(path)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (3.0, "nested dictionary of names"),
        ({"2020": 1}, "nested dictionary of names"),
        ({"tax": {}}, "tax is empty"),
        ({"tax": {"2020": 1, "rate": 2}}, "mixes dates and names"),
        ({"a.b": 1}, "neither dots nor brackets"),
        ({"tax": {"values": 1, "lable": "x"}}, "'lable' is none of values"),
        ({"tax": {"values": {"rate": 1}}}, "values are {date: value}"),
        ({"tax": object()}, "a number, boolean, text or list"),
        ({"tax": {"brackets": []}}, "no brackets"),
        ({"tax": {"brackets": [{"rate": 0.1}]}}, r"tax\[0\] needs a threshold"),
        ({"tax": {"brackets": [{"threshold": 1}]}}, "one of rate, amount"),
        ({"tax": {"brackets": [{"threshold": 1, "rate": 1}], "type": "odd"}}, "single_amount"),
    ],
)
def test_a_law_that_cannot_be_read_says_where(tree, message):
    with pytest.raises(BadInputError, match=message):
        law_from(tree)


# ---- reforms


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("tax.rate", "high", "tax.rate is a number in this law; 'high' is not"),
        ("tax.rate", True, "tax.rate is a number"),
        ("winter.in_force", 3, "winter.in_force is a boolean"),
        ("income.sources", "earnings", "income.sources is a list"),
        ("tax.surtax", 3, r"tax.surtax is not one parameter.*tax.surtax\[0\]"),
        ("tax", 3, "tax is not one parameter"),
    ],
)
def test_a_reform_of_another_kind_is_refused(path, value, message):
    with pytest.raises(BadInputError, match=message):
        toy_system().with_reform({path: {"2025": value}})


def test_an_edit_touches_only_its_path(law):
    new = edited(law, read_reform({"tax.rate": {"2025": 0.3}}))
    assert new.find("tax.rate").at("2025-06-01") == new.find("tax.rate").at("2031-06-01") == 0.3
    assert law.find("tax.rate").at("2025-06-01") == 0.2
    assert new.find("tax.allowance") is law.find("tax.allowance")
    assert new.find("child") is law.find("child")


def test_a_bracket_is_edited(law):
    new = edited(law, read_reform({"tax.surtax[0].rate": {"2025": 0.3}}))
    assert new.find("tax.surtax[0].rate").at("2025-06-01") == 0.3
    assert new.find("tax.surtax[1].rate").at("2025-06-01") == 0.25


years = st.integers(2015, 2035)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(years, st.floats(0, 1), max_size=4),
    st.integers(2016, 2030),
    st.integers(0, 4),
    st.integers(2010, 2040),
)
def test_an_edit_holds_between_its_dates_and_nowhere_else(entries, first, length, asked):
    """Dated reforms never leak into earlier or later years, values in force or none."""
    before = LawParameter("p", tuple(sorted((f"{y}-01-01", v) for y, v in entries.items())))
    last = first + length
    reform = {"p": {f"{first}-01-01.{last}-12-31": 9.0}}
    after = edited(before, read_reform(reform))
    for day in (f"{asked}-01-01", f"{asked}-06-30", f"{asked}-12-31"):
        inside = first <= asked <= last
        assert after.at(day) == (9.0 if inside else before.at(day))


def test_later_edits_win(law):
    reform = {"tax.rate": {"2025-01-01.2025-12-31": 0.3, "2025-07-01.2025-07-31": 0.4}}
    rate = edited(law, read_reform(reform)).find("tax.rate")
    found = [
        rate.at(d) for d in ("2024-12-31", "2025-06-30", "2025-07-15", "2025-08-01", "2026-01-01")
    ]
    assert found == [0.2, 0.3, 0.4, 0.3, 0.2]


def test_children_are_made_when_asked_for():
    law = law_from({"a": {"b": 1}, "c": {"d": 2}})
    new = edited(law, read_reform({"a.b": 3}))
    assert isinstance(new, LawNode)
    assert list(new.children) == ["a", "c"]
    assert "nothing" not in new.children and len(new.children) == 2


# ---- periods


def test_periods():
    year, month = Period.of(2025), Period.of("2025-02")
    assert (str(year), str(month)) == ("2025", "2025-02")
    assert [str(p) for p in year.get_subperiods("month")][::11] == ["2025-01", "2025-12"]
    assert month.get_subperiods("month") == [month]
    assert (month.this_year, year.last_year, year.next_year) == (
        year,
        Period.of(2024),
        Period.of(2026),
    )
    assert year.first_month == Period.of("2025-01")
    assert Period.of("eternity").unit == "eternity"
    assert (last_day(year), last_day(month)) == ("2025-12-31", "2025-02-28")

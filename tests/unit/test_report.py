"""The charts of a report: what is drawn, where it stands, and what no data or wild data give."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax import BadInputError, report as rp
from pejax.report._axes import linear, logarithmic
from pejax.report._marks import width
from pejax.report._numbers import alike, labels, places, written

SVG = "{http://www.w3.org/2000/svg}"
WIDTH = 820
REALS = st.floats(allow_nan=True, allow_infinity=True, width=64)
MANY = st.lists(REALS, max_size=12)


class Drawn:
    """A chart, read again: its marks with what they say when pointed at, and its words."""

    def __init__(self, chart):
        self.root = ET.fromstring(chart.to_svg("A caption."))
        self.height = float(self.root.get("viewBox").split()[3])

    def all(self, name):
        return list(self.root.iter(SVG + name))

    def marks(self, name):
        """What pointing at each mark of a kind says, in order."""
        return [mark.find(SVG + "title").text for mark in self.pointed(name)]

    def pointed(self, name):
        return [mark for mark in self.all(name) if mark.find(SVG + "title") is not None]

    @property
    def words(self):
        return [text.findtext(SVG + "title") or text.text for text in self.all("text")]

    def numbers(self, name, *keys):
        return np.array([[float(mark.get(key)) for key in keys] for mark in self.pointed(name)])


def places_of(chart):
    """Every place of a drawing: of boxes, dots, words and the ends of lines."""
    drawn = Drawn(chart)
    found = [
        (float(mark.get(x)), float(mark.get(y)))
        for name, x, y in (("rect", "x", "y"), ("circle", "cx", "cy"), ("text", "x", "y"))
        for mark in drawn.all(name)
    ]
    for path in drawn.all("path"):
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.get("d"))]
        found += list(zip(numbers[::2], numbers[1::2], strict=True))
    return np.array(found), drawn.height


# ---- bars


def test_bars_stand_on_zero_and_say_what_they_are():
    drawn = Drawn(
        rp.bars(["a", "b"], {"now": [100, -50], "then": [25, 0]}, "group", "dollars", y_format="$")
    )
    assert drawn.marks("rect") == ["a, now: $100", "b, now: −$50", "a, then: $25", "b, then: $0"]
    (_, up, tall), (_, below, short), (_, small, less), (_, zero, nothing) = drawn.numbers(
        "rect", "x", "y", "height"
    )
    assert tall == pytest.approx(2 * short, abs=0.2) == pytest.approx(4 * less, abs=0.4)
    assert up + tall == pytest.approx(zero, abs=0.2) == pytest.approx(below, abs=0.2)
    assert small + less == pytest.approx(zero, abs=0.2) and nothing == 0
    assert {"group", "dollars", "now", "then", "a", "b", "$0", "$100", "−$50"} <= set(drawn.words)


def test_one_series_has_no_legend_and_many_have_one():
    assert "only" not in Drawn(rp.bars(["a"], {"only": [1.0]}, "x", "y")).words
    names = [f"a series with a long name {k}" for k in range(9)]
    drawn = Drawn(rp.bars(["a"], {name: [1.0] for name in names}, "x", "y"))
    legend = [text for text in drawn.all("text") if text.text in names]
    assert [text.text for text in legend] == names
    assert len({text.get("y") for text in legend}) > 1  # it has more than one line
    assert len(drawn.marks("rect")) == 9  # and no series is dropped for want of a colour


def test_fifty_bars_and_their_labels():
    names = [f"the state of {k}" for k in range(50)]
    drawn = Drawn(rp.bars(names, {"x": np.arange(50.0)}, "state", "y"))
    assert len(drawn.marks("rect")) == 50
    turned = [text for text in drawn.all("text") if text.get("transform")]
    assert [text.findtext(SVG + "title") or text.text for text in turned] == names
    years = Drawn(rp.bars(range(1970, 2020), {"x": np.arange(50.0)}, "year", "y"))
    shown = [word for word in years.words if word.startswith(("19", "20"))]
    assert shown[:2] == ["1970", "1973"] and not any(t.get("transform") for t in years.all("text"))


def test_long_labels_are_wrapped_then_cut_and_whole_when_pointed_at():
    name = "under fifty years of age and living with a dog, a cat and very many other animals " * 3
    drawn = Drawn(rp.bars([name, "b", "c"], {"x": [1, 2, 3]}, "x", "y"))
    told = [text for text in drawn.all("text") if text.find(SVG + "title") is not None]
    assert told and all(text.findtext(SVG + "title") == name for text in told)
    path = "gov.irs.credits." + "very.long." * 12 + "amount"
    (label,) = [
        text
        for text in Drawn(rp.ranked([path], [1.0], "x")).all("text")
        if text.find(SVG + "title") is not None
    ]
    cut = label.find(SVG + "title").tail
    assert label.findtext(SVG + "title") == path
    assert cut.startswith("gov.irs") and "…" in cut and cut.endswith("amount")


def test_missing_numbers_have_no_mark():
    drawn = Drawn(rp.bars(["a", "b", "c"], {"x": [1.0, np.nan, np.inf]}, "x", "y"))
    assert drawn.marks("rect") == ["a: 1"]


@pytest.mark.parametrize(
    "chart",
    [
        rp.bars([], {"x": []}, "x", "y"),
        rp.bars(["a"], {"x": [np.nan]}, "x", "y"),
        rp.bars([], {}, "x", "y"),
        rp.shares([], {"gain": []}, "x", "y"),
        rp.ranked([], [], "x"),
        rp.dots([], {"before": []}, "x", reference=1),
        rp.curves({"a": ([], [])}, "x", "y"),
        rp.curves({"a": ([0.0, -1.0], [0.5, 1.0])}, "x", "y", log_x=True),
        rp.histogram([1.0, 10.0], {"a": [np.nan]}, "x", "y"),
        rp.scatter([], [], [], "x", "y"),
    ],
    ids=lambda chart: chart.about,
)
def test_without_data_a_chart_says_so(chart):
    drawn = Drawn(chart)
    assert "no data" in drawn.words or drawn.all("path")
    assert not drawn.marks("rect") and "x" in drawn.words


# ---- shares


def test_shares_are_stacked_in_their_order_up_to_the_whole():
    series = {"gain": [0.5, 0.0], "no change": [0.25, 1.0], "lose": [0.25, 0.0]}
    drawn = Drawn(rp.shares([1, 2], series, "tenth", "share of people"))
    assert drawn.marks("rect") == [
        "1, gain: 50%",
        "1, no change: 25%",
        "2, no change: 100%",
        "1, lose: 25%",
    ]
    gain, same, _, lose = drawn.numbers("rect", "y", "height")
    assert lose.sum() == pytest.approx(same[0], abs=0.2)
    assert same.sum() == pytest.approx(gain[0], abs=0.2)
    assert {"0%", "20%", "100%", "gain", "lose"} <= set(drawn.words)


def test_negative_shares_are_refused():
    with pytest.raises(BadInputError, match=r"lose, b: a share of -0\.1"):
        rp.shares(["a", "b"], {"lose": [0.0, -0.1]}, "x", "y")


# ---- rows


def test_ranked_bars_grow_from_zero_to_either_side():
    drawn = Drawn(rp.ranked(["up", "down"], [300.0, -150.0], "million dollars"))
    (x, wide), (left, narrow) = drawn.numbers("rect", "x", "width")
    assert wide == pytest.approx(2 * narrow, abs=0.2)
    assert left + narrow == pytest.approx(x, abs=0.2)
    up, down = drawn.pointed("rect")
    assert up.get("fill") != down.get("fill")
    assert {"up", "down", "300", "−150"} <= set(drawn.words)
    tops = drawn.numbers("rect", "y")
    assert tops[0] < tops[1]  # the first on top


def test_dots_are_joined_and_the_reference_is_drawn():
    series = {"before": [0.5, 2.0, np.nan], "after": [1.0, 1.0, 1.0]}
    drawn = Drawn(rp.dots(["a", "b", "c"], series, "ratio", reference=1))
    assert drawn.marks("circle")[:3] == ["a, before: 0.5", "b, before: 2", "a, after: 1"]
    assert len(drawn.marks("circle")) == 5
    joined = [path for path in drawn.all("path") if path.get("stroke-width") == "3"]
    assert len(joined) == 2  # none for the row with one dot
    before, after = drawn.numbers("circle", "cx")[[0, 2], 0]
    assert before < after


# ---- lines and dots


def test_curves_of_shares():
    x = np.linspace(0, 50_000, 101)
    lines = {"one": (x, x / 50_000), "two": (x, np.full(101, 0.5))}
    drawn = Drawn(rp.curves(lines, "income", "share", x_format="$"))
    assert [p.findtext(SVG + "title") for p in drawn.pointed("path")] == ["two", "one"]
    assert drawn.pointed("path")[1].get("d").count(" ") == 2  # straight, so two points are left
    assert {"$0", "$50,000", "0%", "100%", "one", "two"} <= set(drawn.words)
    assert drawn.marks("circle")[-1] == "one, $50,000: 100%"


def test_steps_hold_until_the_next_point():
    drawn = Drawn(rp.curves({"a": ([1, 2, 3], [0.0, 0.5, 1.0])}, "x", "y", steps=True))
    (path,) = drawn.pointed("path")
    numbers = [float(n) for n in re.findall(r"[\d.]+", path.get("d"))]
    across, up = np.array(numbers[::2]), np.array(numbers[1::2])
    assert (np.diff(across) * np.diff(up) == 0).all() and len(across) == 5


def test_a_gap_in_a_line_is_one():
    drawn = Drawn(rp.curves({"a": ([1, 2, 3, 4, 5], [0.1, 0.2, np.nan, 0.3, 0.5])}, "x", "y"))
    assert drawn.pointed("path")[0].get("d").count("M") == 2


def test_a_line_of_very_many_points_is_as_small_as_what_is_seen():
    x = np.arange(1e6)
    chart = rp.curves({"a": (x, 0.5 + 0.5 * np.sin(x))}, "x", "y")
    assert len(chart.to_svg()) < 60_000


def test_a_histogram_is_an_outline_over_its_bins():
    drawn = Drawn(rp.histogram([1, 10, 100, 1000], {"a": [0.2, 0.5, 0.3]}, "weight", "share"))
    assert [w for w in drawn.words if w in ("1", "10", "100", "1,000")] == [
        "1",
        "10",
        "100",
        "1,000",
    ]
    assert drawn.marks("circle") == ["a, 3.162: 20%", "a, 31.62: 50%", "a, 316.2: 30%"]
    with pytest.raises(BadInputError, match="a has 3 numbers for 2 places"):
        rp.histogram([1, 10, 100], {"a": [0.2, 0.5, 0.3]}, "weight", "share")


def test_scattered_dots_are_named_and_those_that_cover_each_other_are_one():
    chart = rp.scatter([1, 2, 2], [3, 4, 4], ["a", "b", "c"], "x", "y", line=True, y_format="$")
    assert Drawn(chart).marks("circle") == ["a: 1, $3", "b and 1 more here: 2, $4"]
    many = np.random.default_rng(0).normal(size=(2, 100_000))
    assert len(rp.scatter(*many, range(100_000), "x", "y").to_svg()) < 6_000_000


# ---- what all have


CHARTS = {
    "bars": lambda v: rp.bars(range(len(v)), {"a": v, "b": v[::-1]}, "x", "y", y_format="$"),
    "shares": lambda v: rp.shares(range(len(v)), {"a": np.abs(v), "b": np.abs(v)}, "x", "y"),
    "ranked": lambda v: rp.ranked(range(len(v)), v, "x"),
    "dots": lambda v: rp.dots(range(len(v)), {"a": v, "b": v[::-1]}, "x", reference=1),
    "curves": lambda v: rp.curves({"a": (v, v[::-1])}, "x", "y", steps=True),
    "log": lambda v: rp.curves({"a": (v, v[::-1])}, "x", "y", log_x=True, diagonal=True),
    "scatter": lambda v: rp.scatter(v, v[::-1], range(len(v)), "x", "y", line=True, x_format="%"),
}


@pytest.mark.parametrize("kind", CHARTS)
@settings(max_examples=60, deadline=None)
@given(values=MANY)
def test_whatever_the_numbers_all_is_drawn_inside(kind, values):
    found, height = places_of(CHARTS[kind](values))
    assert np.isfinite(found).all()
    assert (found >= -1).all()
    assert (found[:, 0] <= WIDTH + 1).all() and (found[:, 1] <= height + 1).all()


@pytest.mark.parametrize("kind", CHARTS)
@pytest.mark.parametrize(
    "values", [[0.0], [5.0], [-5.0] * 3, [1e-300, 1e300], [1e300, -1e300], [1.0, 1.0 + 1e-15]]
)
def test_extremes_are_drawn_inside(kind, values):
    found, height = places_of(CHARTS[kind](values))
    assert np.isfinite(found).all() and (found >= -1).all()
    assert (found[:, 0] <= WIDTH + 1).all() and (found[:, 1] <= height + 1).all()


def test_words_are_escaped_once():
    wild = '<b>&"bold"</b>'
    drawn = Drawn(rp.bars([wild], {wild: [1.0], "b": [2.0]}, wild, wild))
    assert drawn.words.count(wild) == 4  # titles, legend and label
    assert drawn.marks("rect")[0] == f"{wild}, {wild}: 1"
    assert drawn.root.get("aria-label") == f"A caption. bars: {wild} by {wild}"
    assert drawn.root.get("role") == "img"


def test_a_drawing_fetches_nothing_and_runs_nothing():
    text = rp.bars(["a"], {"x": [1.0]}, "x", "y").to_html("Caption.")
    assert "http" not in text and "script" not in text and "style" not in text
    assert len(text) < 2_000


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rp.bars(["a"], {"x": [1, 2]}, "x", "y"), "x has 2 numbers for 1 places"),
        (lambda: rp.bars(["a"], {"x": ["many"]}, "x", "y"), "x[0] is 'many'. Give numbers"),
        (lambda: rp.ranked(["a", "b"], [[1, 2]], "x"), "values has 2 dimensions"),
        (lambda: rp.curves({"a": ([1, 2], [1])}, "x", "y"), "y of a has 1 numbers for 2"),
        (lambda: rp.scatter([1], [1, 2], ["a"], "x", "y"), "y has 2 numbers for 1"),
        (lambda: rp.figure("a chart", "Caption."), "chart is 'a chart', no figure"),
        (lambda: rp.bars(["a"], {"x": ["1"]}, "x", "y"), "x[0] is '1'. Give numbers"),
        (lambda: rp.bars(["a"], {"x": np.array(["2025"], "M8[D]")}, "x", "y"), "x holds datetime"),
        (lambda: rp.bars("ab", {"x": [1, 2]}, "x", "y"), "labels is 'ab'. Give a list"),
        (lambda: rp.ranked([["a", 1]], [1], "x"), "labels[0] is a list. Give every row one label"),
        (lambda: rp.ranked([None], [1], "x"), "labels[0] is None. Give every row a label"),
        (lambda: rp.ranked([b"a"], [1], "x"), "labels[0] is b'a'. Give every row one label"),
        (lambda: rp.shares(["a"], [1], "x", "y"), "series is a list. Give numbers by name"),
        (lambda: rp.shares(["a"], {None: [1]}, "x", "y"), "series has the key None"),
        (lambda: rp.bars(["a"], {"x": [1]}, 3, "y"), "x_title is 3. Give a text"),
        (lambda: rp.bars(["a"], {"x": [1]}, "x", None), "y_title is None. Give a text"),
        (lambda: rp.ranked(["a"], [1], "x", x_format=2), "the format is 2. Give a text"),
        (lambda: rp.dots(["a"], {"x": [1]}, "x", reference="1"), "reference is '1'; give a finite"),
        (lambda: rp.curves({"a": 3}, "x", "y"), "a is 3. Give a pair of lists"),
        (lambda: rp.curves({"a": ([1], [1])}, "x", "y", log_x="no"), "log_x is 'no'; give True"),
        (lambda: rp.curves({"a": ([1], [1])}, "x", "y", colours="red"), "colours is 'red'"),
        (lambda: rp.histogram([3, 2], {"a": [1]}, "x", "y"), "edges do not rise from above 0"),
        (lambda: rp.histogram([0, 2], {"a": [1]}, "x", "y"), "edges do not rise from above 0"),
        (lambda: rp.below([]), "parts is empty"),
        (lambda: rp.below([rp.bars(["a"], {"x": [1]}, "x", "y")]), "parts[0] is a Chart. Give"),
        (lambda: rp.figure(rp.bars(["a"], {"x": [1]}, "x", "y"), 3), "caption is 3. Give a text"),
        (lambda: rp.Chart("tall", ""), "height is 'tall'; give a finite number"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_drawn_is_named(make, message):
    with pytest.raises(BadInputError, match=re.escape(message)):
        make()


# ---- numbers and axes


@settings(max_examples=200, deadline=None)
@given(
    low=st.floats(-1e12, 1e12),
    size=st.floats(1e-6, 1e12),
    form=st.sampled_from(["", "$", "%"]),
)
def test_places_hold_the_range_and_their_labels_differ(low, size, form):
    high = low + size
    if high - low < 1e-9 * max(abs(low), abs(high)):
        return
    at = places(low, high)
    slack = 1e-6 * (high - low)
    assert at[0] <= low + slack and at[-1] >= high - slack
    assert 3 <= len(at) <= 9
    shown = labels(at, form)
    assert len(shown) == len(at)


FAR = st.floats(-1e18, 1e18) | st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=300, deadline=None)
@given(st.lists(FAR, min_size=1, max_size=3), st.sampled_from(["", "$", "%"]))
def test_labels_of_any_numbers_differ_and_fit(values, form):
    """Labels above 1e12 were as long as their numbers, or all the same."""
    axis = linear("x", values, form)
    assert axis.low < axis.high
    for names in (axis.names, logarithmic("x", values, form).names):
        assert len(set(names)) == len(names)
        assert max(map(width, names)) <= 160  # pixels beside the axis upwards


@pytest.mark.parametrize(
    ("values", "form", "expected"),
    [
        ([0, 20_000], "$", ["$0", "$5,000", "$10,000", "$15,000", "$20,000"]),
        ([0, 2.5e9], "$", ["$0", "$0.5bn", "$1.0bn", "$1.5bn", "$2.0bn", "$2.5bn"]),
        ([-0.2, 0.2], "%", ["−20%", "−10%", "0%", "10%", "20%"]),
        ([0, 0.001], "%", ["0%", "0.02%", "0.04%", "0.06%", "0.08%", "0.10%"]),
        ([0, 7], "", ["0", "2", "4", "6", "8"]),
        ([0, 5e12], "%", ["0%", "100tn%", "200tn%", "300tn%", "400tn%", "500tn%"]),
        ([1e12, 1e12 + 3], "$", ["$1,000,000,000,000", "+$1", "+$2", "+$3"]),
        ([1e16, 1.25e16], "", ["1e+16", "1.05e+16", "1.1e+16", "1.15e+16", "1.2e+16", "1.25e+16"]),
    ],
)
def test_labels_of_an_axis(values, form, expected):
    assert list(linear("x", values, form).names) == expected


def test_a_short_logarithmic_axis_has_labels_between_the_powers():
    assert logarithmic("x", [0.02, 0.09], "%").names == ("2%", "5%")
    assert logarithmic("x", [3.0, 3.0]).names == ("1", "2", "5", "10")
    assert len(logarithmic("x", [1e-30, 1e30]).names) <= 9


def test_numbers_as_people_read_them():
    assert [written(x) for x in (0, 3.0, 0.12345, 1e6, -2.5)] == [
        "0",
        "3",
        "0.1235",
        "1,000,000",
        "−2.5",
    ]
    assert written(np.nan) == "nan" and written(12.5, "%") == "1,250%"
    assert alike(np.array([1_234.5, -3.2, 0.0, 0.004])) == ["1,234", "−3", "0", "0.004"]
    assert alike(np.array([0.5, 0.034]), "%") == ["50.0%", "3.4%"]
    assert alike(np.array([3.0, -1.5, 1e-9])) == ["3.00", "−1.50", "1e-09"]
    assert alike(np.array([3.0, -1.0])) == ["3", "−1"]

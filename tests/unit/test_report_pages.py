"""Pages of a report, the tables they are made from, and figures that a user brings."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from pejax import BadInputError, PejaxError, report as rp


def page_of(*pieces, **how):
    return rp.page("A title", "A lead.", [rp.Section("A part", pieces)], **how)


# ---- figures


def test_a_page_of_own_charts_has_no_script_and_reads_no_plotly():
    script = (
        "import sys\n"
        "from pejax import report as rp\n"
        "chart = rp.bars(['a'], {'x': [1.0]}, 'group', 'dollars')\n"
        "page = rp.page('T', 'L', [rp.Section('S', [rp.figure(chart, 'Said.')])])\n"
        "assert '<script' not in page and page.count('<svg') == 1\n"
        "rooms = {'pejax.engine', 'pejax.calibrate', 'pejax.impute'}\n"
        "assert not {'plotly', *rooms} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_calibrate_opens_the_pages_only_when_asked():
    script = "import sys, pejax.calibrate; assert 'pejax.report' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_figure_of_plotly_brings_its_script_once():
    go = pytest.importorskip("plotly.graph_objects")
    drawn = rp.figure(go.Figure(go.Bar(x=[1], y=[2])), "A figure of one's own.")
    assert "A figure of one" in drawn and len(drawn) < 20_000
    page = page_of(drawn, drawn)
    assert page.count("plotly-graph-div") >= 2 and len(page) > 1_000_000
    assert len(page_of(drawn, figures=False)) < 60_000


def test_a_chart_shows_itself_in_a_notebook():
    chart = rp.bars(["a"], {"x": [1.0]}, "group", "dollars")
    assert chart._repr_html_() == chart.to_svg()
    assert 'fill="white"' in chart.to_svg() and 'fill="white"' not in chart.to_html()


def test_captions_are_escaped_and_told_to_whoever_does_not_see():
    drawn = rp.figure(rp.bars(["a"], {"x": [1.0]}, "group", "dollars"), 'Costs & "more" <b>')
    assert "<figcaption>Costs &amp; &quot;more&quot; &lt;b&gt;</figcaption>" in drawn
    assert 'aria-label="Costs &amp; &quot;more&quot; &lt;b&gt; bars: dollars by group"' in drawn


def test_charts_below_each_other_keep_their_captions():
    one = rp.bars(["a"], {"x": [1.0]}, "group", "dollars")
    text = rp.below([(one, "First."), (one, "Second.")]).to_svg()
    assert text.index("First.") < text.rindex("<g ") < text.index("Second.")


# ---- tables


def test_change_by_decile_by_hand():
    gain = np.array([0.0, 0.004, -3.0, 8.0])
    table = rp.change_by_decile(gain, [1.0, 1.0, 2.0, 2.0], [1.0, 3.0, 1.0, 3.0])
    known = table.dropna()
    assert known["decile"].tolist() == [1, 6]
    assert known["mean_change"].tolist() == pytest.approx([0.003, 5.25])
    assert known["share_gaining"].tolist() == [0.0, 0.75]
    assert known["share_unchanged"].tolist() == [1.0, 0.0]
    assert known["share_losing"].tolist() == [0.0, 0.25]


def test_means_by_decile_are_in_double_precision():
    table = rp.means_by_decile({"x": np.full(20, 1 / 3)}, np.arange(20), np.ones(20))
    assert table["x"].dtype == np.float64 and (table["x"] == 1 / 3).all()


def test_means_by_band_leave_out_bands_of_nobody():
    ages = [30, 52, 58, 99]
    table = rp.means_by_band(
        {"x": [1.0, 2.0, 4.0, 8.0]}, ages, (0, 50, 60, 70, 120), [1, 1, 1, 0], "age"
    )
    assert table.to_dict("list") == {"age": ["under 50", "50-59"], "x": [1.0, 3.0]}
    with pytest.raises(BadInputError, match=r"edges are \[0, 5\]. Give three or more that rise"):
        rp.means_by_band({"x": [1.0]}, [1], (0, 5), [1])


def test_shares_below_are_weighted():
    table = rp.shares_below({"a": [0, 10], "b": [5, 5]}, [3.0, 1.0], [0, 5, 10])
    assert table["a"].tolist() == [0.75, 0.75, 1.0] and table["b"].tolist() == [0.0, 1.0, 1.0]


@pytest.mark.usefixtures("unchecked")
def test_columns_with_other_labels_are_refused():
    here, there = pd.Series([1.0, 2.0]), pd.Series([1.0, 2.0], index=[1, 0])
    for call in (
        lambda: rp.means_by_decile({"x": here}, there, [1, 1]),
        lambda: rp.change_by_decile(here, here, there),
        lambda: rp.means_by_band({"x": here}, there, (0, 1, 2), [1, 1]),
        lambda: rp.shares_below({"x": here}, there, [0.0]),
        lambda: rp.quantile_scores({0.5: here}, there, [1, 1], here, here),
    ):
        with pytest.raises(BadInputError, match="other labels"):
            call()


def test_a_guess_without_loss_has_no_skill():
    table = rp.quantile_scores({0.5: [1.0]}, [1.0], [1.0], [1.0], [1.0])
    assert np.isnan(table["skill"]).all() and "nan" not in rp.table(table)


# ---- pieces


def test_parameters_without_a_cliff_have_no_table_of_them():
    row = {"path": "gov.irs.rate", "value": 0.2, "dollars_per_percent": -3e6, "status": "active"}
    pieces = rp.parameter_pieces(pd.DataFrame([row | {"discontinuities": ""}]), "the tax")
    assert len(pieces) == 3 and "<table" not in "".join(pieces)
    cliff = row | {"status": "cliff", "discontinuities": "a, b, c, d, e"}
    pieces = rp.parameter_pieces(pd.DataFrame([cliff]), "the tax")
    assert "a, b, c and 2 more" in pieces[-1]


def test_pieces_of_several_calibrations():
    rng = np.random.default_rng(0)
    names = [f"target {k}" for k in range(40)]
    rows = {
        "name": names,
        "target": np.where(np.arange(40) < 2, 0.0, 10.0),
        "base_estimate": rng.uniform(5, 60, 40),
        "estimate": 10.0,
        "base_error": rng.normal(size=40),
        "error": 0.0,
    }
    targets = pd.concat([pd.DataFrame(rows).assign(method=m) for m in ("dense", "sparse")])
    summary = pd.DataFrame(
        [
            {"method": m, "base_effective_sample_size": 9.0, **dict.fromkeys(COLUMNS, 1.0)}
            for m in ("dense", "sparse")
        ]
    )
    weights = pd.DataFrame({"survey": [1.0, 2.0], "dense": [3.0, 0.5], "sparse": [0.0, 9.0]})
    refused = pd.DataFrame([("z", 1.0, "no unit")], columns=["name", "value", "reason"])
    pieces = rp.weights_pieces(targets, summary, weights, refused, among=np.arange(40) % 2 == 0)
    assert sum("<svg" in piece for piece in pieces) == 3
    assert "survey" in pieces[0] and "no unit" in pieces[-1]
    by_name = pieces[2]
    assert by_name.count("<circle") == 3 * 19  # every second one, without the target of 0
    assert "target 1<" not in by_name and ">target 2<" in by_name
    assert len(rp.weights_pieces(targets, summary, weights, refused.iloc[:0])) == 4


COLUMNS = (
    "mean_error",
    "median_error",
    "p95_error",
    "records_kept",
    "effective_sample_size",
    "largest_weight_ratio",
)


def test_what_is_missing_in_a_table_is_an_empty_cell():
    """None and pandas' NA beside a number format ended in a TypeError."""
    table = pd.DataFrame({
        "cost": pd.Series([1234.5, None], dtype=object),
        "rows": pd.array([7, None], dtype="Int64"),
        "share": pd.array([0.25, None], dtype="Float64"),
        "day": [pd.Timestamp(2025, 1, 31), pd.NaT],
        "name": ["a", None],
    })  # fmt: skip
    shown = rp.table(table, formats={"cost": ",.1f", "rows": ",d", "share": ".0%", "day": "%Y"})
    cells = re.findall(r"<td[^>]*>(.*?)</td>", shown)
    assert cells == ["1,234.5", "7", "25%", "2025", "a", "", "", "", "", ""]


@pytest.mark.usefixtures("unchecked")
def test_what_no_table_can_show_is_refused_by_name():
    table = pd.DataFrame({"cost": [1.5, "many"]})
    with pytest.raises(BadInputError, match=r"column 'cost', row 1: 'many' has no format ',.1f'"):
        rp.table(table, formats={"cost": ",.1f"})
    with pytest.raises(BadInputError, match=r"frame is a list. Give a pandas DataFrame"):
        rp.table([1.5])
    for argument in ({"formats": [",.1f"]}, {"rows": -1}, {"caption": 5}):
        with pytest.raises(BadInputError, match=next(iter(argument))):
            rp.table(table, **argument)
    with pytest.raises(BadInputError, match="two columns named 'a'"):
        rp.table(pd.DataFrame([[1, 2]], columns=["a", "a"]))


# ---- arguments

TWO = {"weights": [1.0, 1.0], "ranking": [1.0, 2.0]}
BANDS = {"columns": {"x": [1.0, 2.0]}, "of": [20, 61], "edges": [0, 50, 99], "weights": [1.0, 1.0]}
GUESS = {"truth": [1.0], "weights": [1], "donors": [1.0, 2.0], "donor_weights": [1, 1]}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: rp.page(3, "", []), "title is 3. Give a text"),
        (lambda: rp.page("", "", ["<p>"]), "sections[0] is '<p>'. Give a list of Section"),
        (
            lambda: rp.page("", "", [rp.Section("a", "words")]),
            "sections[0] is 'words'. Give a list",
        ),
        (lambda: rp.page("", "", [], figures="no"), "figures is 'no'; give True or False"),
        (lambda: page_of(3), "piece 0 of sections[0] is 3. Give a text"),
        (lambda: rp.paragraph(None), "text is None. Give a text"),
        (lambda: rp.facts({"persons": 3}), "persons is 3. Give a text"),
        (lambda: rp.facts([("a", "b")]), "values is a list. Give texts by name"),
        (lambda: rp.means_by_decile({"tax": ["1", "2"]}, **TWO), "tax[0] is '1'. Give numbers"),
        (lambda: rp.means_by_decile([1.0, 2.0], **TWO), "columns is a list. Give numbers by name"),
        (lambda: rp.means_by_decile({}, **TWO), "columns is empty. Give one or more"),
        (lambda: rp.means_by_decile({("a",): [1, 2]}, **TWO), "columns has the key a tuple"),
        (lambda: rp.change_by_decile(["1", "2"], **TWO), "gain[0] is '1'. Give numbers"),
        (
            lambda: rp.means_by_band(**BANDS | {"of": [20, None]}),
            "of, row 1: the number is missing",
        ),
        (
            lambda: rp.means_by_band(**BANDS | {"edges": [0, 1.5, 9]}),
            "edges[1] is 1.5; give a whole",
        ),
        (lambda: rp.means_by_band(**BANDS | {"edges": "abc"}), "edges is 'abc'. Give a list"),
        (lambda: rp.shares_below({"x": [1.0]}, [1], ["9"]), "points[0] is '9'. Give numbers"),
        (lambda: rp.quantile_scores({True: [1.0]}, **GUESS), "a level of predicted is True"),
        (lambda: rp.quantile_scores([0.5], **GUESS), "predicted is a list. Give a list of numbers"),
        (lambda: rp.quantile_scores({0.5: ["1"]}, **GUESS), "predicted 0.5[0] is '1'"),
        (lambda: rp.calibration_page({}), "report is a dict. Give solution.report()"),
        (
            lambda: rp.change_pieces(pd.DataFrame({"decil": [1]})),
            "no column 'decile'. Did you mean",
        ),
        (lambda: rp.parameter_pieces(pd.DataFrame(), "tax"), "sensitivity has no column 'path'"),
        (lambda: rp.run_pieces({}), "manifest has no 'steps'"),
        (lambda: rp.selection_chart(pd.DataFrame()), "means has no column 'fitted, mean'"),
        (lambda: rp.selection_page(pd.DataFrame(), "3"), "runs is '3'; give a whole number"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_part_of_a_page_is_named(make, said):
    with pytest.raises(PejaxError, match=re.escape(said)):
        make()


def test_sections_and_pieces_may_be_made_on_the_way():
    pieces = (rp.paragraph(text) for text in ("One.", "Two."))
    page = rp.page("A title", "", (rp.Section(name, pieces) for name in ["A part"]))
    assert page.count("<section>") == 1 and page.count("<p>") == 2

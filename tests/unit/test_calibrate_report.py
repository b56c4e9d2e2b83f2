"""The report of a solution: its tables by hand, its page, its log."""

import dataclasses
import json
from html.parser import HTMLParser

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pejax import calibrate as cal
from pejax.core._results import Result

NAMES = ["a", "b", "c", "d"]


def by_hand(**changes) -> cal.Solution:
    """Four targets, one a unit: errors 10 %, -20 %, 0 and, held out, 50 %."""
    labels = {
        "groups": ["one", "one", "two", "two"],
        "levels": ["state", "nation", "state", "nation"],
        "tolerance": [0.05, 0.2, 0.05, 0.05],
        "adjusted": [cal.Adjustment("c", 44.0, 40.0, "raked")],
        "refused": [cal.Refusal("z", 1.0, "no unit contributes to it")],
    }
    settings = {"names": NAMES, "importance": [1.0, 3.0, 1.0, 0.0], **labels}
    problem = cal.TargetProblem(
        np.eye(4), [10.0, 20.0, 40.0, 100.0], **(settings | changes.pop("problem", {}))
    )
    weights = np.array([11.0, 16.0, 40.0, 150.0])
    base = np.array([5.0, 20.0, 80.0, 100.0])
    fields = {
        "weights": jnp.asarray(weights),
        "base_weights": base,
        "estimates": weights,
        "base_estimates": base,
        "problem": problem,
        "result": jnp.asarray(int(Result.successful)),
        "steps": 3,
        "loss_history": None,
        "certificate": None,
        "multipliers": None,
    }
    return cal.Solution(**(fields | changes))


def many(targets: int = 60, **labels) -> cal.Solution:
    """More targets than a page shows."""
    rng = np.random.default_rng(0)
    X = rng.gamma(0.5, 2.0, (targets, 300)) * (rng.random((targets, 300)) < 0.4)
    w0 = rng.gamma(3.0, 40.0, 300)
    problem = cal.TargetProblem(X, X @ w0 * rng.uniform(0.9, 1.1, targets), **labels)
    return cal.calibrate(problem, w0, cal.Entropy())


# ---- tables


def test_levels_by_hand():
    levels = by_hand().report().levels.set_index("level")
    assert list(levels.index) == ["state", "nation"]
    state, nation = levels.loc["state"], levels.loc["nation"]
    expected = {
        "targets": 2,
        "mean_error_before": 0.75,
        "mean_error": 0.05,
        "median_error_before": 0.75,
        "median_error": 0.05,
        "p95_error_before": 0.975,
        "p95_error": 0.095,
        "largest_error_before": 1.0,
        "largest_error": 0.1,
        "within_tolerance": 0.5,
        "weighted_mean_error": 0.05,
        "held_out": 0,
    }
    for name, value in expected.items():
        assert state[name] == pytest.approx(value), name
    assert np.isnan(state["held_out_mean_error"])
    assert (nation["targets"], nation["held_out"]) == (1, 1)
    assert nation["mean_error"] == nation["largest_error"] == pytest.approx(0.2)
    assert nation["held_out_mean_error"] == 0.5
    assert nation["within_tolerance"] == 1.0


def test_groups_weigh_by_importance_and_leave_out_what_was_held_out():
    groups = by_hand().report().groups.set_index("group")
    assert groups["targets"].to_dict() == {"one": 2, "two": 1}
    assert groups.loc["one", "mean_error"] == pytest.approx(0.15)
    assert groups.loc["one", "weighted_mean_error"] == pytest.approx((0.1 + 3 * 0.2) / 4)
    assert groups.loc["two", "mean_error"] == 0.0
    assert groups.loc["two", "largest_error_before"] == 1.0


def test_a_level_with_nothing_fitted_has_no_error():
    report = by_hand(problem={"levels": ["x", "x", "x", "alone"]}).report()
    alone = report.levels.set_index("level").loc["alone"]
    assert alone["targets"] == 0
    assert np.isnan([alone["mean_error"], alone["p95_error"], alone["weighted_mean_error"]]).all()


def test_without_labels_the_tables_are_empty():
    report = by_hand(problem={"groups": None, "levels": None, "adjusted": ()}).report()
    for table in (report.levels, report.groups, report.adjusted):
        assert table.empty
    assert {"level", "targets", "mean_error"} <= set(report.levels)
    assert list(report.adjusted) == ["name", "value", "used", "reason"]


def test_adjusted_and_refused_targets_are_listed():
    report = by_hand().report()
    assert report.adjusted.to_dict("records") == [
        {"name": "c", "value": 44.0, "used": 40.0, "reason": "raked"}
    ]
    assert report.refused["name"].tolist() == ["z"]
    assert report.targets["level"].tolist() == ["state", "nation", "state", "nation"]
    assert report.targets["tolerance"].tolist() == [0.05, 0.2, 0.05, 0.05]


def test_the_summary_by_hand():
    summary = by_hand().report().summary
    assert summary["targets"] == 3
    assert summary["targets_adjusted"] == summary["targets_refused"] == 1
    assert summary["within_tolerance"] == pytest.approx(2 / 3)
    assert summary["within_1_percent"] == pytest.approx(1 / 3)
    effective, before = 217**2 / 24_477, 205**2 / 16_825
    assert summary["effective_sample_size"] == pytest.approx(effective)
    assert summary["effective_sample_share"] == pytest.approx(effective / before)
    assert summary["gini"] == pytest.approx(441 / (4 * 217))
    assert summary["largest_weight_ratio"] == pytest.approx(2.2)


def test_the_weights_by_hand():
    report = by_hand(bounds=(0.5, 4.0)).report()
    table = report.weights.set_index("measure")
    new, base = table["calibrated"], table["base"]
    assert base[["units", "records_kept", "total_weight"]].tolist() == [4, 4, 205]
    assert new[["units", "records_kept", "total_weight"]].tolist() == [4, 4, 217]
    assert base["gini"] == pytest.approx((-15 - 20 + 80 + 300) / (4 * 205))
    assert new[["ratio_min", "ratio_median", "ratio_max"]].tolist() == pytest.approx(
        [0.5, 0.8, 2.2]
    )
    assert np.isnan(base["ratio_median"])
    assert new[["at_lower_bound", "at_upper_bound"]].tolist() == [0.25, 0.0]
    assert "at_lower_bound" not in by_hand().report().weights["measure"].tolist()


def test_ratios_and_lorenz_are_of_every_unit():
    report = by_hand().report()
    assert report.ratios["units"].sum() == 4
    assert report.ratios["share"].sum() == pytest.approx(1.0)
    for ratio in (2.2, 0.8, 0.5, 1.5):
        held = report.ratios[(report.ratios["lower"] <= ratio) & (ratio < report.ratios["upper"])]
        assert held["units"].tolist() == [1]
    at = report.lorenz.set_index("share_of_units")
    assert at.loc[0.5, "base"] == pytest.approx(25 / 205)
    assert at.loc[0.75, "calibrated"] == pytest.approx(67 / 217)


def test_weights_that_do_not_move_are_inside_one_bin():
    solution = by_hand()
    nudged = solution.base_weights * (1 + 1e-7 * np.array([1, -1, 1, -1]))
    ratios = dataclasses.replace(solution, weights=jnp.asarray(nudged)).report().ratios
    assert ratios["units"].max() == 4


def test_negative_weights_have_no_lorenz_curve_and_the_report_says_so():
    report = by_hand(weights=jnp.array([11.0, -16.0, 40.0, 150.0])).report()
    assert list(report.lorenz) == ["share_of_units", "base"]
    assert np.isnan(report.summary["gini"])
    assert report.summary["negative_share"] == 0.25
    assert report.notes == (
        "The weights have no Lorenz curve and no Gini coefficient: 25.00% of them are negative.",
    )
    assert report.notes[0] in str(report)


def test_units_without_base_weight_are_not_counted():
    weights, base = jnp.array([11.0, 0.0, 40.0, 150.0]), np.array([5.0, 0.0, 80.0, 100.0])
    report = by_hand(weights=weights, base_weights=base).report()
    table = report.weights.set_index("measure")["calibrated"]
    assert table["units"] == 3
    assert table["ratio_median"] == pytest.approx(1.5)
    assert report.notes == ("Units of base weight 0, which take no part and are not counted: 1.",)


def test_a_weight_from_nothing_is_an_infinite_ratio():
    report = by_hand(base_weights=np.array([5.0, 0.0, 80.0, 100.0])).report()
    assert report.summary["largest_weight_ratio"] == np.inf
    table = report.weights.set_index("measure")["calibrated"]
    assert table["ratio_max"] == np.inf
    assert np.isfinite(table["ratio_median"])
    assert report.ratios["units"].tolist()[-1] == 1


def test_a_solved_problem_and_its_report_agree():
    solution = many(20, levels=["state"] * 12 + ["nation"] * 8)
    report = solution.report()
    errors = np.abs(solution.errors())
    for level, rows in (("state", slice(12)), ("nation", slice(12, 20))):
        row = report.levels.set_index("level").loc[level]
        assert row["p95_error"] == pytest.approx(np.quantile(errors[rows], 0.95))
        assert row["median_error"] == pytest.approx(np.median(errors[rows]))
    assert report.summary["gini"] == pytest.approx(float(cal.gini(solution.weights)), abs=1e-4)


# ---- the page


class Page(HTMLParser):
    """Elements, attributes and text of a page that opens and closes every element."""

    VOID = frozenset({"meta", "wbr", "br", "link", "img"})

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_is_one_file_that_fetches_nothing(tmp_path):
    path = by_hand(bounds=(0.5, 4.0)).report().to_html(tmp_path / "new" / "report.html")
    assert path == tmp_path / "new" / "report.html"
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert "http://" not in text and "https://" not in text
    assert "url(" not in text and "@import" not in text
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not {"src", "href"} & {name for name, _ in page.attributes}
    assert page.tags.count("svg") == 3


def test_the_page_has_the_tables(tmp_path):
    page = Page(by_hand(bounds=(0.5, 4.0)).report().to_html(tmp_path / "r.html").read_text())
    for words in ("By level", "By group", "held out", "Set aside", "Adjusted", "raked"):
        assert words in page.text
    for words in ("at lower bound", "25.00%", "66.7%", "The solve succeeded."):
        assert words in page.text


def test_the_page_leaves_out_what_the_problem_does_not_have(tmp_path):
    plain = {"groups": None, "levels": None, "adjusted": (), "refused": ()}
    solution = by_hand(problem={**plain, "importance": None})
    page = Page(solution.report().to_html(tmp_path / "r.html").read_text())
    for words in ("By level", "By group", "held out,", "Set aside", "Adjusted", "bound"):
        assert words not in page.text


def test_names_and_title_are_escaped(tmp_path):
    names = ["<b>bold</b>", "a & b", '"><script>x</script>', "d"]
    labels = {"names": names, "groups": ["<i>", "<i>", "x", "x"], "levels": ["<u>"] * 4}
    report = by_hand(problem=labels).report()
    text = report.to_html(tmp_path / "r.html", title="<em>2025</em>").read_text()
    page = Page(text)
    assert not {"i", "u", "em", "script"} & set(page.tags)
    assert "<b>bold" not in text and "&lt;b&gt;bold" in text
    for words in (*names[:3], "<i>", "<u>", "<em>2025</em>"):
        assert words in page.text


def test_long_tables_are_cut_and_say_so(tmp_path):
    names = [f"total{k:02d}" for k in range(60)]
    solution = many(60, names=names, groups=[f"group {k % 30}" for k in range(60)])
    report = solution.report()
    text = report.to_html(tmp_path / "r.html").read_text()
    page = Page(text)
    assert "first. 35 more rows are left out." in page.text
    assert "first. 5 more rows are left out." in page.text
    worst = report.targets["error"].abs().sort_values(ascending=False, kind="stable")
    places = [page.text.find(names[k]) for k in worst.index]
    assert places[:25] == sorted(places[:25]) and places[0] > 0
    assert places[25:] == [-1] * 35
    assert len(text) < 60_000


def test_the_page_of_weights_without_a_lorenz_curve(tmp_path):
    report = by_hand(weights=jnp.array([11.0, -16.0, 40.0, 150.0])).report()
    page = Page(report.to_html(tmp_path / "r.html").read_text())
    assert report.notes[0] in page.text
    assert "base weights" in page.text and "calibrated</text>" not in page.text
    assert "nan" not in page.text.lower().split()


def test_a_page_that_fails_leaves_the_old_one(tmp_path):
    path = by_hand().report().to_html(tmp_path / "r.html")
    before = path.read_text()
    broken = by_hand().report()._replace(ratios=pd.DataFrame())
    with pytest.raises(KeyError):
        broken.to_html(path)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


# ---- the log


def lines_of(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_log_of_a_gradient_method_has_a_line_an_epoch(tmp_path):
    rng = np.random.default_rng(1)
    X, w0 = rng.gamma(2.0, 1.0, (3, 40)), np.ones(40)
    problem = cal.TargetProblem(X, X.sum(1) * [1.1, 0.9, 1.0], importance=[1, 1, 0])
    solution = cal.calibrate(problem, w0, cal.Adam(epochs=7), key=jax.random.key(0))
    path = solution.write_log(tmp_path / "logs" / "run.jsonl")
    header, *epochs = lines_of(path)
    assert header["targets"] == 2
    assert (header["units"], header["result"], header["steps"]) == (40, "successful", 7)
    assert [line["epoch"] for line in epochs] == list(range(1, 8))
    assert [line["loss"] for line in epochs] == solution.loss_history.tolist()
    assert list(path.parent.iterdir()) == [path]


def test_the_log_of_a_distance_method_has_its_last_step(tmp_path):
    header, *rest = lines_of(by_hand().write_log(tmp_path / "run.jsonl"))
    assert header == {
        "targets": 3,
        "units": 4,
        "result": "successful",
        "steps": 3,
        "squared_error_before": pytest.approx((0.25 + 0 + 1) / 5),
        "squared_error": pytest.approx((0.01 + 3 * 0.04) / 5),
    }
    assert rest == []


def test_the_log_of_a_distance_method_has_a_line_a_step(tmp_path):
    rng = np.random.default_rng(0)
    X, base = rng.gamma(1.0, 1.0, (3, 50)), np.ones(50)
    problem = cal.TargetProblem(X, X.sum(axis=1) * [1.1, 0.9, 1.2])
    solution = cal.calibrate(problem, base, cal.Entropy())
    header, *steps = lines_of(solution.write_log(tmp_path / "run.jsonl"))
    assert [line["step"] for line in steps] == list(range(1, header["steps"] + 1))
    assert steps[0]["error"] == pytest.approx(np.sqrt(header["squared_error_before"]))
    assert steps[-1]["gradient"] < steps[0]["gradient"]
    assert steps[0]["ridge"] > steps[-1]["ridge"] == pytest.approx(1e-4)


def test_losses_that_are_no_numbers_are_null(tmp_path):
    solution = by_hand(
        loss_history=np.array([1.5, np.nan, np.inf]),
        result=jnp.asarray(int(Result.nonfinite)),
    )
    header, *epochs = lines_of(solution.write_log(tmp_path / "run.jsonl"))
    assert header["result"] == "nonfinite"
    assert [line["loss"] for line in epochs] == [1.5, None, None]


def test_where_each_target_was_published_is_in_the_report(tmp_path):
    targets = pd.DataFrame(
        {
            "geo_level": ["nation", "nation"],
            "geo_id": "US",
            "variable": ["people", "none"],
            "value": [8.0, 3.0],
            "source": ["Census, table 1", "nobody"],
        }
    )
    values = pd.DataFrame({"people": [2.0, 3.0], "none": [0.0, 0.0]})
    problem = cal.geography_problem(targets, values, ["US", "US"])
    report = cal.calibrate(problem, [1.0, 1.0], cal.Entropy()).report()
    assert report.targets["source"].tolist() == ["Census, table 1"]
    assert "Census, table 1" in report.to_html(tmp_path / "report.html").read_text()

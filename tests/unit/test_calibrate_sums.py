"""Totals that do not add up: districts against their state, states against the nation."""

import numpy as np
import pandas as pd
import pytest

from pejax import calibrate as cal
from pejax.core._validate import BadInputError

HOME = ["0601", "0601", "0602", "0602", "3601", "3602"]
VALUES = pd.DataFrame(
    {"people": [1.0, 2.0, 3.0, 1.0, 2.0, 4.0], "rent": [0.0, 9.0, 4.0, 2.0, 1.0, 20.0]}
)
PEOPLE = {"0601": 30.0, "0602": 60.0, "3601": 20.0, "3602": 40.0, "06": 100.0, "36": 60.0}


def table(figures=PEOPLE, variable="people", **columns):
    level = {2: "state", 4: "district"}
    rows = [
        (variable, "nation" if place == "US" else level[len(place)], place, value)
        for place, value in figures.items()
    ]
    frame = pd.DataFrame(rows, columns=["variable", "geo_level", "geo_id", "value"])
    return frame.assign(**columns)


def problem(figures=PEOPLE, targets=None, **settings):
    targets = table(figures) if targets is None else targets
    return cal.geography_problem(targets, VALUES, HOME, **settings)


def values(found):
    return {
        name.split()[-1]: round(float(v), 6)
        for name, v in zip(found.names, found.values, strict=True)
    }


def test_both_are_kept_unless_the_caller_chooses():
    assert values(problem()) == PEOPLE
    assert problem().refused == problem().adjusted == ()


def test_districts_are_raked_to_their_state_and_listed():
    found = problem(sums="rake")
    used = values(found)
    assert used["0601"] + used["0602"] == pytest.approx(100) and used["0601"] == 33.333333
    assert used["3601"] == 20  # New York's add up
    assert [(a.name, a.value, round(a.used, 4)) for a in found.adjusted] == [
        ("people of 0601", 30.0, 33.3333),
        ("people of 0602", 60.0, 66.6667),
    ]
    assert "the 2 districts add up to 90, 'people of 06' is 100" in found.adjusted[0].reason


def test_states_are_raked_to_the_nation_before_districts_to_states():
    used = values(problem({**PEOPLE, "US": 240.0}, sums="rake"))
    assert used["06"] == 150 and used["36"] == 90
    assert used["0601"] == 50 and used["3602"] == 60


def test_districts_answer_to_the_nation_where_no_state_does():
    figures = {place: v for place, v in PEOPLE.items() if len(place) == 4} | {"US": 225.0}
    assert values(problem(figures, sums="rake"))["0601"] == 45


def test_incomplete_parts_contradict_nothing():
    figures = {place: v for place, v in PEOPLE.items() if place != "0602"}
    assert values(problem(figures, sums="rake"))["0601"] == 30


def test_parts_are_refused_where_the_caller_says_so():
    found = problem(sums="refuse")
    assert [r.name for r in found.refused] == ["people of 0601", "people of 0602"]
    assert found.refused[0].reason == (
        "contradiction: the 2 districts add up to 90, 'people of 06' is 100"
    )
    assert set(values(found)) == set(PEOPLE) - {"0601", "0602"}


@pytest.mark.parametrize("total", [200.0, 40.0, -100.0, 0.0])
def test_parts_beyond_the_limit_are_refused_rather_than_raked(total):
    found = problem({**PEOPLE, "06": total}, sums="rake")
    names = {refusal.name for refusal in found.refused}
    assert {"people of 0601", "people of 0602"} <= names
    assert not found.adjusted


def test_a_gap_within_the_tolerance_is_let_pass():
    targets = table(tolerance=0.1)
    assert values(problem(targets=targets, sums="rake")) == PEOPLE
    assert problem(targets=targets).tolerance.tolist() == [0.1] * 6


def test_the_scale_follows_the_raked_value_and_may_be_given_for_some():
    targets = table(scale=[np.nan, 5.0, *[np.nan] * 4], weight=[2.0, *[np.nan] * 5])
    found = problem(targets=targets, sums="rake")
    assert found.scale[:2].tolist() == [pytest.approx(100 / 3), 5.0]
    assert found.importance.tolist() == [2, 1, 1, 1, 1, 1]
    assert found.levels == ("district",) * 4 + ("state",) * 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"sums": "mend"}, "'mend'; choose one of keep, rake, refuse"), ({"limit": 1}, "above 1")],
)
def test_a_choice_that_is_none_is_named(settings, message):
    with pytest.raises(BadInputError, match=message):
        problem(**settings)


def test_dropping_a_repeated_target_leaves_the_loss_as_it_was():
    matrix, y = np.array([[1.0, 2.0], [1.0, 2.0], [3.0, 1.0]]), np.array([5.0, 5.0, 9.0])
    weights = np.array([1.0, 3.0, 2.0])
    found = cal.TargetProblem(matrix, y, scale=[5.0, 10.0, 9.0], importance=weights)
    assert found.importance.tolist() == [1 + 3 * 0.25, 2]
    assert found.refused[0].reason == "repeats 'target_0'"


def test_a_negative_tolerance_is_named():
    with pytest.raises(BadInputError, match=r"tolerance of target 'target_1' \(row 1\) is -1.0"):
        cal.TargetProblem(np.eye(2), [1.0, 2.0], tolerance=[0.1, -1.0])

"""Geographies read from a target table."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pejax.calibrate import geography_operator
from pejax.core._validate import BadInputError, UnknownNameError

HOME = ["0601", "0601", "0602", "3601", "3602"]
VALUES = pd.DataFrame({"people": [1.0, 2.0, 4.0], "rent": [0.0, 9.0, 20.0]})
HOUSEHOLD = [0, 1, 1, 2, 0]
ROWS = [
    ("state", "06", "rent"),
    ("district", "0602", "people"),
    ("nation", "US", "people"),
    ("district", "3601", "rent"),
    ("state", "48", "people"),
]


def table(rows=ROWS):
    return pd.DataFrame(rows, columns=["geo_level", "geo_id", "variable"])


def test_districts_add_up_to_their_states_and_the_nation():
    operator = geography_operator(table(), VALUES, HOME, household=HOUSEHOLD)
    weights = jnp.array([1.0, 10.0, 100.0, 1000.0, 10_000.0])
    np.testing.assert_allclose(operator.mv(weights), [990, 200, 14_221, 20_000, 0])


def test_a_table_without_districts_has_states_for_its_finest_areas():
    rows = [row for row in ROWS if row[0] != "district"]
    operator = geography_operator(
        table(rows), VALUES, [home[:2] for home in HOME], household=HOUSEHOLD
    )
    assert operator.mv(jnp.ones(5)).tolist() == [18, 10, 0]


def test_clones_have_their_own_take_up():
    rows = [("nation", "US", "rent"), ("district", "0601", "rent")]
    drawn = {"rent": [0.0, 0.0, 9.0, 20.0, 0.0]}
    operator = geography_operator(table(rows), VALUES, HOME, household=HOUSEHOLD, own=drawn)
    assert operator.mv(jnp.ones(5)).tolist() == [29, 0]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"targets": table().drop(columns="geo_id")}, BadInputError, "no column 'geo_id'"),
        (
            {"targets": table([("county", "06", "rent")])},
            BadInputError,
            r"geo_level\[0\] is 'county'",
        ),
        ({"targets": table([("state", "6", "rent")])}, BadInputError, "'6' is not a state: give 2"),
        ({"targets": table([("nation", "UK", "rent")])}, BadInputError, "not a nation: give 'US'"),
        ({"targets": table([("state", "06", "rnt")])}, UnknownNameError, "'rnt'.*rent"),
        ({"geo_id": ["06", *HOME[1:]]}, BadInputError, "'06' is not a district: give 4"),
        ({"own": {"snap": [0.0] * 5}}, UnknownNameError, "'snap'"),
    ],
)
def test_what_cannot_be_placed_is_named(change, error, message):
    given = {"targets": table(), "values": VALUES, "geo_id": HOME, **change}
    if "targets" in change and len(given["targets"]) == 1:
        given["geo_id"] = [home[:2] for home in HOME]
    with pytest.raises(error, match=message):
        geography_operator(**given, household=HOUSEHOLD)

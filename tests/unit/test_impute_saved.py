"""A chain saved while version 4 of the format was new is still opened, and draws the same."""

from pathlib import Path

import jax
import numpy as np
import pandas as pd
import pytest

import pejax

SAVED = Path(__file__).parent / "saved" / "chain_of_version_4.npz"
"""Two trees each for a column of every readout of donors, by age and region."""

RECEIVERS = pd.DataFrame(
    {
        "age": [70.0, 57.0, 49.0, 34.0, 37.0],
        "region": pd.Categorical(["north", "south", "south", "north", "south"]),
    }
)
DRAWN = {
    "wage": [466.0, 263.0, 88.0, 56.0, 147.0],
    "wealth": [10.0, 52.0, -67.0, -67.0, -67.0],
    "account": [1553495957619, 1572630086969, 1572630086969, 1717692075812, 1384136257986],
}
LOWER_QUARTER = {
    "wage": [313.0, 88.0, 88.0, 56.0, 88.0],
    "wealth": [-38.0, 52.0, -67.0, -36.0, -67.0],
    "account": [
        1553496014848.0,
        1615462662144.0,
        1717979709440.0,
        1467525234688.0,
        1467525234688.0,
    ],
}


@pytest.fixture(scope="module")
def chain():
    return pejax.load(SAVED)


def test_a_file_of_the_same_version_is_opened(chain):
    readouts = [imputer.forest.readout.name for imputer in chain.imputers]
    assert readouts == ["meinshausen", "all", "single"]
    drawn = chain.draw(RECEIVERS, key=jax.random.key(0))
    assert drawn.to_dict("list") == DRAWN
    assert chain.predict(RECEIVERS, [0.25])[0.25].to_dict("list") == LOWER_QUARTER


def test_what_is_saved_now_is_what_was_saved_then(chain):
    """Names in files are not those of fields: a field has another name, the files have the same."""
    then, now = dict(np.load(SAVED)), chain.to_arrays()
    assert now.keys() == then.keys()
    for name, array in then.items():
        assert array.dtype == now[name].dtype
        np.testing.assert_array_equal(array, now[name])

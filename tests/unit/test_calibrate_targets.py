"""The target table: its schema, its checks, and the figures inside policyengine-us."""

import importlib.util
import sys

import numpy as np
import pandas as pd
import pytest

from pejax.calibrate import load_targets
from pejax.calibrate.problem._targets import OPTIONAL, REQUIRED, check_targets
from pejax.core._validate import BadInputError, MissingExtraError, UnknownNameError
from pejax.countries.us._states import STATES

GOOD = pd.DataFrame(
    {
        "name": ["people", "rent in CA", "low returns"],
        "variable": ["people", "rent", "income"],
        "statistic": ["count", "sum", "count"],
        "geo_level": ["nation", "state", "nation"],
        "geo_id": ["US", "06", "US"],
        "value": [100.0, 2e6, 40.0],
        "domain": ["", "", "income"],
        "lower": [np.nan, np.nan, 1.0],
        "upper": [np.nan, np.nan, 1e4],
    }
)


INSTALLED = importlib.util.find_spec("policyengine_us") is not None


def needs_us(test):
    skip = pytest.mark.skipif(not INSTALLED, reason="needs the `us` extra")
    return pytest.mark.us(skip(test))


def changed(row, column, value):
    frame = GOOD.astype({column: object})
    frame.loc[row, column] = value
    return frame


def test_a_csv_file_comes_back_as_it_was(tmp_path):
    GOOD.to_csv(tmp_path / "targets.csv", index=False)
    table = load_targets(tmp_path / "targets.csv")
    assert list(table.columns) == [*REQUIRED, *OPTIONAL]
    assert table["geo_id"].tolist() == ["US", "06", "US"]
    pd.testing.assert_frame_equal(table[GOOD.columns], GOOD, check_dtype=False)


def test_a_checked_table_is_read_back_as_it_was_though_whole_columns_are_empty(tmp_path):
    table = check_targets(GOOD.drop(columns=["domain", "lower", "upper"]))
    table.to_csv(tmp_path / "targets.csv", index=False)
    pd.testing.assert_frame_equal(load_targets(tmp_path / "targets.csv"), table, check_dtype=False)


def test_a_parquet_file_comes_back_as_it_was(tmp_path):
    pytest.importorskip("pyarrow")
    GOOD.to_parquet(tmp_path / "targets.parquet")
    table = load_targets(tmp_path / "targets.parquet", only=["people"])
    assert table["name"].tolist() == ["people"]


@pytest.mark.parametrize("stored", [6, 6.0, "6", "06", " 06"])
def test_a_state_code_is_read_however_it_was_stored(stored):
    assert check_targets(changed(1, "geo_id", stored))["geo_id"][1] == "06"


@pytest.mark.parametrize("column", REQUIRED)
def test_a_missing_column(column):
    with pytest.raises(BadInputError, match=rf"no column '{column}'.*docs/targets.md"):
        check_targets(GOOD.drop(columns=column))


def test_an_unknown_column_comes_with_the_nearest():
    with pytest.raises(
        UnknownNameError, match=r"Unknown target column 'uper'. Did you mean 'upper'"
    ):
        check_targets(GOOD.rename(columns={"upper": "uper"}))


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (1, "value", np.nan, r"Row 1 of the target table \('rent in CA'\) has the value nan"),
        (1, "value", np.inf, "the value inf"),
        (2, "value", "many", "value 'many'. Give a number"),
        (2, "lower", "low", "lower 'low'. Give a number"),
        (2, "name", "people", "a name that an earlier row has"),
        (0, "statistic", "mean", "statistic 'mean'. Choose one of: sum, count"),
        (1, "geo_level", "county", "geo_level 'county'. Choose one of: nation, state"),
        (1, "geo_id", "03", "geo_id '03'. Give a state's FIPS code"),
        (1, "geo_id", "CA", "geo_id 'CA'. Give a state's FIPS code"),
        (0, "geo_id", "06", "geo_id '06'. Give 'US'"),
        (2, "upper", 1.0, "an empty range of its domain"),
        (2, "domain", "", "bounds and no domain"),
    ],
)
def test_a_broken_row_is_named(row, column, value, message):
    with pytest.raises(BadInputError, match=message):
        check_targets(changed(row, column, value))


def test_an_unknown_target_comes_with_the_nearest(tmp_path):
    GOOD.to_csv(tmp_path / "targets.csv", index=False)
    with pytest.raises(
        UnknownNameError, match=r"Unknown target 'rent CA'. Did you mean 'rent in CA'"
    ):
        load_targets(tmp_path / "targets.csv", only=["people", "rent CA"])


def test_a_file_that_is_not_there_or_of_another_kind(tmp_path):
    with pytest.raises(BadInputError, match="There is no file"):
        load_targets(tmp_path / "none.csv")
    (tmp_path / "targets.xlsx").touch()
    with pytest.raises(BadInputError, match=r"neither .csv, .csv.gz nor .parquet"):
        load_targets(tmp_path / "targets.xlsx")


def test_the_installed_figures_without_policyengine_us(monkeypatch):
    monkeypatch.setitem(sys.modules, "policyengine_us", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install "pejax\[us\]"'):
        load_targets(period=2025)


@needs_us
def test_the_installed_figures():
    table = load_targets(period=2025).set_index("name")
    assert len(table) > 200
    assert table.loc["census.populations.total", "value"] == 349_806_000
    assert table.loc["treasury.tax_expenditures.eitc", "value"] == 68_650_000_000
    # Parts published for an earlier year keep their shares of the sum published for this one.
    parts = table.loc[
        [f"irs.soi.{name}" for name in ("taxable_interest_income", "non_qualified_dividend_income")]
    ]
    assert parts["value"].sum() == pytest.approx(323_900_000_000)


@needs_us
def test_residents_by_state_are_filed_under_their_own_state():
    """The installed file gives California Tennessee's count; the targets do not."""
    table = load_targets(period=2025).set_index("name")
    states = table.filter(like="census.populations.by_state", axis=0)
    assert len(states) == 51
    assert states["value"].sum() == pytest.approx(349_806_000)
    assert states["value"].idxmax() == "census.populations.by_state.CA"
    assert states["value"].idxmin() == "census.populations.by_state.WY"
    assert states.loc["census.populations.by_state.TX", "geo_id"] == "48"


@needs_us
def test_income_bands_join_and_cover():
    table = load_targets(period=2025).set_index("name")
    bands = table.filter(like="number_of_returns", axis=0)
    assert bands["lower"].iloc[0] == 1.0
    assert np.isnan(bands["upper"].iloc[-1])
    np.testing.assert_array_equal(bands["upper"].iloc[:-1], bands["lower"].iloc[1:])


def test_the_census_counts_are_the_nation():
    assert len(STATES) == 51
    assert sum(state.census_2020 for state in STATES) == 331_449_281
    assert len({state.fips for state in STATES}) == len({state.postal for state in STATES}) == 51

"""Formulas of policyengine-us that look codes up in tables: the program gives what it gives.

Households get real codes of their own state and of tables that few places are in, and codes that
are unknown, short, padded with blanks or empty.
"""

import importlib
import importlib.util

import numpy as np
import pytest

from pejax import datasets, engine
from pejax.engine import importer

PACKAGE = "policyengine_us"
YEAR = 2025
HOUSEHOLDS = 600

BY_COUNTY = (
    "ami",
    "hud_extremely_low_income_limit",
    "hud_very_low_income_limit",
    "hud_low_income_limit",
    "hud_fair_market_rent",
    "hud_utility_allowance",
    "county",
    "slcsp_rating_area_default",
    "medicaid_rating_area",
    "fl_sr_max_daily_rate",
    "combined_sales_tax_rate",
    "local_sales_tax_rate",
    "local_sales_tax_table",
)
BY_ZIP_CODE = (
    "three_digit_zip_code",
    "small_area_fair_market_rent",
    "zip_code_payment_standard",
    "safmr_used_for_hcv",
)
BY_OTHER_NAMES = ("state_name", "snap_region", "tx_ccs_payment_rate")

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.us,
    # The package assigns to a column in two steps, without effect in pandas 3, which says so.
    pytest.mark.filterwarnings("ignore::pandas.errors.ChainedAssignmentError"),
]


@pytest.fixture(scope="module")
def people():
    return datasets.load_cps(period=YEAR, households=HOUSEHOLDS)


def table(module, name):
    return getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)


def texts(values):
    return np.array([str(v) for v in values])


def mixture(rng, count, *sources):
    """As many codes, drawn in turn from each source."""
    drawn = np.stack([rng.choice(texts(s), count) for s in sources], axis=1)
    return drawn[np.arange(count), rng.integers(0, len(sources), count)]


@pytest.fixture(scope="module")
def located(country, people):
    """The same households with counties, ZIP codes, places and blocks."""
    rng = np.random.default_rng(0)
    count = people.count("household")
    states = importer.source_values(
        importer.source_simulation(PACKAGE, people, YEAR), ["state_code_str"], YEAR
    )["state_code_str"]
    counties = table("tools.geography.county_helpers", "load_county_fips_dataset")()
    places = table("tools.local_sales_tax_rates", "locality_place_counties")()
    fips = counties.groupby("state")["county_fips"].apply(list)
    at_home = [rng.choice(fips[s]) for s in states]
    prefix = {s: codes[0][:2] for s, codes in fips.items()}
    of_state = {s: [p for p in places.index if p.startswith(prefix[s])] for s in set(states)}
    nearby = [rng.choice(of_state[s] or [""]) for s in states]
    allowance = table("parameters.gov.hud.utility_allowance", "county_utility_allowances")
    county = mixture(rng, count, ["", "99999", "abc", "6037"], allowance["county_fips"])
    rents = table("parameters.gov.hud.fmr", "small_area_fair_market_rents")
    standards = table("parameters.gov.hud.payment_standards", "zip_code_payment_standards")
    kept = rng.random(count)
    block = [f"{c}0010010010" for c in at_home]
    return people.with_columns(
        {
            "household": {
                "county_fips": np.where(kept < 0.6, texts(at_home), county),
                "zip_code": mixture(
                    rng,
                    count,
                    rents["zip_code"],
                    standards["zip_code"],
                    ["", "UNKNOWN", "501", " 90210-1234", "10001"],
                ),
                "bedrooms": rng.integers(0, 9, count),
                "place_fips": np.where(kept < 0.4, texts(nearby), texts(p[2:] for p in nearby)),
                "block_geoid": np.where(kept > 0.8, texts(block), ""),
            }
        }
    )


def found(country, people, name):
    program = engine.compile(country, [name], YEAR, people)
    values = np.asarray(program(program.parameters, people)[name])
    words = program.vocabulary(name)
    return values if words is None else np.asarray(words)[values]


def fail_unless_equal(country, people, name, several=False):
    simulation = importer.source_simulation(PACKAGE, people, YEAR)
    theirs = importer.source_values(simulation, [name], YEAR)[name]
    mine = found(country, people, name)
    assert not several or len(np.unique(theirs)) > 1, f"{name} is the same for everybody"
    if theirs.dtype.kind == "f":
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", [*BY_COUNTY, *BY_ZIP_CODE])
def test_looked_up_by_codes_that_were_given(country, located, name):
    fail_unless_equal(country, located, name, several=True)


@pytest.mark.parametrize("name", [*BY_COUNTY, *BY_ZIP_CODE, *BY_OTHER_NAMES])
def test_looked_up_without_codes(country, people, name):
    fail_unless_equal(country, people, name)


def test_looked_up_by_five_names(country, people):
    count = people.count("person")
    given = {
        "tx_ccs_eligible_child": np.ones(count, bool),
        "childcare_attending_days_per_month": np.full(count, 20.0),
    }
    everyone = people.with_columns({"person": given})
    fail_unless_equal(country, everyone, "tx_ccs_payment_rate", several=True)

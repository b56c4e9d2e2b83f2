"""The CPS file of the installed taxcalc, as households."""

import importlib.util
import re
import subprocess
import sys

import jax
import numpy as np
import pandas as pd
import pytest

from pejax import datasets
from pejax.core._validate import BadInputError
from pejax.countries._installed import installed_file, installed_folder
from pejax.countries.us._cps_columns import (
    FACTS,
    FILE_YEAR,
    KEYS,
    LEFT_OUT,
    MONEY,
    REPORTED,
    field_labels,
)

DOLLARS = (*MONEY, *REPORTED)
INSTALLED = all(importlib.util.find_spec(name) for name in ("taxcalc", "policyengine_us"))
pytestmark = [
    pytest.mark.us,
    pytest.mark.skipif(not INSTALLED, reason="needs the `us` extra"),
]


@pytest.fixture(scope="module")
def raw():
    return pd.read_csv(installed_file("taxcalc", "cps.csv.gz"))


@pytest.fixture(scope="module")
def full():
    return datasets.load_cps_with_report(period=2025)


@pytest.fixture(scope="module")
def small():
    return datasets.load_cps(period=2025, households=500)


def test_everybody_is_there(full, raw):
    pop, _ = full
    assert pop.count("tax_unit") == 280_005
    assert pop.count("household") == 200_576
    assert pop.count() == raw["XTOT"].sum() == 542_168
    assert pop.count("spm_unit") == pop.count("household")
    assert pop.count("marital_unit") == pop.count() - (raw["MARS"] == 2).sum()
    assert pop.count("family") == raw.groupby(["FLPDYR", "h_seq", "ffpos"]).ngroups


def test_weights_stand_for_the_population(full):
    pop, _ = full
    persons = np.asarray(pop.weight(), np.float64).sum()
    np.testing.assert_allclose(persons, datasets.population_total(2025), rtol=1e-6)
    assert float(pop.weights.min()) > 0


def test_the_population_figure_is_the_one_in_force():
    assert datasets.population_total(2025) == 349_806_000
    assert datasets.population_total(2300) == datasets.population_total(2200)
    with pytest.raises(BadInputError, match=r"no population figure for 1900.*person_total"):
        datasets.population_total(1900)


def test_people_are_as_many_without_the_country_package(monkeypatch):
    years = (2015, 2025, 2040, 2055, 2300)
    expected = [datasets.population_total(year) for year in years]
    few = datasets.load_cps(period=2025, households=30)
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if "policyengine" in name else found(name)
    )
    assert [datasets.population_total(year) for year in years] == expected
    again = datasets.load_cps(period=2025, households=30)
    np.testing.assert_array_equal(again.weights, few.weights)
    with pytest.raises(BadInputError, match="the first is for 2015"):
        datasets.population_total(1900)


def test_dollars_are_the_files_dollars_in_its_own_year(raw):
    pop = datasets.load_cps(period=FILE_YEAR, person_total=3.2e8, reported=True)
    for item in DOLLARS:
        named = raw[list(item.fields)].to_numpy(dtype=float)
        expected = named[:, 0] - named[:, 1] if item.minus else named.sum(axis=1)
        found = np.asarray(pop.column(item.column), np.float64)
        np.testing.assert_allclose(found.sum(), expected.sum(), rtol=1e-6, err_msg=item.column)


def test_dollars_of_a_unit_belong_to_its_head(full):
    pop, _ = full
    head = np.asarray(pop.column("is_tax_unit_head"))
    spouse = np.asarray(pop.column("is_tax_unit_spouse"))
    for item in MONEY:
        if item.entity == "person":
            others = ~(head | spouse) if item.split else ~head
            assert not np.asarray(pop.column(item.column))[others].any(), item.column


def test_aging_multiplies_by_the_growth_of_the_field(raw):
    growth = datasets.growth_factors(FILE_YEAR, 2025)
    base = datasets.load_cps(households=2000, period=FILE_YEAR, person_total=1e6, reported=True)
    aged = datasets.load_cps(households=2000, period=2025, person_total=1e6, reported=True)
    for item in DOLLARS:
        before = np.asarray(base.column(item.column), np.float64)
        after = np.asarray(aged.column(item.column), np.float64)
        loss = growth[item.losses or item.growth]
        expected = before * np.where(before < 0, loss, growth[item.growth])
        np.testing.assert_allclose(after, expected, rtol=1e-6, err_msg=item.column)


def test_reported_amounts_are_added_on_request_and_nothing_else_changes(small):
    more = datasets.load_cps(period=2025, households=500, reported=True).to_frames()
    for item in REPORTED:
        assert more[item.entity].pop(item.column).sum() > 0
    for entity, frame in small.to_frames().items():
        pd.testing.assert_frame_equal(more[entity], frame)


def test_growth_multiplies_year_by_year():
    table = pd.read_csv(installed_file("taxcalc", "growfactors.csv"), index_col="YEAR")
    growth = datasets.growth_factors(2014, 2017)
    np.testing.assert_allclose(growth["AWAGE"], table.loc[2015:2017, "AWAGE"].prod(), rtol=1e-12)
    assert set(datasets.growth_factors(2014, 2014).values()) == {1.0}
    with pytest.raises(BadInputError, match="run from 2011 to"):
        datasets.growth_factors(2014, 2013)


def test_growth_factors_are_those_that_taxcalc_applies():
    source = installed_file("taxcalc", "records.py").read_text()
    applied = dict(re.findall(r"self\.(\w+) \*= gfv\['(\w+)'\]", source))
    for item in DOLLARS:
        for name in item.fields:
            if name in applied:
                assert applied[name] == item.growth, name
    assert "self.e00900p * gfv['ASCHCI']" in source
    assert "self.e00900p * gfv['ASCHCL']" in source


def test_every_field_is_described_and_accounted_for(raw):
    labels = field_labels()
    used = {name for item in DOLLARS for name in item.fields}
    used |= {name for names in FACTS.values() for name in names} | set(KEYS)
    assert used <= labels.keys()
    assert used.isdisjoint(LEFT_OUT)
    assert used | LEFT_OUT.keys() == set(raw.columns)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("e00200p", "wages"),
        ("e00900s", "sch c"),
        ("e02100p", "farm"),
        ("e00300", "taxable interest"),
        ("e00400", "tax-exempt interest"),
        ("e00650", "qualified dividends"),
        ("e01100", "capital gain distributions"),
        ("e01400", "taxable ira"),
        ("e01700", "taxable pensions"),
        ("e02300", "unemployment"),
        ("e02400", "social security"),
        ("e17500", "medical"),
        ("e18400", "state and local income/sales taxes"),
        ("e18500", "real-estate taxes"),
        ("e19200", "interest paid"),
        ("e19800", "cash/check"),
        ("e20100", "other than cash"),
        ("e32800", "child/dependent-care"),
        ("nu06", "dependents under 6"),
        ("nu18", "people under 18"),
        ("DSI", "claimed as dependent"),
        ("FLPDYR", "year"),
    ],
)
def test_fields_mean_what_the_mapping_takes_them_for(name, words):
    assert words in field_labels()[name].lower()


def test_columns_are_input_variables_of_policyengine_us():
    """Read as text: importing the country package takes a minute."""
    wanted = {item.column: item.entity for item in DOLLARS}
    wanted |= dict.fromkeys(FACTS, "person")
    wanted |= {"state_fips": "household", "household_weight": "household"}
    given_by_the_file = {"is_tax_unit_head", "is_tax_unit_spouse", "is_tax_unit_dependent"}
    given_by_the_file |= {item.column for item in REPORTED}
    kinds = {
        "person": "Person",
        "tax_unit": "TaxUnit",
        "household": "Household",
        "spm_unit": "SPMUnit",
    }
    found = {}
    for path in installed_folder("policyengine_us").glob("variables/**/*.py"):
        for body in re.split(r"(?m)^(?=class )", path.read_text(encoding="utf-8")):
            name = re.match(r"class (\w+)\(Variable\)", body)
            if name and name[1] in wanted:
                found[name[1]] = body
    assert found.keys() == wanted.keys()
    for name, body in found.items():
        assert re.search(rf"entity = {kinds[wanted[name]]}\n", body), name
        assert "definition_period = YEAR" in body, name
        computed = re.search(r"def formula|^    (adds|subtracts) =", body, re.MULTILINE)
        assert bool(computed) == (name in given_by_the_file), name


def test_the_mapping_is_a_table_with_labels():
    table = datasets.cps_mapping()
    row = table.set_index("column").loc["taxable_interest_income"]
    assert (row["entity"], row["fields"], row["growth"]) == ("person", "e00300", "AINTS")
    assert row["label"] == "Taxable interest income"
    left = table[table["column"].isna()]
    assert set(left["fields"]) == set(LEFT_OUT)


def test_who_is_who(full, raw):
    pop, _ = full
    roles = np.stack(
        [pop.column(f"is_tax_unit_{role}") for role in ("head", "spouse", "dependent")]
    )
    assert (roles.sum(axis=0) == 1).all()
    assert roles[1].sum() == (raw["MARS"] == 2).sum()
    assert np.asarray(pop.column("is_separated")).sum() == (raw["MARS"] == 3).sum()
    assert np.asarray(pop.column("claimed_as_dependent_on_another_return")).sum() == 2743
    blind = raw["blind_head"].sum() + raw["blind_spouse"].sum()
    assert np.asarray(pop.column("is_blind")).sum() == blind


def test_couples_share_a_marital_unit(small):
    pop = small
    together = np.bincount(np.asarray(pop.links["marital_unit"]))
    spouses = np.asarray(pop.column("is_tax_unit_spouse"))
    assert set(together) == {1, 2}
    assert (together == 2).sum() == spouses.sum()
    assert (np.asarray(pop.positions["marital_unit"]) == spouses).all()


def test_ages_agree_with_the_counts_in_the_file(full, raw):
    pop, _ = full
    raw = raw.sort_values(["FLPDYR", "h_seq", "RECID"])
    age, unit = np.asarray(pop.column("age")), np.asarray(pop.links["tax_unit"])
    dependant = np.asarray(pop.column("is_tax_unit_dependent"))

    def count(chosen):
        return np.bincount(unit[chosen], minlength=len(raw))

    assert (count(dependant & (age < 6)) == raw["nu06"]).all()
    assert (count(dependant & (age < 13)) == raw["nu13"]).all()
    # Exemptions that the file's age counts leave out: absent spouses.
    beyond = [
        count(age < 18) - raw["nu18"].to_numpy(),
        count((age >= 18) & (age <= 20)) - raw["n1820"].to_numpy(),
        count(age >= 21) - raw["n21"].to_numpy(),
    ]
    assert all((extra >= 0).all() for extra in beyond)
    assert sum(extra.sum() for extra in beyond) == 103 + 992
    assert age.max() == 85
    assert age.min() == 0


def test_the_report_lists_what_was_imputed(full):
    _, report = full
    rows = report.set_index("reason")["rows"]
    assert rows["a spouse of age 0 gets the head's age"] == 103
    assert rows["an exemption in no age band; drawn from 21 to 23"] == 992
    assert rows["a negative count of dependants in a band"] == 0
    assert rows["the file counts dependants by age band only"] == 155_932


def test_students_are_grown_dependants(full):
    pop, _ = full
    student = np.asarray(pop.column("is_full_time_college_student"))
    ages = np.asarray(pop.column("age"))[student]
    assert student.sum() > 5000
    assert (ages.min(), ages.max()) == (18, 23)
    assert np.asarray(pop.column("is_tax_unit_dependent"))[student].all()


def test_the_same_seed_gives_the_same_people(small):
    again = datasets.load_cps(period=2025, households=500)
    for left, right in zip(jax.tree.leaves(small), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_draw_does_not_depend_on_the_sample(full, small):
    pop, _ = full
    whole = dict(zip(pop.ids["person"].tolist(), pop.column("age").tolist(), strict=True))
    sampled = zip(small.ids["person"].tolist(), small.column("age").tolist(), strict=True)
    assert all(whole[record] == age for record, age in sampled)


def test_a_small_sample_is_part_of_a_larger_one(small):
    larger = datasets.load_cps(period=2025, households=800)
    assert small.count("household") == 500
    assert set(small.ids["household"].tolist()) < set(larger.ids["household"].tolist())
    other = datasets.load_cps(period=2025, households=500, seed=1)
    assert set(other.ids["household"].tolist()) != set(small.ids["household"].tolist())


def test_a_sample_stands_for_the_whole_population(small):
    persons = np.asarray(small.weight(), np.float64).sum()
    np.testing.assert_allclose(persons, datasets.population_total(2025), rtol=1e-6)


def test_rows_are_in_household_order(small):
    assert small.in_blocks(3).column("age").tolist() == small.column("age").tolist()


@pytest.mark.parametrize("households", [0, 10**6])
def test_a_sample_that_the_file_cannot_give(households):
    with pytest.raises(BadInputError, match="The file has 200576 households"):
        datasets.load_cps(period=2025, households=households)


def test_a_year_that_the_file_cannot_reach():
    with pytest.raises(BadInputError, match="Choose a year between 2014 and"):
        datasets.load_cps(period=2013, households=10)


def test_taxcalc_and_policyengine_are_never_imported():
    code = (
        "import sys; from pejax import datasets; datasets.load_cps(period=2025, households=50);"
        "print({'taxcalc', 'policyengine_us', 'policyengine_core'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

"""Draws and age bands, on made-up tax units."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax.core._validate import BadInputError, MissingExtraError
from pejax.countries.us._ages import BANDS, age_bands, band_of_dependants, draw_ages, students
from pejax.countries.us._hash import uniform
from pejax.datasets import installed_file


def units(*rows):
    """Tax units from keyword arguments, zero where nothing is said; heads are 40."""
    names = ("age_head", "age_spouse", "MARS", "nu06", "nu13", "n24", "nu18", "n1820", "n21",
             "elderly_dependents", "EIC")  # fmt: skip
    filled = [{"age_head": 40, "MARS": 1, "n21": 1} | row for row in rows]
    return {name: np.array([row.get(name, 0) for row in filled]) for name in names}


def test_draws_depend_on_seed_record_and_purpose_alone():
    records = np.arange(1000)
    draws = uniform(3, records, "age")
    np.testing.assert_array_equal(uniform(3, records[::-1], "age")[::-1], draws)
    np.testing.assert_array_equal(uniform(3, records[500:], "age"), draws[500:])
    for other in (uniform(4, records, "age"), uniform(3, records, "sample")):
        assert not (other == draws).any()


def test_draws_are_uniform_and_independent():
    draws = uniform(0, np.arange(100_000), "age")
    assert draws.min() >= 0
    assert draws.max() < 1
    counts = np.histogram(draws, bins=20, range=(0, 1))[0]
    chi_square = ((counts - 5000) ** 2 / 5000).sum()
    assert chi_square < 50  # 19 degrees of freedom: exceeded once in 10,000
    assert abs(np.corrcoef(draws[1:], draws[:-1])[0, 1]) < 0.02
    other = uniform(1, np.arange(100_000), "age")
    assert abs(np.corrcoef(draws, other)[0, 1]) < 0.02


@settings(deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.lists(st.integers(0, 2**62), min_size=1, max_size=5))
def test_any_seed_and_record_draw_in_the_unit_interval(seed, records):
    draws = uniform(seed, np.array(records), "x")
    assert ((draws >= 0) & (draws < 1)).all()


def test_head_and_spouse_are_taken_out_of_the_counts_of_people():
    unit = units(
        {"MARS": 2, "age_spouse": 38, "n21": 2, "nu06": 1, "nu13": 2, "n24": 3, "nu18": 4},
        {"age_head": 16, "n21": 0, "nu18": 1},
        {"age_head": 19, "n21": 0, "n1820": 2},
    )
    bands = age_bands(unit, np.array([4, 0, 1]))
    assert bands.counts.tolist() == [
        [1, 1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 0, 0],
    ]
    assert (bands.clipped, bands.unplaced, bands.surplus) == (0, 0, 0)


def test_a_spouse_of_age_zero_is_counted_nowhere():
    bands = age_bands(units({"MARS": 2, "age_spouse": 0, "n21": 1}), np.array([0]))
    assert bands.counts.sum() == 0
    assert bands.clipped == 0


def test_dependants_without_a_band_and_bands_without_dependants():
    unplaced = age_bands(units({}), np.array([2]))
    assert unplaced.counts.tolist() == [[0, 0, 0, 0, 0, 2, 0]]
    assert unplaced.unplaced == 2
    surplus = age_bands(units({"nu18": 2, "n24": 2, "n21": 2}), np.array([1]))
    assert surplus.counts.tolist() == [[0, 0, 1, 0, 0, 0, 0]]
    assert surplus.surplus == 2


def test_negative_cells_are_clipped_and_counted():
    bands = age_bands(units({"nu06": 2, "nu13": 1, "nu18": 2, "n24": 2}), np.array([2]))
    assert bands.clipped == 1
    assert bands.counts.min() >= 0
    assert bands.counts.sum() == 2


def test_elderly_dependants_are_65_or_more():
    bands = age_bands(units({"n21": 2, "elderly_dependents": 1}), np.array([1]))
    ages = draw_ages(band_of_dependants(bands), np.array([7]), seed=0)
    assert 65 <= ages[0] < 80


def test_ages_stay_in_their_band_and_reach_all_of_it():
    band = np.repeat(np.arange(len(BANDS)), 2000)
    ages = draw_ages(band, np.arange(len(band)), seed=1)
    for index, (low, high) in enumerate(BANDS):
        assert sorted(set(ages[band == index])) == list(range(low, high))


@pytest.mark.parametrize(
    ("row", "dependants", "expected"),
    [
        ({"n1820": 2, "EIC": 1}, 2, [True, False]),
        ({"n1820": 1, "EIC": 0}, 1, [False]),
        ({"nu18": 3, "n24": 3, "n1820": 1, "EIC": 3}, 4, [False, False, False, True]),
        ({"nu18": 1, "n24": 1, "EIC": 2}, 1, [False]),
        ({"n21": 2, "elderly_dependents": 1, "EIC": 1}, 1, [False]),
    ],
)
def test_grown_qualifying_children_study(row, dependants, expected):
    unit = units(row)
    bands = age_bands(unit, np.array([dependants]))
    assert students(bands, unit, band_of_dependants(bands)).tolist() == expected


def test_students_are_counted_unit_by_unit():
    unit = units({"n1820": 1, "EIC": 1}, {"n1820": 1}, {"n1820": 1, "EIC": 1})
    bands = age_bands(unit, np.array([1, 1, 1]))
    assert students(bands, unit, band_of_dependants(bands)).tolist() == [True, False, True]


def test_an_absent_package_and_an_absent_file():
    with pytest.raises(MissingExtraError, match=r'pip install "pejax\[us\]"'):
        installed_file("no_such_country", "x.csv")
    with pytest.raises(BadInputError, match=r"installed jax has no file x\.csv"):
        installed_file("jax", "x.csv")

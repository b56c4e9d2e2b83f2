"""PolicyEngine's HDF5 layout, in files that the tests write."""

import numpy as np
import pytest

from pejax import io
from pejax.core._validate import BadInputError

h5py = pytest.importorskip("h5py")


def write(path, year=2024, **changes):
    arrays = {
        "person_id": np.array([1, 2, 3]),
        "household_id": np.array([1, 2]),
        "tax_unit_id": np.array([10, 11]),
        "person_household_id": np.array([1, 1, 2]),
        "person_tax_unit_id": np.array([10, 10, 11]),
        "household_weight": np.array([5.0, 6.0], np.float32),
        "household_size": np.array([2, 1]),
        "age": np.array([40.0, 9.0, 70.0], np.float32),
        "job": np.array([b"COOK", b"NONE", b"COOK"]),
    } | changes
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            if values is not None:
                file[f"{name}/{year}"] = values
    return path


def test_variables_links_and_weights(tmp_path):
    pop = io.read_policyengine_h5(write(tmp_path / "cps.h5"), 2024)
    assert pop.schema.entities == ("person", "household", "tax_unit")
    assert pop.links["tax_unit"].tolist() == [0, 0, 1]
    assert pop.weight().tolist() == [5.0, 5.0, 6.0]
    assert pop.column("age").tolist() == [40.0, 9.0, 70.0]
    assert pop.labels("job").tolist() == ["COOK", "NONE", "COOK"]
    assert pop.column("household_size").tolist() == [2, 1]


def test_a_number_of_a_person_is_no_link(tmp_path):
    """`parent_1_id` names a parent, 0 where none is known: no group of persons."""
    path = write(tmp_path / "cps.h5", parent_1_id=np.array([0, 1, 0]))
    pop = io.read_policyengine_h5(path, 2024)
    assert pop.schema.entities == ("person", "household", "tax_unit")
    assert pop.column("parent_1_id").tolist() == [0, 1, 0]


def test_a_variable_whose_entity_is_open(tmp_path):
    path = write(tmp_path / "cps.h5", rent=np.array([1.0, 2.0]))
    with pytest.raises(BadInputError, match=r"rent \(2 rows: household or tax_unit\).*entities="):
        io.read_policyengine_h5(path, 2024)
    pop = io.read_policyengine_h5(path, 2024, entities={"rent": "household"})
    assert pop.column("rent", "household").tolist() == [1.0, 2.0]


def test_what_is_set_aside_is_listed(tmp_path):
    path = write(tmp_path / "cps.h5", hours=np.array([1.0, np.nan, 2.0]))
    with h5py.File(path, "a") as file:
        file["old/2022"] = np.zeros(3)
        file["flat"] = np.zeros(3)
    pop, report = io.read_policyengine_h5_with_report(path, 2024)
    reasons = dict(zip(report["variable"], report["reason"], strict=True))
    assert sorted(reasons) == ["flat", "hours", "old"]
    assert reasons["old"] == "stored for 2022, not for 2024"
    assert "row 1" in reasons["hours"]
    assert "hours" not in pop.columns["person"]


def test_a_year_that_the_file_lacks(tmp_path):
    with pytest.raises(BadInputError, match=r"lacks person_id, .* Choose a year"):
        io.read_policyengine_h5(write(tmp_path / "cps.h5"), 2030)


def test_a_group_without_ids(tmp_path):
    path = write(tmp_path / "cps.h5", tax_unit_id=None)
    with pytest.raises(BadInputError, match="lacks tax_unit_id"):
        io.read_policyengine_h5(path, 2024)

"""What a country's own simulation does with its inputs, found by asking its class."""

import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.core._validate import BadInputError
from pejax.engine import Country, compile, importer
from pejax.engine.importer._moved import moved_inputs
from pejax.engine.rules._names import Moved

pytest.importorskip("policyengine_core")
pytestmark = pytest.mark.us


def moving(*moves):
    """Toyland's class, if it moved inputs: a name, those it goes to, whether it yields."""
    from policyengine_toyland.system import Simulation

    class Moving(Simulation):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            for name, *targets, yields in moves:
                self._move(name, targets, yields)

        def _move(self, name, targets, yields):
            if yields and self.get_holder(targets[0]).get_known_periods():
                return
            holder = self.get_holder(name)
            for period in holder.get_known_periods():
                for target in targets:
                    self.set_input(target, period, holder.get_array(period))
                holder.delete_arrays(period)

    return Moving


@pytest.fixture(scope="module")
def source():
    from policyengine_toyland.system import system

    return system


def test_a_class_that_moves_nothing(source):
    assert moved_inputs(moving(), source) == {}


@pytest.mark.parametrize("yields", [False, True])
def test_a_move_and_which_of_two_names_wins(source, yields):
    found = moved_inputs(moving(("income", "per_head", yields)), source)
    assert found == {"income": Moved("per_head", yields)}


def test_several_moves_and_one_that_is_none(source):
    own = moving(("income", "per_head", False), ("old_levy", "all_taxes", "income_tax", False))
    assert moved_inputs(own, source) == {"income": Moved("per_head"), "old_levy": Moved("")}


def test_an_input_that_is_only_looked_at_stays(source):
    assert moved_inputs(moving(("income", "income", True)), source) == {}


@pytest.fixture
def people():
    person = {"person_id": range(3), "household_id": [0, 0, 1], "income": [5.0, 20.0, 50.0]}
    household = {"household_id": [0, 1], "household_weight": 1.0}
    return Population.from_frames(
        {"person": pd.DataFrame(person), "household": pd.DataFrame(household)}
    )


def test_a_country_that_moves_is_computed_as_it_computes(monkeypatch, people):
    """`income` is kept as `old_levy`, so nobody has income."""
    import policyengine_toyland.system as module

    from pejax.engine.importer import _country

    _country._moved.cache_clear()
    monkeypatch.setattr(module, "Simulation", moving(("income", "old_levy", False)))
    try:
        country = Country("policyengine_toyland", "moving")
        names = ["income", "income_tax", "all_taxes"]
        program = compile(country, names, 2025, people)
        found = program(program.parameters, people)
        theirs = importer.source_values(
            importer.source_simulation(country, people, 2025), names, 2025
        )
        for name in names:
            np.testing.assert_allclose(found[name], theirs[name], err_msg=name)
        np.testing.assert_allclose(found["income"], 0)
        np.testing.assert_allclose(found["all_taxes"], [5, 20, 50])
        both = people.with_columns("person", old_levy=np.zeros(3))
        with pytest.raises(BadInputError, match="'income' and 'old_levy' give one variable"):
            compile(country, names, 2025, both)
    finally:
        _country._moved.cache_clear()

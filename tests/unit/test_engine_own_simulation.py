"""A country's class that loads its rules itself, takes a situation and moves inputs; its law, with
copies, second names and what was taken out of it."""

import dataclasses
import types

import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.core._validate import BadInputError
from pejax.engine import Country, build_system, compile, importer, input_variable
from pejax.engine.importer._built import built, takes_populations
from pejax.engine.importer._law_read import law_of, paths_of
from pejax.engine.importer._moved import moved_inputs
from pejax.engine.rules._names import Moved
from pejax.engine.rules._reform import read_reform

pytest.importorskip("policyengine_core")
pytestmark = pytest.mark.us


def of_situation(*moves):
    """Toyland's class, if it took situations alone and moved inputs from one name to another."""
    from policyengine_toyland.system import Simulation

    class OfSituation(Simulation):
        def __init__(self, situation=None, reform=None):
            super().__init__(situation=situation, reform=reform)
            for name, target in moves:
                holder = self.get_holder(name)
                for period in holder.get_known_periods():
                    self.set_input(target, period, holder.get_array(period))
                    holder.delete_arrays(period)

    return OfSituation


@pytest.fixture(scope="module")
def source():
    from policyengine_toyland.system import system

    return system


@pytest.fixture
def people():
    person = {"person_id": range(3), "household_id": [1, 0, 1], "income": [5.0, 20.0, 50.0]}
    household = {"household_id": [0, 1], "household_weight": 1.0}
    return Population.from_frames(
        {"person": pd.DataFrame(person), "household": pd.DataFrame(household)}
    )


def test_what_a_class_takes_is_found(source):
    from policyengine_toyland.system import Simulation

    assert takes_populations(Simulation) and not takes_populations(of_situation())


def test_people_are_given_as_a_situation(source):
    links = {"household": np.array([1, 0, 1])}
    made = built(of_situation(), source, [("income", "2025", np.array([5.0, 20.0, 50.0]))], links)
    assert made.calculate("income", 2025).tolist() == [5, 20, 50]
    home = made.populations["household"]
    assert home.members_entity_id.tolist() in ([1, 0, 1], [0, 1, 0])
    assert home.sum(made.calculate("income", 2025)).tolist() in ([20, 55], [55, 20])
    with pytest.raises(BadInputError, match="takes no start_instant"):
        built(of_situation(), source, (), links, start_instant="2025-01-01")


def test_moves_are_found_at_once(source):
    assert moved_inputs(of_situation(), source) == {}
    found = moved_inputs(of_situation(("income", "per_head"), ("old_levy", "half_tax")), source)
    assert found == {"income": Moved("per_head"), "old_levy": Moved("half_tax")}


def test_a_country_of_such_a_class_is_computed_as_it_computes(monkeypatch, people):
    import policyengine_toyland.system as module

    from pejax.engine.importer import _country

    _country._moved.cache_clear()
    monkeypatch.setattr(module, "Simulation", of_situation(("income", "old_levy")))
    try:
        country = Country("policyengine_toyland", "of situations")
        names = ["income", "income_tax", "all_taxes"]
        program = compile(country, names, 2025, people)
        found = program(program.parameters, people)
        theirs = importer.source_values(
            importer.source_simulation(country, people, 2025), names, 2025
        )
        for name in names:
            np.testing.assert_allclose(found[name], theirs[name], err_msg=name)
        np.testing.assert_allclose(found["all_taxes"], [5, 20, 50])
    finally:
        _country._moved.cache_clear()


def test_the_day_of_a_country_that_names_only_a_year(monkeypatch):
    import policyengine_toyland.system as module

    from pejax.engine.importer._switches import own_reforms

    assert own_reforms("policyengine_toyland").start == "2024-01-01"

    class WithoutDay(module.CountryTaxBenefitSystem):
        def __init__(self):
            super().__init__()

    monkeypatch.setattr(module, "CountryTaxBenefitSystem", WithoutDay)
    assert own_reforms("policyengine_toyland").start == "2025-01-01"
    monkeypatch.setattr(module.Simulation, "default_input_period", None)
    with pytest.raises(BadInputError, match="does not say on which day it looks at them"):
        own_reforms("policyengine_toyland")


def test_arrays_of_categories_are_known_and_made():
    from policyengine_core.enums import Enum, EnumArray

    from pejax.engine.graph._ir import Graph
    from pejax.engine.importer._formulas import _enum_array
    from pejax.engine.tracing._array import Traced

    Size = Enum("Size", {"SMALL": "small", "LARGE": "large"})
    known = _enum_array(EnumArray)
    real = known(np.array([0, 1]), Size)
    assert isinstance(real, EnumArray) and isinstance(real, known)
    made = known(Traced(Graph({"person": 101}).input("x", np.zeros(101, np.int16))), Size)
    assert type(made) is Traced and made.names == ["SMALL", "LARGE"]


# ---- its law


@pytest.fixture
def tree():
    """A tree with a copy of a branch, a second name and a parameter that was taken out."""
    from policyengine_core.parameters import Parameter, ParameterNode

    def dated(value):
        return {"values": {"2020-01-01": {"value": value}}}

    scale = {"brackets": [{"threshold": dated(0.0), "rate": dated(0.1)}]}
    root = ParameterNode("", data={"gov": {"rate": dated(0.5), "scale": scale}})
    copy = ParameterNode("", data={"gov": {"rate": dated(0.5)}})
    root.add_child("baseline", copy)
    copy.name = "baseline"

    class SecondName(Parameter):
        values_list = property(lambda self: self.target.values_list, lambda self, value: None)

    class TakenOut(Parameter):
        @property
        def values_list(self):
            raise ValueError("gov.old has been removed")

        @values_list.setter
        def values_list(self, value):
            pass

    def shown(branch):
        made = SecondName.__new__(SecondName)
        made.__dict__ |= {"name": "gov.share", "target": branch.rate, "metadata": {}}
        made.__dict__ |= {"description": None, "parent": branch, "_at_instant_cache": {}}
        return made

    gone = TakenOut.__new__(TakenOut)
    gone.__dict__ |= {"name": "gov.old", "metadata": {}, "description": None, "parent": root.gov}
    root.gov.children |= {"share": shown(root.gov), "old": gone}
    copy.gov.children |= {"share": shown(copy.gov)}
    return types.SimpleNamespace(parameters=root)


def test_a_parameter_s_path_is_where_it_stands(tree):
    law = law_of(tree)
    assert tree.parameters.children["baseline"].children["gov"].children["rate"].name == "gov.rate"
    assert law.find("baseline.gov.rate").path == "baseline.gov.rate"
    assert law.find("gov.scale[0].rate").path == "gov.scale[0].rate"
    listed = {"gov.rate", "gov.scale[0].threshold", "gov.scale[0].rate", "gov.share"}
    assert set(paths_of(tree).names()) == listed | {"baseline.gov.rate", "baseline.gov.share"}


def test_what_was_taken_out_of_the_law_is_never_in_force(tree):
    assert law_of(tree).find("gov.old").at("2025-01-01") is None


def test_a_second_name_follows_the_first(tree):
    from pejax.engine import rule
    from pejax.engine.importer._law_read import second_names_of

    own = {"gov.share": "gov.rate", "baseline.gov.share": "baseline.gov.rate"}
    assert second_names_of(tree) == own
    assert law_of(tree).find("baseline.gov.share").same_as == "baseline.gov.rate"

    @rule(entity="person")
    def answer(income, params):
        return income * params.gov.share

    made = build_system(
        "named",
        entities=("person", "household"),
        parameters={},
        rules=(answer,),
        inputs=(input_variable("income", entity="person"),),
    )
    rules = dataclasses.replace(made, law=law_of(tree), second_names=lambda: second_names_of(tree))
    person = pd.DataFrame({"person_id": [0, 1], "household_id": [0, 1], "income": [8.0, 4.0]})
    population = Population.from_frames(
        {"person": person, "household": pd.DataFrame({"household_id": [0, 1]})}, weights=None
    )
    program = compile(rules, ["answer"], 2025, population)
    assert program.parameters.paths() == ["gov.rate"]
    moved = program.parameters.with_reform({"gov.rate": {"2025": 0.25}})
    np.testing.assert_allclose(program(moved, population)["answer"], [2, 1])
    again = compile(rules.with_reform({"gov.rate": 0.75}), ["answer"], 2025, population)
    np.testing.assert_allclose(again(again.parameters, population)["answer"], [6, 3])


def test_a_second_name_is_no_parameter_of_its_own(tree):
    from pejax.engine.rules._law import fail_if_another_kind

    second = law_of(tree).find("gov.share")
    assert second.same_as == "gov.rate" and second.at("2025-01-01") == 0.5
    edits = read_reform({"gov.share": 0.6})["gov.share"]
    with pytest.raises(BadInputError, match=r"gov\.share is another name of gov\.rate: change"):
        fail_if_another_kind(second, "gov.share", edits)


@pytest.mark.parametrize("turned", [False, True])
def test_rows_that_the_engine_fills_in_have_an_order(turned):
    """It takes them from a set, whose order is another one in each process."""
    from policyengine_core.parameters import ParameterNode

    written = {"ZZ": {"2020-01-01": 1.0}, "AA": {"2020-01-01": 2.0}}
    filled = {name: {"0000-01-01": 0.0, "2040-01-01": 0.0} for name in ("GU", "AE", "VI")}
    rows = dict(reversed(filled.items())) if turned else filled
    plain = {name: {"values": values} for name, values in {**written, **rows}.items()}
    deep = {"x": plain, "y": {n: plain[n] for n in rows}}
    data = {
        "table": {"metadata": {"breakdown": ["state"]}, **plain},
        "tables": {"metadata": {"breakdown": ["letter", "state"]}, **deep},
        "list": plain,
    }
    law = law_of(types.SimpleNamespace(parameters=ParameterNode("", data=data)))
    assert [*law.children["table"].children] == ["ZZ", "AA", "AE", "GU", "VI"]
    assert [*law.children["tables"].children] == ["x", "y"]
    assert [*law.children["tables"].children["x"].children] == ["ZZ", "AA", "AE", "GU", "VI"]
    assert [*law.children["tables"].children["y"].children] == ["AE", "GU", "VI"]
    assert [*law.children["list"].children] == [*plain]  # nobody's table: as it is written

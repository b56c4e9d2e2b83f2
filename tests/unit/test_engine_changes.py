"""Two programs beside each other: what a new release changes."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from _engine_world import INCOME, people, system_of

from pejax import BadInputError, engine
from pejax.engine import compile, load, rule

LAW = {"rate": 0.25, "on": True, "floor": 3.0}


@rule(entity="person")
def levy(income, params):
    return params.rate * income if params.on else income * 0


@rule(entity="person")
def relief(income, params):
    return np.minimum(income, params.floor)


@rule(entity="person", name="net")
def net_of_levy(income, levy):
    return income - levy


@rule(entity="person", name="net")
def net_of_both(income, levy, relief):
    return income - levy + relief


def program(*rules, law=LAW):
    return compile(system_of(*rules, law=law), ["net"], 2025, people())


def rows(table):
    return list(table.itertuples(index=False, name=None))


def test_the_same_program_has_none():
    one = program(levy, net_of_levy)
    assert engine.changes(one, program(levy, net_of_levy), people()).empty
    assert list(engine.changes(one, one)) == ["kind", "name", "change", "before", "after"]


def test_variables_parameters_and_totals():
    old, new = program(levy, net_of_levy), program(levy, relief, net_of_both)
    total = float(INCOME.sum() * 0.75)
    assert rows(engine.changes(old, new, people())) == [
        ("variable", "relief", "new", None, "traced"),
        ("parameter", "floor@2025-01-01", "new", None, 3.0),
        ("total", "net", "other", total, total + 12),
    ]
    back = engine.changes(new, old)
    assert back["change"].tolist() == ["gone", "gone"]


@pytest.mark.parametrize(
    ("law", "row"),
    [
        (LAW | {"rate": 0.5}, ("parameter", "rate@2025-01-01", "other", 0.25, 0.5)),
        (LAW | {"on": False}, ("parameter", "on", "other", "True", "False")),
    ],
)
def test_another_law(law, row):
    found = rows(engine.changes(program(levy, net_of_levy), program(levy, net_of_levy, law=law)))
    assert row in found


def test_a_saved_program_needs_no_rules(tmp_path):
    old = program(levy, net_of_levy)
    old.save(tmp_path / "old.pejax")
    assert engine.changes(load(tmp_path / "old.pejax"), old, people()).empty


def test_what_is_given_in_place_of_a_formula():
    old = program(levy, net_of_levy)
    given = people().with_columns("person", levy=np.ones(len(INCOME)))
    new = compile(system_of(levy, net_of_levy, law=LAW), ["net"], 2025, given)
    found = engine.changes(old, new)
    assert ("variable", "levy", "other", "traced", "hoisted") in rows(found)


def test_rows_of_padding_have_no_total():
    old = program(levy, net_of_levy)
    new = program(levy, net_of_levy, law=LAW | {"rate": 0.5})
    padded = people().pad_to({"person": 64, "household": 16})
    exact, padded = (engine.changes(old, new, p).iloc[-1] for p in (people(), padded))
    pd.testing.assert_series_equal(exact, padded)


def test_other_things_are_refused():
    one = program(levy, net_of_levy)
    for given in ((one, 3), ("old.pejax", one), (one, dataclasses.replace)):
        with pytest.raises(BadInputError, match=r"Give what engine\.compile or engine\.load gave"):
            engine.changes(*given)

"""Months and branches in which a formula reads the same: it runs once, and nothing else changes."""

import contextlib
import importlib

import numpy as np
import pytest
from _engine_rules import people, system

from pejax.engine import compile, input_variable, rule
from pejax.engine._header import header_of
from pejax.engine.graph._node import reachable
from pejax.engine.rules._calendar import Period
from pejax.engine.tracing import _alike

INPUTS = (input_variable("income", entity="person"),)
LAW = {
    "rate": {2020: 0.1, "2025-07-01": 0.2},
    "other": {2020: 1.0, "2025-03-01": 2.0},
    "on": {2020: True, "2025-05-01": False},
    "table": {"a": {2020: 1.0}, "b": {2020: 2.0, "2025-10-01": 3.0}},
}
MONTHS = [f"2025-{month:02d}" for month in range(1, 13)]


@rule(entity="person", period="month")
def seasonal(income, period):
    return income * (period.start.month > 6)


def monthly(name, body):
    """A monthly variable that adds up in a year, and the list of its runs."""
    runs = []

    def formula(person, income, params, period):
        runs.append(1)
        return income + body(person, params, period)

    return rule(entity="person", period="month", name=name)(formula), runs


def program(*rules, outputs=("asked",)):
    made = system(*rules, seasonal, inputs=INPUTS, law=LAW)
    return compile(made, list(outputs), 2025, people(), check=False)


@contextlib.contextmanager
def every_month_by_itself():
    known = _alike._again
    _alike._again = lambda *_: None
    try:
        yield
    finally:
        _alike._again = known


def facts(made):
    """All that a program is, but for the fingerprint of its rules, which hold the list of runs."""
    nodes = [(n.op, str(dict(n.attrs)), [a.index for a in n.args]) for n in reachable(made._roots)]
    return {**header_of(made), "recipe": None}, nodes


def _is_named(period):
    return {str(m): i for i, m in enumerate(MONTHS)}[str(period)]


BODIES = {
    "values": (lambda person, params, period: 2 * person("income", period), 1),
    "of the year": (lambda person, params, period: person("income", period.this_year), 1),
    "a number of the law": (lambda person, params, period: params.rate, 2),
    "two of them": (lambda person, params, period: params.rate * params.other, 3),
    "a switch": (lambda person, params, period: 1.0 if params.on else 7.0, 3),
    "part of the law": (lambda person, params, period: sum(params.table[n] for n in "ab"), 2),
    "what part there is": (lambda person, params, period: 1.0 * len([*params.table]), 2),
    "another month's value": (lambda person, params, period: person("seasonal", period), 2),
    "its unit": (lambda person, params, period: 1.0 * len(period.unit), 1),
    "its month": (lambda person, params, period: 1.0 * period.start.month, 12),
    "its name": (lambda person, params, period: 1.0 * _is_named(period), 12),
    "its hash": (lambda person, params, period: 1.0 * (hash(period) % 7), 12),
    "equality": (lambda person, params, period: 1.0 * (period == Period.of("2025-04")), 12),
    "equality, reversed": (lambda person, params, period: Period.of("2025-04") != period, 12),
    "text": (lambda person, params, period: 1.0 * ("04" in f"{period}"), 12),
    "what the simulation holds": (
        lambda person, params, period: 1.0 * ("income" in person.simulation.input_variables),
        12,
    ),
}


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
def test_a_program_is_the_same_as_with_every_month_by_itself(body, expected):
    asked, runs = monthly("asked", body)
    outputs = ["asked", *(f"asked[{month}]" for month in MONTHS)]
    together = program(asked, outputs=outputs)
    assert len(runs) == expected
    with every_month_by_itself():
        apart = program(asked, outputs=outputs)
    assert len(runs) == expected + 12
    assert facts(together) == facts(apart)
    assert {v.variable: v.periods for v in together.report} == {
        v.variable: v.periods for v in apart.report
    }


def test_the_values_are_those_of_each_month():
    asked, _ = monthly("asked", lambda person, params, period: person("seasonal", period))
    held = people()
    made = program(asked, outputs=[f"asked[{month}]" for month in MONTHS])
    income = np.asarray(held.column("income")) / 12
    for place, values in enumerate(made(made.parameters, held).values()):
        np.testing.assert_allclose(values, income * (1 + (place > 5)), rtol=1e-6)


def test_a_branch_runs_what_its_inputs_change_and_no_more():
    plain_, plain_runs = monthly("plain", lambda person, params, period: params.rate)
    moved, moved_runs = monthly("moved", lambda person, params, period: person("gift", period))

    @rule(entity="person")
    def asked(person, income, period):
        branch = person.simulation.get_branch("other")
        branch.set_input("gift", period, income)
        return branch.calculate("moved", period) + branch.calculate("plain", period)

    @rule(entity="person")
    def gift(income):
        return 0 * income

    rules = [plain_, moved, asked, gift]
    made = program(*rules, outputs=["plain", "moved", "asked"])
    assert (len(plain_runs), len(moved_runs)) == (2, 2)  # before and after July; by whose gift
    with every_month_by_itself():
        assert facts(program(*rules, outputs=["plain", "moved", "asked"])) == facts(made)


def test_of_several_kinds_each_is_remembered():
    """Months in turns of two kinds: each kind is run once."""
    asked, runs = monthly("asked", lambda person, params, period: person("odd", period))

    @rule(entity="person", period="month")
    def odd(income, period):
        return income * (period.start.month % 2)

    program(asked, odd)
    assert len(runs) == 2


def _periods():
    yield Period.of("2025-04")
    with contextlib.suppress(ImportError):
        yield importlib.import_module("policyengine_core.periods").period("2025-04")


LOOKS = {
    "its start": lambda p: p.start,
    "arithmetic": lambda p: p.offset(1) if hasattr(p, "offset") else p.next_year,
    "a text": str,
    "a representation": repr,
    "a hash": hash,
    "equality": lambda p: p == 3,
    "a member": lambda p: p in [3],
    "a format": lambda p: f"{p}",
}
PLAIN = {"nothing": lambda p: None, "unit": lambda p: p.unit, "year": lambda p: p.this_year}


@pytest.mark.parametrize("period", [*_periods()], ids=lambda p: type(p).__module__)
@pytest.mark.parametrize("look", (LOOKS | PLAIN).values(), ids=LOOKS | PLAIN)
def test_a_period_says_who_looks_at_it(period, look):
    notes = _alike.Notes(None, period, None)
    given = _alike.watched(period, notes)
    assert isinstance(given, type(period)) and _alike.plain(given) is period
    assert look(given) == look(period)
    assert notes.whole == (look in PLAIN.values())


def test_a_tuple_s_members_are_looked_at():
    notes = _alike.Notes(None, None, None)
    given = _alike.watched(("month", "2025-04-01", 1), notes)
    assert len({*given}) == 3 and not notes.whole
    for look in (lambda p: p[1], lambda p: [*p], lambda p: "month" in p, lambda p: p < (1,)):
        notes.whole = True
        with contextlib.suppress(TypeError):
            look(given)
        assert not notes.whole

"""Cases of one batch that give different inputs, under formulas that ask which inputs there are."""

import numpy as np
import pytest
from _conform_cases import CASES, ENTITIES, INPUTS, alone, answers
from _engine_rules import system

from pejax.conform import Case, Runner
from pejax.conform._batch import Batch
from pejax.conform._people import Reader
from pejax.engine import rule


def years(simulation, name):
    return [p.start.year for p in simulation.get_holder(name).get_known_periods()]


def stored(simulation, name, period):
    array = simulation.get_array(name, period)
    return -1 if array is None else array


def own_keys(simulation, name, period):
    return (name, simulation.branch_name, period) in simulation._user_input_keys


ASKED = {
    "names": lambda s, period: "rent" in s.input_variables,
    "a set of names": lambda s, period: len({"rent", "gift"} & set(s.input_variables)),
    "keys": lambda s, period: any(k[0] == "rent" for k in s._user_input_keys),
    "a key": lambda s, period: own_keys(s, "gift", period),
    "periods": lambda s, period: period in s.known_periods("rent"),
    "the latest": lambda s, period: max(years(s, "rent"), default=0),
    "the first of two": lambda s, period: min(years(s, "rent") + years(s, "gift"), default=0),
    "one, then another": lambda s, period: (
        own_keys(s, "gift", period) and max(years(s, "rent"), default=5)
    ),
    "what is stored": lambda s, period: stored(s, "rent", period),
    "of two": lambda s, period: stored(s, "rent", period) + 10 * stored(s, "gift", period),
}


def asking(asked, name="answer"):
    def formula(person, income, period):
        return income + 1e3 * asked(person.simulation, period)

    return rule(entity="person", name=name)(formula)


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_each_case_has_the_answer_that_it_has_alone(asked):
    together, outcome = answers([asking(asked)], "answer", CASES)
    assert together == alone([asking(asked)], "answer")
    assert len({tuple(value) for value in together}) > 2
    assert outcome.unsettled == {"answer": frozenset()}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_what_reads_the_answer_needs_not_be_run_for_each_case(asked):
    runs = []

    @rule(entity="household")
    def total(answer):
        runs.append(1)
        return 2 * answer

    rules = [asking(asked), total]
    expected = [2 * sum(value) for value in alone(rules[:1], "answer")]
    made = system(*rules, inputs=INPUTS)
    reader = Reader(made, ENTITIES)
    batch = Batch(made, [reader.people(case) for case in CASES])
    outcome = batch.traced(["total"], reader.period("2025"))
    values = batch.values(outcome)["total"]
    assert [values[batch.rows_of(i, "household")].sum() for i in range(len(CASES))] == expected
    assert len(runs) == 1 and outcome.unsettled == {"total": frozenset()}


def test_on_a_branch_that_has_its_own_inputs():
    """What a branch sets is given to everybody there, and what it deletes to nobody."""

    @rule(entity="person")
    def total(person, income, period):
        other = person.simulation.get_branch("other")
        other.set_input("rent", period, income)
        other.delete_arrays("gift")
        return person("answer", period) + 1e6 * other.calculate("answer", period)

    rules = [asking(ASKED["of two"]), total]
    together, outcome = answers(rules, "total", CASES)
    assert together == alone(rules, "total")
    assert outcome.unsettled == {"total": frozenset()}


def deleting(person, income, period):
    """The income of a branch that keeps nothing but what is given."""
    simulation = person.simulation
    branch = simulation.get_branch("bare")
    for name in ("rent", "gift", "doubled"):
        if name not in set(simulation.input_variables):
            branch.delete_arrays(name)
    branch.set_input("income", period, income + 1)
    found = branch.calculate("doubled", period)
    del simulation.branches["bare"]
    return found


def doubled(income, rent):
    return 2 * income + rent


def refusing(person, income, period):
    """A formula that cannot be traced for who gives a rent."""
    if "rent" in person.simulation.input_variables:
        return np.unique(income)
    return income


@pytest.mark.parametrize("formula", [deleting, refusing])
def test_what_cannot_be_run_for_each_case_is_asked_apart(formula):
    """By who gives what was asked: it leaves a branch behind, or cannot be traced for some."""
    rules = [rule(entity="person", name=f.__name__)(f) for f in (doubled, formula)]
    made, output = system(*rules, inputs=INPUTS), formula.__name__
    run = Runner(lambda case: made, ENTITIES)
    wrong = [Case(c.key, "", c.period, c.given, {}, {output: -1}) for c in CASES]
    told = [(v.status, v.reason) for v in run.run(wrong)]
    apart = [verdict for case in wrong for verdict in run.run([case])]
    assert told == [(v.status, v.reason) for v in apart]
    statuses = {"failed"} if formula is deleting else {"failed", "refused"}
    assert {status for status, _ in told} == statuses


@rule(entity="person")
def picky(income, rent):
    """A formula that cannot be traced for people of whom anybody pays this rent."""
    if (rent == 3).any():
        return np.unique(income)
    return income


@rule(entity="person")
def never(income):
    return np.unique(income)


def test_who_makes_a_formula_fail_fails_alone():
    """The others who read it are asked without the one; if that helps nobody, not again."""
    made = system(picky, never, inputs=INPUTS)
    run = Runner(lambda case: made, ENTITIES)
    wanted = [{"picky": c.given.get("income", 0)} for c in CASES]
    asked = [Case(c.key, "", c.period, c.given, {}, w) for c, w in zip(CASES, wanted, strict=True)]
    assert [v.status for v in run.run(asked)].count("refused") == 1
    assert run.run(asked)[5].status == "refused"
    hopeless = [Case(c.key, "", c.period, c.given, {}, {"never": 1}) for c in CASES]
    assert {v.status for v in run.run(hopeless)} == {"refused"}


# ---- what others have done before


def looks_for_what_is_stored(person, income, period):
    """It computes what it does not find, for a class of cases before the other."""
    simulation = person.simulation
    asked = "gift" in simulation.input_variables
    found = simulation.get_array("doubled", period)
    made = simulation.calculate("doubled", period) + 100 if found is None else found
    return made + 0 * asked


def hides_what_stops_it(person, income, period):
    simulation = person.simulation
    branch, given = simulation.get_branch("own"), False
    branch.set_input("income", period, 2 * income)
    try:  # noqa: SIM105
        given = "rent" in simulation.input_variables
    except:  # noqa: E722 - as formulas of country packages have it
        pass
    return 0 * income + (1000 if given else branch.calculate("income", period))


def changes_a_branch_that_others_see(person, income, period):
    branch = person.simulation.get_branch("kept")
    branch.set_input("income", period, branch.calculate("income", period) + 1)
    asked = "rent" in person.simulation.input_variables
    return branch.calculate("income", period) + 0 * asked


def hides_that_a_branch_cannot_be_changed_yet(person, income, period):
    branch = person.simulation.get_branch("kept")
    try:  # noqa: SIM105
        branch.set_input("income", period, income + 5)
    except:  # noqa: E722
        pass
    return branch.calculate("income", period)


def keeps_what_only_some_have(person, income, period):
    asked = "rent" in person.simulation.input_variables
    branch = person.simulation.get_branch("kept")
    branch.set_input("income", period, income + (100 if asked else 1))
    return income


BEFORE = (
    looks_for_what_is_stored,
    hides_what_stops_it,
    changes_a_branch_that_others_see,
    hides_that_a_branch_cannot_be_changed_yet,
    keeps_what_only_some_have,
)


@pytest.mark.parametrize("formula", BEFORE)
def test_nobody_has_an_answer_that_hangs_on_others(formula):
    """What cannot be told apart in one trace is told to be so, also by who reads it later."""

    @rule(entity="person")
    def opened(person, income, period):
        person.simulation.get_branch("kept").set_input("gift", period, income)
        return income

    @rule(entity="person")
    def total(person, income, period):
        first = person("opened", period) + person("asked", period)
        kept = person.simulation.get_branch("kept").calculate("income", period)
        return first + 1e3 * kept

    rules = [rule(entity="person")(doubled), rule(entity="person", name="asked")(formula)]
    rules += [opened, total]
    made = system(*rules, inputs=INPUTS)
    run = Runner(lambda case: made, ENTITIES)
    wrong = [Case(c.key, "", c.period, c.given, {}, {"total": -1}) for c in CASES]
    right = alone(rules, "total")
    asked = [
        Case(c.key, "", c.period, c.given, {}, {"total": value})
        for c, value in zip(CASES, right, strict=True)
    ]
    assert {v.status for v in run.run(asked)} == {"passed"}
    assert {v.status for v in run.run(wrong)} == {"failed"}
    together, outcome = answers(rules, "total", CASES)
    assert together == right or outcome.unsettled["total"]


def test_others_are_not_told_apart_for_one_who_asks(monkeypatch):
    """What is computed on a branch that a formula opens and then asks hangs on the answer; asked
    without that formula, it does not. The next time it comes last."""

    @rule(entity="person")
    def asks(person, income, period):
        branch = person.simulation.get_branch("own")
        branch.set_input("gift", period, income)
        if "rent" in person.simulation.input_variables:
            branch.set_input("gift", period, income)
        return branch.calculate("gift", period)

    @rule(entity="person")
    def shared(person, income, period):
        own = person.simulation.get_branch("own")
        own.set_input("gift", period, income)
        return own.calculate("income", period) + 1

    made, sizes = system(asks, shared, inputs=INPUTS), []
    original = Batch.traced

    def traced(batch, outputs, *how):
        sizes.append((len(batch.people), outputs[-1]))
        return original(batch, outputs, *how)

    monkeypatch.setattr(Batch, "traced", traced)
    right = {name: alone([asks, shared], name) for name in ("asks", "shared")}
    sizes.clear()
    wanted = [
        Case(f"{c.key} {name}", "", c.period, c.given, {}, {name: right[name][i]})
        for i, c in enumerate(CASES)
        for name in (["asks"] if i < 2 else ["shared"])
    ]
    run = Runner(lambda case: made, ENTITIES)
    assert {v.status for v in run.run(wanted)} == {"passed"}
    assert [many for many, _ in sizes] == [7, 5, 1, 1] and run.late == {"asks"}
    sizes.clear()
    assert {v.status for v in run.run(wanted)} == {"passed"}
    assert [many for many, _ in sizes] == [7, 1, 1]


def test_formulas_that_ask_in_a_circle_end():
    """Each is run once: that they need themselves is no failure of one of them."""
    names = [f"round_{i}" for i in range(12)]

    def asks(after):
        def formula(person, period):
            found = "rent" in person.simulation.input_variables
            return person(after, period) + found

        return formula

    pairs = zip(names, [*names[1:], names[0]], strict=True)
    rules = [rule(entity="person", name=name)(asks(after)) for name, after in pairs]
    made = system(*rules, inputs=INPUTS)
    wanted = [Case(c.key, "", c.period, c.given, {}, {names[0]: 1}) for c in CASES]
    found = Runner(lambda case: made, ENTITIES).run(wanted)
    assert {v.status for v in found} == {"refused"}
    assert all("needs itself" in v.reason for v in found)


def test_one_or_two_who_make_a_formula_fail():
    """Whichever halves they are in."""
    made = system(picky, inputs=INPUTS)
    run = Runner(lambda case: made, ENTITIES)
    for rents in ([3, 0, 0, 3], [3, 0, 0, 0, 0, 3, 0, 0], [0, 3, 3, 0, 0]):
        asked = [
            Case(str(i), "", "2025", {"income": 1, "rent": rent}, {}, {"picky": 1})
            for i, rent in enumerate(rents)
        ]
        statuses = [v.status for v in run.run(asked)]
        assert statuses == ["refused" if rent == 3 else "passed" for rent in rents]

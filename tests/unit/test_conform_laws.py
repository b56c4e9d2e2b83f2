"""Cases of one batch that are asked under different laws."""

import dataclasses
import enum
import types

import numpy as np
import pytest
from _engine_rules import system

from pejax.conform import Case, Runner
from pejax.conform._answering import law_of
from pejax.conform._batch import Batch
from pejax.conform._people import Reader
from pejax.engine import input_variable, rule
from pejax.engine.rules._law import LawNode
from pejax.engine.tracing._laws import Laws

ENTITIES = {"person": "people", "tax_unit": "tax_units", "household": "households"}


class Part(enum.Enum):
    a = "a"
    b = "b"


INPUTS = (
    *(input_variable(name, entity="person") for name in ("income", "rent", "gift")),
    input_variable("part", entity="person", vocabulary=Part, default=Part.a),
)
LAW = {
    "rate": 0.5,
    "on": False,
    "word": "rent",
    "names": ["rent"],
    "table": {"a": 1, "b": 2},
    "deep": {"a": {"x": 10}, "b": {"x": 20}},
    "later": {"2026": 3},
    "scale": {
        "brackets": [{"threshold": 0, "rate": 0.1}, {"threshold": 15, "rate": 0.2}],
    },
    "off": {"answer": False, "levy": False},
}
LAWS = [
    {},
    {"rate": 0.6},
    {"on": True},
    {"on": True, "rate": 0.7},
    {"table.b": 5},
    {"scale[1].rate": 0.9},
    {"scale[0].threshold": 5, "scale[1].rate": 0.9},
    {"names": ["rent", "gift"]},
    {"word": "gift"},
    {"later": 4},
    {"deep.b.x": 99},
    {"rate": 0.6, "deep.a.x": 7},
    {"names": []},
    {"rate": 0.6},
]
GIVEN = {
    "people": {
        "one": {"income": 10, "rent": 3, "part": "b"},
        "two": {"income": 20, "gift": 4, "part": "a"},
    },
    "households": {"home": {"members": ["one", "two"]}},
    "tax_units": {"unit": {"members": ["one", "two"]}},
}
CASES = [Case(str(i), period="2025", given=GIVEN, law=law) for i, law in enumerate(LAWS)]


def listed(names, person, period):
    return sum(person(name, period) for name in names) if len(names) else -1.0


def in_full(branch):
    return sum((i + 1) * branch[name].x for i, name in enumerate(branch))


def newest(series):
    return series.values_list[0].value


READS = {
    "a number": lambda person, period, law: law(period).rate,
    "a number of another year": lambda person, period, law: law("2019-01-01").rate,
    "a switch": lambda person, period, law: law(period).rate if law(period).on else 7.0,
    "a text": lambda person, period, law: person(law(period).word, period),
    "a list": lambda person, period, law: listed(law(period).names, person, period),
    "a table": lambda person, period, law: law(period).table[person("part", period)],
    "a scale": lambda person, period, law: law(period).scale.calc(person("income", period)),
    "a bracket": lambda person, period, law: law(period).scale.thresholds[0],
    "whether there is one": lambda person, period, law: 1.0 if "later" in law(period) else 0.0,
    "what there is": lambda person, period, law: float(len([*law(period)])),
    "all of a branch": lambda person, period, law: in_full(law(period).deep),
    "branches by rows": lambda person, period, law: law(period).deep[person("part", period)].x,
    "a series": lambda person, period, law: newest(law.rate),
    "a number at a date": lambda person, period, law: law.deep.b(period).x,
    "a dated number": lambda person, period, law: law.rate(period),
    "the rules' own": lambda person, period, law: (
        person.simulation.tax_benefit_system.parameters(period).rate
    ),
    "by a text": lambda person, period, law: person.simulation.law.value("deep.b.x", period),
    "in a branch": lambda person, period, law: in_branch(person, period) * law(period).rate,
    "through another": lambda person, period, law: 100 * person("levy", period) + law(period).rate,
}
LEFT = {
    "rules to be changed": lambda person, period, law: cloned_rate(person, period),
}


def in_branch(person, period):
    branch = person.simulation.get_branch("other")
    branch.set_input("income", period, person("income", period) + 1)
    return branch.calculate("levy", period)


def cloned_rate(person, period):
    return person.simulation.tax_benefit_system.clone()(period).rate


def rules(read):
    @rule(entity="person")
    def levy(income, params):
        return income * params.rate

    def answer(person, period, parameters, income):
        return income + 1e3 * read(person, period, parameters)

    made = system(levy, rule(entity="person")(answer), inputs=INPUTS, law=LAW)
    return dataclasses.replace(made, abolitions="off")


def under(made, case):
    changed = made.with_reform(dict(case.law)) if case.law else made
    law = law_at(changed)
    return dataclasses.replace(changed, before=None, clone=lambda: law)


def law_at(made):
    return lambda period: types.SimpleNamespace(rate=made.law.find("rate").at("2025-01-01"))


def traced(made, cases, laws=None):
    reader = Reader(made, ENTITIES)
    batch = Batch(made, [reader.people(case) for case in cases], laws)
    outcome = batch.traced(["answer"], reader.period("2025"))
    assert outcome.refused == {}
    values = batch.values(outcome)["answer"]
    return [values[batch.rows_of(i, "person")].tolist() for i in range(len(cases))], outcome


def alone(made):
    return [traced(under(made, case), [case])[0][0] for case in CASES]


def together(made):
    laws = list(dict.fromkeys(map(law_of, CASES)))
    of_law = {law_of(case): case for case in CASES}
    trees = [under(made, of_law[law]).law for law in laws]
    changes = [of_law[law].law for law in laws]
    of_case = [laws.index(law_of(case)) for case in CASES]
    return traced(under(made, CASES[0]), CASES, Laws.of_changes(trees, changes, of_case))


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_each_case_has_the_answer_of_its_own_law(read):
    made = rules(read)
    found, outcome = together(made)
    assert outcome.unsettled == {"answer": frozenset()}
    assert found == alone(made)


@pytest.mark.parametrize("read", LEFT.values(), ids=LEFT)
def test_what_cannot_be_told_apart_is_said(read):
    """A formula that takes the law as a whole runs under one: its cases are asked by law."""
    made = rules(read)
    _, outcome = together(made)
    assert "rate" in outcome.unsettled["answer"]


@pytest.mark.parametrize("read", (READS | LEFT).values(), ids=READS | LEFT)
@pytest.mark.parametrize("most_nodes", [None, 10_000])
def test_verdicts_are_those_of_each_case_alone(read, most_nodes):
    made = rules(read)
    run = Runner(lambda case: under(made, case), ENTITIES)

    def verdicts(off):
        expected = [np.asarray(values) + off for values in alone(made)]
        cases = [
            dataclasses.replace(case, expected={"answer": values.tolist()})
            for case, values in zip(CASES, expected, strict=True)
        ]
        return {v.status for v in run.run(cases, most_nodes)}

    assert verdicts(0.0) == {"passed"}
    assert verdicts(0.5) == {"failed"}


def test_one_trace_serves_all_laws(monkeypatch):
    asked = []
    honest = Batch.traced
    monkeypatch.setattr(
        Batch, "traced", lambda batch, *how: asked.append(len(batch.people)) or honest(batch, *how)
    )
    made = rules(READS["a number"])
    cases = [
        dataclasses.replace(c, expected={"answer": values})
        for c, values in zip(CASES, alone(made), strict=True)
    ]
    asked.clear()
    Runner(lambda case: under(made, case), ENTITIES).run(cases)
    assert asked == [len(CASES)]


def test_a_law_that_switches_a_variable_off_is_asked_by_itself():
    made = rules(READS["through another"])
    laws = [{}, {"off.levy": True}, {"rate": 0.6}, {"off.levy": True}]
    cases = [Case(str(i), period="2025", given=GIVEN, law=law) for i, law in enumerate(laws)]
    expected = [traced(under(made, case), [case])[0][0] for case in cases]
    assert expected[0] != expected[1] == expected[3]
    cases = [
        dataclasses.replace(case, expected={"answer": values})
        for case, values in zip(cases, expected, strict=True)
    ]
    verdicts = Runner(lambda case: under(made, case), ENTITIES).run(cases)
    assert [v.status for v in verdicts] == ["passed"] * 4
    assert [v.together for v in verdicts] == [2, 2, 2, 2]


def test_a_law_that_there_is_none_of_is_its_case_s_own_refusal():
    made = rules(READS["a number"])
    cases = [
        Case("good", period="2025", given=GIVEN, expected={"answer": [510, 520]}),
        Case("bad", period="2025", given=GIVEN, law={"rte": 1}, expected={"answer": [510, 520]}),
    ]
    good, bad = Runner(lambda case: under(made, case), ENTITIES).run(cases)
    assert good.status == "passed"
    assert bad.status == "refused" and "no parameter 'rte'" in bad.reason


def test_a_second_name_is_read_under_each_case_s_own_law():
    """A parameter that only shows another's values: a case changes it by the name of the other."""

    @rule(entity="person")
    def answer(income, params):
        return income * params.share

    made = system(answer, inputs=INPUTS, law=LAW)
    rate = made.law.find("rate")
    share = dataclasses.replace(rate, path="share", same_as="rate")
    law = LawNode("", {**made.law.children, "share": share})
    made = dataclasses.replace(made, law=law, second_names=lambda: {"share": "rate"})
    laws = [({}, 0.5), ({"rate": 0.25}, 0.25), ({"rate": 0.75}, 0.75), ({"on": True}, 0.5)]
    cases = [
        Case(str(i), period="2025", given=GIVEN, law=law, expected={"answer": [10 * r, 20 * r]})
        for i, (law, r) in enumerate(laws)
    ]
    found = Runner(lambda case: under(made, case), ENTITIES).run(cases)
    assert [(v.status, v.together) for v in found] == [("passed", 4)] * 4

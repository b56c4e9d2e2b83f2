"""The law with its dates, as formulas walk through it: branches, scales, brackets, values."""

import dataclasses

import numpy as np
import pytest
from _engine_world import INCOME, people, program_of, run, system_of

from pejax.engine import UntraceableRule, compile, rule
from pejax.engine.rules._law import LawNode, LawParameter

SCALE = {
    "brackets": [
        {"threshold": 0, "rate": {2020: 0.1, 2025: 0.2}},
        {"threshold": {2025: 15}, "rate": {2025: 0.3}},
    ]
}
LAW = {"tax": {"scale": SCALE, "rate": 0.5, "other": {2020: 0.25}, "deep": {"x": 3.0}}}


def given(asked, name="answer"):
    def formula(income, period, params, parameters):
        return income * asked(period, params, parameters)

    return rule(entity="person", name=name)(formula)


def in_all(period, params, parameters):
    """What `children` holds: parameters, a scale and a branch."""
    children = parameters.tax.children
    assert list(children) == ["scale", "rate", "other", "deep"]
    return children["rate"](period) + children["deep"].children["x"](period)


ASKED = {
    "a bracket's number": (lambda p, now, law: law.tax.scale.brackets[0].rate(p), 0.2),
    "of another year": (lambda p, now, law: law.tax.scale.brackets[0].rate("2021-01-01"), 0.1),
    "a bracket's dates": (lambda p, now, law: len(law.tax.scale.brackets[0].rate.values_list), 2),
    "brackets as written": (lambda p, now, law: len(law.tax.scale.brackets), 2),
    "a scale of another year": (lambda p, now, law: law.tax.scale("2021-01-01").rates[0], 0.1),
    "components": (lambda p, now, law: now.tax.scale.components[1].rate, 0.3),
    "a component's threshold": (lambda p, now, law: now.tax.scale.components[1].threshold, 15),
    "what is not in force": (
        lambda p, now, law: law.tax.scale("2021-01-01").components[1].rate is None,
        1,
    ),
    "children": (in_all, 3.5),
}


@pytest.mark.parametrize(("asked", "expected"), ASKED.values(), ids=ASKED)
def test_a_formula_walks_through_the_law(asked, expected):
    np.testing.assert_allclose(run("answer", given(asked), law=LAW), expected * INCOME, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a bracket's number", "tax.scale[0].rate"),
        ("components", "tax.scale[1].rate"),
        ("children", "tax.rate"),
    ],
)
def test_a_reform_reaches_it(name, path):
    asked, expected = ASKED[name]
    program = program_of("answer", given(asked), law=LAW)
    before = program.parameters[path]
    moved = program.parameters.with_reform({path: {"2025": float(before) + 0.125}})
    found = program(moved, people())["answer"]
    np.testing.assert_allclose(found, (expected + 0.125) * INCOME, rtol=1e-6)


def test_a_branch_of_the_law_may_be_called_children():
    law = {"tax": {"children": {"rate": 0.5}}}
    asked = given(lambda period, params, parameters: parameters.tax.children.rate(period))
    np.testing.assert_allclose(run("answer", asked, law=law), INCOME / 2)


def test_what_the_country_says_of_single_values():
    """The hour at which a value comes into force, say."""

    @rule(entity="person")
    def answer(income, parameters):
        newest = parameters.rate.values_list[0]
        return income * int(newest.metadata.get("effective_time", "00:00")[:2])

    made = system_of(answer, law={"rate": {2020: 0.25, 2025: 0.5}})
    noted = dataclasses.replace(
        made.law.children["rate"], notes={"2025-01-01": {"effective_time": "18:00"}}
    )
    assert isinstance(noted, LawParameter)
    system = dataclasses.replace(made, law=LawNode("", {"rate": noted}))
    for rules, hour in ((made, 0), (system, 18)):
        program = compile(rules, ["answer"], 2025, people())
        np.testing.assert_allclose(program(program.parameters, people())["answer"], hour * INCOME)


# ---- a branch that forgets what was computed


@rule(entity="person")
def levy(income, params):
    return params.rate * income


def change(drops):
    """What a branch computes anew under another income of its parent's."""

    @rule(entity="person")
    def answer(person, period):
        branch = person.simulation.get_branch("other")
        branch.set_input("income", period, person("income", period) * 3)
        first = branch.calculate("levy", period)
        if drops:
            branch.drop_computed_arrays()
        return first + branch.calculate("levy", period)

    return answer


@pytest.mark.parametrize("drops", [True, False])
def test_what_is_dropped_is_computed_again_from_the_same_inputs(drops):
    found = run("answer", levy, change(drops), law={"rate": 0.5})
    np.testing.assert_allclose(found, 3 * INCOME)


def test_other_rules_hold_for_what_was_dropped():
    """What a branch shares with its parent stays as it was, unless it is dropped."""
    other = system_of(levy, law={"rate": 0.1})

    def answer_of(drops):
        @rule(entity="person")
        def answer(person, period):
            before = person("levy", period)
            branch = person.simulation.get_branch("other law")
            branch.tax_benefit_system = type("Rules", (), {"source": None})()
            if drops:
                branch.drop_computed_arrays()
            return before - branch.calculate("levy", period)

        own = system_of(levy, answer, law={"rate": 0.5})
        own = dataclasses.replace(own, of_source=lambda source: other)
        program = compile(own, ["answer"], 2025, people())
        return np.asarray(program(program.parameters, people())["answer"])

    np.testing.assert_allclose(answer_of(True), 0.4 * INCOME, rtol=1e-6)
    np.testing.assert_allclose(answer_of(False), 0 * INCOME)


def test_the_whole_simulation_forgets_nothing_for_others():
    @rule(entity="person")
    def answer(person, period):
        person.simulation.drop_computed_arrays()
        return person("levy", period)

    np.testing.assert_allclose(run("answer", levy, answer, law={"rate": 0.5}), INCOME / 2)


def test_a_name_that_a_scale_has_not():
    with pytest.raises(UntraceableRule, match="AttributeError"):
        run("answer", given(lambda period, params, parameters: parameters.tax.scale.x), law=LAW)


@pytest.mark.parametrize("factor", [1, 1.0 / 3])
@pytest.mark.parametrize("decimals", [0, 1, 2, None])
def test_a_scale_rounds_its_ends_what_lies_between_and_what_is_due(decimals, factor):
    def asked(income, params):
        return params.tax.scale.calc(income / 7, factor=factor, round_base_decimals=decimals)

    def rounded(x):
        return x if decimals is None else np.round(x, decimals)

    low, high = rounded(0 * factor), rounded(15 * factor)
    base = (INCOME / 7).astype(np.float32).astype(float)
    first, second = np.clip(base, low, high) - low, np.maximum(base - high, 0)
    expected = rounded(0.2 * rounded(first)) + rounded(0.3 * rounded(second))
    found = run("answer", rule(entity="person", name="answer")(asked), law=LAW)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_scale_of_amounts_rounds_no_base():
    law = {"scale": {"brackets": [{"threshold": 0, "amount": 5}, {"threshold": 9, "amount": 1}]}}

    def asked(income, params):
        return params.scale.calc(income, round_base_decimals=2)

    with pytest.raises(UntraceableRule, match="scale: a rounded base of a scale that has no marg"):
        run("answer", rule(entity="person", name="answer")(asked), law=law)

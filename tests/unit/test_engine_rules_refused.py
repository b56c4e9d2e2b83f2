"""Rules written natively: what is refused when a system is built, and what cannot be traced."""

import numpy as np
import pandas as pd
import pytest
from _engine_rules import Colour, run, system

from pejax import Population
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import (
    CircularRule,
    UntraceableRule,
    Variable,
    build_system,
    compile,
    input_variable,
    rule,
)
from pejax.testing import toy_population, toy_system

pytestmark = pytest.mark.usefixtures("unchecked")


def test_an_unknown_argument_names_its_neighbours():
    @rule(entity="person")
    def tax(incom, params):
        return incom

    with pytest.raises(UnknownNameError, match=r"tax takes 'incom'.*Nearest: income"):
        system(tax)


def test_an_unknown_entity_names_its_neighbours():
    @rule(entity="persn")
    def tax(income):
        return income

    with pytest.raises(UnknownNameError, match=r"tax is on 'persn'.*Nearest: person"):
        system(tax)


def test_an_unknown_condition_or_part_or_index():
    @rule(entity="person", defined_for="is_adlt")
    def tax(income):
        return income

    with pytest.raises(UnknownNameError, match="tax is defined for 'is_adlt'"):
        system(tax)
    with pytest.raises(UnknownNameError, match=r"total adds 'incme'.*Nearest: income"):
        system(Variable("total", "person", adds=["incme"]))
    with pytest.raises(UnknownNameError, match=r"no parameter 'index\.x'"):
        system(inputs=[input_variable("rent", entity="person", uprating="index.x")])


def test_two_variables_of_one_name():
    @rule(entity="person", name="income")
    def other(params):
        return params.rate

    with pytest.raises(BadInputError, match="income is defined 2 times"):
        system(other)


def test_two_rules_for_the_same_days():
    @rule(entity="person", name="tax", stop="2025-06-30")
    def early(income):
        return income

    @rule(entity="person", name="tax", start="2025-01-01")
    def late(income):
        return income

    with pytest.raises(BadInputError, match="two rules of tax hold on 2025-01-01"):
        system(early, late)


def test_categories_have_no_sum():
    colour = input_variable("colour", entity="person", vocabulary=Colour)

    @rule(entity="household")
    def amount(colour):
        return colour

    with pytest.raises(BadInputError, match="a category of each person, which has no sum"):
        system(amount, inputs=[colour])


def test_names_that_arguments_need():
    for name in ("params", "period", "household"):
        with pytest.raises(BadInputError, match=f"cannot be called '{name}'"):
            system(inputs=[input_variable(name, entity="person")])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "number"}, "kind 'number'; choose one of float"),
        ({"period": "week"}, "period 'week'; choose one of month"),
        ({"kind": "enum"}, "vocabulary=TheEnumClass"),
        ({"kind": "float", "vocabulary": Colour}, "only an enum, has vocabulary"),
    ],
)
def test_options_that_do_not_exist(options, message):
    with pytest.raises(BadInputError, match=message):
        input_variable("x", entity="person", **options)


def test_only_functions_with_named_arguments_are_rules():
    with pytest.raises(BadInputError, match="not int"):
        rule(entity="person", name="x")(3)  # type: ignore[arg-type]
    with pytest.raises(BadInputError, match=r"\*parts names nothing"):

        @rule(entity="person")
        def total(*parts):
            return sum(parts)


def test_a_system_has_persons_and_a_group():
    with pytest.raises(BadInputError, match="at least two entities"):
        build_system("x", entities=["person"], parameters={}, rules=[])


def test_groups_that_are_not_part_of_each_other():
    entities = ("person", "family", "tax_unit", "household")

    @rule(entity="family")
    def claims(claim):
        return claim

    claim = input_variable("claim", entity="tax_unit")
    rules = build_system("x", entities=entities, parameters={}, rules=[claims], inputs=[claim])
    frame = pd.DataFrame({f"{e}_id": [0, 1] for e in entities})
    population = Population.from_frames({"person": frame}, weights=None)
    with pytest.raises(UntraceableRule, match="claim is on tax_unit, which is neither part"):
        compile(rules, ["claims"], 2025, population)


def test_a_circular_rule_names_its_chain():
    @rule(entity="person")
    def gross(net):
        return net / 2

    @rule(entity="person")
    def tax(gross):
        return gross

    @rule(entity="person")
    def net(tax):
        return tax

    @rule(entity="person")
    def start(gross):
        return gross

    with pytest.raises(CircularRule, match=r"itself: gross -> net -> tax -> gross\. Give"):
        run("start", start, gross, tax, net)


def test_a_column_cuts_the_circle():
    @rule(entity="person")
    def gross(net):
        return net * 2

    @rule(entity="person")
    def net(gross):
        return gross / 2

    given = {"net": [1.0, 2.0, 3.0, 4.0]}
    np.testing.assert_allclose(run("gross", gross, net, **given), [2, 4, 6, 8])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (lambda income: np.linalg.norm(income, ord=1), "numpy.norm"),
        (lambda income: income[-1], "rows of an array by their number"),
        (lambda income: income[1:], "rows of an array by their number"),
        (lambda income: [x + 1 for x in income], "a Python loop over the rows"),
        (lambda income: income if income > 3 else 0, "bool.. of a whole array"),
        (lambda income: np.mean(income) + 1, "a mean over rows"),
        (lambda income: np.asarray(income, dtype=float).tolist(), "tolist"),
        (lambda income, params: params.rat * income, "rat has no value"),
    ],
)
def test_what_cannot_be_traced_is_named(body, message):
    body.__name__ = "odd"
    with pytest.raises(UntraceableRule, match=f"(?s)odd.*{message}"):
        run("odd", rule(entity="person")(body))


def test_a_period_without_numbers_is_named():
    with pytest.raises(UntraceableRule, match=r"tax\.rate has no value on 1990.*begins on 20\d\d"):
        compile(toy_system(), ["income_tax"], 1990, toy_population())


def built(**changed):
    given = {"entities": ("person", "household"), "parameters": {"rate": 0.2}, "rules": []}
    return build_system("flatland", **{**given, **changed})


def variable(**about):
    return built(rules=[Variable(**{"name": "x", "entity": "person", **about})])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: built(entities="person"), "entities is 'person'; a system has at least two"),
        (lambda: built(entities={"person", "household"}), "entities is a set"),
        (lambda: built(entities=("person", "person")), "each once"),
        (lambda: built(entities=("person", 3)), r"entities\[1\] is 3"),
        (lambda: built(rules=None), "rules is None. Give a list of variables"),
        (lambda: built(rules=[len]), r"rules\[0\] is a builtin.*Make it one by @engine.rule"),
        (lambda: built(inputs="age"), "inputs is 'age'. Give a list of variables"),
        (lambda: built(parameters={None: 1}), "None is not a name"),
        (lambda: built(parameters={"rate": np.nan}), "rate is NaN. Give a number"),
        (lambda: built(parameters={"rate": [[1]]}), "rate is a list: a number"),
        (lambda: built(parameters={"rate": {"values": 1, "unit": 3}}), "unit of rate is 3"),
        (lambda: built(parameters={"s": {"brackets": 3}}), "brackets of s is 3. Give a list"),
        (lambda: built(parameters={"s": {"brackets": ["a"]}}), r"s\[0\] is 'a'. Give"),
        *(
            (
                lambda value=value: built(
                    parameters={"s": {"brackets": [{"threshold": value, "rate": 1}]}}
                ),
                r"s\[0\].threshold is .*Give a number",
            )
            for value in ("1", True, [1])
        ),
        (lambda: input_variable(3, entity="person"), "name is 3. Give a text"),
        (lambda: input_variable("x", entity=None), "x: entity is None. Give a text"),
        (lambda: input_variable("x", entity="person", uprating=3), "x: uprating is 3"),
        (lambda: input_variable("x", entity="person", label=3), "x: label is 3"),
        (lambda: input_variable("x", entity="person", default="1"), "x: default is '1'; give a"),
        (lambda: input_variable("x", entity="person", default=np.nan), "x: default is NaN"),
        (lambda: input_variable("x", entity="person", kind="int", default=1.5), "give a whole"),
        (lambda: input_variable("x", entity="person", kind="bool", default=1), "True or False"),
        (lambda: input_variable("x", entity="person", vocabulary=["a"]), "Give an enum.Enum"),
        (
            lambda: input_variable("x", entity="person", vocabulary=Colour, default="RED"),
            "x: default is 'RED'. Give a member",
        ),
        (lambda: rule(entity="person", defined_for=3)(lambda age: age), "defined_for is 3"),
        (lambda: rule(entity="person", start=pd.NA)(lambda age: age), "start=.* is not a date"),
        (lambda: variable(name=["x"]), "the name of a variable is a list"),
        (lambda: variable(kind=np.zeros(2)), "x: kind a ndarray; choose one of"),
        (lambda: variable(dtype="float23"), "x: dtype is 'float23'. Did you mean"),
        (lambda: variable(formula=None), "x: formula is None. Give a function"),
        (lambda: variable(adds={"rate"}), "x: adds is a set. Give a list of names"),
        (lambda: variable(adds=[3]), r"x: adds\[0\] is 3. Give names"),
        (lambda: variable(stock="no"), "x: stock is 'no'; give True or False"),
    ],
)
def test_what_no_rules_are_made_of(make, said):
    with pytest.raises((BadInputError, UnknownNameError), match=said):
        make()

"""What a formula asks for is computed as numpy does, or refused by name: never another number."""

import enum

import numpy as np
import pytest
from _engine_rules import INCOME, Colour, people, run, system

from pejax.engine import GuardMovedError, UntraceableRule, compile, input_variable, rule

X = np.array([10.0, 0.0, 30.0, 40.0])
STEPS = input_variable("steps", entity="person", kind="int")


class Other(enum.Enum):
    X = "x"
    BLUE = "b"
    RED = "r"


class Green(enum.Enum):
    RED = "red"
    GREEN = "green"


COLOUR = input_variable("colour", entity="person", vocabulary=Colour)
COLOURS = ["RED", "BLUE", "RED", "RED"]


def value(formula, *rules, **given):
    """What a formula gives in the small world."""
    given = {"income": X, **given}
    return run("asked", *rules, rule(entity="person", name="asked")(formula), **given)


def refused(formula, *rules, match, **given):
    """That a formula is refused with a message."""
    with pytest.raises(UntraceableRule, match=match):
        value(formula, *rules, **given)


# ---- truth values of a list of one


def any_of_one(income):
    return np.any([income], axis=0) * 100.0


def all_of_one(income):
    return np.all(np.stack([income]), axis=0) * 100.0


def or_of_one(income):
    return np.logical_or.reduce([income]) * 100.0


def and_of_one(income):
    return np.logical_and.reduce([income]) * 100.0


@pytest.mark.parametrize("formula", [any_of_one, all_of_one, or_of_one, and_of_one])
def test_the_truth_of_a_list_of_one_array_is_a_truth_value(formula):
    np.testing.assert_array_equal(value(formula), formula(X))


# ---- whole numbers are whole


@pytest.mark.parametrize("rounding", [np.floor, np.ceil, np.trunc, np.rint])
@pytest.mark.parametrize("whole", ["steps", "truth"])
def test_rounding_leaves_whole_numbers_and_truth_values(rounding, whole):
    steps = np.array([7, -3, 0, 2])

    def formula(steps):
        return rounding(steps if whole == "steps" else steps > 1) * 2.0

    found = value(formula, inputs=(INCOME, STEPS), steps=steps)
    np.testing.assert_array_equal(found, formula(steps))


# ---- tables of the law indexed by truth values


def by_truth(income, params):
    return params.t[income > 15]


@pytest.mark.parametrize(
    "keys", [("0", "1"), ("no", "yes"), ("FALSE", "TRUE"), ("False", "other"), ("a", "true")]
)
def test_a_table_without_true_and_false_is_not_indexed_by_truth_values(keys):
    law = {"t": dict(zip(keys, (6.0, 5.0), strict=True))}
    refused(by_truth, law=law, match="indexed by truth values: name its keys True and False")


@pytest.mark.parametrize("keys", [("False", "True"), ("false", "true")])
def test_a_table_of_true_and_false_is(keys):
    law = {"t": dict(zip(keys, (6.0, 5.0), strict=True))}
    np.testing.assert_array_equal(value(by_truth, law=law), np.where(X > 15, 5.0, 6.0))


# ---- periods


def always(income):
    return income * 1.0


ALWAYS = rule(entity="person", period="eternity")(always)


def test_a_rule_for_all_time_reads_the_year_for_which_it_is_asked():
    np.testing.assert_array_equal(value(lambda always: always * 2.0, ALWAYS), X * 2)


def test_a_given_value_for_all_time_is_that_of_any_year():
    born = input_variable("born", entity="person", kind="int", period="eternity")
    found = value(
        lambda person, period: person("born", period.last_year) + person("born", period),
        inputs=(INCOME, born),
        born=[2000, 1990, 1980, 1970],
    )
    np.testing.assert_array_equal(found, [4000, 3980, 3960, 3940])


@pytest.mark.parametrize("name", ["income", "always"])
def test_a_year_is_not_asked_for_all_time(name):
    refused(
        lambda person: person(name, "ETERNITY") * 1.0,
        ALWAYS,
        match="income changes by year: ask for its value of one, not of all time",
    )


# ---- enums


@pytest.mark.parametrize(
    "made",
    [
        lambda colour: colour,
        lambda colour: np.where(colour == Colour.RED, Other.RED, Colour.BLUE),
        lambda colour: np.where(colour == Colour.RED, Colour.RED, Other.BLUE),
        lambda colour: np.where(colour == Colour.RED, colour, Other.BLUE),
        lambda colour: np.select([colour == Colour.RED], [colour], Other.BLUE),
    ],
)
def test_a_rule_of_one_enum_takes_another_by_name(made):
    other = rule(entity="person", vocabulary=Other, name="other")(made)
    found = value(
        lambda other: (other == Other.RED) * 1.0 + (other == Other.BLUE) * 2.0,
        other,
        inputs=(INCOME, COLOUR),
        colour=COLOURS,
    )
    np.testing.assert_array_equal(found, [1.0, 2.0, 1.0, 1.0])


@pytest.mark.parametrize("made", [Colour.BLUE, "BLUE"])
def test_one_member_for_every_row_is_taken_by_name(made):
    other = rule(entity="person", vocabulary=Other, name="other")(lambda income: made)
    found = value(lambda other: (other == Other.BLUE) * 1.0, other)
    np.testing.assert_array_equal(found, np.ones(4))


@pytest.mark.parametrize("made", [lambda colour: colour, lambda colour: Colour.BLUE])
def test_a_name_that_an_enum_lacks_is_refused(made):
    green = rule(entity="person", vocabulary=Green, name="green")(made)
    refused(
        lambda green: (green == Green.RED) * 1.0,
        green,
        inputs=(INCOME, COLOUR),
        colour=COLOURS,
        match="'BLUE' is not one of RED, GREEN",
    )


# ---- names that occur


UNIQUE = {
    "a count": lambda colour: len(np.unique(colour)) + 0.0 * (colour == Colour.RED),
    "a size": lambda colour: np.unique(colour).size + 0.0 * (colour == Colour.RED),
    "numpy's size": lambda colour: np.size(np.unique(colour)) + 0.0 * (colour == Colour.RED),
    "a shape": lambda colour: np.unique(colour).shape[0] + 0.0 * (colour == Colour.RED),
    "the first": lambda colour: 1.0 * (colour == np.unique(colour)[0]),
    "an array": lambda colour: 1.0 * (np.array(np.unique(colour)) == "RED"),
    "a comparison": lambda colour: 1.0 * np.any(np.unique(colour) == "RED"),
}


@pytest.mark.parametrize("formula", UNIQUE.values(), ids=UNIQUE)
def test_how_many_names_occur_is_not_a_number_of_the_vocabulary(formula):
    given = {"inputs": (INCOME, COLOUR), "colour": ["RED"] * 4}
    refused(formula, match=r"numpy\.unique of names, but for a loop", **given)


@pytest.mark.parametrize("colours", [["RED"] * 4, COLOURS])
def test_whether_a_name_occurs_is_asked_of_the_people(colours):
    def formula(colour):
        there = "BLUE" in np.unique(colour)
        return (2.0 if there else 1.0) + 0.0 * (colour == Colour.RED)

    found = value(formula, inputs=(INCOME, COLOUR), colour=colours)
    np.testing.assert_array_equal(found, np.full(4, 1.0 + ("BLUE" in colours)))


def test_a_loop_over_the_names_that_may_occur_looks_up_each():
    def formula(colour, params):
        words, found = colour.decode_to_str(), np.zeros(len(colour))
        for name in list(np.unique(words)):
            found[words == name] = params.t[name]
        return found

    law = {"t": {"RED": 3.0, "BLUE": 4.0}}
    found = value(formula, inputs=(INCOME, COLOUR), colour=COLOURS, law=law)
    np.testing.assert_array_equal(found, [3.0, 4.0, 3.0, 3.0])


# ---- parameters in sets and dictionaries


@pytest.mark.parametrize("number", [1.0, 2.0, 3.0])
def test_a_number_of_the_law_is_looked_up_by_what_it_is(number):
    """It was in no set and no dictionary, and nobody was told."""

    @rule(entity="person")
    def one_of(income, params):
        return income * (1.0 if params.choice in {1, 2} else 7.0)

    @rule(entity="person")
    def by_key(income, params):
        return income * {1: 5.0, 2: 6.0}.get(params.choice, 8.0)

    law = {"choice": number}
    program = compile(system(one_of, by_key, law=law), ["one_of", "by_key"], 2025, people())
    found = program(program.parameters, people())
    income = np.asarray(people().column("income"))
    np.testing.assert_allclose(found["one_of"], income * {1: 1, 2: 1}.get(number, 7))
    np.testing.assert_allclose(found["by_key"], income * {1: 5, 2: 6}.get(number, 8))
    other = program.parameters.with_reform({"choice": 4.0 - number + (number == 2)})
    with pytest.raises(GuardMovedError, match="one_of"):
        program(other, people())

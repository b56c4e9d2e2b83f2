"""What is given as columns: names that a country moves, names that it does not know, weights."""

import dataclasses
import enum

import numpy as np
import pytest
from _engine_rules import people, system
from hypothesis import given, strategies as st

from pejax import Population
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import compile, input_variable, load, rule
from pejax.engine.rules._names import Moved, Names
from pejax.testing import toy_oracle, toy_population, toy_program, toy_system

WAGES = np.array([10.0, 20.0, 30.0, 40.0])
STATES = ["NY", "CA"]


class State(enum.Enum):
    CA = "California"
    NY = "New York"


INPUTS = (
    input_variable("earned", entity="person"),
    input_variable("hours", entity="person"),
    input_variable("state", entity="household", vocabulary=State),
)
MOVES = {
    "wage": Moved("earned"),
    "state_text": Moved("state", yields=True),
    "pay": Moved(""),
}
"""As a country's own simulation keeps its inputs."""


@rule(entity="person")
def wage(earned):
    """What is earned after a response to the law."""
    return earned * 1.0


@rule(entity="person")
def pay(earned):
    return earned * 1.0


@rule(entity="person")
def benefit(earned):
    return earned / 2


@rule(entity="household", kind="str")
def state_text(household, period):
    return household("state", period).decode_to_str()


@rule(entity="household")
def in_ny(household, period):
    return household("state", period) == State.NY


@rule(entity="household")
def text_is_ny(household, period):
    return household("state_text", period) == "NY"


RULES = (wage, pay, benefit, state_text, in_ny, text_is_ny)


def moving(*more):
    """Rules of a country that keeps `wage` as `earned`, and text as its state."""
    return dataclasses.replace(system(*RULES, *more, inputs=INPUTS), moved=lambda: MOVES)


def only(**columns) -> Population:
    """The two households with these columns alone."""
    frames = people().to_frames()
    frames["person"] = frames["person"].drop(columns="income")
    rows = {4: "person", 3: "tax_unit", 2: "household"}
    for name, values in columns.items():
        frames[rows[len(values)]][name] = values
    return Population.from_frames(frames)


def value(program, population, name="benefit"):
    return np.asarray(program(program.parameters, population)[name])


def saved(program, folder):
    program.save(folder / "law.pejax")
    return load(folder / "law.pejax")


# ---- names that a country moves


@pytest.mark.parametrize("name", ["wage", "earned"])
def test_a_moved_input_is_read_where_it_is_kept(name, tmp_path):
    """What was given as `wage` was zero for whatever reads `earned`."""
    population = only(**{name: WAGES})
    for _ in range(2):  # traced, and read from the cache
        program = compile(moving(), ["benefit", "wage"], 2025, population, cache=tmp_path)
        np.testing.assert_allclose(value(program, population), WAGES / 2)
        np.testing.assert_allclose(value(program, population, "wage"), WAGES)
    again = saved(program, tmp_path)
    np.testing.assert_allclose(value(again, population), WAGES / 2)
    assert again == program


def test_two_names_of_one_input_are_refused(tmp_path):
    both = only(wage=WAGES, earned=WAGES)
    message = r"'wage' and 'earned' give one variable.*Drop one"
    with pytest.raises(BadInputError, match=message):
        compile(moving(), ["benefit"], 2025, both)
    program = compile(moving(), ["benefit"], 2025, only(wage=WAGES))
    for one in (program, saved(program, tmp_path)):
        with pytest.raises(BadInputError, match=message):
            value(one, both)


def test_a_moved_name_that_the_program_was_not_compiled_for_is_refused(tmp_path):
    """Whether a program has the name or that under which it is kept, it asks for its own."""
    program = saved(compile(moving(), ["benefit"], 2025, only(hours=WAGES)), tmp_path)
    for name in ("wage", "earned"):
        with pytest.raises(BadInputError, match=rf"person\.{name} is a variable that the program"):
            value(program, only(hours=WAGES, **{name: WAGES}))
    program = compile(moving(), ["benefit"], 2025, only(earned=WAGES))
    with pytest.raises(BadInputError, match="compiled for a column 'earned' on person"):
        value(program, only(wage=WAGES))


def test_a_text_is_kept_as_a_category(tmp_path):
    population = only(state_text=STATES)
    program = compile(moving(), ["in_ny", "text_is_ny"], 2025, population)
    for one in (program, saved(program, tmp_path)):
        np.testing.assert_array_equal(value(one, population, "in_ny"), [1, 0])
        np.testing.assert_array_equal(value(one, population, "text_is_ny"), [1, 0])
        # It knows every name of the category, not only those that occurred.
        np.testing.assert_array_equal(value(one, only(state_text=["CA", "CA"]), "in_ny"), [0, 0])
    with pytest.raises(BadInputError, match=r"state_text holds 'QQ'.*Nearest: CA, NY"):
        value(program, only(state_text=["QQ", "CA"]), "in_ny")


def test_a_name_that_yields_stays_beside_the_other():
    """The country says so: what is given by the other name wins there."""
    population = only(state=STATES, state_text=STATES[::-1])
    program = compile(moving(), ["in_ny", "text_is_ny"], 2025, population)
    np.testing.assert_array_equal(value(program, population, "in_ny"), [1, 0])
    np.testing.assert_array_equal(value(program, population, "text_is_ny"), [0, 1])


def test_an_input_that_the_country_splits_is_refused():
    with pytest.raises(BadInputError, match=r"'pay'.*neither keeps this input nor moves it"):
        compile(moving(), ["benefit"], 2025, only(pay=WAGES))


def test_formulas_see_the_names_as_they_were_given():
    """A simulation lists its inputs before it moves them."""

    @rule(entity="person")
    def listed(person, earned):
        names = person.simulation.input_variables
        return earned * ("wage" in names) + 1e3 * ("earned" in names)

    for name, expected in {"wage": WAGES, "earned": 1e3}.items():
        population = only(**{name: WAGES})
        program = compile(moving(listed), ["listed"], 2025, population)
        np.testing.assert_allclose(value(program, population, "listed"), expected)


# ---- names that it does not know


@pytest.fixture(scope="module")
def toyland():
    return toy_population()


def misspelt(population, entity, wrong, right):
    frames = population.to_frames()
    frames[entity] = frames[entity].rename(columns={right: wrong})
    return Population.from_frames(frames)


def test_a_misspelt_column_is_refused_with_the_nearest_names(toyland):
    """Its values would be zero for everybody."""
    wrong = misspelt(toyland, "person", "earning", "earnings")
    with pytest.raises(UnknownNameError, match=r"person\.earning \(did you mean earnings"):
        compile(toy_system(), ["income_tax"], 2025, wrong)


def test_a_program_knows_the_names_too(toyland, tmp_path):
    """A typo in a column that it does not need would vanish as well."""
    program = toy_program(("income_tax",), toyland)
    for one in (program, saved(program, tmp_path)):
        for entity, name in {"person": "saving", "household": "regions"}.items():
            rows = toyland.count(entity)
            more = toyland.with_columns(entity, **{name: np.zeros(rows)})
            with pytest.raises(UnknownNameError, match=rf"{entity}\.{name} \(did you mean"):
                value(one, more, "income_tax")


def test_a_near_name_of_another_entity_is_told_with_it(toyland):
    more = toyland.with_columns("person", regio=np.zeros(toyland.count()))
    with pytest.raises(UnknownNameError, match=r"did you mean region of the household"):
        compile(toy_system(), ["income_tax"], 2025, more)


def test_a_variable_on_another_entity_is_refused(toyland, tmp_path):
    """Also one that the program does not read."""
    program = saved(toy_program(("income_tax",), toyland), tmp_path)
    more = toyland.with_columns("tax_unit", winter_grant=np.zeros(6))
    for run in (
        lambda: value(program, more),
        lambda: compile(toy_system(), ["income_tax"], 2025, more),
    ):
        with pytest.raises(BadInputError, match=r"'winter_grant' is on tax_unit.*household table"):
            run()


def test_all_unknown_columns_are_told_at_once(toyland):
    more = toyland.with_columns("person", **{f"qqq{i}": np.zeros(17) for i in range(11)})
    with pytest.raises(UnknownNameError, match=r"11 columns.*and 3 more.*'qqq10'"):
        compile(toy_system(), ["income_tax"], 2025, more)


def test_extra_columns_are_passed_on_unread(toyland, tmp_path):
    more = toyland.with_columns("person", shoe_size=np.ones(17), is_child=np.zeros(17, bool))
    extra = ["shoe_size", "is_child"]
    expected = toy_oracle(toyland)["net_income"]
    for _ in range(2):
        program = compile(
            toy_system(), ["net_income"], 2025, more, cache=tmp_path, extra=iter(extra)
        )
        for one in (program, saved(program, tmp_path)):
            for population in (more, toyland):
                np.testing.assert_allclose(value(one, population, "net_income"), expected, 1e-6)
    again = program.respecialise(program.parameters, more)
    np.testing.assert_allclose(value(again, more, "net_income"), expected, 1e-6)
    one = compile(toy_system(), ["net_income"], 2025, toyland, extra="shoe_size")
    with pytest.raises(BadInputError, match=r"person\.is_child is a variable that the program"):
        value(one, more, "net_income")


def test_a_question_whether_something_is_given_counts_as_reading_it():
    """The answer is part of the program, though no formula takes the values."""

    @rule(entity="person")
    def odd(person, earned):
        return earned * (2 if person.has_any_input("hours") else 1)

    program = compile(moving(odd), ["odd"], 2025, only(earned=WAGES))
    with pytest.raises(BadInputError, match=r"person\.hours is a variable that the program"):
        value(program, only(earned=WAGES, hours=WAGES), "odd")


# ---- ids


@rule(entity="person", kind="int")
def person_id(person, period):
    """As a country has it where nobody gives ids: rows."""
    return np.arange(person.count)


@rule(entity="person")
def parents_income(person, period):
    """Of the parent in the same rows, by id."""
    own, wanted = person("person_id", period), person("parent_1_id", period)
    of_each = (wanted[:, None] == own[None, :]) & (wanted != 0)[:, None]
    return (of_each * person("earned", period)[None, :]).sum(axis=1)


IDS = {"person": [7, 101, 102, 5], "household": [3, 4]}


def with_ids(parents):
    """The four persons under other ids than their rows."""
    frames = only(earned=WAGES).to_frames()
    frames["person"]["person_id"] = IDS["person"]
    frames["person"]["household_id"] = np.array(IDS["household"])[frames["person"]["household_id"]]
    frames["household"]["household_id"] = IDS["household"]
    population = Population.from_frames(frames)
    if parents is None:
        return population
    return population.with_columns("person", parent_1_id=np.array(parents, np.int32))


def test_a_column_that_refers_to_ids_finds_those_of_the_tables(tmp_path):
    """It was looked for among the numbers of rows, and found nobody."""
    parent = input_variable("parent_1_id", entity="person", kind="int")
    rules = dataclasses.replace(system(person_id, parents_income, inputs=(*INPUTS, parent)))
    population = with_ids([0, 7, 5, 101])
    program = compile(rules, ["parents_income", "person_id"], 2025, population)
    for one in (program, saved(program, tmp_path)):
        found = value(one, population, "parents_income")
        np.testing.assert_allclose(found, [0, WAGES[0], WAGES[3], WAGES[1]])
        np.testing.assert_array_equal(value(one, population, "person_id"), IDS["person"])
    assert program.check and program.report.checks[0].values
    given = population.with_columns("person", person_id=np.array([101, 7, 5, 102], np.int32))
    own = compile(rules, ["parents_income"], 2025, given)
    np.testing.assert_allclose(
        value(own, given, "parents_income"), [0, WAGES[1], WAGES[2], WAGES[0]]
    )


def test_rows_are_numbered_where_nothing_refers_to_ids():
    program = compile(system(person_id, inputs=INPUTS), ["person_id"], 2025, with_ids(None))
    np.testing.assert_array_equal(value(program, with_ids(None), "person_id"), range(4))


def test_a_number_of_the_persons_that_reads_as_a_link_is_refused():
    parent = input_variable("parent_id", entity="person", kind="int")

    @rule(entity="person")
    def has_parent(parent_id):
        return parent_id > 0

    rules = system(has_parent, inputs=[parent])
    frames = only().to_frames()
    frames["person"]["parent_id"] = [0, 0, 0, 1]
    with pytest.raises(
        BadInputError, match=r"'parent_id' was read as a link.*with_columns\('person'"
    ):
        compile(rules, ["has_parent"], 2025, Population.from_frames(frames))
    population = only().with_columns("person", parent_id=[0, 1, 1, 0])
    program = compile(rules, ["has_parent"], 2025, population)
    np.testing.assert_array_equal(value(program, population, "has_parent"), [0, 1, 1, 0])


@pytest.mark.parametrize("name", ["size", "group", "position", "first", "real"])
def test_a_variable_may_be_called_like_a_part_of_the_structure(name):
    """The column was silently replaced by the number of members."""

    @rule(entity="household")
    def doubled(household, period):
        return 2 * household(name, period)

    rules = system(doubled, inputs=[input_variable(name, entity="household")])
    population = only(**{name: [7.0, 5.0]})
    program = compile(rules, ["doubled"], 2025, population)
    np.testing.assert_array_equal(value(program, population, "doubled"), [14, 10])


# ---- weights


def weighted():
    @rule(entity="person")
    def weight_of_person(person, period):
        return person.household("household_weight", period)

    default = input_variable("household_weight", entity="household", default=1.0)
    return system(weight_of_person, inputs=[default])


def test_weights_are_what_the_law_calls_household_weight(tmp_path):
    program = compile(weighted(), ["weight_of_person"], 2025, only())
    for one in (program, saved(program, tmp_path)):
        for population in (only(), only().pad_to()):
            np.testing.assert_allclose(value(one, population, "weight_of_person"), [1, 1, 1, 2])
    other = only().with_weights(np.array([5.0, 7.0]))
    np.testing.assert_allclose(value(program, other, "weight_of_person"), [5, 5, 5, 7])


def test_a_column_of_weights_wins_over_them():
    population = Population.from_frames(only().to_frames(), weights=None)
    program = compile(weighted(), ["weight_of_person"], 2025, population)
    np.testing.assert_allclose(value(program, population, "weight_of_person"), [1, 1, 1, 2])


# ---- on disk

WORDS = st.text("abcde_", min_size=1, max_size=6)


@given(
    st.dictionaries(WORDS, st.sampled_from(["person", "household"])),
    st.dictionaries(WORDS, st.builds(Moved, WORDS, st.booleans())),
)
def test_names_there_and_back(entities, moved):
    names = Names("land", entities, moved)
    assert Names.from_json(names.to_json()) == names


# ---- types


@pytest.mark.parametrize("name", ["earned", "hours"])
def test_texts_are_no_numbers(name):
    """They were taken by their places among the texts that occur: 0, 1, 1, 2."""
    population = only(**{name: ["100", "7", "7", "9"]})
    with pytest.raises(BadInputError, match=rf"person\.{name} holds texts \('100'.*to_numeric"):
        compile(system(benefit, inputs=INPUTS), ["benefit"], 2025, population)
    program = compile(system(benefit, inputs=INPUTS), ["benefit"], 2025, only(**{name: WAGES}))
    if name == "earned":
        with pytest.raises(BadInputError, match="another type"):
            value(program, population)


def test_fractions_are_no_category():
    with pytest.raises(BadInputError, match=r"household\.state holds fractions.*names"):
        compile(system(in_ny, inputs=INPUTS), ["in_ny"], 2025, only(state=[0.5, 1.0]))

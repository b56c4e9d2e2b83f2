"""Conformity: a country's own cases against the graph of its rules."""

import textwrap
from types import SimpleNamespace

import pytest

from pejax.conform import Runner, read_cases, sample
from pejax.conform._people import _begins_a_month
from pejax.core._validate import BadInputError
from pejax.testing import toy_system

ENTITIES = {"person": "people", "tax_unit": "tax_units", "household": "households"}


def runner(in_jax=0.0):
    """Toyland's."""

    def rules(case):
        return toy_system().with_reform(dict(case.law))

    return Runner(rules, ENTITIES, in_jax=in_jax)


@pytest.fixture
def judged(tmp_path):
    """Verdicts on a file of cases, by their names."""

    def judge(text):
        (tmp_path / "cases.yaml").write_text(textwrap.dedent(text))
        cases = read_cases(tmp_path)
        return dict(zip([c.name for c in cases], runner().run(cases), strict=True))

    return judge


PASS = """
- name: flat
  period: 2025
  input: {earnings: 28_000, age: 40}
  output: {income_tax: 4_000}
- name: flat, several persons
  period: 2025
  input: {age: [3, 8, 40]}
  output: {is_child: [true, true, false]}
- name: one entity of a kind
  period: 2025
  input:
    person: {age: 30, earnings: "2 * 9_000"}
    household: {members: person, region: SOUTH, rent: 9_000}
  output:
    household: {housing_benefit: 4_200, region: SOUTH}
    person: {income: 18_000}
- name: several persons, one alone
  period: 2025
  input:
    people:
      anna: {age: 40, earnings: {2025: 28_000}}
      bert: {age: 3}
      carl: {age: 70, savings: null}
    tax_units: {first: {members: [anna, bert]}}
    households: {home: {members: [anna, bert, carl]}}
  output:
    tax_units:
      first: {income_tax: 4_000, child_benefit: 1_740}
      carl: {income_tax: 0}
    people: {bert: {is_child: true}}
- name: a month
  period: 2025-08
  input: {age: 5}
  output: {child_allowance: 150}
- name: yearly inputs of a month
  period: 2025-01
  input: {earnings: 28_000, age: 5}
  output: {child_allowance: 140, income_tax: {2025: 4_000}}
- name: a household without members, whose values are everybody's
  period: 2025
  input:
    people: {anna: {age: 30}}
    households: {home: {region: SOUTH, rent: 9_000}}
  output: {housing_benefit: [4_200, 4_200]}
- name: a category by its number
  period: 2025
  input:
    people: {anna: {}}
    households: {home: {members: anna, region: ISLES}}
  output:
    households: {home: {region: 2}}
- name: a year made of months that are given
  period: 2025
  input:
    age: 40
    child_allowance: {2025-01: 100, 2025-02: 20}
  output:
    child_allowance: {2025: 120, 2025-02: 20, 2025-03: 0}
- name: the rest of a year
  period: 2025
  input: {child_allowance: {2025-01: 210, 2025: 1_200}}
  output: {child_allowance: {2025-12: 90}}
- name: an input in place of a formula
  period: 2025
  input: {income: 38_000, age: 40}
  output: {income_tax: 6_000}
- name: another parameter
  period: 2025
  input: {tax.rate: 0.5, earnings: 28_000, age: 40}
  output: {income_tax: 10_000}
- name: another year
  period: 2026
  input: {earnings: 29_000, age: 40}
  output: {income_tax: 4_000}
- name: a margin
  period: 2025
  absolute_error_margin: 5
  input: {earnings: 28_000, age: 40}
  output: {income_tax: 4_004}
- name: a relative margin
  period: 2025
  relative_error_margin: 0.01
  input: {earnings: 28_000, age: 40}
  output: {income_tax: 4_030}
"""


def test_cases_that_pass(judged):
    verdicts = judged(PASS)
    assert {name: v.reason for name, v in verdicts.items() if v.status != "passed"} == {}


def test_cases_of_one_year_share_a_batch(judged):
    """Although they give other variables, or change the law: what one gives the others compute."""
    verdicts = judged(PASS)
    assert verdicts["flat"].together == verdicts["one entity of a kind"].together > 5
    assert verdicts["another parameter"].together == verdicts["flat"].together
    assert verdicts["an input in place of a formula"].together == verdicts["flat"].together


def test_graphs_are_kept_small(tmp_path):
    """Cases that replace a formula have graphs of their own; a large one is put off."""
    (tmp_path / "cases.yaml").write_text(PASS)
    cases = read_cases(tmp_path)
    ours = runner()
    apart = {c.name: v for c, v in zip(cases, ours.run(cases, most_nodes=10_000), strict=True)}
    assert {v.status for v in apart.values()} == {"passed"}
    assert apart["flat"].together > 5
    assert apart["an input in place of a formula"].together == 1
    some = ours.run(cases, most_nodes=30)
    assert {v.status for v in some} == {"passed", "large"}
    assert ours.large


def test_cases_that_give_what_others_compute(judged):
    """A year that is spread differently: of a month, some rows are given the value."""
    verdicts = judged(MIXED)
    assert {v.together for v in verdicts.values()} == {3}
    assert {name: v.reason for name, v in verdicts.items() if v.status != "passed"} == {}


MIXED = """
- name: this year's rent
  period: 2025
  input: {rent: 1_000}
  output: {housing_benefit: 515}
- name: next year's rent
  period: 2025
  input: {rent: {2025: 1_000, 2026: 2_000}}
  output: {housing_benefit: 1_000}
- name: last year's rent
  period: 2025
  input: {rent: {2025: 1_000, 2024: 7}, region: SOUTH}
  output: {housing_benefit: 515}
"""

WRONG = """
- name: wrong
  period: 2025
  input: {earnings: 28_000, age: 40}
  output: {income_tax: 4_001}
- name: right
  period: 2025
  input: {earnings: 28_000, age: 40}
  output: {income_tax: 4_000}
- name: a wrong category
  period: 2025
  input: {region: NORTH}
  output: {region: SOUTH}
- name: a wrong month
  period: 2025
  input: {age: 5}
  output: {child_allowance: {2025-06: 140, 2025-07: 140}}
"""


def test_values_that_are_off(judged):
    verdicts = judged(WRONG)
    assert {n: v.status for n, v in verdicts.items()} == {
        "wrong": "failed",
        "right": "passed",
        "a wrong category": "failed",
        "a wrong month": "failed",
    }
    assert verdicts["wrong"].reason == "income_tax in 2025 is 4000, not 4001"
    assert verdicts["wrong"].together == 1  # asked again by itself
    assert verdicts["a wrong month"].reason == "child_allowance in 2025-07 is 150, not 140"


REFUSED = """
- name: no variable
  period: 2025
  input: {earninks: 3}
  output: {income_tax: 4_001}
- name: no output
  period: 2025
  input: {earnings: 3}
  output: {incme_tax: 4_001}
- name: two units
  period: 2025
  input:
    people: {anna: {}}
    tax_units: {a: {members: [anna]}, b: {members: [anna]}}
  output: {income_tax: 0}
- name: no number
  period: 2025
  input: {earnings: [a]}
  output: {income_tax: 0}
- name: no period
  period: soon
  input: {earnings: 3}
  output: {income_tax: 0}
- name: no parameter
  period: 2025
  input: {tax.rat: 0.5}
  output: {income_tax: 0}
- name: a number that is a word
  period: 2025
  input: {earnings: 3}
  output: {income_tax: many}
- name: somebody else
  period: 2025
  input: {people: {anna: {}}}
  output: {people: {bert: {is_child: true}}}
- name: two households, and one after them
  period: 2025
  input:
    people: {anna: {}, bert: {}, carl: {}}
    households: {a: {members: anna, rent: 3}, b: {members: bert}}
  output: {rent: [3, 0, 0]}
- name: nobody
  period: 2025
  input: {people: {}}
  output: {income_tax: 0}
- name: no answer
  period: 2025
"""


def test_cases_that_cannot_be_asked(judged):
    verdicts = judged(REFUSED)
    assert {v.status for v in verdicts.values()} == {"refused"}
    words = {
        "no variable": "earninks",
        "no output": "'incme_tax' is no variable",
        "two units": "'anna' is no person, or in two of tax_unit",
        "no number": "earnings is 'a', which is no float",
        "no period": "period 'soon'",
        "no parameter": "tax.rat",
        "nobody": "no persons",
        "two households, and one after them": "rent is given for 2 of 3 rows of household",
        "a number that is a word": "an output is to be 'many'",
        "somebody else": "output of people 'bert', who is not in the case",
        "": "no test: it has no output",
    }
    for name, word in words.items():
        assert word in verdicts[name].reason


HOME = """
    people: {anna: {age: 40}, bert: {age: 3, earnings: 700}}
    tax_units: {unit: {members: [anna, bert]}}
    households: {home: {members: [anna, bert], region: SOUTH}}
"""

AXES = f"""
- name: one
  period: 2025
  input: {HOME}
    axes: [[{{name: earnings, min: 0, max: 28_000, count: 3}}]]
  output:
    earnings: [0, 700, 14_000, 700, 28_000, 700]
    income_tax: [0, 1_340, 4_140]
    region: [SOUTH, SOUTH, SOUTH]
- name: of the second
  period: 2025
  input: {HOME}
    axes: [[{{name: earnings, min: 0, max: 100, count: 2, index: 1}}]]
  output: {{earnings: [0, 0, 0, 100]}}
- name: in step
  period: 2025
  input: {HOME}
    axes:
    - - {{name: earnings, min: 1, max: 2, count: 2}}
      - {{name: age, min: 20, max: 30, count: 2}}
  output: {{earnings: [1, 700, 2, 700], age: [20, 3, 30, 3]}}
- name: across each other
  period: 2025
  input: {HOME}
    axes:
    - [{{name: earnings, min: 1, max: 3, count: 3}}]
    - [{{name: rent, min: 5, max: 6, count: 2, period: 2025}}]
  output: {{earnings: [1, 700, 2, 700, 3, 700, 1, 700, 2, 700, 3, 700], rent: [5, 5, 5, 6, 6, 6]}}
- name: one value
  period: 2025
  input: {HOME}
    axes: [[{{name: earnings, min: 9, max: 28_000, count: 1}}]]
  output: {{earnings: [9, 700]}}
"""


def test_axes_repeat_a_case(judged):
    verdicts = judged(AXES)
    assert {name: v.reason for name, v in verdicts.items() if v.status != "passed"} == {}


AXIS = "{name: earnings, min: 0, max: 1, count: 2}"


@pytest.mark.parametrize(
    ("axes", "reason"),
    [
        (f"[{AXIS}]", "axes are lists of {name, min, max, count}"),
        ("[[{name: earnings, count: 2}]]", "axes are lists of {name, min, max, count}"),
        ("[[{name: earnings, min: 0, max: 1, count: 0}]]", "axes are lists of"),
        ("[[{name: earnings, min: 0, max: 1, count: many}]]", "axes are lists of"),
        ("[[{name: earninks, min: 0, max: 1, count: 2}]]", "earninks"),
        ("[[{name: earnings, min: 0, max: 1, count: 2, index: 2}]]", "of row 2, and there are 2"),
        ("[[{name: earnings, min: 0, max: 1, count: 20_000}]]", "more than 10,000 rows"),
    ],
)
def test_axes_that_are_none(judged, axes, reason):
    home = "{people: {anna: {}, bert: {}}, axes: %s}" % axes  # noqa: UP031
    verdicts = judged(f"- {{period: 2025, input: {home}, output: {{income_tax: 0}}}}")
    (verdict,) = verdicts.values()
    assert reason in verdict.reason and verdict.status == "refused"


def test_a_file_that_is_no_yaml(tmp_path):
    (tmp_path / "a.yaml").write_text("- name: [")
    (tmp_path / "b.yaml").write_text(textwrap.dedent(WRONG))
    cases = read_cases(tmp_path)
    verdicts = runner().run(cases)
    assert verdicts[0].status == "refused"
    assert "not YAML" in verdicts[0].reason
    assert len(cases) == len(verdicts) == 5


def test_where_there_are_no_tests(tmp_path):
    with pytest.raises(BadInputError, match=r"no file there ends in .yaml"):
        read_cases(tmp_path)
    with pytest.raises(BadInputError, match=r"no tests at .*gov. Give a path below"):
        read_cases(tmp_path, "gov")


def test_a_sample_is_the_same_each_time(tmp_path):
    (tmp_path / "cases.yaml").write_text(PASS)
    cases = read_cases(tmp_path)
    some = sample(cases, 4, seed=1)
    assert some == sample(cases, 4, seed=1) != sample(cases, 4, seed=2)
    assert [c.key for c in some] == sorted({c.key for c in some}, key=[c.key for c in cases].index)
    assert sample(cases, 99, seed=0) == cases


def test_days_that_begin_a_month_begin_a_year_of_what_is_yearly():
    def begins(unit, start):
        return _begins_a_month(SimpleNamespace(unit=unit, start=start))

    assert begins("day", "2024-01-01") and begins("month", "2024-03-01")
    assert not begins("day", "2024-01-15") and not begins("year", "2024-01-01")

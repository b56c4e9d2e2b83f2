"""A sample of real households, run by policyengine-us itself and by the program made of its law."""

import jax
import numpy as np
import pytest

from pejax import datasets, engine
from pejax.engine import importer
from pejax.testing import with_every_input

PACKAGE = "policyengine_us"
YEAR = 2025
OUTPUTS = ("adjusted_gross_income", "ctc", "eitc")
HOUSEHOLDS = 2_000

pytestmark = [pytest.mark.oracle, pytest.mark.us]


@pytest.fixture(scope="module")
def people():
    return datasets.load_cps(period=YEAR, households=HOUSEHOLDS)


@pytest.fixture(scope="module")
def program(country, people):
    return engine.compile(country, OUTPUTS, YEAR, people)


@pytest.fixture(scope="module")
def source(country, people):
    simulation = importer.source_simulation(PACKAGE, people, YEAR)
    importer.source_values(simulation, OUTPUTS, YEAR)
    return simulation


@pytest.fixture(scope="module")
def precise(country):
    """The program and the people in float64."""
    with jax.enable_x64(True):
        people = datasets.load_cps(period=YEAR, households=HOUSEHOLDS)
        return engine.compile(country, OUTPUTS, YEAR, people, dtype="float64"), people


def same(mine, theirs):
    """Amounts within $1 or 1e-6 relative, everything else equal."""
    if theirs.dtype.kind == "f":
        return np.allclose(np.asarray(mine, float), theirs, rtol=1e-6, atol=1.0, equal_nan=True)
    return np.array_equal(mine, theirs)


def traced(program):
    return [v.variable for v in program.report if v.status == "traced"]


def names_or_numbers(program, name, values):
    words = program.vocabulary(name)
    return np.asarray(values) if words is None else np.asarray(words)[np.asarray(values)]


def test_outputs_agree_for_every_tax_unit(program, people, source):
    outputs = program(program.parameters, people)
    theirs = importer.source_values(source, OUTPUTS, YEAR)
    for name in OUTPUTS:
        assert theirs[name].any(), f"{name} is zero for everybody in the sample"
        assert same(outputs[name], theirs[name]), name


def different(country, people, names, theirs):
    """The variables of `names` that a program for all of them gives otherwise than the source."""
    program = engine.compile(country, names, YEAR, people)
    outputs = program(program.parameters, people)
    return [
        name
        for name in names
        if not same(names_or_numbers(program, name, outputs[name]), theirs[name])
    ]


def test_every_variable_on_the_way_agrees(country, program, people, source):
    names = traced(program)
    assert len(names) > 300
    theirs = importer.source_values(source, names, YEAR)
    assert different(country, people, names, theirs) == []


def test_every_variable_agrees_where_no_input_is_left_at_its_default(country, program, people):
    """The survey leaves two variables in three at zero for everybody."""
    filled = with_every_input(jax.random.key(0), people, program, country.load())
    names = traced(engine.compile(country, OUTPUTS, YEAR, filled))
    simulation = importer.source_simulation(PACKAGE, filled, YEAR)
    importer.source_values(simulation, OUTPUTS, YEAR)
    theirs = importer.source_values(simulation, names, YEAR)
    assert sum((theirs[name] != theirs[name][0]).any() for name in names) > 0.8 * len(names)
    assert different(country, filled, names, theirs) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("gov.irs.credits.ctc.amount.base[0].amount", 3_600.0),
        ("gov.irs.credits.ctc.phase_out.threshold.JOINT", 110_000.0),
        ("gov.irs.credits.eitc.phase_out.rate[1].amount", 0.10),
        ("gov.irs.credits.eitc.eligibility.age.min", 19.0),
        ("gov.irs.social_security.taxability.rate.additional.excess", 0.5),
    ],
)
def test_a_reform_agrees(program, people, source, path, value):
    law = program.parameters.with_reform({path: {f"year:{YEAR}": value}})
    outputs = program(law, people)
    theirs = importer.source_under(PACKAGE, people, path, value, OUTPUTS, YEAR)
    before = importer.source_values(source, OUTPUTS, YEAR)
    assert any(not np.array_equal(theirs[name], before[name]) for name in OUTPUTS)
    for name in OUTPUTS:
        assert same(outputs[name], theirs[name]), name


def test_derivatives_are_finite_for_every_number_of_the_law(x64, precise):
    program, people = precise
    _, slope = engine.gradient(
        program, program.parameters, people, lambda out, _: sum(out[n].sum() for n in OUTPUTS)
    )
    assert np.isfinite(np.asarray(slope.values)).all()


@pytest.mark.parametrize(
    ("path", "output"),
    [
        ("gov.irs.credits.ctc.amount.base[0].amount", "ctc"),
        ("gov.irs.credits.ctc.amount.adult_dependent", "ctc"),
        ("gov.irs.credits.eitc.max[2].amount", "eitc"),
        ("gov.irs.credits.eitc.phase_out.rate[1].amount", "eitc"),
        ("gov.irs.ald.self_employment_tax.percent_deductible", "adjusted_gross_income"),
        ("gov.irs.ald.student_loan_interest.cap.JOINT", "adjusted_gross_income"),
        ("gov.irs.social_security.taxability.rate.additional.excess", "adjusted_gross_income"),
    ],
)
def test_derivatives_equal_central_differences(x64, precise, path, output):
    """Nobody in the sample passes a threshold within a step of 0.1 % of these numbers."""
    program, people = precise
    value = float(program.parameters[path])
    _, slope = engine.gradient(
        program, program.parameters, people, lambda outputs, _: outputs[output].sum()
    )
    found = importer.differences(PACKAGE, people, path, output, value, 1e-3 * value, YEAR)
    assert float(slope[path]) == pytest.approx(found, rel=1e-3)


def test_a_clone_of_the_country_changes_alone(country):
    system = country.load()
    path = ("gov", "irs", "credits", "ctc", "refundable", "individual_max")

    def value(source):
        at = source.parameters
        for step in path:
            at = at.children[step]
        return at, at("2025-01-01")

    clone = system.clone()
    original, before = value(system.source)
    changed, same = value(clone)
    assert same == before and changed is not original
    changed.update(start="2025-01-01", stop=None, value=before + 100.0)
    assert value(clone)[1] == before + 100.0
    assert value(system.source)[1] == before


def test_no_variable_that_the_country_has_is_refused_by_its_text(country):
    country.fail_if_no_variable(country.load().variables)

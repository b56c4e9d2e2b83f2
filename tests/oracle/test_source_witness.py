"""Ten seeded situations and some shipped cases, by the source as its users run it and by us."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = str(Path(__file__).parents[2] / "benchmarks")
OUTPUTS = ("adjusted_gross_income", "ctc", "eitc")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.us,
    pytest.mark.filterwarnings("ignore"),  # the source's formulas divide by zero and discard it
]


@pytest.fixture(scope="module")
def room():
    """The benchmarks' own modules, by name."""
    sys.path.insert(0, FOLDER)
    yield importlib.import_module
    sys.path.remove(FOLDER)


def test_ten_situations_agree_on_every_variable_on_the_way(country, room):
    witness, situations = room("_witness"), room("_situations")
    workload = room("engine_situations")
    (batch,), inputs, _ = workload.dealt(country.load(), 10, 1, seed=3)
    people = situations.population(batch)
    program, refused = witness.traced(country, OUTPUTS, people)
    names = [v.variable for v in program.report if v.status == "traced"]
    program, more = witness.traced(country, [*OUTPUTS, *names], people)
    assert not refused | more
    theirs = witness.source_answers(
        witness.source_simulation(situations.situation(batch, 2025)), [*OUTPUTS, *names]
    )
    off = witness.differences(program, people, witness.in_numpy(program, people), theirs)
    unexplained = {n: o for n, o in off.items() if witness.reason(n, off) == witness.UNEXPLAINED}
    assert unexplained == {}
    assert len(inputs) > 1_000
    assert np.ptp(theirs.values["adjusted_gross_income"]) > 0


@pytest.mark.parametrize(
    "file", ["baseline/gov/irs/credits/ctc/ctc.yaml", "baseline/gov/ssa/ssi/is_ssi_disabled.yaml"]
)
def test_cases_that_the_source_ships_pass(country, room, file):
    workload, cases = room("engine_conform"), room("_cases")
    path = workload.folder_of_tests() / file
    runner = workload.Runner(country, country.load())
    found = [case for case in cases.read_cases(path.parent) if case.key.startswith(path.name)]
    can = [case for case in found if runner.reason(case) is None][:4]
    lines = [runner.run(case) for case in can]
    assert lines
    assert {(line["source"], line["program"]) for line in lines} == {("passed", "passed")}
    assert all(line["same_as_source"] for line in lines)

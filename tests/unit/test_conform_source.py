"""The source engine's own verdicts: under the law and the structural reforms of each case."""

import pytest

core = pytest.importorskip("policyengine_core")

from policyengine_core.reforms import Reform  # noqa: E402
from policyengine_toyland.system import system  # noqa: E402

from pejax.conform import Case, Suite, conform, source_verdicts  # noqa: E402
from pejax.conform._source import Source  # noqa: E402
from pejax.engine import Country  # noqa: E402

MADE = []


class Exempt(Reform):
    """Ten times the allowance; a copy of the law, as every structural reform makes."""

    def apply(self):
        MADE.append(1)
        self.modify_parameters(self._more)

    @staticmethod
    def _more(parameters):
        allowance = parameters.gov.tax.allowance
        allowance.update(period="year:2000:40", value=10 * allowance("2025-01-01"))
        return parameters


def case(tax, reforms=(), **law):
    changed = {f"gov.tax.{name}": value for name, value in law.items()}
    given, expected = {"income": 200.0}, {"income_tax": tax}
    return Case("a", period="2025", given=given, law=changed, expected=expected, reforms=reforms)


FLAT = ("exempt",)
CASES = [
    case(38.0),  # 0.2 (200 - 10)
    case(20.0, FLAT),
    case(20.0, FLAT),
    case(30.0, FLAT, allowance=5.0),
    case(75.0, FLAT, rate=0.5, allowance=5.0),
    case(75.0, FLAT, rate=0.5, allowance=5.0),
    case(38.0),
    case(97.5, rate=0.5, allowance=5.0),
    case(20.0, FLAT),
]


@pytest.fixture
def source():
    MADE.clear()
    reforms = {"exempt": Exempt}
    entities = {"person": "people", "household": "households"}
    return Source(system, entities, lambda one: [reforms[name] for name in one.reforms])


def test_each_case_is_under_its_own_law(source):
    verdicts = [source.verdict(one) for one in CASES]
    assert [(v.status, v.reason) for v in verdicts] == [("passed", "")] * len(CASES)


def test_a_reform_is_made_once_for_the_cases_beside_each_other(source):
    for one in CASES[1:6]:
        source.verdict(one)
    assert len(MADE) == 3  # once under each law


def test_another_value_is_a_failure_that_names_it(source):
    verdict = source.verdict(case(37.0))
    assert verdict.status == "failed"
    assert verdict.reason == "income_tax in 2025 is 38, not 37.0"


TESTS = """
- {name: right, period: 2025, input: {income: 200}, output: {income_tax: 38}}
- {name: wrong, period: 2025, input: {income: 200}, output: {income_tax: 39}}
"""


def test_they_are_kept_for_whoever_asks_next(tmp_path, monkeypatch):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "tax.yaml").write_text(TESTS)
    toyland = Suite(Country("policyengine_toyland", "1"), tmp_path / "tests")
    found = source_verdicts(toyland, out=tmp_path / "out")
    assert found.counts == {"cases": 2, "passed": 1, "failed": 1}
    monkeypatch.setattr(Source, "verdict", lambda *_: pytest.fail("it is asked again"))
    both = conform(toyland, with_source=True, out=tmp_path / "out")
    assert both.source == found.verdicts
    assert [v.status for v in both.verdicts] == [v.status for v in both.source]
    assert both.counts["source_passed"] == both.counts["passed_both"] == 1

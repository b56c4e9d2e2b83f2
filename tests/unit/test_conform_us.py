"""Cases of policyengine-us' own tests: those whose graphs are small, one of each of many files."""

import numpy as np
import pytest

pytestmark = pytest.mark.us

FILES = 400


@pytest.fixture(scope="module")
def runner():
    pytest.importorskip("policyengine_us")
    from pejax.conform import suite_of

    return suite_of("policyengine_us").runner()


@pytest.fixture(scope="module")
def cases():
    """Those that change no law."""
    pytest.importorskip("policyengine_us")
    from pejax.conform import read_cases, suite_of

    folder, rng, found = suite_of("policyengine_us").folder, np.random.default_rng(0), []
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.yaml"))
    for place in rng.permutation(len(files))[:FILES]:
        of_one = read_cases(folder, str(files[place]))
        found.append(of_one[rng.integers(len(of_one))])
    return [case for case in found if not case.law and not case.reforms]


@pytest.fixture(scope="module")
def verdicts(runner, cases):
    """What became of each case, by its key."""
    from pejax.conform._runner import MOST_NODES

    return dict(zip([c.key for c in cases], runner.run(cases, MOST_NODES), strict=True))


def wrong(verdicts):
    return {k: v.reason for k, v in verdicts.items() if v.status in ("failed", "broken")}


def test_no_value_is_another(verdicts):
    assert wrong(verdicts) == {}


def test_nearly_all_pass(verdicts):
    """Of those that are not put off, because their graphs are most of the law."""
    asked = [v for v in verdicts.values() if v.status != "large"]
    assert len(asked) > FILES / 2
    assert sum(v.status == "passed" for v in asked) >= 0.99 * len(asked)


@pytest.mark.slow
def test_nearly_all_of_those_that_are_put_off_pass_too(runner, cases, verdicts):
    later = [case for case in cases if verdicts[case.key].status == "large"]
    found = dict(zip([c.key for c in later], runner.run(later), strict=True))
    assert len(later) > FILES / 4
    assert wrong(found) == {}
    assert sum(v.status == "passed" for v in found.values()) >= 0.97 * len(later)

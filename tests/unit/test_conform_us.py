"""Cases of policyengine-us' own tests: those whose graphs are small, one of each of many files."""

import numpy as np
import pytest

pytestmark = pytest.mark.us

FILES, CASES = 400, 4_000


@pytest.fixture(scope="module")
def runner():
    pytest.importorskip("policyengine_us")
    from pejax.conform import suite_of

    return suite_of("policyengine_us").runner(in_jax=0.05)


@pytest.fixture(scope="module")
def cases():
    """Those without structural reforms, each of which is a trace of its own."""
    pytest.importorskip("policyengine_us")
    from pejax.conform import read_cases, suite_of

    folder, rng, found = suite_of("policyengine_us").folder, np.random.default_rng(0), []
    files = sorted(path.relative_to(folder) for path in folder.rglob("*.yaml"))
    for place in rng.permutation(len(files))[:FILES]:
        of_one = read_cases(folder, str(files[place]))
        found.append(of_one[rng.integers(len(of_one))])
    return [case for case in found if not case.reforms]


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


def test_some_are_computed_in_jax_too(verdicts):
    assert sum(v.in_jax for v in verdicts.values()) > 3


@pytest.mark.slow
def test_nearly_all_of_those_that_are_put_off_pass_too(runner, cases, verdicts):
    later = [case for case in cases if verdicts[case.key].status == "large"]
    found = dict(zip([c.key for c in later], runner.run(later), strict=True))
    assert len(later) > FILES / 4
    assert wrong(found) == {}
    assert sum(v.status == "passed" for v in found.values()) >= 0.97 * len(later)


@pytest.mark.slow
def test_nearly_all_of_four_thousand_pass(runner):
    """Drawn from all that have no structural reform, put off or not."""
    from pejax.conform import read_cases, sample, suite_of
    from pejax.conform._runner import MOST_NODES

    every = read_cases(suite_of("policyengine_us").folder)
    drawn = sample([case for case in every if not case.reforms], CASES, 1)
    drawn.sort(key=lambda case: (case.period[:4], case.key))
    found = dict(zip([c.key for c in drawn], runner.run(drawn, MOST_NODES), strict=True))
    later = [case for case in drawn if found[case.key].status == "large"]
    found |= zip([c.key for c in later], runner.run(later), strict=True)
    assert wrong(found) == {}
    assert sum(v.status == "passed" for v in found.values()) >= 0.99 * CASES

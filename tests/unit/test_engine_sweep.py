"""Many reforms through one program: equal to one at a time, resumable, refused early."""

import jax
import numpy as np
import pytest
import scipy.sparse

from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import StructuralReformError, evaluate, sweep
from pejax.runs import _sweep
from pejax.testing import toy_population, toy_program

REFORMS = [
    {},
    {"tax.rate": 0.3},
    {"child.monthly[0].amount": {"2025-07-01": 400}},
    {"winter.limit": 1e6, "tax.allowance": 0},
    {"housing.share": 0.0},
]
TOTALS = ["income_tax", "net_income"]


@pytest.fixture(scope="module")
def people():
    return toy_population(12)


@pytest.fixture(scope="module")
def program(people):
    return toy_program(population=people)


@pytest.fixture
def batches(monkeypatch):
    """The sizes of the batches that were run."""
    run = []
    original = _sweep._Work.statistics_of

    def counted(self, laws):
        run.append(len(laws))
        return original(self, laws)

    monkeypatch.setattr(_sweep._Work, "statistics_of", counted)
    return run


def test_a_sweep_is_one_reform_after_another(program, people, batches):
    table = sweep(program, REFORMS, people, TOTALS, batch=2)
    assert table["reform"].tolist() == [0, 1, 2, 3, 4]
    assert batches == [2, 2, 2]
    for row, reform in zip(table.itertuples(), REFORMS, strict=True):
        law = program.parameters.with_reform(reform)
        for name in TOTALS:
            expected = evaluate(program, law, people, name)
            np.testing.assert_allclose(getattr(row, name), expected, rtol=1e-6)


def test_the_size_of_a_batch_does_not_matter(program, people):
    tables = [sweep(program, REFORMS, people, TOTALS, batch=b) for b in (2, 8)]
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-6)


def test_laws_and_statistics_of_one_s_own(program, people):
    laws = [program.parameters.with_reform({"tax.rate": r}) for r in (0.1, 0.2)]
    statistics = {
        "tax": "income_tax",
        "richest": lambda outputs, population: outputs["net_income"].max(),
    }
    table = sweep(program, laws, people, statistics, batch=2)
    assert list(table) == ["reform", "tax", "richest"]
    assert table["richest"][0] > table["richest"][1]
    np.testing.assert_allclose(table["tax"][1], 2 * table["tax"][0], rtol=0.5)


def test_progress_counts_batches(program, people):
    seen = []
    sweep(program, REFORMS, people, TOTALS, batch=2, progress=lambda *at: seen.append(at))
    assert seen == [(1, 3), (2, 3), (3, 3)]


# ---- resuming


def test_a_finished_sweep_is_read(program, people, tmp_path, batches):
    first = sweep(program, REFORMS, people, TOTALS, batch=2, out=tmp_path)
    second = sweep(program, REFORMS, people, TOTALS, batch=2, out=tmp_path)
    assert len(batches) == 3
    assert first.equals(second)


def test_an_interrupted_sweep_goes_on(program, people, tmp_path, monkeypatch, batches):
    """Two batches are kept; the third, interrupted while it is written, leaves nothing."""
    whole = sweep(program, REFORMS, people, TOTALS, batch=2)
    batches.clear()
    written = []
    original = np.savez

    def interrupted(*args, **kwargs):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(args)
        return original(*args, **kwargs)

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(program, REFORMS, people, TOTALS, batch=2, out=tmp_path)
    monkeypatch.setattr(np, "savez", original)
    assert len(list(tmp_path.rglob("items-*.npz"))) == 2
    resumed = sweep(program, REFORMS, people, TOTALS, batch=2, out=tmp_path)
    assert batches == [2, 2, 2, 2]
    assert resumed.equals(whole)


def test_an_interrupted_sweep_goes_on_in_other_batches(program, people, tmp_path, batches):
    def stop(done, of):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(program, REFORMS, people, TOTALS, batch=2, out=tmp_path, progress=stop)
    resumed = sweep(program, REFORMS, people, TOTALS, batch=4, out=tmp_path)
    assert batches == [2, 4]
    np.testing.assert_allclose(resumed, sweep(program, REFORMS, people, TOTALS), rtol=1e-6)


@pytest.mark.parametrize("change", ["people", "program", "reforms", "statistic"])
def test_another_sweep_in_the_same_folder_is_run(program, people, tmp_path, batches, change):
    def poorest(outputs, population):
        return outputs["net_income"].min()

    question = {
        "program": program,
        "reforms": REFORMS[:2],
        "people": people,
        "statistic": {"x": lambda outputs, population: outputs["net_income"].max()},
    }
    other = {
        "program": toy_program(("net_income", "income_tax"), people),
        "reforms": [{}, {"tax.rate": 0.31}],
        "people": people.with_weights(np.ones(12)),
        "statistic": {"x": poorest},
    }
    for asked in (question, {**question, change: other[change]}):
        sweep(*asked.values(), batch=2, out=tmp_path)
    assert len(batches) == 2


def test_a_statistic_is_known_by_what_it_closes_over(program, people, tmp_path):
    def above(limit):
        return {"rich": lambda outputs, _: (outputs["net_income"] > limit).sum()}

    counts = [sweep(program, [{}], people, above(x), out=tmp_path)["rich"][0] for x in (0, 1e9)]
    assert counts[0] > counts[1] == 0


# ---- what is refused, before anything runs


def test_a_reform_that_cannot_be_made_is_numbered(program, people, batches):
    with pytest.raises(UnknownNameError, match=r"tax\.rate") as caught:
        sweep(program, [{}, {"tax.rte": 1}], people, TOTALS)
    assert caught.value.__notes__ == ["in reform number 1"]
    with pytest.raises(StructuralReformError):
        sweep(program, [{"winter.in_force": False}], people, TOTALS)
    assert not batches


def test_questions_without_an_answer(program, people):
    with pytest.raises(UnknownNameError, match="'net_income'"):
        sweep(program, REFORMS, people, ["net_incme"])
    with pytest.raises(BadInputError, match="choose 'local' or 'ray'"):
        sweep(program, REFORMS, people, TOTALS, executor="slurm")
    with pytest.raises(BadInputError, match="no reforms"):
        sweep(program, [], people, TOTALS)


def test_one_compile_serves_every_reform(program, people, caplog):
    reforms = [{"tax.rate": 0.05 * i} for i in range(6)]
    with jax.log_compiles():
        sweep(program, [{"tax.rate": 0.9}], people, TOTALS, batch=3)
        assert any("XLA compilation" in record.message for record in caplog.records)
        caplog.clear()
        table = sweep(program, reforms, people, TOTALS, batch=3)
    assert not [r.message for r in caplog.records if "XLA compilation" in r.message]
    assert (np.diff(table["income_tax"]) > 0).all()


@pytest.mark.parametrize(
    "reforms",
    [jax.random.key(0), np.arange(3.0), scipy.sparse.dia_array(np.eye(3)), "reforms.json", 3],
    ids=["key", "array", "sparse", "text", "number"],
)
def test_what_is_no_list_of_reforms_is_refused(reforms):
    with pytest.raises(BadInputError, match="Give a list with one reform a row"):
        sweep(toy_program(), reforms, toy_population(), ["income_tax"])

"""A graph in pieces: however it is cut, the same values; equal pieces share their code."""

import functools

import jax.numpy as jnp
import numpy as np
import pytest

from pejax.engine import build_system, compile, input_variable, rule
from pejax.engine._inputs import recoded
from pejax.engine.graph._node import reachable
from pejax.engine.running import _runtime
from pejax.engine.running._segments import cut, is_table
from pejax.testing import toy_oracle, toy_population, toy_program

UNREAD = ("age", "disabled", "region", "rent", "savings")


@pytest.fixture(scope="module")
def people():
    return toy_population()


@pytest.fixture(scope="module")
def program(people):
    return toy_program(("net_income", "income_band"), people)


def _roots(program):
    return [o.node for o in program.outputs]


@pytest.mark.parametrize("size", [7, 40, 10_000])
def test_the_cut_does_not_matter(program, people, size, monkeypatch):
    roots = _roots(program)
    monkeypatch.setattr(_runtime, "cut", functools.partial(cut, size=size))
    runtime = _runtime.Runtime(
        tuple(roots), program.index.position, len(program.index.leaves), "float32"
    )
    assert max(len(s.nodes) for s in runtime.plan_on_all_rows.segments) <= size
    values = runtime(program.parameters.values, recoded(people, program.columns))
    expected = toy_oracle(people)
    np.testing.assert_allclose(values[0][:4], expected["net_income"], rtol=1e-6)
    np.testing.assert_array_equal(values[1][:6], expected["income_band"])


@pytest.mark.parametrize("size", [1, 5, 50])
def test_every_operation_is_in_one_segment(program, size):
    roots = _roots(program)
    segments = cut(roots, size=size)
    inside = [n.index for s in segments for n in s.nodes]
    work = [
        n.index
        for n in reachable(roots)
        if n.op not in ("constant", "input", "parameter") and not is_table(n)
    ]
    assert inside == work
    known = set()
    for segment in segments:
        needed = {n.index for n in segment.inputs if n.op != "input"}
        assert needed <= known
        known |= {n.index for n in segment.outputs}
    assert {r.index for r in roots} <= known


def test_a_table_of_the_law_is_one_piece(people):
    program = toy_program(("housing_benefit",), people)
    pieces = [p for s in cut(_roots(program)) for p in s.pieces]
    tables = [p for p in pieces if p.op == "pack"]
    assert sorted(len(t.args) for t in tables) == [3]
    assert {a.attr("name") for a in tables[0].args} == {
        f"housing.limit.{region}@2025-01-01" for region in ("NORTH", "SOUTH", "ISLES")
    }


def _tax_on(name, factor=2):
    @rule(entity="person", name=f"tax_on_{name}")
    def tax(person, period, params):
        return params.rate * person(name, period) / factor

    return build_system(
        "island",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.5, "other": 1.0},
        rules=[tax],
        inputs=[input_variable(n, entity="person") for n in ("earnings", "savings")],
    )


def test_pieces_of_equal_content_share_their_code(people):
    """Names do not count: the same arithmetic on another column is the same code."""
    programs = {
        key: compile(_tax_on(*key), [f"tax_on_{key[0]}"], 2025, people, extra=UNREAD[:-1])
        for key in (("earnings",), ("savings",), ("savings", 3))
    }
    digests = [cut(_roots(p))[0].digest for p in programs.values()]
    assert digests[0] == digests[1] != digests[2]
    for (name, *factor), program in programs.items():
        found = program(program.parameters, people)[f"tax_on_{name}"]
        expected = 0.5 * np.asarray(people.column(name)) / (factor or [2])[0]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_outputs_that_need_no_operation(people):
    """A column, a literal, a parameter as they are."""

    @rule(entity="person")
    def column(earnings):
        return earnings

    @rule(entity="person")
    def literal():
        return 2.5

    @rule(entity="person")
    def law(params):
        return params.rate

    system = build_system(
        "island",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.5},
        rules=[column, literal, law],
        inputs=[input_variable("earnings", entity="person")],
    )
    program = compile(system, ["column", "literal", "law"], 2025, people, extra=UNREAD)
    found = program(program.parameters, people)
    np.testing.assert_array_equal(found["column"], people.column("earnings"))
    np.testing.assert_array_equal(found["literal"], np.full(people.count(), 2.5))
    np.testing.assert_array_equal(found["law"], np.full(people.count(), 0.5, jnp.float32))


def _chain(first):
    """Sixty formulas, each of the one before; the first is as given."""

    def link(k):
        @rule(entity="person", name=f"step_{k}")
        def step(person, period, params):
            before = person(f"step_{k - 1}", period)
            return np.where(before > k, before * params.rate + k, before - params.other)

        return step

    return build_system(
        "chain",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.5, "other": 1.0},
        rules=[first, *(link(k) for k in range(1, 60))],
        inputs=[input_variable("earnings", entity="person")],
    )


def test_another_formula_makes_few_other_segments(people):
    """However many operations it has: borders lie where the content of nodes puts them."""

    @rule(entity="person")
    def step_0(earnings, params):
        return earnings * params.rate

    @rule(entity="person", name="step_0")
    def longer(earnings, params):
        return np.maximum(np.abs(earnings - params.other), params.rate) + 3

    programs = [
        compile(_chain(f), ["step_59"], 2025, people, extra=UNREAD) for f in (step_0, longer)
    ]
    before, after = ([s.digest for s in cut(_roots(p), size=24)] for p in programs)
    new = set(after) - set(before)
    assert len(after) > 10 and 1 <= len(new) <= 3

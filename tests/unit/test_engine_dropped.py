"""A program that nobody holds any more goes: its graph, its machine code, what JAX knew of it."""

import gc
import subprocess
import sys
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax.engine import build_system, compile, gradient, input_variable, rule, sweep
from pejax.engine.running import _executables, _reverse, _segments
from pejax.testing import toy_population

PEOPLE = toy_population()
BLOCKS = PEOPLE.in_blocks(3)
EXTRA = sorted({name for held in PEOPLE.columns.values() for name in held if name != "earnings"})


def made(factor, chunk=None):
    """A program that nothing else in this process equals, unless its factor does."""

    @rule(entity="person")
    def tax(earnings, params):
        above = np.maximum(earnings - params.start, 0)
        return factor * params.rate * above + earnings.sum()

    system = build_system(
        "island",
        entities=("person", "tax_unit", "household"),
        parameters={"rate": 0.5, "start": 100.0},
        rules=[tax],
        inputs=[input_variable("earnings", entity="person")],
    )
    return compile(system, ["tax"], 2025, PEOPLE, chunk=chunk, extra=EXTRA)


def _total(program, people):
    return lambda law: program(law, people)["tax"].sum()


def plain(program, people):
    program(program.parameters, people)


def grad(program, people):
    jax.grad(_total(program, people))(program.parameters)


def grad_in_the_people(program, people):
    def total(earnings):
        moved = people.with_columns("person", earnings=earnings)
        return _total(program, moved)(program.parameters)

    jax.grad(total)(people.columns["person"]["earnings"])


def jit(program, people):
    jax.jit(program)(program.parameters, people)


def jit_of_grad(program, people):
    jax.jit(jax.grad(_total(program, people)))(program.parameters)
    jax.jit(jax.grad(lambda law, people: _total(program, people)(law)))(program.parameters, people)


def jvp(program, people):
    law = program.parameters
    jax.jvp(_total(program, people), (law,), (law,))


def vmap(program, people):
    laws = jax.tree.map(lambda x: x + jnp.zeros((2, 1)), program.parameters)
    jax.vmap(_total(program, people))(laws)
    jax.vmap(jax.grad(_total(program, people)))(laws)


def everything_else(program, people):
    gradient(program, program.parameters, people, "tax")
    sweep(program, [{}, {"rate": 0.4}], people, ["tax"], batch=2)
    program.guards_hold(program.parameters, people)
    program.interpreter(program.parameters, PEOPLE)(program.outputs[0].node)


USES = [plain, grad, grad_in_the_people, jit, jit_of_grad, jvp, vmap, everything_else]


def _alive(references):
    gc.collect()
    return [reference for reference in references if reference() is not None]


def _executables_of(program):
    runtimes = [r for r in vars(program).values() if hasattr(r, "prepared")]
    if "_chunked" in vars(program):
        chunked = program._chunked
        runtimes += [chunked.outputs, chunked.decisions, *(r.runtime for r in chunked.rounds)]
    held = [x for r in runtimes for x in jax.tree.leaves(list(r.prepared.values()))]
    return [x for x in held if isinstance(x, jax.stages.Compiled)]


@pytest.mark.parametrize("chunk", [None, 2])
@pytest.mark.parametrize("use", USES)
def test_what_was_used_goes_with_its_program(use, chunk):
    if chunk and use is everything_else:
        pytest.skip("a sweep does not take blocks")
    program = made(1.5 + USES.index(use) + 10 * bool(chunk), chunk)
    use(program, BLOCKS if chunk else PEOPLE)
    graph = weakref.ref(program.outputs[0].node.graph)
    code = [weakref.ref(executable) for executable in _executables_of(program)]
    assert code or use not in (plain, grad, vmap)
    del program
    assert not _alive([graph, *code])


def test_nothing_is_left_in_any_table():
    program = made(31.0)
    for use in (grad, jit_of_grad, vmap):
        use(program, PEOPLE)
    tables = _segments._TRACEABLE._known, _reverse._JITTED._known, _executables._MADE
    gc.collect()
    before = [set(table) for table in tables]
    del program
    gc.collect()
    after = [set(table) for table in tables]
    assert all(b - a for a, b in zip(after, before, strict=True))
    assert not any(a - b for a, b in zip(after, before, strict=True))


# ---- and yet equal content is shared while somebody holds it


@pytest.fixture
def traced(monkeypatch):
    """How often the body of a segment was traced."""
    count = []
    for module in (_segments, _reverse):
        original = module.body
        monkeypatch.setattr(
            module, "body", lambda *a, f=original, **k: count.append(1) or f(*a, **k)
        )
    return count


@pytest.mark.parametrize("use", [plain, grad, jvp])
def test_an_equal_program_is_not_traced_again_while_the_first_lives(use, traced):
    first = made(41.0 + USES.index(use))
    use(first, PEOPLE)
    before = len(traced)
    assert before
    second = made(41.0 + USES.index(use))
    assert second.outputs[0].node is not first.outputs[0].node
    use(second, PEOPLE)
    assert len(traced) == before


def test_shared_code_outlives_the_program_that_made_it_and_its_graph_does_not(traced):
    first = made(51.0)
    jvp(first, PEOPLE)
    plain(first, PEOPLE)
    second = made(51.0)
    jvp(second, PEOPLE)
    plain(second, PEOPLE)
    graph = weakref.ref(first.outputs[0].node.graph)
    before = len(traced)
    del first
    assert not _alive([graph])
    jvp(second, PEOPLE)
    plain(second, PEOPLE)
    plain(made(51.0), PEOPLE)
    assert len(traced) == before


def test_the_end_of_a_process_is_silent():
    script = (
        "from pejax.testing import toy_population as people, toy_program;"
        "law = toy_program(); law(law.parameters, people())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")

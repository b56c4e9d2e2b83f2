"""Many laws at once: only what differs between them is computed for each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax.engine import Parameters
from pejax.engine.running import _batch, _runtime
from pejax.engine.running._segments import cut
from pejax.testing import toy_population, toy_program

OUTPUTS = ("income_tax", "child_benefit", "net_income")


@pytest.fixture(scope="module")
def program():
    return toy_program(OUTPUTS)


@pytest.fixture(scope="module")
def people():
    return toy_population(30)


@pytest.fixture(params=[3, 200])
def segments(request, monkeypatch):
    """Segments of a few nodes, so that values cross their borders, and of usual size."""
    size = request.param
    monkeypatch.setattr(_runtime, "cut", lambda roots, homes=None: cut(roots, homes, size))
    return size


def laws(program, path, values):
    place = program.index.places[path][0]
    held = np.tile(np.asarray(program.parameters.values), (len(values), 1))
    held[:, place] = values
    return jnp.asarray(held)


def outputs(program, people, values):
    found = program(Parameters(values, program.index), people)
    return {name: found[name] for name in OUTPUTS}


def one_by_one(program, people, several):
    found = [outputs(program, people, law) for law in several]
    return {name: np.stack([f[name] for f in found]) for name in OUTPUTS}


@pytest.mark.parametrize("path", ["tax.rate", "child.monthly[0].amount", "winter.grant"])
def test_a_batch_gives_what_each_law_gives(segments, people, path):
    program = toy_program(OUTPUTS)
    several = laws(program, path, [0.1, 0.2, 40.0])
    found = jax.vmap(lambda law: outputs(program, people, law))(several)
    for name, expected in one_by_one(program, people, several).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, err_msg=name)


def test_what_does_not_differ_is_computed_once(monkeypatch, people):
    monkeypatch.setattr(_runtime, "cut", lambda roots, homes=None: cut(roots, homes, 3))
    program = toy_program(OUTPUTS)
    several = laws(program, "child.monthly[0].amount", [10.0, 20.0])
    seen = []
    spread = _batch._patterns
    monkeypatch.setattr(_batch, "_patterns", lambda *a: seen.append(spread(*a)) or seen[-1])
    found = jax.vmap(lambda law: outputs(program, people, law))(several)
    assert None in seen[0] and any(p is not None for p in seen[0])
    assert (found["income_tax"][0] == found["income_tax"][1]).all()
    assert (found["child_benefit"][0] != found["child_benefit"][1]).any()


def test_every_number_may_differ(program, people):
    theta = np.asarray(program.parameters.values)
    several = jnp.asarray(theta * np.array([[1.0], [1.01], [0.99]]), theta.dtype)
    found = jax.vmap(lambda law: outputs(program, people, law))(several)
    for name, expected in one_by_one(program, people, several).items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-3, err_msg=name)


def test_equal_laws_are_one(program, people):
    several = laws(program, "tax.rate", [0.2, 0.2])
    found = jax.vmap(lambda law: outputs(program, people, law))(several)
    for name, expected in one_by_one(program, people, several).items():
        np.testing.assert_array_equal(found[name], expected)


def test_other_numbers_of_the_same_paths_compile_nothing(program, people):
    def run(values):
        several = laws(program, "tax.rate", values)
        return jax.vmap(lambda law: outputs(program, people, law))(several)

    from pejax.engine.running import _executables

    run([0.1, 0.2])
    ready = set(_executables._MADE)
    run([0.3, 0.4])
    assert set(_executables._MADE) == ready


@pytest.mark.parametrize("wrap", [jax.grad, jax.jacfwd], ids=["reverse", "forward"])
def test_derivatives_of_batches(program, people, wrap):
    several = laws(program, "tax.rate", [0.1, 0.2])

    def total(law):
        return outputs(program, people, law)["net_income"].sum()

    inside = jax.vmap(wrap(total))(several)
    outside = wrap(lambda held: jax.vmap(total)(held).sum())(several)
    expected = np.stack([wrap(total)(law) for law in several])
    np.testing.assert_allclose(inside, expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(outside, expected, rtol=1e-4, atol=1e-3)
    assert expected.any()


def test_batches_of_batches_and_inside_jit(program, people):
    several = laws(program, "tax.rate", [0.1, 0.2])
    grid = jnp.stack([several, several * 1.1])

    def total(law):
        return outputs(program, people, law)["net_income"].sum()

    expected = np.array([[total(law) for law in row] for row in grid])
    nested = jax.vmap(jax.vmap(total))(grid)
    inside = jax.jit(jax.vmap(total))(several)
    np.testing.assert_allclose(nested, expected, rtol=1e-5)
    np.testing.assert_allclose(inside, expected[0], rtol=1e-5)

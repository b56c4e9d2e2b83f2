"""What stochastic gates keep to, in every reading and at every setting."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax.gates import HardConcrete

pytestmark = pytest.mark.usefixtures("strict")

FEW = settings(max_examples=10, deadline=None)
MEANS = np.array([0.001, 0.2, 0.5, 0.8, 0.999])
GATES = {
    "published": lambda: HardConcrete(5, MEANS),
    "tempered": lambda: HardConcrete(5, MEANS, evaluation="tempered"),
    "cold": lambda: HardConcrete(5, MEANS, 0.1),
    "hot": lambda: HardConcrete(5, MEANS, 2.0),
    "wide": lambda: HardConcrete(5, MEANS, stretch=(-0.5, 1.2)),
    "annealed": lambda: HardConcrete(5, MEANS).with_temperature(0.3),
    "jittered": lambda: HardConcrete(5, MEANS, jitter=0.1, key=jax.random.key(3)),
}


@pytest.fixture(params=GATES)
def gates(request):
    return GATES[request.param]()


def midpoints(count=200_001):
    return (np.arange(count) + 0.5) / count


def test_open_probability_is_the_mass_above_zero(gates, x64):
    """By quadrature of the gate over its noise."""
    gates = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), gates)
    values = jax.vmap(gates.gate_at)(jnp.repeat(midpoints()[:, None], 5, axis=1))
    np.testing.assert_allclose(np.mean(values > 0, axis=0), gates.open_probability(), atol=1e-5)


def test_samples_have_the_moments_of_the_quantile_function(gates, key):
    keys = jax.random.split(key, 4_000)
    drawn = jax.vmap(lambda key: gates.sample(key=key))(keys)
    exact = jax.vmap(gates.gate_at)(jnp.repeat(jnp.asarray(midpoints(2_001))[:, None], 5, axis=1))
    np.testing.assert_allclose(drawn.mean(0), exact.mean(0), atol=0.04)
    np.testing.assert_allclose(drawn.std(0), exact.std(0), atol=0.04)


def test_gates_lie_between_zero_and_one_and_both_ends_have_mass(key):
    drawn = HardConcrete(20_000, 0.5).sample(key=key)
    assert float(drawn.min()) == 0.0 and float(drawn.max()) == 1.0
    assert 0.1 < float(jnp.mean(drawn == 0.0)) < 0.4
    assert 0.1 < float(jnp.mean(drawn == 1.0)) < 0.4


def test_the_penalty_is_the_sum_of_open_probabilities(gates):
    np.testing.assert_allclose(gates.penalty(), jnp.sum(gates.open_probability()), rtol=1e-6)


def test_everything_rises_with_the_location(gates):
    for of in (gates.mode(), gates.open_probability()):
        assert (np.diff(of) >= 0).all()


@given(noise=st.floats(1e-4, 1 - 1e-4))
@FEW
def test_a_gate_rises_with_its_noise_and_its_location(noise):
    gates = HardConcrete(5, MEANS)
    below, above = gates.gate_at(jnp.full(5, noise)), gates.gate_at(jnp.full(5, noise + 5e-5))
    assert (np.asarray(above) >= np.asarray(below)).all()
    assert (np.diff(below) >= 0).all()


def test_gradients_are_finite_and_leave_the_temperature_alone(gates, key):
    def loss(gates):
        return jnp.sum(gates.sample(key=key) ** 2) + jnp.sum(gates.mode()) + gates.penalty()

    gradient = eqx.filter_grad(loss)(gates)
    assert np.isfinite(gradient.log_alpha).all()
    assert np.abs(gradient.log_alpha).max() > 0
    assert float(gradient.temperature) == 0.0


def test_the_penalty_gradient_is_its_central_difference(gates, x64):
    gates = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), gates)

    def penalty(location):
        return eqx.tree_at(lambda gates: gates.log_alpha, gates, location).penalty()

    gradient = jax.grad(penalty)(gates.log_alpha)
    for item in range(5):
        step = 1e-6 * jnp.eye(5)[item]
        up, down = penalty(gates.log_alpha + step), penalty(gates.log_alpha - step)
        np.testing.assert_allclose(gradient[item], (up - down) / 2e-6, rtol=1e-6, atol=1e-12)


def test_the_same_key_draws_the_same_and_another_does_not(gates):
    first, again = (gates.sample(key=jax.random.key(7)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    wide = HardConcrete(100, 0.5)
    assert (wide.sample(key=jax.random.key(7)) != wide.sample(key=jax.random.key(8))).any()


def test_extreme_locations_stay_numbers():
    gates = eqx.tree_at(
        lambda gates: gates.log_alpha, HardConcrete(4), jnp.array([-1e30, -60.0, 60.0, 1e30])
    )
    drawn = gates.sample(key=jax.random.key(0))
    np.testing.assert_array_equal(drawn, [0.0, 0.0, 1.0, 1.0])
    assert np.isfinite(eqx.filter_grad(lambda gates: gates.penalty())(gates).log_alpha).all()

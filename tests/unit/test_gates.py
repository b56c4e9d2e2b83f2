"""The two readings of an evaluated gate, schedules, and bad settings."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from pejax.core._validate import BadInputError
from pejax.gates import HardConcrete, geometric_schedule, linear_schedule

MEANS = np.array([0.05, 0.4, 0.5, 0.7, 0.99])


def test_the_published_reading_has_no_temperature():
    """Equation 13 of the paper, which annealing the temperature does not move."""
    expected = np.clip(MEANS * 1.2 - 0.1, 0, 1)
    for temperature in (0.1, 2 / 3, 3.0):
        gates = HardConcrete(5, MEANS, temperature)
        np.testing.assert_allclose(gates.mode(), expected, atol=1e-6)


def test_the_tempered_reading_is_the_median_of_the_gate():
    gates = HardConcrete(5, MEANS, 0.4, evaluation="tempered")
    np.testing.assert_allclose(gates.mode(), gates.gate_at(jnp.full(5, 0.5)), atol=1e-6)


def test_the_readings_agree_at_temperature_one_only():
    one = [HardConcrete(5, MEANS, 1.0, evaluation=e).mode() for e in ("published", "tempered")]
    other = [HardConcrete(5, MEANS, 0.3, evaluation=e).mode() for e in ("published", "tempered")]
    np.testing.assert_allclose(*one, atol=1e-6)
    assert np.abs(np.subtract(*other)).max() > 0.1


def test_a_gate_that_starts_open_is_open():
    gates = HardConcrete(3)
    np.testing.assert_allclose(gates.open_probability(), 1.0, atol=1e-3)
    np.testing.assert_array_equal(gates.mode(), 1.0)


def test_gates_learn_which_inputs_matter():
    """Of eight inputs three carry the signal: their gates stay open, the others shut."""
    rng = np.random.default_rng(0)
    X = jnp.asarray(rng.normal(size=(400, 8)))
    truth = jnp.array([2.0, -3.0, 0, 0, 1.5, 0, 0, 0])
    y = X @ truth

    def loss(parameters, key):
        weights, gates = parameters
        fitted = X @ (weights * gates.sample(key=key))
        return jnp.mean((fitted - y) ** 2) + 0.05 * gates.penalty()

    optimiser = optax.adam(0.05)
    parameters = (jnp.ones(8), HardConcrete(8, 0.9))

    @jax.jit
    def train(parameters):
        def step(carry, key):
            parameters, state = carry
            updates, state = optimiser.update(jax.grad(loss)(parameters, key), state)
            return (optax.apply_updates(parameters, updates), state), None

        keys = jax.random.split(jax.random.key(0), 800)
        return jax.lax.scan(step, (parameters, optimiser.init(parameters)), keys)[0][0]

    _, gates = train(parameters)
    np.testing.assert_array_equal(np.asarray(gates.mode()) > 0.5, np.asarray(truth) != 0)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"n_items": 0}, "n_items is 0"),
        ({"init_mean": 0.0}, r"init_mean\[0\] is 0.0"),
        ({"init_mean": np.array([0.5, 1.0, 0.5])}, r"init_mean\[1\] is 1.0"),
        ({"init_mean": np.array([0.5, 0.5])}, r"shape \(2,\) for 3 gates"),
        ({"init_mean": np.nan}, r"init_mean\[0\] is nan"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"stretch": (0.0, 1.1)}, "stretch is"),
        ({"stretch": (-0.1, 1.0)}, "stretch is"),
        ({"evaluation": "mean"}, "evaluation is 'mean'"),
        ({"jitter": -0.1}, "jitter is -0.1"),
        ({"jitter": 0.1}, "jitter is 0.1"),
    ],
)
def test_bad_settings_are_named(setting, message):
    with pytest.raises(BadInputError, match=message):
        HardConcrete(**({"n_items": 3} | setting))


def test_jitter_spreads_the_start():
    gates = HardConcrete(1_000, 0.5, jitter=0.01, key=jax.random.key(0))
    assert float(jnp.std(gates.log_alpha)) == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize("schedule", [geometric_schedule, linear_schedule])
def test_schedules_start_end_and_wait(schedule):
    at = schedule(8.0, 2.0, epochs=10, warmup=5)
    values = [float(at(epoch)) for epoch in range(20)]
    assert values[:6] == [8.0] * 6
    np.testing.assert_allclose(values[15:], 2.0, rtol=1e-6)
    assert (np.diff(values) <= 0).all()
    assert float(jax.jit(at)(10)) == pytest.approx(values[10])


@pytest.mark.parametrize(
    "build",
    [
        lambda: geometric_schedule(0.0, 1.0, 5),
        lambda: geometric_schedule(1.0, -1.0, 5),
        lambda: geometric_schedule(1.0, 2.0, 0),
        lambda: linear_schedule(1.0, 2.0, 0),
        lambda: linear_schedule(1.0, 2.0, 5, warmup=-1),
    ],
)
def test_bad_schedules_are_named(build):
    with pytest.raises(BadInputError, match=r"above 0|epochs="):
        build()

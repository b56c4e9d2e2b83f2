"""Gated Flax modules: layers, samples and features that learn which of their parts to keep."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

nnx = pytest.importorskip("flax.nnx")

from pejax.core._validate import BadInputError, UnknownNameError  # noqa: E402
from pejax.gates import HardConcrete, flax as gated  # noqa: E402

GROUPS = ["weight", "input", "output"]
X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)


def linear(group, **settings):
    return gated.L0Linear(6, 3, group=group, rngs=nnx.Rngs(0), **settings)


@pytest.mark.parametrize("group", GROUPS)
def test_a_linear_layer_multiplies_its_gates_in(group):
    layer = linear(group, init_mean=0.6)
    layer.eval()
    z = np.asarray(layer.gates.distribution.mode())
    kernel, bias = np.asarray(layer.layer.kernel[...]), np.asarray(layer.layer.bias[...])
    shaped = {"weight": lambda: z.reshape(6, 3), "input": lambda: z[:, None], "output": lambda: z}
    expected = X @ (kernel * shaped[group]()) + bias * (z if group == "output" else 1)
    np.testing.assert_allclose(layer(jnp.asarray(X)), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.pruned()(jnp.asarray(X)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("group", GROUPS)
def test_a_convolution_is_the_plain_one_of_gated_weights(group):
    layer = gated.L0Conv(3, 4, (3, 3), group=group, init_mean=0.5, rngs=nnx.Rngs(1))
    layer.eval()
    images = jnp.asarray(np.random.default_rng(1).normal(size=(2, 8, 8, 3)), jnp.float32)
    np.testing.assert_allclose(layer(images), layer.pruned()(images), rtol=1e-5, atol=1e-6)
    before = np.asarray(layer.layer.kernel[...]).copy()
    layer(images)
    np.testing.assert_array_equal(layer.layer.kernel[...], before)  # gates leave the weights alone


def test_training_draws_and_evaluation_does_not():
    layer = linear("input", init_mean=0.5)
    x = jnp.asarray(X)
    one, two = layer(x), layer(x)
    assert not np.allclose(one, two)
    layer.eval()
    np.testing.assert_array_equal(layer(x), layer(x))
    again, other = linear("input", init_mean=0.5), linear("input", init_mean=0.5)
    np.testing.assert_array_equal(again(x), other(x))  # the same seed twice


@pytest.mark.parametrize("group", GROUPS)
def test_the_penalty_is_the_expected_number_of_weights(group):
    layer = linear(group, init_mean=0.7)
    count = {"weight": 18, "input": 6, "output": 3}[group]
    expected = 18 / count * float(HardConcrete(count, 0.7).penalty())
    assert float(layer.penalty()) == pytest.approx(expected, rel=1e-6)
    assert float(gated.penalty(nnx.Sequential(layer, linear(group)))) > expected
    # The count of open gates over many draws is what the penalty says.
    draws = jnp.stack([layer.gates() for _ in range(400)])
    assert 18 / count * float((draws > 0).sum(1).mean()) == pytest.approx(expected, rel=0.05)


def test_gradients_reach_weights_and_gates_and_are_finite():
    layer = linear("input", init_mean=0.5)

    def loss(layer):
        return jnp.mean(layer(jnp.asarray(X)) ** 2) + 1e-2 * gated.penalty(layer)

    slopes = nnx.grad(loss)(layer)
    leaves = jax.tree.leaves(slopes)
    assert len(leaves) == 3 and all(np.isfinite(leaf).all() for leaf in leaves)
    assert all(float(jnp.abs(leaf).sum()) > 0 for leaf in leaves)


def test_features_without_a_signal_are_switched_off():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 8)).astype(np.float32)
    y = 2 * x[:, 1] - 3 * x[:, 5]
    model = nnx.Sequential(
        gated.FeatureGate(8, init_mean=0.5, rngs=nnx.Rngs(0)), nnx.Linear(8, 1, rngs=nnx.Rngs(1))
    )
    optimiser = nnx.Optimizer(model, optax.adam(3e-2), wrt=nnx.Param)

    @nnx.jit
    def step(model, optimiser):
        def loss(model):
            return jnp.mean((model(jnp.asarray(x))[:, 0] - y) ** 2) + 0.05 * gated.penalty(model)

        optimiser.update(model, nnx.grad(loss)(model))

    for _ in range(800):
        step(model, optimiser)
    assert model.layers[0].selected().tolist() == [1, 5]
    assert gated.kept(model) == {"layers.0.gates": (2, 8)}


def test_samples_are_gated_by_their_number():
    gate = gated.SampleGate(5, init_mean=[0.9, 0.01, 0.9, 0.01, 0.9], rngs=nnx.Rngs(0))
    gate.eval()
    assert gate.selected().tolist() == [0, 2, 4]
    modes = gate.gates.distribution.mode()
    np.testing.assert_allclose(gate(jnp.array([1, 4])), modes[jnp.array([1, 4])])
    assert float(gate.penalty()) == float(gated.penalty(gate))


def test_a_grouping_that_is_none_is_named():
    with pytest.raises(UnknownNameError, match=r"'row'\. Choose one of: weight, input, output"):
        linear("row")
    with pytest.raises(BadInputError, match="temperature is 0"):
        linear("input", temperature=0.0)


def test_what_a_layer_cannot_take_is_named():
    """Flax and XLA refused these in words of their own, or took the last sample for number 9."""
    for call, message in (
        (lambda: linear("input")(jnp.ones((2, 5))), "x has shape .* last axis is 6 long"),
        (lambda: gated.L0Linear(0, 3, rngs=nnx.Rngs(0)), "in_features"),
        (lambda: gated.L0Linear(2, 3, rngs=0), "rngs is 0"),
        (lambda: gated.L0Conv(3, 4, 3, rngs=nnx.Rngs(0)), "kernel_size is 3"),
        (lambda: gated.L0Conv(3, 4, (3, 3), strides=0, rngs=nnx.Rngs(0)), "strides"),
        (lambda: gated.L0Conv(3, 4, (3,), padding=[(1,)], rngs=nnx.Rngs(0)), r"padding\[0\]"),
        (lambda: gated.SampleGate(5, rngs=nnx.Rngs(0))(9), "none of 0 to 4"),
        (lambda: gated.penalty(3), "model is 3"),
    ):
        with pytest.raises(BadInputError, match=message):
            call()


@pytest.mark.parametrize("padding", ["CAUSAL", 1, [2], [(1, 0)]])
def test_paddings_are_those_of_flax(padding):
    layer = gated.L0Conv(3, 4, (3,), padding=padding, init_mean=0.5, rngs=nnx.Rngs(1))
    plain = nnx.Conv(3, 4, (3,), padding=padding, rngs=nnx.Rngs(1))
    layer.eval()
    x = jnp.asarray(np.random.default_rng(1).normal(size=(2, 8, 3)), jnp.float32)
    plain.kernel[...] = layer.layer.kernel[...]
    modes = layer.gates.distribution.mode()
    np.testing.assert_allclose(layer(x), plain(x) * modes, rtol=1e-5, atol=1e-6)

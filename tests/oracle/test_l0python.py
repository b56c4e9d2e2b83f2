"""Gates and the L0 objective against l0-python's formulas (needs Python 3.13 and torch)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax.gates import HardConcrete

torch = pytest.importorskip("torch")
calibration = pytest.importorskip("l0.calibration")
distributions = pytest.importorskip("l0.distributions")

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:Sparse invariant")]
LOCATIONS = np.linspace(-12, 12, 97)


def ours(temperature, stretch=0.1):
    gates = HardConcrete(
        97, 0.5, temperature, stretch=(-stretch, 1 + stretch), evaluation="tempered"
    )
    gates = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), gates)
    return eqx.tree_at(lambda gates: gates.log_alpha, gates, jnp.asarray(LOCATIONS))


def theirs(temperature, stretch=0.1):
    gates = distributions.HardConcrete(97, temperature=temperature, stretch=stretch)
    gates = gates.double()
    gates.qz_logits.data = torch.tensor(LOCATIONS)
    return gates


@pytest.mark.parametrize("temperature", [0.25, 0.5, 2 / 3, 1.5])
@pytest.mark.parametrize("stretch", [0.1, 0.3])
def test_evaluated_gates_probabilities_and_penalty(temperature, stretch, x64):
    mine, peer = ours(temperature, stretch), theirs(temperature, stretch).eval()
    np.testing.assert_allclose(mine.mode(), peer().detach().numpy(), atol=1e-7)
    probability = peer.get_active_prob().detach().numpy()
    np.testing.assert_allclose(mine.open_probability(), probability, atol=1e-7)
    np.testing.assert_allclose(mine.penalty(), peer.get_penalty().item(), rtol=1e-7)


def test_the_penalty_gradient(x64):
    peer = theirs(0.5)
    peer.get_penalty().backward()
    gradient = eqx.filter_grad(lambda gates: gates.penalty())(ours(0.5)).log_alpha
    np.testing.assert_allclose(gradient, peer.qz_logits.grad.numpy(), atol=1e-9)


def test_a_gate_at_given_noise_and_its_gradient(x64):
    """The same uniform draw through both; their draw is repeated from their generator."""
    peer = theirs(0.5).train()
    torch.manual_seed(3)
    drawn = peer()
    drawn.sum().backward()
    torch.manual_seed(3)
    noise = torch.zeros(97, dtype=torch.float64).uniform_(1e-6, 1 - 1e-6).numpy()
    np.testing.assert_allclose(ours(0.5).gate_at(noise), drawn.detach().numpy(), atol=1e-7)
    gradient = eqx.filter_grad(lambda gates: jnp.sum(gates.gate_at(noise)))(ours(0.5))
    np.testing.assert_allclose(gradient.log_alpha, peer.qz_logits.grad.numpy(), atol=1e-7)


def test_the_gates_of_sparse_calibration_weights(x64):
    peer = calibration.SparseCalibrationWeights(97, beta=0.35, log_alpha_jitter_sd=0.0)
    peer.log_alpha.data = torch.tensor(LOCATIONS)
    mine = ours(0.35)
    gates = peer.get_deterministic_gates().detach().numpy()
    np.testing.assert_allclose(mine.mode(), gates, atol=1e-7)
    np.testing.assert_allclose(mine.penalty(), peer.get_l0_penalty().item(), rtol=1e-6)


def test_their_facade_keeps_as_many_records_at_the_same_price():
    """The same constructor and fit, the same loss within a few percent, a support of like size."""
    from scipy import sparse

    from pejax.calibrate import SparseCalibrationWeights

    rng = np.random.default_rng(0)
    M = rng.gamma(0.5, 1.0, (8, 300)) * (rng.random((8, 300)) < 0.4)
    y = M @ rng.gamma(2.0, 1.0, 300)
    settings = {"init_keep_prob": 0.9, "init_weights": 1.5, "log_alpha_jitter_sd": 0.0}
    fit = {"lambda_l0": 1e-2, "lr": 0.1, "epochs": 600, "loss_type": "relative"}
    torch.manual_seed(0)
    peer = calibration.SparseCalibrationWeights(300, **settings).fit(sparse.csr_matrix(M), y, **fit)
    mine = SparseCalibrationWeights(300, seed=0, **settings).fit(sparse.csr_matrix(M), y, **fit)
    kept = peer.get_active_weights()["count"], mine.get_active_weights()["count"]
    assert kept[1] == pytest.approx(kept[0], abs=10)
    errors = [
        np.abs(np.asarray(model.predict(sparse.csr_matrix(M))) / y - 1).mean()
        for model in (peer, mine)
    ]
    assert errors[1] <= 1.5 * errors[0] + 0.01

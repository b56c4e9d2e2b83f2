"""Arguments of gates and schedules of the wrong kind: told by name."""

import re

import jax
import numpy as np
import pytest

from pejax import gates
from pejax.core._validate import BadInputError

pytestmark = pytest.mark.usefixtures("unchecked")

THREE = gates.HardConcrete(3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gates.HardConcrete("3"), "n_items is '3'; give a whole number"),
        (lambda: gates.HardConcrete(1.5), "n_items is 1.5; give a whole number"),
        (lambda: gates.HardConcrete(True), "n_items is True; give a whole number"),
        (lambda: gates.HardConcrete(3, "high"), "init_mean is 'high'"),
        (lambda: gates.HardConcrete(3, temperature="hot"), "temperature is 'hot'"),
        (lambda: gates.HardConcrete(3, temperature=np.inf), "temperature is inf"),
        (lambda: gates.HardConcrete(3, stretch=1), "stretch is 1; give (low, high)"),
        (lambda: gates.HardConcrete(3, stretch=("a", 2)), "stretch[0] is 'a'"),
        (lambda: gates.HardConcrete(3, evaluation=3), "evaluation is 3; choose"),
        (lambda: gates.HardConcrete(3, jitter="a"), "jitter is 'a'"),
        (lambda: gates.HardConcrete(3, jitter=0.1, key=0), "key is 0. Pass key=jax.random.key(0)"),
        (lambda: gates.HardConcrete(3, evaluation=np.zeros(0)), "evaluation is a ndarray; choose"),
        (lambda: THREE.sample(key=0), "key is 0. Pass key=jax.random.key(0)"),
        (lambda: THREE.gate_at("a"), "noise is 'a'"),
        (lambda: THREE.gate_at([0.5]), "noise has shape (1,), and there are 3 gates"),
        (lambda: THREE.gate_at([0.5, 2.0, 0.5]), "noise has numbers outside of (0, 1)"),
        (lambda: gates.linear_schedule(0.0, 1.0, 3)("a"), "epoch is 'a'"),
        (lambda: THREE.with_temperature("a"), "temperature is 'a'"),
        (lambda: THREE.with_temperature(0.0), "temperature is 0.0; give a number above 0"),
        (lambda: THREE.with_location([1.0]), "log_alpha has shape (1,), and there are 3 gates"),
        (lambda: gates.geometric_schedule("a", 1.0, 3), "start is 'a'; give a finite number"),
        (lambda: gates.geometric_schedule(1.0, np.inf, 3), "end is inf; give a finite number"),
        (lambda: gates.linear_schedule(np.nan, 1.0, 3), "start is nan; give a finite number"),
        (lambda: gates.linear_schedule(0.0, 1.0, 2.5), "epochs is 2.5; give a whole number"),
    ],
)
def test_an_argument_of_another_kind(make, message):
    with pytest.raises(BadInputError, match="^" + re.escape(message)):
        make()


def test_gates_are_cooled_inside_of_jit():
    cooled = jax.jit(lambda t: THREE.with_temperature(t).sample(key=jax.random.key(0)))(0.5)
    np.testing.assert_array_equal(cooled, THREE.with_temperature(0.5).sample(key=jax.random.key(0)))

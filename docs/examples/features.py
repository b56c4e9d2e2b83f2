"""Which columns tell who draws a pension? Gates over the features of real people decide."""

import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import pejax
from pejax.gates import flax as gated

COLUMNS = [
    "age",
    "employment_income_before_lsr",
    "self_employment_income_before_lsr",
    "taxable_interest_income",
    "taxable_private_pension_income",
    "is_blind",
    "is_full_time_college_student",
    "is_tax_unit_head",
    "is_tax_unit_spouse",
]
NOISE = 4  # columns of pure chance beside them
PRICE = 0.01


@nnx.jit
def step(model: nnx.Sequential, optimiser: nnx.Optimizer, x, y):
    def loss(model):
        fit = optax.sigmoid_binary_cross_entropy(model(x)[:, 0], y).mean()
        return fit + PRICE * gated.penalty(model)

    optimiser.update(model, nnx.grad(loss)(model))


def main(households: int | None = 2_000, steps: int = 500) -> list[str]:
    people = pejax.datasets.load_cps(period=2025, households=households)
    real = np.stack([np.asarray(people.column(name), float) for name in COLUMNS], axis=1)
    chance = np.random.default_rng(0).normal(size=(len(real), NOISE))
    x = np.column_stack([np.sign(real) * np.log1p(np.abs(real)), chance])
    x = jnp.asarray((x - x.mean(0)) / np.maximum(x.std(0), 1e-6), jnp.float32)
    y = jnp.asarray(np.asarray(people.column("social_security_retirement")) > 0, jnp.float32)
    model = nnx.Sequential(
        gated.FeatureGate(x.shape[1], init_mean=0.5, rngs=nnx.Rngs(0)),
        nnx.Linear(x.shape[1], 1, rngs=nnx.Rngs(1)),
    )
    optimiser = nnx.Optimizer(model, optax.adam(3e-2), wrt=nnx.Param)
    for _ in range(steps):
        step(model, optimiser, x, y)
    names = [*COLUMNS, *(f"chance {k}" for k in range(NOISE))]
    chosen = [names[k] for k in model.layers[0].selected().tolist()]
    print(f"kept: {', '.join(chosen)}")
    return chosen


if __name__ == "__main__":
    main()

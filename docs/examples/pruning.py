"""A small network that learns which of its weights it needs, on images of handwritten digits."""

import jax.numpy as jnp
import optax
from flax import nnx
from sklearn.datasets import load_digits

from pejax.gates import flax as gated

PRICE = 2e-3  # of a weight, in units of the loss


class Network(nnx.Module):
    """Two linear layers whose inputs are gated: pixels, and the hidden units made of them."""

    def __init__(self, hidden: int, rngs: nnx.Rngs):
        self.first = gated.L0Linear(64, hidden, group="input", rngs=rngs)
        self.second = gated.L0Linear(hidden, 10, group="input", rngs=rngs)

    def __call__(self, x):
        return self.second(nnx.relu(self.first(x)))


@nnx.jit
def step(model: Network, optimiser: nnx.Optimizer, x, y):
    def loss(model):
        fit = optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()
        return fit + PRICE * gated.penalty(model)

    optimiser.update(model, nnx.grad(loss)(model))


def main(steps: int = 600) -> dict[str, float]:
    images, digits = load_digits(return_X_y=True)
    x, y = jnp.asarray(images / 16, jnp.float32), jnp.asarray(digits)
    train, test = slice(0, 1_400), slice(1_400, None)
    model = Network(48, nnx.Rngs(0))
    optimiser = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)
    for _ in range(steps):
        step(model, optimiser, x[train], y[train])
    model.eval()
    right = float((model(x[test]).argmax(1) == y[test]).mean())
    kept, total = map(sum, zip(*gated.kept(model).values(), strict=True))
    print(f"{right:.1%} of unseen digits are read right with {kept:,} of {total:,} weights")
    return {"right": right, "kept": kept, "total": total}


if __name__ == "__main__":
    main()

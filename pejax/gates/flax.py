r"""Hard Concrete gates in Flax NNX modules: layers, samples and features that learn what to keep.

A module draws its gates in training and uses the evaluated ones after `model.eval()`. The loss of a
training step is the task's own plus a price times `penalty(model)`, the expected number of what is
kept:

    def loss(model, x, y):
        return jnp.mean((model(x) - y) ** 2) + 1e-3 * penalty(model)

Needs the extra `flax`. Nothing else of pejax imports it.

References:
    Louizos, Welling and Kingma (2018), "Learning sparse neural networks through L0 regularization",
    ICLR.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..core._arguments import as_choice, as_instance, as_number, as_switch, at_least, is_whole
from ..core._validate import require
from ._hard_concrete import Evaluation, HardConcrete
from ._layer_arguments import as_features, as_input, as_padding, as_rows, as_sizes

require("flax", "flax")

from flax import nnx  # noqa: E402  (after the error that says which extra is missing)

Grouping: TypeAlias = Literal["weight", "input", "output"]


class Gates(nnx.Module):
    r"""A vector of gates, one an item, with the locations :math:`\log\alpha` as its parameters.

    Args:
        n_items: number of gates.
        init_mean, temperature, stretch, evaluation: as in `gates.HardConcrete`.
        items: what one gate stands for, in the penalty: a row of 20 weights counts 20.
        rngs: whose stream `gates` the draws come from.

    Raises:
        BadInputError: as `gates.HardConcrete`, or what is no `nnx.Rngs`.

    >>> gates = Gates(3, init_mean=0.9, rngs=nnx.Rngs(0))
    >>> gates.eval()
    >>> gates().round(3)
    Array([0.98, 0.98, 0.98], dtype=float32)
    """

    def __init__(
        self,
        n_items: int,
        init_mean: float | Float[Array, " item"] | Sequence[float] = 0.9,
        temperature: float = 2 / 3,
        *,
        stretch: tuple[float, float] = (-0.1, 1.1),
        evaluation: Evaluation = "published",
        items: int = 1,
        rngs: nnx.Rngs,
    ):
        rngs = _as_rngs(rngs)
        start = HardConcrete(
            n_items, init_mean, temperature, stretch=stretch, evaluation=evaluation
        )
        self.log_alpha = nnx.Param(start.log_alpha)
        self.temperature = as_number("temperature")(temperature)
        self.stretch = start.stretch
        self.evaluation: Evaluation = evaluation
        self.items = at_least(1, "items")(items)
        self.deterministic = False
        self.rngs = rngs["gates"].fork()

    def __call__(self) -> Float[Array, " item"]:
        """The gates in [0, 1]: a draw in training, the evaluated ones otherwise."""
        gates = self.distribution
        return gates.mode() if self.deterministic else gates.sample(key=self.rngs())

    @property
    def distribution(self) -> HardConcrete:
        """The gates as an Equinox module; what is differentiated in it reaches `log_alpha`."""
        location = self.log_alpha[...]
        blank = HardConcrete(
            location.shape[0],
            temperature=self.temperature,
            stretch=self.stretch,
            evaluation=self.evaluation,
        )
        return blank.with_location(location)

    def penalty(self) -> Float[Array, ""]:
        """The expected number of items that are kept."""
        return self.items * self.distribution.penalty()

    def kept(self) -> Int[Array, ""]:
        """The number of items whose evaluated gate is open."""
        return self.items * jnp.sum(self.distribution.mode() > 0)


class _Gated(nnx.Module):
    """A layer whose kernel is multiplied by gates before it is applied."""

    layer: Any
    gates: Gates
    group: Grouping

    def penalty(self) -> Float[Array, ""]:
        """The expected number of weights that are kept."""
        return self.gates.penalty()

    def pruned(self) -> Any:
        """A plain layer of the same kind with the evaluated gates multiplied into its weights."""
        kernel, bias = self._applied(self.gates.distribution.mode())
        return _with_kernel(self.layer, jax.lax.stop_gradient(kernel), bias)

    def _applied(self, gates: Float[Array, " gate"]) -> tuple[Array, Array | None]:
        """The kernel times its gates, and the bias: of an output that is shut there is none."""
        kernel = self.layer.kernel[...]
        bias = None if self.layer.bias is None else self.layer.bias[...]
        gates = gates.astype(kernel.dtype)
        if self.group == "weight":
            return kernel * gates.reshape(kernel.shape), bias
        if self.group == "input":
            return kernel * gates[:, None], bias
        return kernel * gates, None if bias is None else bias * gates


class L0Linear(_Gated):
    """A linear layer some of whose weights, inputs or outputs are switched off for good.

    Args:
        in_features, out_features: of the kernel, (in_features, out_features).
        group: what a gate decides over: each `weight`, all weights of an `input`, or of an
            `output` with its bias.
        use_bias: whether there is a bias, which has no gate of its own.
        rngs: streams `params` for the kernel and `gates`.
        settings: of `Gates`.

    Raises:
        UnknownNameError: another grouping.
        BadInputError: features that are no whole number, an input of other
            features, and as `Gates`.

    >>> layer = L0Linear(4, 2, group="input", rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((5, 4))).shape, float(layer.penalty()) <= 8
    ((5, 2), True)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        group: Grouping = "input",
        use_bias: bool = True,
        rngs: nnx.Rngs,
        **settings: Any,
    ):
        shape = as_features(in_features, out_features)
        use_bias, rngs = as_switch("use_bias")(use_bias), _as_rngs(rngs)
        self.layer = nnx.Linear(*shape, use_bias=use_bias, rngs=rngs)
        self.group: Grouping = group
        self.gates = _gates_of(shape, group, rngs, settings)

    def __call__(self, x: Float[Array, "*batch input"]) -> Float[Array, "*batch output"]:
        x = as_input(x, self.layer.in_features)
        kernel, bias = self._applied(self.gates())
        found = x @ kernel
        return found if bias is None else found + bias


class L0Conv(_Gated):
    """A convolution some of whose weights, input or output channels are switched off for good.

    Args:
        in_features, out_features: channels; the last axis of the input is its channels.
        kernel_size: of each spatial axis.
        group: as in `L0Linear`.
        strides, padding: as in `flax.nnx.Conv`.
        use_bias: whether there is a bias, which has no gate of its own.
        rngs: streams `params` for the kernel and `gates`.
        settings: of `Gates`.

    Raises:
        UnknownNameError: another grouping or padding.
        BadInputError: sizes that are no whole numbers, widths that are none,
            an input of other channels, and as `Gates`.

    >>> layer = L0Conv(3, 8, (3, 3), group="output", rngs=nnx.Rngs(0))
    >>> layer(jnp.ones((2, 16, 16, 3))).shape
    (2, 16, 16, 8)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        kernel_size: Sequence[int],
        *,
        group: Grouping = "output",
        strides: int | Sequence[int] = 1,
        padding: Any = "SAME",
        use_bias: bool = True,
        rngs: nnx.Rngs,
        **settings: Any,
    ):
        channels = as_features(in_features, out_features)
        sizes = as_sizes(kernel_size, "kernel_size")
        if is_whole(strides):
            strides = [int(strides)] * len(sizes)
        use_bias, rngs = as_switch("use_bias")(use_bias), _as_rngs(rngs)
        self.layer = nnx.Conv(
            *channels,
            sizes,
            strides=as_sizes(strides, "strides", len(sizes)),
            padding=as_padding(padding, len(sizes)),
            use_bias=use_bias,
            rngs=rngs,
        )
        self.group: Grouping = group
        self.gates = _gates_of((*sizes, *channels), group, rngs, settings)

    def __call__(self, x: Float[Array, "*batch channel"]) -> Float[Array, "*batch output"]:
        x = as_input(x, self.layer.in_features, spatial=len(self.layer.kernel_size))
        kernel, bias = self._applied(self.gates())
        return _with_kernel(self.layer, kernel, bias)(x)


class _Selection(nnx.Module):
    """Gates over items that are selected by their evaluated gates."""

    def __init__(self, n_items: int, *, rngs: nnx.Rngs, **settings: Any):
        self.gates = Gates(n_items, rngs=rngs, **settings)

    def penalty(self) -> Float[Array, ""]:
        """The expected number of items that are kept."""
        return self.gates.penalty()

    def selected(self) -> Int[Array, " kept"]:
        """The items whose evaluated gate is open."""
        return jnp.flatnonzero(self.gates.distribution.mode() > 0)


class FeatureGate(_Selection):
    """Gates over the features of an input, its last axis.

    Args:
        n_items: number of features.
        rngs, settings: as in `Gates`.

    Raises:
        BadInputError: an input of other features, and as `Gates`.

    >>> gate = FeatureGate(3, rngs=nnx.Rngs(0))
    >>> gate(jnp.ones((5, 3))).shape
    (5, 3)
    """

    def __call__(self, x: Float[Array, "*batch item"]) -> Float[Array, "*batch item"]:
        x = as_input(x, self.gates.log_alpha.shape[0])
        return x * self.gates().astype(x.dtype)


class SampleGate(_Selection):
    """Gates over the samples of a data set, to weight each one's loss with.

    Args:
        n_items: number of samples.
        rngs, settings: as in `Gates`.

    Raises:
        BadInputError: an index of no sample, where it is known, and as `Gates`.

    >>> gate = SampleGate(100, rngs=nnx.Rngs(0))
    >>> gate(jnp.array([4, 7])).shape
    (2,)
    """

    def __call__(self, index: Int[Array, "*batch"]) -> Float[Array, "*batch"]:
        return self.gates()[as_rows(index, self.gates.log_alpha.shape[0])]


def penalty(model: nnx.Module) -> Float[Array, ""]:
    """The expected number of what is kept, over all gates of a model.

    >>> model = nnx.Sequential(L0Linear(4, 2, rngs=nnx.Rngs(0)), L0Linear(2, 1, rngs=nnx.Rngs(1)))
    >>> bool(penalty(model) < 10)
    True
    """
    return sum((gates.penalty() for gates in _all_gates(model).values()), jnp.zeros(()))


def kept(model: nnx.Module) -> dict[str, tuple[int, int]]:
    """How many weights, samples or features each module keeps, and of how many."""
    return {
        path: (int(gates.kept()), gates.items * gates.log_alpha.shape[0])
        for path, gates in _all_gates(model).items()
    }


def _all_gates(model: object) -> dict[str, Gates]:
    whole = as_instance(model, nnx.Module, "model", "Give a module of flax.nnx.")
    found = {
        ".".join(map(str, path)): module
        for path, module in nnx.iter_modules(whole)
        if isinstance(module, Gates)
    }
    return dict(sorted(found.items()))


def _gates_of(shape: Sequence[int], group: str, rngs: nnx.Rngs, settings: dict[str, Any]) -> Gates:
    """Gates for a kernel whose last two axes are inputs and outputs."""
    as_choice(group, get_args(Grouping), "group")
    count = {"weight": math.prod(shape), "input": shape[-2], "output": shape[-1]}[group]
    return Gates(count, items=math.prod(shape) // count, rngs=rngs, **settings)


def _with_kernel(layer: Any, kernel: Array, bias: Array | None) -> Any:
    """A copy of the layer with other numbers."""
    copy = nnx.clone(layer)
    copy.kernel[...] = kernel
    if bias is not None:
        copy.bias[...] = bias
    return copy


def _as_rngs(rngs: object) -> nnx.Rngs:
    return as_instance(rngs, nnx.Rngs, "rngs", "Give flax.nnx.Rngs(0).")

"""A forest whose splits are slopes instead of steps, so that gradients reach the covariates."""

from collections.abc import Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.stats import norm
from jaxtyping import Array, ArrayLike, Bool, Float, Int, Int32

from ...core._arguments import as_instance, as_number, as_whole
from ...core._arrays import as_one
from ...core._one_line import counted, one_line
from ...core._transforms import is_tracer
from ...core._validate import BadInputError
from .._checks import Covariates, as_covariates, as_levels
from .._chunks import by_chunk
from ..readout._readout import SingleValue
from ._forest import Forest

_ROWS = 256  # a reverse pass keeps every level of a block's beams


class SoftForest(eqx.Module):
    r"""A forest in which a row goes left with chance :math:`\sigma((F_f(c) - F_f(x_f)) / \tau)`.

    c is the split's threshold, tau the temperature, and F the training distribution of the
    covariate, linear between the training values. A slope thus spans a share tau of the training
    rows, whatever the covariate's unit or tail, and a heap of rows at zero stays on its side of a
    split above zero. A leaf's chance is the product along its path. Only the `beam` likeliest nodes
    of each level are kept and their chances normalised; with a beam as wide as the tree the mixture
    is exact. As tau goes to zero the hard forest comes back; at any other tau the reading is biased
    towards the neighbours' outcomes, so compare it with the hard forest's before trusting its
    gradients. Beyond the training values F is flat and so is the forest.

    Attributes:
        left: the left child; the right one is next to it; a leaf is its own.
        feature: the covariate a node compares.
        threshold: F at the split, halfway between the training values around it, so that no
            training row ever lies on it.
        outcome: what a leaf reads: its mean, or its single value.
        grid: the distinct training values of each covariate.
        share: F at each of them, the middle of its step.
        temperature: tau.
        single: whether outcomes are single donors' values, of which quantiles make sense.
        beam: nodes kept at each level.
        depth: edges on the longest path.

    >>> import pandas as pd
    >>> from pejax.impute import QRF
    >>> table = pd.DataFrame({"age": [20.0, 70.0] * 8, "pension": [0.0, 9.0] * 8})
    >>> forest = QRF(n_estimators=2).fit(table, ["age"], ["pension"]).imputers[0].forest
    >>> soft = soften(forest, [[20.0], [70.0]], temperature=0.01)
    >>> isinstance(soft, SoftForest), soft.mean([[75.0]]).round(2).tolist()
    (True, [9.0])
    """

    @one_line
    def __repr__(self) -> str:
        trees, nodes = self.left.shape
        return f"{counted(trees, 'tree')} of up to {counted(nodes, 'node')}, beam {self.beam}"

    left: Int32[Array, "tree node"]
    feature: Int32[Array, "tree node"]
    threshold: Float[Array, "tree node"]
    outcome: Float[Array, "tree node"]
    grid: tuple[Float[Array, " _"], ...]
    share: tuple[Float[Array, " _"], ...]
    temperature: Float[Array, ""]
    single: bool = eqx.field(static=True)
    beam: int = eqx.field(static=True)
    depth: int = eqx.field(static=True)

    def mean(self, X: Covariates) -> Float[Array, " row"]:
        """The conditional mean of every receiver, differentiable in its covariates."""
        x = self._covariates(X)
        return _mean(self, x)

    def quantile(
        self,
        X: Covariates,
        levels: Float[ArrayLike, " quantile"] | Float[ArrayLike, "row quantile"] | Sequence[float],
        *,
        bandwidth: float | Float[ArrayLike, ""],
    ) -> Float[Array, "row quantile"]:
        r"""Conditional quantiles, differentiable in covariates and levels.

        The quantile Q solves :math:`\sum_i p_i \Phi((Q - v_i) / h) = q` over the leaves' single
        values v with their chances p; its derivative is that of the solution. At one uniform level
        a row this is a draw that moves smoothly with the covariates.

        Args:
            X: the receivers' covariates, (row, feature).
            levels: strictly between 0 and 1; for all rows, or a row of them for each.
            bandwidth: h, in the unit of the outcome.

        Raises:
            BadInputError: the forest reads leaf means; build it with readout="single".
        """
        if not self.single:
            raise BadInputError(
                "Soft quantiles need one donor's value in each leaf. Build the forest with"
                " readout='single'."
            )
        x = self._covariates(X)
        levels = as_levels(levels, x.shape[0], open_interval=True).astype(x.dtype)
        levels = jnp.broadcast_to(levels, (x.shape[0], levels.shape[-1]))
        width = as_one(bandwidth, "bandwidth").astype(x.dtype)
        if not is_tracer(width) and not bool(width > 0):
            raise BadInputError(f"bandwidth is {width}; give a number above 0.")
        return _quantile(self, x, levels, width)

    def leaf_chances(
        self, share: Float[Array, " feature"]
    ) -> tuple[Int[Array, "tree beam"], Float[Array, "tree beam"]]:
        """The likeliest leaves of every tree, and their chances, for one row's shares F(x)."""
        of_tree = jax.checkpoint(partial(_beam, self, share))
        return lax.map(lambda t: of_tree(*t), (self.left, self.feature, self.threshold))

    def shares(self, x: Float[Array, "row feature"]) -> Float[Array, "row feature"]:
        """F(x) of every covariate."""
        columns = zip(x.T, self.grid, self.share, strict=True)
        return jnp.stack([jnp.interp(*column) for column in columns], axis=1)

    def _covariates(self, X: object) -> Float[Array, "row feature"]:
        x = as_covariates(X, len(self.grid), "refuse", ())
        return jnp.asarray(x, self.threshold.dtype)


def soften(
    forest: Forest,
    X: Float[ArrayLike, "donor feature"],
    *,
    temperature: float = 0.01,
    beam: int = 8,
) -> SoftForest:
    """Turn a forest's steps into slopes.

    Args:
        forest: any readout; `single` also gives quantiles.
        X: the donors' covariates, (donor, feature), whose distribution says how wide a slope is.
        temperature: width of a slope, as a share of the training rows.
        beam: nodes kept at each level of a tree.

    Raises:
        BadInputError: missing values in `X`, a forest that routes them, or no temperature.

    >>> from sklearn.ensemble import RandomForestRegressor
    >>> X, y = np.arange(20.0)[:, None], np.arange(20) // 10 * 10.0
    >>> forest = Forest.from_sklearn(RandomForestRegressor(20, random_state=0).fit(X, y), X, y)
    >>> soft = soften(forest, X, temperature=0.1)
    >>> slope = jax.vmap(jax.grad(lambda x: soft.mean(x[None])[0]))(jnp.array([[9.5], [18.0]]))
    >>> bool(slope[0, 0] > 1), bool(abs(slope[1, 0]) < 0.1)
    (True, True)
    """
    trees = as_instance(forest, Forest, "forest", "Give a Forest.").trees
    temperature, beam = as_number("temperature")(temperature), as_whole("beam")(beam)
    if not temperature > 0 or beam < 1:
        raise BadInputError(
            f"A temperature of {temperature} with a beam of {beam} routes no row. Give a positive"
            " temperature and keep at least one node."
        )
    if trees.missing != "refuse":
        raise BadInputError("A soft forest cannot route missing values. Use missing='refuse'.")
    x = as_covariates(X, trees.n_features, "refuse", ())
    if not len(x):
        raise BadInputError("X has no rows. Give the donors' covariates.")
    left, feature, threshold = _unpacked(forest)
    steps = [_distribution(column) for column in np.asarray(x, np.float32).T]
    return SoftForest(
        left=jnp.asarray(left),
        feature=jnp.asarray(feature),
        threshold=jnp.asarray(_threshold_shares(threshold, feature, left, steps)),
        outcome=forest.readout.outcomes(),
        grid=tuple(jnp.asarray(values) for values, _ in steps),
        share=tuple(jnp.asarray(share) for _, share in steps),
        temperature=jnp.asarray(temperature, jnp.result_type(float)),
        single=isinstance(forest.readout, SingleValue),
        beam=beam,
        depth=int(np.max(np.asarray(trees.depth))),
    )


def _unpacked(forest: Forest):
    records, bits = np.asarray(forest.trees.records), forest.trees.feature_bits
    left = (records[..., 0] >> bits).astype(np.int32)
    feature = (records[..., 0] & ((1 << bits) - 1)).astype(np.int32)
    return left, feature, np.ascontiguousarray(records[..., 1]).view(np.float32)


def _distribution(column: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct values of a covariate and the share of rows up to the middle of each."""
    values, counts = np.unique(column.astype(np.float64), return_counts=True)
    share = (np.cumsum(counts) - counts / 2) / len(column)
    if len(values) == 1:
        return np.array([values[0], values[0] + 1]), np.array([share[0], share[0]])
    return values, share


def _threshold_shares(threshold, feature, left, steps) -> np.ndarray:
    """F halfway between the training values on either side of each split; 0 at leaves."""
    inner = left != np.arange(left.shape[1])
    shares = np.zeros(threshold.shape)
    for f, (values, share) in enumerate(steps):
        here = inner & (feature == f)
        above = np.searchsorted(values, threshold[here], side="right").clip(1, len(values) - 1)
        shares[here] = (share[above - 1] + share[above]) / 2
    return shares


def _beam(forest: SoftForest, share: Float[Array, " feature"], left, feature, threshold):
    """The likeliest leaves of one tree: at each level the best nodes of the level before split."""
    impossible = jnp.finfo(share.dtype).min / 4
    place = jnp.arange(forest.beam)
    start = (jnp.zeros(forest.beam, left.dtype), jnp.where(place == 0, 0.0, impossible))

    def level(state, _):
        node, log_chance = state
        is_leaf: Bool[Array, " beam"] = left[node] == node
        slope = (threshold[node] - share[feature[node]]) / forest.temperature
        go_left = jnp.where(is_leaf, 0.0, jax.nn.log_sigmoid(slope))
        go_right = jnp.where(is_leaf, impossible, jax.nn.log_sigmoid(-slope))
        child = jnp.concatenate([left[node], jnp.where(is_leaf, node, left[node] + 1)])
        reach = jnp.concatenate([log_chance + go_left, log_chance + go_right])
        best, chosen = lax.top_k(jnp.maximum(reach, impossible), forest.beam)
        return (child[chosen], best), None

    (node, log_chance), _ = lax.scan(level, start, None, length=forest.depth)
    return node, jax.nn.softmax(log_chance)


@jax.jit
def _mean(forest: SoftForest, x: Float[Array, "row feature"]) -> Float[Array, " row"]:
    def of_row(share):
        leaf, chance = forest.leaf_chances(share)
        outcome = jnp.take_along_axis(forest.outcome, leaf, axis=1)
        return jnp.sum(chance * outcome, axis=1).mean()

    return by_chunk(jax.vmap(of_row), _ROWS, forest.shares(x))


@jax.jit
def _quantile(forest: SoftForest, x, levels, bandwidth) -> Float[Array, "row quantile"]:
    def of_row(share, levels):
        leaf, chance = forest.leaf_chances(share)
        values = jnp.take_along_axis(forest.outcome, leaf, axis=1).reshape(-1)
        weights = (chance / forest.left.shape[0]).reshape(-1)
        return jax.vmap(lambda q: _smooth_quantile(values, weights, q, bandwidth))(levels)

    return by_chunk(jax.vmap(of_row), _ROWS, forest.shares(x), levels)


def _smooth_quantile(values, weights, level, bandwidth) -> Float[Array, ""]:
    """The root of the smoothed distribution function, differentiated as a root."""

    def excess(q):
        return jnp.sum(weights * norm.cdf((q - values) / bandwidth)) - level

    def bisect(f, _):
        reach = 12 * bandwidth
        low, high = jnp.min(values) - reach, jnp.max(values) + reach

        def halve(_, ends):
            low, high = ends
            middle = (low + high) / 2
            below = f(middle) < 0
            return jnp.where(below, middle, low), jnp.where(below, high, middle)

        low, high = lax.fori_loop(0, jnp.finfo(values.dtype).bits, halve, (low, high))
        return (low + high) / 2

    def solve_tangent(g, y):
        slope = g(jnp.ones_like(y))
        return y / jnp.maximum(slope, jnp.finfo(y.dtype).tiny ** 0.5)

    guess = lax.stop_gradient(jnp.min(values))
    return lax.custom_root(excess, guess, bisect, solve_tangent)

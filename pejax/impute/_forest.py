"""A fitted forest as a pytree of arrays: route rows to leaves, read outcomes from them."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int, Integer

from .._types import Key
from ._checks import check_covariates, check_ids, check_levels
from ._chunks import by_chunk, rows_per_chunk
from ._keys import record_uniforms
from ._levels import Method, check_method
from ._readout import Readout
from ._trees import Missing, Trees

if TYPE_CHECKING:
    from numpy.typing import ArrayLike as HostArray


class Forest(eqx.Module):
    """A quantile regression forest on the device (Meinshausen 2006).

    The trees say which donors are like a row; the readout says what is read from those donors.
    The estimators differ and are never mixed: `meinshausen` (every donor of a leaf, every tree
    weighing the same), `all` (every donor of a leaf, pooled over trees), `single` (one donor a
    leaf, what quantile-forest keeps by default) and, from any of them, `draw` (one donor of one
    tree). `mean` readouts hold no donors and refuse quantiles and draws.

    Rows with a missing covariate are refused with row and column. Inside `jax.jit`, where nothing
    can be raised, they get NaN, and -1 for a leaf; with `missing="learned"` they are routed.

    Covariates are compared in float32, as scikit-learn does; the derivative with respect to them
    is zero (the trees are steps). With respect to quantile levels and donor values it is exact.

    Attributes:
        trees: the splits.
        readout: the leaves' donors.

    >>> from sklearn.ensemble import RandomForestRegressor
    >>> import numpy as np
    >>> X, y = np.arange(8.0)[:, None], np.arange(8) // 2 * 10.0
    >>> fitted = RandomForestRegressor(25, random_state=0).fit(X, y)
    >>> forest = Forest.from_sklearn(fitted, X, y)
    >>> forest.quantile(X[:2], [0.1, 0.5]).tolist()
    [[0.0, 0.0], [0.0, 0.0]]
    >>> bool((forest.leaves(X) == fitted.apply(X)).all())
    True
    """

    trees: Trees
    readout: Readout

    @classmethod
    def from_sklearn(
        cls,
        forest: Any,
        X: "HostArray | None" = None,
        y: "HostArray | None" = None,
        *,
        sample_weight: "HostArray | None" = None,
        readout: str | None = None,
        missing: Missing = "refuse",
        seed: int = 0,
    ) -> "Forest":
        """Take over a fitted scikit-learn forest.

        Args:
            forest: a fitted `RandomForestRegressor` or `ExtraTreesRegressor` with one outcome.
            X: the training covariates, (donor, feature). scikit-learn forests forget their
                training data; without it the leaves hold only their means.
            y: the training outcomes, (donor,).
            sample_weight: the weights given to `fit`. A donor counts in a leaf with the weight
                that the tree gave it while it grew, so weights act once.
            readout: `meinshausen` (the default with training data), `all`, `single`, or `mean`
                (the default and only choice without).
            missing: `refuse`, or `learned` to route a NaN as scikit-learn does.
            seed: of the choice of one donor a leaf in `single`.

        Raises:
            BadInputError: not a fitted single-outcome forest, or not its training data.
        """
        from ._convert import from_sklearn

        return from_sklearn(
            forest, X, y, sample_weight=sample_weight, readout=readout, missing=missing, seed=seed
        )

    @classmethod
    def from_quantile_forest(cls, forest: Any) -> "Forest":
        """Take over a fitted forest of the quantile-forest package, with the donors it kept.

        `max_samples_leaf=1` gives the readout `single`, any other value `all`; `quantile` equals
        that package's `predict`.

        Raises:
            BadInputError: not fitted, several outcomes, or monotonic constraints.
        """
        from ._convert import from_quantile_forest

        return from_quantile_forest(forest)

    def leaves(
        self, X: Float[ArrayLike, "row feature"], *, chunk: int | None = None
    ) -> Int[Array, "row tree"]:
        """The leaf of every row in every tree, numbered as scikit-learn's `apply` does.

        Args:
            X: covariates.
            chunk: rows routed at a time; the result does not depend on it.
        """
        x = self._covariates(X)
        return _leaves(self, x, rows_per_chunk(chunk))

    def mean(
        self, X: Float[ArrayLike, "row feature"], *, chunk: int | None = None
    ) -> Float[Array, " row"]:
        """The conditional mean, averaged over trees."""
        x = self._covariates(X)
        return _mean(self, x, rows_per_chunk(chunk))

    def quantile(
        self,
        X: Float[ArrayLike, "row feature"],
        levels: Float[ArrayLike, " quantile"] | Float[ArrayLike, "row quantile"] | Sequence[float],
        *,
        method: Method | None = None,
        chunk: int | None = None,
    ) -> Float[Array, "row quantile"]:
        """Conditional quantiles.

        Args:
            X: covariates.
            levels: between 0 and 1; one list for all rows, or one row of levels for each row.
            method: how to interpolate between outcomes, by NumPy's names: `linear`, `lower`,
                `higher`, `midpoint`, `nearest`, `inverted_cdf`. As in NumPy, fractional weights
                (`meinshausen` has them) allow only the last. `None` is `linear` where that is
                defined, else `inverted_cdf`.
            chunk: rows worked on at a time; the result does not depend on it.
        """
        if method is not None:
            check_method(method)
        x = self._covariates(X)
        check_levels(levels, x.shape[0])
        levels = jnp.asarray(levels, jnp.result_type(float))
        levels = jnp.broadcast_to(levels, (x.shape[0], levels.shape[-1]))
        return _quantile(self, x, levels, method, rows_per_chunk(chunk))

    def draw(
        self,
        X: Float[ArrayLike, "row feature"],
        *,
        key: Key,
        ids: Integer[ArrayLike, " row"] | None = None,
        chunk: int | None = None,
    ) -> Float[Array, " row"]:
        """One donor's outcome for each row: a random tree, then a random donor of its leaf.

        The draw follows the forest's conditional distribution with every tree weighing the same.
        It is a function of the key and the record's id, whatever the order or number of rows.

        Args:
            X: covariates.
            key: from `jax.random.key`.
            ids: whole numbers that name the records; the row numbers by default.
            chunk: rows worked on at a time; the result does not depend on it.
        """
        rank = self.draw_rank(X, key=key, ids=ids, chunk=chunk)
        values = jnp.asarray(self.readout.values)
        return jnp.where(rank >= 0, values[rank], jnp.nan)

    def draw_rank(
        self,
        X: Float[ArrayLike, "row feature"],
        *,
        key: Key,
        ids: Integer[ArrayLike, " row"] | None = None,
        chunk: int | None = None,
    ) -> Int[Array, " row"]:
        """Like `draw`, but the index of the outcome in `readout.values`; -1 for a NaN row."""
        x = self._covariates(X)
        if ids is None:
            ids = jnp.arange(x.shape[0], dtype=jnp.uint32)
        check_ids(ids, x.shape[0])
        # Compiled apart from the forest's own work, once for all forests and rows of one number.
        uniform = record_uniforms(key, jnp.asarray(ids, jnp.uint32), 2)
        return _draw_rank(self, x, uniform, rows_per_chunk(chunk))

    def _covariates(self, X: ArrayLike) -> Float[Array, "row feature"]:
        check_covariates(X, self.trees.n_features, self.trees.missing)
        return jnp.asarray(X, jnp.float32)

    def _routable(self, x: Float[Array, "row feature"]) -> Array:
        if self.trees.missing == "learned":
            return jnp.ones(x.shape[0], bool)
        return ~jnp.isnan(x).any(axis=1)


@partial(jax.jit, static_argnames="chunk")
def _leaves(forest: Forest, x, chunk: int):
    def block(x):
        found = jnp.take_along_axis(forest.trees.source, forest.trees.leaves(x), axis=1).T
        return jnp.where(forest._routable(x)[:, None], found, -1)

    return by_chunk(block, chunk, x)


@partial(jax.jit, static_argnames="chunk")
def _mean(forest: Forest, x, chunk: int):
    def block(x):
        return jnp.where(forest._routable(x), forest.readout.mean(forest.trees.leaves(x)), jnp.nan)

    return by_chunk(block, chunk, x)


@partial(jax.jit, static_argnames=("method", "chunk"))
def _quantile(forest: Forest, x, levels, method: Method | None, chunk: int):
    def block(x, levels):
        found = forest.readout.quantile(forest.trees.leaves(x), levels, method)
        return jnp.where(forest._routable(x)[:, None], found, jnp.nan)

    return by_chunk(block, chunk, x, levels)


@partial(jax.jit, static_argnames="chunk")
def _draw_rank(forest: Forest, x, uniform, chunk: int):
    def block(x, uniform):
        tree = (uniform[:, 0] * forest.trees.count).astype(jnp.int32)
        leaf = forest.trees.leaf_in(tree, x)
        rank = forest.readout.draw(tree, leaf, uniform[:, 1])
        return jnp.where(forest._routable(x), rank, -1)

    return by_chunk(block, chunk, x, uniform)

"""A fitted forest as a pytree of arrays: route rows to leaves, read outcomes from them."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, ArrayLike, Bool, Float, Int, Int32

from ...core._arguments import check_key
from ...core._formerly import former_names
from ...core._one_line import one_line
from ...core._transforms import is_traced
from ...core._types import Key
from ...core._validate import BadInputError
from ...core.files._npz import Arrays, Stored
from .._checks import (
    Covariates,
    as_covariates,
    as_levels,
    as_mask,
    as_points,
)
from .._chunks import Plan, on_cores
from .._keys import Ids, record_uniforms, record_words
from ..readout._levels import Method, check_method
from ..readout._readout import Readout
from ._bags import Bags
from ._reading import read_below, read_draw, read_leaves, read_mean, read_quantile
from ._to_arrays import forest_to_arrays, parts_from_arrays
from ._trees import Missing, Trees

if TYPE_CHECKING:
    from numpy.typing import ArrayLike as HostArray


@former_names(draw_rank="draw_index")
class Forest(eqx.Module, Stored):
    """A quantile regression forest on the device (Meinshausen 2006).

    The trees say which donors are like a row; the readout says what is read from those donors.
    The estimators differ and are never mixed: `meinshausen` (every donor of a leaf, every tree
    weighing the same), `all` (every donor of a leaf, pooled over trees), `single` (one donor a
    leaf, what quantile-forest keeps by default) and, from any of them, `draw` (one donor of one
    tree). `mean` readouts hold no donors and refuse quantiles and draws.

    Rows with a missing covariate are refused with row and column. Inside `jax.jit`, where nothing
    can be raised, they get NaN, and -1 for a leaf. With `missing="learned"` they are routed, if
    some donor lacked that covariate; if none did, the trees have learned no way and refuse it.

    Covariates are compared in float32, as scikit-learn does; the derivative with respect to them
    is zero (the trees are steps). With respect to quantile levels and donor values it is exact.

    A forest is made from donors and read for receivers, whose covariates are the `X` of every
    reading. Readings take a few settings more. `trees`: which trees count for which row, (row,
    tree); with `out_of_bag()` a donor is read from the trees that grew without it, and a row for
    which no tree counts gets NaN. `chunk`: rows worked on at a time. `mesh`: devices over which the
    rows are spread. Neither of the last two changes a result.

    Attributes:
        trees: the splits.
        readout: the leaves' donors.
        bags: the donors that each tree grew on, where that is known.

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
    bags: Bags | None = None

    @one_line
    def __repr__(self) -> str:
        kind = type(self.readout).__name__
        return f"{self.trees!r}, {kind}"

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
            forest: a fitted `RandomForestRegressor`, `ExtraTreesRegressor` or classifier of either
                kind with one outcome. A classifier's leaves hold the shares of its classes, so it
                needs no training data; the outcomes are the classes where those are numbers, else
                their places in `classes_`.
            X: the donors' covariates, (donor, feature). scikit-learn forests forget their
                training data; without it the leaves hold only their means, and which covariates
                donors lacked is read from the splits alone.
            y: the donors' outcomes, (donor,).
            sample_weight: the weights given to `fit`. A donor counts in a leaf with the weight
                that the tree gave it while it grew, so weights act once.
            readout: `meinshausen` (the default with training data), `all`, `single`, or `mean`
                (the default and only choice without).
            missing: `refuse`, or `learned` to route a NaN as scikit-learn does where donors had
                one; a covariate that no donor lacked is refused, which scikit-learn sends to the
                larger side.
            seed: of the choice of one donor a leaf in `single`.

        Raises:
            BadInputError: not a fitted single-outcome forest, or not its training data.
        """
        from ._convert import from_sklearn

        parts = from_sklearn(
            forest, X, y, sample_weight=sample_weight, readout=readout, missing=missing, seed=seed
        )
        return cls(*parts)

    @classmethod
    def from_quantile_forest(cls, forest: Any) -> "Forest":
        """Take over a fitted forest of the quantile-forest package, with the donors it kept.

        `max_samples_leaf=1` gives the readout `single`, any other value `all`; `quantile` equals
        that package's `predict`.

        Raises:
            BadInputError: not fitted, several outcomes, or monotonic constraints.
        """
        from ._convert import from_quantile_forest

        return cls(*from_quantile_forest(forest))

    def leaves(
        self,
        X: Covariates,
        *,
        chunk: int | None = None,
        mesh: Mesh | None = None,
    ) -> Int[Array, "row tree"]:
        """The leaf of every receiver in every tree, numbered as scikit-learn's `apply` does."""
        return self._read(read_leaves, Plan.of(chunk, mesh), self._covariates(X))

    def mean(
        self,
        X: Covariates,
        *,
        trees: Bool[ArrayLike, "row tree"] | None = None,
        chunk: int | None = None,
        mesh: Mesh | None = None,
    ) -> Float[Array, " row"]:
        """The conditional mean of every receiver, averaged over trees."""
        x = self._covariates(X)
        return self._read(read_mean, Plan.of(chunk, mesh), x, self._checked_mask(trees, x))

    def quantile(
        self,
        X: Covariates,
        levels: Float[ArrayLike, " quantile"] | Float[ArrayLike, "row quantile"] | Sequence[float],
        *,
        method: Method | None = None,
        trees: Bool[ArrayLike, "row tree"] | None = None,
        chunk: int | None = None,
        mesh: Mesh | None = None,
    ) -> Float[Array, "row quantile"]:
        """Conditional quantiles.

        Args:
            X: the receivers' covariates, (row, feature).
            levels: between 0 and 1; one list for all rows, or one row of levels for each row.
            method: how to interpolate between outcomes, by NumPy's names: `linear`, `lower`,
                `higher`, `midpoint`, `nearest`, `inverted_cdf`. As in NumPy, fractional weights
                (`meinshausen` has them) allow only the last. `None` is `linear` where that is
                defined, else `inverted_cdf`.
            trees, chunk, mesh: as for every reading.
        """
        if method is not None:
            check_method(method)
        x = self._covariates(X)
        levels = as_levels(levels, x.shape[0])
        levels = jnp.broadcast_to(levels, (x.shape[0], levels.shape[-1]))
        reading = partial(read_quantile, method=method)
        return self._read(reading, Plan.of(chunk, mesh), x, levels, self._checked_mask(trees, x))

    def cdf(
        self,
        X: Covariates,
        y: Float[ArrayLike, " row"] | Float[ArrayLike, "row point"],
        *,
        trees: Bool[ArrayLike, "row tree"] | None = None,
        chunk: int | None = None,
        mesh: Mesh | None = None,
    ) -> Float[Array, " row"] | Float[Array, "row point"]:
        r"""The conditional distribution :math:`P(Y \le y \mid x)`, of receivers with the covariates
        `X`, at one outcome a row or several.

        >>> from sklearn.ensemble import RandomForestClassifier
        >>> X, y = [[0.0], [0.0], [1.0]], [0, 1, 1]
        >>> fitted = RandomForestClassifier(5, bootstrap=False).fit(X, y)
        >>> Forest.from_sklearn(fitted).cdf([[0.0], [1.0]], [0.0, 0.0]).tolist()
        [0.5, 0.0]
        """
        return self._below(X, y, ("right",), trees, Plan.of(chunk, mesh))

    def rank(
        self,
        X: Covariates,
        y: Float[ArrayLike, " row"] | Float[ArrayLike, "row point"],
        *,
        trees: Bool[ArrayLike, "row tree"] | None = None,
        chunk: int | None = None,
        mesh: Mesh | None = None,
    ) -> Float[Array, " row"] | Float[Array, "row point"]:
        r"""Where outcomes stand in their receivers' distributions, :math:`P(Y < y) + P(Y = y) / 2`.

        Uniform over records for continuous outcomes if the forest is right; its mean is a half
        whatever the outcome.
        """
        return self._below(X, y, ("left", "right"), trees, Plan.of(chunk, mesh))

    def draw(
        self,
        X: Covariates,
        *,
        key: Key,
        ids: Ids | None = None,
        trees: Bool[ArrayLike, "row tree"] | None = None,
        chunk: int | None = None,
        mesh: Mesh | None = None,
    ) -> Float[Array, " row"]:
        """One donor's outcome for each receiver: a random tree, then a random donor of its leaf.

        The draw follows the forest's conditional distribution with every tree weighing the same.
        It is a function of the key and the record's id, whatever the order or number of rows.

        Args:
            X: the receivers' covariates, (row, feature).
            key: from `jax.random.key`.
            ids: whole numbers of up to 64 bits, or texts, that name the records; the row numbers
                by default.
            trees, chunk, mesh: as for every reading.
        """
        index = self.draw_index(X, key=key, ids=ids, trees=trees, chunk=chunk, mesh=mesh)
        values = jnp.asarray(self.values)
        return jnp.where(index >= 0, values[index], jnp.nan)

    def draw_index(
        self,
        X: Covariates,
        *,
        key: Key,
        ids: Ids | None = None,
        trees: Bool[ArrayLike, "row tree"] | None = None,
        chunk: int | None = None,
        mesh: Mesh | None = None,
    ) -> Int[Array, " row"]:
        """Like `draw`, but the index of the outcome in `values`; -1 where there is none."""
        check_key(key)
        x = self._covariates(X)
        if ids is None:
            ids = jnp.arange(x.shape[0], dtype=jnp.uint32)
        # Compiled apart from the forest's own work, once for all forests and rows of one number.
        uniform = record_uniforms(key, record_words(ids, x.shape[0]), 2)
        return self._read(read_draw, Plan.of(chunk, mesh), x, uniform, self._checked_mask(trees, x))

    @property
    def values(self) -> Float[Array, " value"] | Float[np.ndarray, " value"]:
        """The distinct outcomes of the donors, ascending."""
        return self.readout.values

    @property
    def gaps(self) -> tuple[int, ...]:
        """The covariates of which a missing value is routed."""
        return self.trees.gaps

    def out_of_bag(self) -> Bool[np.ndarray, "donor tree"]:
        """Which trees grew without each donor, in the order of the training data.

        Raises:
            BadInputError: it is not known, or every tree grew on all donors.
        """
        if self.bags is None:
            raise BadInputError(
                "It is not known which donors the trees of this forest grew on. Take it over with"
                " its training data, from a forest with bootstrap=True."
            )
        return self.bags.outside()

    def to_arrays(self) -> Arrays:
        """Everything as arrays by name, without pickles."""
        return forest_to_arrays(self)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Forest":
        """The forest that `to_arrays` took apart.

        Raises:
            BadInputError: not such arrays, or altered since.
        """
        return cls(*parts_from_arrays(arrays))

    def _read(self, reading: Callable[..., Array], plan: Plan, *rows: Any) -> Array:
        """A reading of rows, those of absent arguments None, on all cores of a CPU."""
        return on_cores(partial(reading, plan=plan), plan, self, *rows)

    def _covariates(self, X: object) -> Float[Array, "row feature"]:
        x = as_covariates(X, self.trees.n_features, self.trees.missing, self.gaps)
        return jnp.asarray(x, jnp.float32)

    def _checked_mask(
        self, trees: object, x: Float[Array, "row feature"]
    ) -> Bool[Array, "row tree"] | None:
        if trees is None:
            return None
        return as_mask(trees, (x.shape[0], self.trees.count))

    def _below(
        self,
        X: object,
        y: object,
        sides: tuple[Literal["left", "right"], ...],
        trees: object,
        plan: Plan,
    ) -> Array:
        """The mean over sides of the chance of an outcome below `y`, itself counted or not."""
        x = self._covariates(X)
        outcomes = as_points(y, x.shape[0])
        mask, shape = self._checked_mask(trees, x), outcomes.shape
        points = outcomes.reshape(shape[0], math.prod(shape[1:]))
        places = (self._place(points, side) for side in sides)
        found = [self._read(read_below, plan, x, place, mask) for place in places]
        return jnp.mean(jnp.stack(found), axis=0).reshape(shape)

    def _place(
        self, y: Array | np.ndarray, side: Literal["left", "right"]
    ) -> Int32[Array, "row point"]:
        """How many of the distinct outcomes lie before each number; in float64 on the host."""
        if is_traced(y, self.values):
            values = jnp.asarray(self.values)
            return jnp.searchsorted(values, jnp.asarray(y), side=side).astype(jnp.int32)
        return jnp.asarray(np.searchsorted(np.asarray(self.values), np.asarray(y), side), jnp.int32)

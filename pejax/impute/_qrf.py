"""The estimator: grow one forest a variable on weighted donors."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._validate import BadInputError, unknown
from ._checks import check_covariates, check_weights
from ._columns import Column, learn_column
from ._fitted import FittedQRF
from ._forest import Forest
from ._imputer import Imputer
from ._keys import variable_seed
from ._trees import Missing, Trees

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class QRF:
    """Quantile regression forests that fill several variables in turn.

    Each imputed variable is a predictor of those after it, so that the draws keep the variables'
    joint distribution. Donor weights act once, in the bootstrap: each tree grows on `max_samples`
    donors drawn with chances proportional to their weights, so that an integer weight is the same
    as that many copies of the row, in distribution, at the same `max_samples`.

    Attributes:
        n_estimators: number of trees.
        max_depth: of a tree; `None` grows until leaves are pure or of the smallest size.
        min_samples_leaf: the least draws a leaf holds.
        max_features: covariates tried at a split, as scikit-learn reads it; 1.0 is all of them.
        max_samples: draws a tree grows on: a number, a share of the donors (a float), or `None` for
            as many as there are donors.
        readout: what quantiles are read from: all donors, every tree weighing the same
            (`meinshausen`) or pooled (`all`), or a `single` donor a leaf. See `Forest`.
        missing: `refuse` missing numbers among the predictors, or send them the way the trees
            have `learned`.
        seed: of the bootstrap and the splits.
        n_jobs: threads that grow trees; `None` one a processor. The result does not depend on it.

    >>> import jax, pandas as pd
    >>> donors = pd.DataFrame({"age": [20, 20, 70, 70], "pension": [0.0, 0.0, 900.0, 950.0]})
    >>> fitted = QRF(n_estimators=10).fit(donors, ["age"], ["pension"])
    >>> fitted.draw(pd.DataFrame({"age": [19]}), key=jax.random.key(0))["pension"].tolist()
    [0.0]
    """

    n_estimators: int = 100
    max_depth: int | None = None
    min_samples_leaf: int = 1
    max_features: float | int | str | None = 1.0
    max_samples: int | float | None = None
    readout: str = "meinshausen"
    missing: Missing = "refuse"
    seed: int = 0
    n_jobs: int | None = None

    def fit(
        self,
        X: "pd.DataFrame",
        predictors: Sequence[str],
        imputed_variables: Sequence[str],
        weight_col: str | None = None,
    ) -> "FittedQRF":
        """Grow a forest for every variable, each reading the predictors and the ones before it.

        Args:
            X: the donors, a row each. Numbers, truth values and categories (pandas categories or
                strings) are told apart by their dtype.
            predictors: columns that donors and receivers share.
            imputed_variables: columns to impute, in the order of the chain.
            weight_col: column of donor weights; `None` weighs all alike.

        Returns:
            The fitted chain; this object itself does not change.

        Raises:
            BadInputError: missing values (unless they are learned), outcomes without variation,
                bad weights, or too few donors; names the row and the column.
            UnknownNameError: a column that `X` does not have.
        """
        predictors, targets = list(predictors), list(imputed_variables)
        self._check_settings(len(X))
        _check_names(X, predictors, targets, weight_col)
        kinds = {name: learn_column(name, X[name]) for name in (*predictors, *targets)}
        columns = {name: kind.encode(X[name]) for name, kind in kinds.items()}
        for name in targets:
            _check_outcome(name, columns[name])
        weights = _donor_weights(X, weight_col)
        imputers = []
        for i, name in enumerate(targets):
            inputs = tuple(kinds[other] for other in (*predictors, *targets[:i]))
            imputers.append(self._grow(columns, inputs, kinds[name], weights))
        return FittedQRF(tuple(imputers))

    def _grow(
        self,
        columns: Mapping[str, Float[np.ndarray, " donor"]],
        inputs: tuple[Column, ...],
        target: Column,
        weights: Float[np.ndarray, " donor"],
    ) -> Imputer:
        """The imputer of one variable."""
        from ._convert import build_readout, grow, host_tree, tree_samples

        x = training_covariates(inputs, columns, self.missing)
        y = columns[target.name]
        seeds = variable_seed(self.seed, target.name).spawn(self.n_estimators + 1)

        def one_tree(seed: np.random.SeedSequence):
            rng = np.random.default_rng(seed)
            in_bag = self._bootstrap(weights, rng)
            tree = grow(
                x,
                y,
                in_bag,
                classes=target.is_nominal,
                max_depth=self.max_depth,
                min_samples_leaf=self.min_samples_leaf,
                max_features=self.max_features,
                seed=int(rng.integers(2**31)),
            )
            return host_tree(tree), tree_samples(tree, x, rank, in_bag)

        values, rank = np.unique(y, return_inverse=True)
        with ThreadPoolExecutor(self.n_jobs or os.cpu_count()) as pool:
            grown = list(pool.map(one_tree, seeds[1:]))
        trees, packed = Trees.build([tree for tree, _ in grown], x.shape[1], self.missing)
        samples = [sample for _, sample in grown]
        choices = np.random.default_rng(seeds[0])
        store = build_readout(self.readout, samples, packed, values, choices)
        return Imputer(Forest(trees, store), inputs, target)

    def _bootstrap(self, weights, rng: np.random.Generator) -> Float[np.ndarray, " donor"]:
        """How often each donor is drawn for one tree."""
        draws = self._draws(len(weights))
        return rng.multinomial(draws, weights / weights.sum()).astype(np.float64)

    def _draws(self, donors: int) -> int:
        if isinstance(self.max_samples, float):
            return round(self.max_samples * donors)
        return self.max_samples or donors

    def _check_settings(self, donors: int) -> None:
        from ._convert import READOUTS

        if self.readout not in READOUTS:
            raise unknown("readout", self.readout, READOUTS)
        if self.n_estimators < 1 or self.min_samples_leaf < 1:
            raise BadInputError(
                f"A forest of {self.n_estimators} trees with leaves of {self.min_samples_leaf}"
                " cannot grow. Give at least one of each."
            )
        draws = self._draws(donors)
        if draws < 2 * self.min_samples_leaf:
            raise BadInputError(
                f"A tree of {draws} draws cannot be split into leaves of {self.min_samples_leaf}."
                " Lower min_samples_leaf, raise max_samples or bring more donors."
            )


def training_covariates(
    inputs: Sequence[Column], columns: Mapping[str, Float[np.ndarray, " donor"]], missing: Missing
) -> Float[np.ndarray, "donor feature"]:
    """The donors' covariates in float32, as trees compare them."""
    parts = [np.asarray(c.features(jnp.asarray(columns[c.name])), np.float32) for c in inputs]
    for column, part in zip(inputs, parts, strict=True):
        check_covariates(part, part.shape[1], missing, [column.name] * part.shape[1])
    return np.concatenate(parts, axis=1)


def _donor_weights(X: "pd.DataFrame", weight_col: str | None) -> Float[np.ndarray, " donor"]:
    if weight_col is None:
        return np.ones(len(X))
    weights = X[weight_col].to_numpy(np.float64, na_value=np.nan)
    check_weights(weights, len(X), weight_col)
    return weights


def _check_names(
    X: "pd.DataFrame", predictors: list[str], targets: list[str], weight_col: str | None
) -> None:
    wanted = [*predictors, *targets, *([] if weight_col is None else [weight_col])]
    for name in wanted:
        if name not in X.columns:
            raise unknown("column", name, map(str, X.columns))
    if not predictors or not targets:
        raise BadInputError("Give at least one predictor and one variable to impute.")
    twice = [name for name in wanted if wanted.count(name) > 1]
    if twice:
        raise BadInputError(
            f"Column {twice[0]!r} is named twice among the predictors, the imputed variables and"
            " the weight. Name it once."
        )


def _check_outcome(name: str, values: Float[np.ndarray, " donor"]) -> None:
    refused = ~np.isfinite(values)
    if refused.any():
        row = int(refused.argmax())
        raise BadInputError(
            f"Row {row}, column {name!r}: the donor's outcome is {values[row]}. Drop such donors."
        )
    if len(values) and np.ptp(values) == 0:
        raise BadInputError(
            f"Column {name!r} has one value, {values[0]:g}, for all donors. Assign it instead of"
            " imputing it."
        )

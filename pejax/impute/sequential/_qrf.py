"""The estimator: grow one forest a variable on weighted donors."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, get_args

import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Float, Num

from ...core._arguments import (
    as_choice,
    as_number,
    as_switch,
    as_whole,
    can_be_key,
    is_whole,
    shown,
)
from ...core._arrays import as_column, check_table, items_of
from ...core._environment import available_cores
from ...core._types import Key
from ...core._validate import BadInputError, unknown
from .._checks import as_covariates, check_weights
from .._keys import Ids, variable_seed
from ..forest._bags import Bags
from ..forest._forest import Forest
from ..forest._stages import SIGNS, SignForest
from ..forest._trees import Missing, Trees
from ._columns import Column, learn_column
from ._fitted import Filling, FittedQRF
from ._imputer import Imputer, whole_values
from ._order import chosen_order

if TYPE_CHECKING:
    import pandas as pd

Progress: TypeAlias = Callable[[int, int, str], None]
ORDERS = ("given", "chosen")


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
        min_samples_leaf: the least draws a leaf holds. With 1 a tree is one donor deep everywhere:
            scores are worse, and rare outcomes come out too often, the more so down a chain.
        max_features: covariates tried at a split, as scikit-learn reads it; 1.0 is all of them.
        max_samples: draws a tree grows on: a number, a share of the donors (a float), or `None` for
            as many as there are donors.
        readout: what quantiles are read from: all donors, every tree weighing the same
            (`meinshausen`) or pooled (`all`), or a `single` donor a leaf. See `Forest`.
        missing: `refuse` missing numbers among the predictors, or send them the way the trees
            have `learned` from donors that lack them; a predictor that no donor lacks is refused.
        sign_stage: draw the sign of a number first and then its size from the donors of that side,
            where outcomes have a heap at zero or both signs. See `SignForest`.
        order: of the chain: as `given`, or `chosen` so that a variable comes after those that say
            most about it (by rank correlation).
        seed: of the bootstrap and the splits.
        n_jobs: threads that grow trees; `None` one a core that the process may use. The result
            does not depend on it.

    >>> import jax, pandas as pd
    >>> donors = pd.DataFrame({"age": [20, 20, 70, 70], "pension": [0.0, 0.0, 900.0, 950.0]})
    >>> settings = QRF(n_estimators=10, min_samples_leaf=1)  # of four donors
    >>> fitted = settings.fit(donors, ["age"], ["pension"])
    >>> fitted.draw(pd.DataFrame({"age": [19]}), key=jax.random.key(0))["pension"].tolist()
    [0.0]
    """

    n_estimators: int = 100
    max_depth: int | None = None
    min_samples_leaf: int = 5
    max_features: float | int | str | None = 1.0
    max_samples: int | float | None = None
    readout: str = "meinshausen"
    missing: Missing = "refuse"
    sign_stage: bool = False
    order: str = "given"
    seed: int = 0
    n_jobs: int | None = None

    def fit(
        self,
        X: "pd.DataFrame",
        predictors: Sequence[str],
        imputed_variables: Sequence[str],
        weight_col: str | None = None,
        *,
        progress: Progress | None = None,
    ) -> "FittedQRF":
        """Grow a forest for every variable, each reading the predictors and the ones before it.

        Args:
            X: the donors, a row each. Numbers, truth values and categories (pandas categories or
                strings) are told apart by their dtype.
            predictors: columns that donors and receivers share.
            imputed_variables: columns to impute, in the order of the chain unless it is chosen.
            weight_col: column of donor weights; `None` weighs all alike.
            progress: called with the number of variables done, how many there are, and the name of
                the next.

        Returns:
            The fitted chain; this object itself does not change.

        Raises:
            BadInputError: missing values (unless they are learned), outcomes without variation,
                bad weights, or too few donors; names the row and the column.
            UnknownNameError: a column that `X` does not have.
        """
        donors = self._learnt(X, predictors, imputed_variables, weight_col)
        return FittedQRF(tuple(self._imputers(donors, progress)))

    def impute(
        self,
        X: "pd.DataFrame",
        receivers: "pd.DataFrame",
        predictors: Sequence[str],
        imputed_variables: Sequence[str],
        weight_col: str | None = None,
        *,
        key: Key,
        ids: Ids | None = None,
        mesh: Mesh | None = None,
        progress: Progress | None = None,
    ) -> "pd.DataFrame":
        """What `fit(...).draw(...)` gives, holding one variable's forest at a time.

        For chains of many variables: memory is that of the largest forest and of the columns.

        Args:
            X, predictors, imputed_variables, weight_col, progress: as for `fit`.
            receivers, key, ids, mesh: as for `FittedQRF.draw`.

        Returns:
            The imputed variables alone, with the index of the receivers and the donors' dtypes.

        Raises:
            BadInputError, UnknownNameError: as `fit` and `FittedQRF.draw`.
        """
        donors = self._learnt(X, predictors, imputed_variables, weight_col)
        filling = Filling.of(receivers, [donors.kinds[name] for name in predictors], key, ids, mesh)
        for imputer in self._imputers(donors, progress):
            filling.fill(imputer)
        return filling.table()

    def _learnt(
        self,
        X: "pd.DataFrame",
        predictors: Sequence[str],
        imputed_variables: Sequence[str],
        weight_col: str | None,
    ) -> "_Donors":
        """The donors' columns as arrays, checked, and the order of the chain."""
        check_table(X, "X")
        predictors = _names(predictors, "predictors")
        targets = _names(imputed_variables, "imputed_variables")
        self._check_settings(len(X))
        _check_names(X, predictors, targets, weight_col)
        kinds = {name: learn_column(name, X[name]) for name in (*predictors, *targets)}
        columns = {name: kind.encode(X[name]) for name, kind in kinds.items()}
        outcomes = {name: kinds[name].outcomes(X[name]) for name in targets}
        for name, values in outcomes.items():
            _check_outcome(name, values)
        weights = _donor_weights(X, weight_col)
        if self.order == "chosen":
            targets = chosen_order(columns, predictors, targets, weights)
        return _Donors(kinds, columns, outcomes, weights, predictors, targets)

    def _imputers(self, donors: "_Donors", progress: Progress | None) -> Iterator[Imputer]:
        """The imputers of the chain, one after the other."""
        if progress is not None and not callable(progress):
            raise BadInputError(f"progress is {shown(progress)}. Give a function.")
        for done, name in enumerate(donors.targets):
            if progress is not None:
                progress(done, len(donors.targets), name)
            before = donors.predictors + donors.targets[:done]
            predictors = tuple(donors.kinds[other] for other in before)
            x = training_covariates(predictors, donors.columns, self.missing)
            y, target = donors.outcomes[name], donors.kinds[name]
            sample = _Sample(x, y, donors.weights, self._draws(len(x)), name)
            forest = self._forest_of(sample, target)
            yield Imputer(forest, predictors, target, whole_values(forest, y))
        if progress is not None:
            progress(len(donors.targets), len(donors.targets), "")

    def _forest_of(self, sample: "_Sample", target: Column) -> Forest | SignForest:
        if not (self.sign_stage and target.has_quantiles and self._has_stages(sample)):
            return self._grown(sample, classes=target.is_nominal)
        negative, positive = sample.side(-1), sample.side(1)
        return SignForest(
            self._grown(sample.signs(), classes=True),
            None if negative is None else self._grown(negative, classes=False),
            None if positive is None else self._grown(positive, classes=False),
        )

    def _has_stages(self, sample: "_Sample") -> bool:
        """Whether there are donors on two of the sides, and draws for two leaves on each."""
        share = np.array([sample.weights[np.sign(sample.y) == sign].sum() for sign in SIGNS])
        draws = np.round(sample.draws * share / share.sum())
        there = share > 0
        return bool(there.sum() > 1 and (draws[there] >= 2 * self.min_samples_leaf).all())

    def _grown(self, sample: "_Sample", *, classes: bool) -> Forest:
        """The forest of one outcome."""
        from ..forest._convert import build_readout, grow, host_tree, tree_samples

        seeds = variable_seed(self.seed, sample.name).spawn(self.n_estimators + 1)
        values, index = np.unique(sample.y, return_inverse=True)
        y = sample.y.astype(np.float64)

        def one_tree(seed: np.random.SeedSequence):
            rng = np.random.default_rng(seed)
            in_bag = sample.bootstrap(rng)
            tree = grow(
                sample.x,
                y,
                in_bag,
                classes=classes,
                max_depth=self.max_depth,
                min_samples_leaf=self.min_samples_leaf,
                max_features=self.max_features,
                seed=int(rng.integers(2**31)),
            )
            return host_tree(tree), tree_samples(tree, sample.x, index, in_bag), in_bag > 0

        with ThreadPoolExecutor(self.n_jobs or available_cores()) as pool:
            grown, samples, bags = zip(*pool.map(one_tree, seeds[1:]), strict=True)
        gaps = np.flatnonzero(np.isnan(sample.x[np.any(bags, axis=0)]).any(axis=0))
        trees, packed = Trees.build(grown, sample.x.shape[1], self.missing, gaps)
        choices = np.random.default_rng(seeds[0])
        readout = build_readout(self.readout, samples, packed, values.astype(np.float64), choices)
        return Forest(trees, readout, Bags.of(bags))

    def _draws(self, donors: int) -> int:
        if isinstance(self.max_samples, float):
            return round(self.max_samples * donors)
        return self.max_samples or donors

    def _check_settings(self, donors: int) -> None:
        from ..forest._convert import READOUTS

        as_choice(self.readout, READOUTS, "readout")
        as_choice(self.order, ORDERS, "order")
        self._check_kinds()
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

    def _check_kinds(self) -> None:
        """Every setting is of its kind."""
        as_whole("n_estimators")(self.n_estimators)
        as_whole("min_samples_leaf")(self.min_samples_leaf)
        as_switch("sign_stage")(self.sign_stage)
        as_choice(self.missing, get_args(Missing), "missing")
        if as_whole("seed")(self.seed) < 0:
            raise BadInputError(f"seed is {self.seed}; give a whole number of at least 0.")
        for name in ("max_depth", "n_jobs"):
            value = getattr(self, name)
            if value is not None and as_whole(name)(value) < 1:
                raise BadInputError(f"{name} is {value}; give a whole number above 0, or None.")
        for name in ("n_estimators", "max_depth", "max_samples", "max_features", "n_jobs"):
            value = getattr(self, name)
            plain = value.item() if isinstance(value, np.number) else value
            if isinstance(plain, int | float) and plain > np.iinfo(np.int32).max:
                raise BadInputError(f"{name} is {value}; give a number that 32 bits hold.")
        samples, features = self.max_samples, self.max_features
        if samples is not None and not as_number("max_samples")(samples) > 0:
            raise BadInputError(f"max_samples is {samples}; give a number above 0, or None.")
        if isinstance(features, str):
            as_choice(features, ("sqrt", "log2"), "max_features")
        elif features is not None:
            _check_features(features)


class _Donors(NamedTuple):
    """The donors' columns as numbers, and which of them are filled in which order."""

    kinds: dict[str, Column]
    columns: dict[str, Float[np.ndarray, " donor"]]
    outcomes: dict[str, Num[np.ndarray, " donor"]]  # of the targets, whole numbers as they are
    weights: Float[np.ndarray, " donor"]
    predictors: list[str]
    targets: list[str]


class _Sample(NamedTuple):
    """What one forest grows on."""

    x: Float[np.ndarray, "donor feature"]
    y: Num[np.ndarray, " donor"]
    weights: Float[np.ndarray, " donor"]
    draws: int  # a tree
    name: str

    def bootstrap(self, rng: np.random.Generator) -> Float[np.ndarray, " donor"]:
        """How often each donor is drawn for one tree."""
        drawn = rng.multinomial(self.draws, self.weights / self.weights.sum())
        return drawn.astype(np.float64)

    def signs(self) -> "_Sample":
        """The same donors with the signs of their outcomes."""
        return self._replace(y=np.sign(self.y), name=f"sign of {self.name}")

    def side(self, sign: int) -> "_Sample | None":
        """The donors on one side of zero, with their share of the draws."""
        here = np.sign(self.y) == sign
        if not self.weights[here].any():
            return None
        draws = round(self.draws * self.weights[here].sum() / self.weights.sum())
        name = f"{'negative' if sign < 0 else 'positive'} {self.name}"
        return _Sample(self.x[here], self.y[here], self.weights[here], draws, name)


def training_covariates(
    predictors: Sequence[Column],
    columns: Mapping[str, Float[np.ndarray, " donor"]],
    missing: Missing,
) -> Float[np.ndarray, "donor feature"]:
    """The donors' covariates in float32, as trees compare them."""
    parts = [np.asarray(c.covariates(jnp.asarray(columns[c.name])), np.float32) for c in predictors]
    for column, part in zip(predictors, parts, strict=True):
        width = part.shape[1]
        gaps = range(width) if missing == "learned" else ()
        as_covariates(part, width, missing, gaps, [column.name] * width)
    return np.concatenate(parts, axis=1)


def _donor_weights(X: "pd.DataFrame", weight_col: str | None) -> Float[np.ndarray, " donor"]:
    if weight_col is None:
        return np.ones(len(X))
    weights = as_column(X[weight_col], f"column {weight_col!r}")
    check_weights(weights, len(X), weight_col)
    with np.errstate(over="ignore"):
        return weights if np.isfinite(weights.sum()) else weights / weights.max()


def _check_features(features: Any) -> None:
    share = as_number("max_features")(features)
    whole = is_whole(features)
    if not (share >= 1 if whole else 0 < share <= 1):
        raise BadInputError(
            f"max_features is {features}; give a share above 0 and up to 1.0, a whole number of"
            " covariates, 'sqrt', 'log2' or None."
        )


def _names(given: Any, name: str) -> list[Any]:
    """Names of columns, as a list."""
    hint = f": [{given!r}]" if isinstance(given, str) else ""
    refusal = f"{name} is {shown(given)}. Give a list of columns{hint}."
    if isinstance(given, Mapping):
        raise BadInputError(refusal)
    return items_of(given, refusal, unordered=True)


def _check_names(
    X: "pd.DataFrame", predictors: list[str], targets: list[str], weight_col: str | None
) -> None:
    wanted = [*predictors, *targets, *([] if weight_col is None else [weight_col])]
    for name in wanted:
        if not can_be_key(name) or name not in X.columns:
            raise unknown("column", name, X.columns)
        if not isinstance(name, str):
            raise BadInputError(
                f"column {shown(name)} has no text for a name. Rename columns: X.columns = "
                "X.columns.astype(str)."
            )
    if not predictors or not targets:
        raise BadInputError("Give at least one predictor and one variable to impute.")
    twice = [name for name in wanted if wanted.count(name) > 1]
    if twice:
        raise BadInputError(
            f"Column {twice[0]!r} is named twice among the predictors, the imputed variables and"
            " the weight. Name it once."
        )


def _check_outcome(name: str, values: Num[np.ndarray, " donor"]) -> None:
    refused = ~np.isfinite(values)
    if refused.any():
        row = int(refused.argmax())
        raise BadInputError(
            f"Row {row}, column {name!r}: the donor's outcome is {values[row]}. Drop such donors."
        )
    if len(values) and values.min() == values.max():
        raise BadInputError(
            f"Column {name!r} has one value, {values[0]:g}, for all donors. Assign it instead of"
            " imputing it."
        )

"""The one door to scikit-learn: growing trees, and taking over fitted forests."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ...core._arguments import as_choice, at_least, is_whole
from ...core._arrays import as_column, as_numbers
from ...core._validate import BadInputError
from .._checks import check_weights
from ..readout._build import TreeSamples, all_values, leaf_means, single_values
from ..readout._readout import Readout
from ._bags import Bags
from ._layout import HostTree, PackedTrees
from ._trees import Missing, Trees


class Parts(NamedTuple):
    """What a forest is made of."""

    trees: Trees
    readout: Readout
    bags: Bags | None = None


READOUTS = ("meinshausen", "all", "single")


def from_sklearn(
    forest: Any,
    X: Any,
    y: Any,
    *,
    sample_weight: Any,
    readout: str | None,
    missing: Missing,
    seed: int,
) -> Parts:
    """See `Forest.from_sklearn`."""
    _check_forest(forest)
    seed = at_least(0, "seed")(seed)
    if hasattr(forest, "classes_"):
        return _from_classifier(forest, readout, missing, seed, _gaps(forest, X, sample_weight))
    has_data = X is not None and y is not None
    if readout is None:
        readout = "meinshausen" if has_data else "mean"
    as_choice(readout, (*READOUTS, "mean"), "readout")
    trees = [host_tree(estimator) for estimator in forest.estimators_]
    gaps = _gaps(forest, X, sample_weight)
    on_device, packed = Trees.build(trees, forest.n_features_in_, missing, gaps)
    if readout == "mean":
        return Parts(on_device, leaf_means(trees, packed))
    if not has_data:
        raise BadInputError(
            f"The readout {readout!r} needs the donors in the leaves, which scikit-learn forgets."
            " Give the training data: Forest.from_sklearn(forest, X, y)."
        )
    X, y = np.asarray(as_numbers(X, "X"), np.float32), _as_floats(y, "y, row")
    weights = _fit_weights(forest, len(y), sample_weight)
    values, index = np.unique(y, return_inverse=True)
    samples = [
        tree_samples(estimator, X, index, weight)
        for estimator, weight in zip(forest.estimators_, weights, strict=True)
    ]
    _check_training_data(forest.estimators_, samples)
    rng = np.random.default_rng(seed)
    bags = Bags.of(weights) if forest.bootstrap else None
    return Parts(on_device, build_readout(readout, samples, packed, values, rng), bags)


def _from_classifier(
    forest: Any, readout: str | None, missing: Missing, seed: int, gaps: Sequence[int]
) -> Parts:
    """A classifier's leaves hold the shares of its classes: these are the donors."""
    readout = "meinshausen" if readout is None else readout
    as_choice(readout, READOUTS, "readout of a classifier")
    trees = [host_tree(estimator) for estimator in forest.estimators_]
    on_device, packed = Trees.build(trees, forest.n_features_in_, missing, gaps)
    classes = np.asarray(forest.classes_)
    values = np.arange(float(len(classes)))
    if classes.dtype.kind in "biuf":
        values = _as_floats(classes, "classes_, place")
    samples = [_class_samples(estimator.tree_) for estimator in forest.estimators_]
    rng = np.random.default_rng(seed)
    return Parts(on_device, build_readout(readout, samples, packed, values, rng))


def _gaps(forest: Any, X: Any, sample_weight: Any) -> Sequence[int]:
    """The covariates that some donor lacked, from the training data or else from the splits.

    Where no donor at a node lacks its covariate, scikit-learn sends missing values to the larger
    child. So a split that sends them elsewhere has met some, and so has one at infinity, which has
    nothing but missing values on its right.
    """
    if X is not None:
        x = as_numbers(X, "X").astype(np.float32)
        if x.ndim != 2 or x.shape[1] != forest.n_features_in_:
            raise BadInputError(
                f"X has shape {x.shape}, but the forest was trained on {forest.n_features_in_}"
                " columns. Give the data that it was trained on."
            )
        weight = _donor_weights(sample_weight, len(x))
        return np.flatnonzero(np.isnan(x[weight > 0]).any(axis=0)).tolist()
    found: set[int] = set()
    for tree in (estimator.tree_ for estimator in forest.estimators_):
        inner = np.flatnonzero(tree.children_left >= 0)
        left, right = tree.children_left[inner], tree.children_right[inner]
        larger_left = tree.n_node_samples[left] > tree.n_node_samples[right]
        chosen = tree.missing_go_to_left[inner].astype(bool) != larger_left
        found.update(tree.feature[inner[chosen | np.isinf(tree.threshold[inner])]].tolist())
    return sorted(found)


def _as_floats(outcomes: Any, where: str) -> Float[np.ndarray, " _"]:
    """Outcomes as float64, which large whole numbers need not survive."""
    given = as_numbers(outcomes, where.partition(",")[0])
    if given.ndim != 1:
        raise BadInputError(f"y has shape {given.shape}. Give one outcome a donor.")
    found = given.astype(np.float64)
    if not np.isfinite(found).all():
        row = int((~np.isfinite(found)).argmax())
        raise BadInputError(f"{where} {row}: the outcome is {found[row]}. Give a finite number.")
    large = np.abs(found) >= 2**53
    if given.dtype.kind in "iu" and large.any():
        row = int(large.argmax())
        raise BadInputError(
            f"{where} {row}: {given[row]} is a whole number of 2^53 or more, which a forest's"
            " floats need not hold. Fit with QRF, which keeps whole numbers, or number them anew."
        )
    return found


def _class_samples(tree: Any) -> TreeSamples:
    shares = tree.value[:, 0, :]
    weight = shares / shares.sum(axis=1, keepdims=True) * tree.weighted_n_node_samples[:, None]
    weight[tree.children_left >= 0] = 0
    leaf, index = np.nonzero(weight)
    return TreeSamples(leaf, index, weight[leaf, index])


def from_quantile_forest(forest: Any) -> Parts:
    """See `Forest.from_quantile_forest`."""
    if not hasattr(forest, "forest_"):
        raise BadInputError(
            f"{type(forest).__name__} is no fitted quantile forest. Call fit first, or use"
            " Forest.from_sklearn for a scikit-learn forest."
        )
    if getattr(forest, "monotonic_cst", None) is not None:
        raise BadInputError(
            "The forest clips its leaves to monotonic bounds, which are not taken over."
            " Fit it with monotonic_cst=None."
        )
    outcomes = np.asarray(forest.forest_.y_train)
    _check_outcomes(len(outcomes))
    trees = [host_tree(estimator) for estimator in forest.estimators_]
    on_device, packed = Trees.build(trees, forest.n_features_in_, "refuse")
    values, index = np.unique(outcomes[0], return_inverse=True)
    kept = np.asarray(forest.forest_.y_train_leaves)[:, :, 0, :]
    samples = [_kept_samples(places, index) for places in kept]
    readout = "single" if forest.max_samples_leaf == 1 else "all"
    rng = np.random.default_rng(0)  # quantile-forest has chosen already: one donor a leaf
    return Parts(on_device, build_readout(readout, samples, packed, values, rng))


def grow(
    X: Float[np.ndarray, "donor feature"],
    y: Float[np.ndarray, " donor"],
    in_bag: Float[np.ndarray, " donor"],
    *,
    classes: bool,
    max_depth: int | None,
    min_samples_leaf: int,
    max_features: float | int | str | np.number | None,
    seed: int,
) -> Any:
    """Grow one tree on donors that count `in_bag` times each.

    The smallest leaf is counted in draws, not in distinct donors, so that a donor drawn k times
    is the same as k donors; half a draw of slack keeps the comparison clear of rounding.

    Args:
        classes: split by class purity (Gini), for outcomes whose codes have no order.
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeClassifier if classes else DecisionTreeRegressor
    tree = kind(
        max_depth=max_depth,
        min_weight_fraction_leaf=max(min_samples_leaf - 0.5, 0) / in_bag.sum(),
        max_features=_of_python(max_features),
        random_state=seed,
    )
    return tree.fit(X, y, sample_weight=in_bag)


def _of_python(features: float | int | str | np.number | None) -> float | int | str | None:
    """A setting as scikit-learn takes it, which knows no numbers of numpy's narrow types."""
    if features is None or isinstance(features, str):
        return features
    return int(features) if is_whole(features) else float(features)


def host_tree(estimator: Any) -> HostTree:
    """The arrays of a fitted scikit-learn tree."""
    tree = estimator.tree_
    return HostTree(
        left=tree.children_left.astype(np.int64),
        right=tree.children_right.astype(np.int64),
        feature=tree.feature.astype(np.int64),
        threshold=tree.threshold.astype(np.float64),
        missing_left=tree.missing_go_to_left.astype(bool),
        mean=tree.value[:, 0, 0].astype(np.float64),
    )


def tree_samples(
    estimator: Any,
    X: Float[np.ndarray, "donor feature"],
    index: Int[np.ndarray, " donor"],
    weight: Float[np.ndarray, " donor"],
) -> TreeSamples:
    """The donors of positive weight in the leaves of one tree."""
    held = np.flatnonzero(weight > 0)
    leaf = estimator.tree_.apply(np.ascontiguousarray(X[held], np.float32))
    return TreeSamples(leaf.astype(np.int64), index[held], np.asarray(weight[held], np.float64))


def build_readout(
    name: str,
    samples: Sequence[TreeSamples],
    packed: PackedTrees,
    values: Float[np.ndarray, " value"],
    rng: np.random.Generator,
) -> Readout:
    """The readout of that name."""
    if name == "single":
        return single_values(samples, packed, values, rng)
    return all_values(samples, packed, values, equal_trees=name == "meinshausen")


def _kept_samples(
    places: Int[np.ndarray, "node sample"], index: Int[np.ndarray, " donor"]
) -> TreeSamples:
    """What quantile-forest keeps: one-based places among the sorted outcomes, 0 where empty."""
    leaf, at = np.nonzero(places)
    return TreeSamples(leaf, index[places[leaf, at] - 1], np.ones(len(leaf)))


def _donor_weights(given: Any, donors: int) -> Float[np.ndarray, " donor"]:
    """The weight of every donor, 1 unless given."""
    if given is None:
        return np.ones(donors)
    weight = as_column(given, "sample_weight", "donor")
    check_weights(weight, donors, "sample_weight")
    return weight


def _fit_weights(forest: Any, donors: int, sample_weight: Any) -> list[Float[np.ndarray, " donor"]]:
    """The weight of every donor in every tree while it grew.

    From scikit-learn 1.9 on, sample weights steer the bootstrap and a tree then counts draws;
    before, and in a forest without a bootstrap, they multiply what the tree counts.
    """
    weight = _donor_weights(sample_weight, donors)
    if not forest.bootstrap:
        return [weight] * len(forest.estimators_)
    draws = [np.bincount(bag, minlength=donors) for bag in forest.estimators_samples_]
    _check_donor_count(draws, donors)
    root = forest.estimators_[0].tree_.weighted_n_node_samples[0]
    if np.isclose(root, draws[0].sum()):
        return [drawn.astype(np.float64) for drawn in draws]
    return [drawn * weight for drawn in draws]


def _check_donor_count(draws: Sequence[np.ndarray], donors: int) -> None:
    needed = max(map(len, draws))
    if needed != donors:
        raise BadInputError(
            f"The forest drew donor {needed - 1} in its bootstrap, but X and y have only {donors}"
            " rows. Give the data that the forest was trained on."
        )


def _check_training_data(estimators: Sequence[Any], samples: Sequence[TreeSamples]) -> None:
    """Compare each leaf's weight with what the tree recorded while it grew."""
    for t, (estimator, sample) in enumerate(zip(estimators, samples, strict=True)):
        recorded = estimator.tree_.weighted_n_node_samples
        found = np.bincount(sample.leaf, sample.weight, len(recorded))
        differs = (estimator.tree_.children_left < 0) & ~np.isclose(found, recorded)
        if differs.any():
            leaf = int(differs.argmax())
            raise BadInputError(
                f"Tree {t}, leaf {leaf}: the donors given weigh {found[leaf]:g}, those it grew on"
                f" {recorded[leaf]:g}. Give the X, y and sample_weight that the forest was trained"
                " on."
            )


def _check_forest(forest: Any) -> None:
    if not hasattr(forest, "estimators_") or not hasattr(forest.estimators_[0], "tree_"):
        raise BadInputError(
            f"{type(forest).__name__} is no fitted forest. Give a fitted RandomForestRegressor,"
            " ExtraTreesRegressor or a classifier of either kind."
        )
    _check_outcomes(forest.n_outputs_)


def _check_outcomes(count: int) -> None:
    if count != 1:
        raise BadInputError(
            f"The forest predicts {count} outcomes at once. Fit one forest an outcome, each given"
            " the outcomes before it."
        )

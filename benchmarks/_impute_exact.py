"""The same forest under two packages: leaf numbers, quantiles and bytes."""

import argparse
import itertools
from typing import Any, TypeAlias

import jax
import numpy as np
from _impute import case, quantile_forest, relative
from _impute_quality import cps_donors
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from pejax import impute

METHODS = ("linear", "lower", "higher", "midpoint", "nearest")
LEVELS = (0.0, 0.01, *(i / 20 for i in range(1, 20)), 0.99, 1.0)
Truth: TypeAlias = dict[tuple[int, int], float]  # by row and level

CHECKED = 3_000  # numbers on which NumPy is asked who is right
FEW = 200  # rows for the slowest of the peer's forms
DENSE_LIMIT = 3e9  # bytes of a dense store that is built; a larger one is reckoned


def leaves(args: argparse.Namespace) -> dict[str, Any]:
    """Leaf numbers that differ from scikit-learn's, of receivers and of rows on the thresholds."""
    found = case(args.donors, args.rows, args.seed)
    differ = {}
    for kind in (RandomForestRegressor, ExtraTreesRegressor):
        fitted = kind(args.trees, random_state=args.seed, n_jobs=2).fit(found.X, found.y)
        forest = impute.Forest.from_sklearn(fitted)
        rows = {"receivers": found.Q, "on thresholds": on_thresholds(fitted, found.Q, args.seed)}
        differ[kind.__name__] = {
            name: {
                "differ": int((np.asarray(forest.leaves(Q)) != fitted.apply(Q)).sum()),
                "compared": len(Q) * args.trees,
            }
            for name, Q in rows.items()
        }
    return {"differ": differ}


def on_thresholds(fitted: Any, Q: np.ndarray, seed: int) -> np.ndarray:
    """Rows whose covariates are thresholds of the trees, or the next float32 on either side."""
    rng = np.random.default_rng(seed)
    trees = [estimator.tree_ for estimator in fitted.estimators_]
    feature = np.concatenate([tree.feature for tree in trees])
    threshold = np.concatenate([tree.threshold for tree in trees])
    moved = Q.copy()
    for column in range(Q.shape[1]):
        chosen = rng.choice(threshold[feature == column], len(Q)).astype(np.float32)
        towards = rng.choice(np.array([-np.inf, np.nan, np.inf], np.float32), len(Q))
        there = np.isnan(towards)
        moved[:, column] = np.where(there, chosen, np.nextafter(chosen, towards))
    return moved


def quantiles(args: argparse.Namespace) -> dict[str, Any]:
    """Relative differences from quantile-forest, and where its own forms disagree."""
    found = case(args.donors, args.rows, args.seed)
    report = {}
    for leaf, kept in ((1, 1), (20, 1), (1, None), (20, None)):
        peer = quantile_forest(found.X, found.y, args.trees, leaf, kept, args.seed)
        forest = impute.Forest.from_quantile_forest(peer)
        rows = found.Q if kept else found.Q[: len(found.Q) // 4]
        name = f"leaves of {leaf}, {'one donor kept' if kept else 'all donors'}"
        report[name] = {
            method: (_single if kept else _pooled)(forest, peer, rows, method) for method in METHODS
        }
    return {"quantiles": report, "levels": LEVELS, "largest_relative_difference": _worst(report)}


def _worst(report: dict[str, Any]) -> dict[str, float]:
    """The largest relative difference of any method."""
    return {
        name: max(one["largest_relative_difference"] for one in methods.values())
        for name, methods in report.items()
    }


def _single(forest: impute.Forest, peer: Any, Q: np.ndarray, method: str) -> dict[str, Any]:
    """One donor a leaf: the peer has one form, NumPy's own."""
    wanted = peer.predict(Q, quantiles=list(LEVELS), interpolation=method)
    apart = relative(forest.quantile(Q, LEVELS, method=method), wanted)
    return {"rows": len(Q), "largest_relative_difference": float(apart.max())}


def _pooled(forest: impute.Forest, peer: Any, Q: np.ndarray, method: str) -> dict[str, Any]:
    """All donors: pejax and the peer's two pooled forms, and NumPy wherever two of them differ."""
    settings = {"quantiles": list(LEVELS), "interpolation": method}
    answers = {"pejax": np.asarray(forest.quantile(Q, LEVELS, method=method))} | {
        name: peer.predict(Q, **settings, weighted_quantile=name == "weighted")
        for name in ("weighted", "unweighted")
    }
    pairs = {
        f"{one} and {other}": relative(answers[one], answers[other])
        for one, other in itertools.combinations(answers, 2)
    }
    apart = np.max([_differ(pair) for pair in pairs.values()], axis=0)
    truth = _numpy(peer, Q, method, apart)
    differing = {name: _differ(pair) for name, pair in pairs.items()}
    by_leaf = peer.predict(Q[:FEW], **settings, aggregate_leaves_first=False)
    reference, known = _reference(answers["unweighted"], apart, truth)
    return {
        "rows": len(Q),
        "largest_relative_difference": float(relative(answers["pejax"], reference)[known].max()),
        "numbers_left_out": int((~known).sum()),
        "largest_relative_differences": {name: float(pair.max()) for name, pair in pairs.items()},
        "numbers_that_differ": {name: int(pair.sum()) for name, pair in differing.items()},
        "rows_that_differ": {name: int(p.any(axis=1).sum()) for name, p in differing.items()},
        "as_numpy_has_it": _sides(answers, truth),
        "share_of_rows_that_differ_without_aggregate_leaves_first": float(
            _differ(relative(by_leaf, answers["weighted"][:FEW])).any(axis=1).mean()
        ),
    }


def _reference(
    agreed: np.ndarray, apart: np.ndarray, truth: Truth
) -> tuple[np.ndarray, np.ndarray]:
    """What all agree on, NumPy's number where they do not, and where either is known."""
    reference, known = agreed.copy(), ~apart
    for at, value in truth.items():
        reference[at], known[at] = value, True
    return reference, known


def _differ(apart: np.ndarray) -> np.ndarray:
    return apart > 1e-10


def _numpy(peer: Any, Q: np.ndarray, method: str, apart: np.ndarray) -> Truth:
    """`numpy.quantile` of the donors in the leaves, for numbers on which there is disagreement."""
    places = np.argwhere(apart)[:CHECKED]
    reached = peer.apply(Q[np.unique(places[:, 0])]) if len(places) else np.zeros((0, 0), int)
    outcome = np.asarray(peer.forest_.y_train[0])
    store = np.asarray(peer.forest_.y_train_leaves)[:, :, 0]
    found = {}
    for row, leaf in zip(np.unique(places[:, 0]), reached, strict=True):
        donors = store[np.arange(len(leaf)), leaf].ravel()
        values = outcome[donors[donors > 0] - 1]
        for column in places[places[:, 0] == row, 1]:
            found[int(row), int(column)] = float(np.quantile(values, LEVELS[column], method=method))
    return found


def _sides(answers: dict[str, np.ndarray], truth: Truth) -> dict[str, int]:
    """How many of the numbers asked each side has as NumPy has them."""
    sides = {"asked": len(truth)}
    for name, answer in answers.items():
        same = [not _differ(relative(answer[at], wanted)) for at, wanted in truth.items()]
        sides[name] = int(np.sum(same))
    return sides


def stores(args: argparse.Namespace) -> dict[str, Any]:
    """Bytes of the leaves with all donors, for amounts that few, half and most persons lack."""
    cases = {f"made-up amount {i}": case(args.donors, 2, args.seed, i)[:2] for i in range(3)}
    cases |= {f"CPS, {name}": columns for name, columns in cps_donors(args).items()}
    report = {
        f"{name}, {float((y == 0).mean()):.0%} zeros, leaves of {leaf}": _store(X, y, leaf, args)
        for name, (X, y) in cases.items()
        for leaf in (1, 20)
    }
    return {"stores": report, "share": {name: one["share"] for name, one in report.items()}}


def _store(X: np.ndarray, y: np.ndarray, leaf: int, args: argparse.Namespace) -> dict[str, Any]:
    """Built by the peer where it fits, else reckoned from the trees."""
    fitted = RandomForestRegressor(
        args.trees, min_samples_leaf=leaf, random_state=args.seed, n_jobs=2
    ).fit(X, y)
    ours = readout_bytes(impute.Forest.from_sklearn(fitted, X, y, readout="all"))
    dense = dense_bytes(fitted)
    found = {"pejax": ours, "quantile_forest_reckoned": dense, "share": ours / dense}
    if dense < DENSE_LIMIT:
        peer = quantile_forest(X, y, args.trees, leaf, None, args.seed)
        found |= bytes_of(impute.Forest.from_quantile_forest(peer), peer)
    return found


def dense_bytes(forest: Any) -> int:
    """What quantile-forest's padded table of all donors takes: trees, nodes, the largest leaf."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    nodes = max(tree.node_count for tree in trees)
    largest = max(tree.weighted_n_node_samples[tree.children_left < 0].max() for tree in trees)
    return int(len(trees) * nodes * largest * 8)


def readout_bytes(forest: impute.Forest) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(forest.readout))


def bytes_of(forest: impute.Forest, peer: Any) -> dict[str, Any]:
    """Bytes of the leaves in both packages."""
    theirs = np.asarray(peer.forest_.y_train_leaves)
    ours = readout_bytes(forest)
    return {
        "pejax": ours,
        "pejax_with_trees": sum(leaf.nbytes for leaf in jax.tree.leaves(forest)),
        "quantile_forest": theirs.nbytes,
        "quantile_forest_shape": theirs.shape,
        "share": ours / theirs.nbytes,
    }

"""Public faces of calibration, imputation, gates and statistics with sound small arguments."""

import os
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import scipy.sparse
from _fuzz_junk import fresh_folder
from flax import nnx
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from pejax import calibrate as cal, gates, impute, stats
from pejax.gates import flax
from pejax.testing import toy_population

X = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 5.0]])
ONES = np.ones(3)
PROBLEM = cal.TargetProblem(X, [10.0, 20.0], names=["people", "rent"], groups=["a", "b"])
SOLUTION = cal.calibrate(PROBLEM, ONES, cal.Entropy())
REPORT = SOLUTION.report()
KEY = jax.random.key(0)
MESH = jax.make_mesh((1,), ("unit",))
FOLDER = fresh_folder()
AT = cal.Progress(1, 2, 0.5, 3.0, 2.0)
WHERE = pd.DataFrame({"geo_level": ["district", "state"], "geo_id": ["0601", "06"],
    "variable": ["people", "people"], "value": [6.0, 10.0]})  # fmt: skip
HELD = pd.DataFrame({"people": [2.0, 3.0]})
TABLE = pd.DataFrame([
    {"name": name, "variable": variable, "statistic": statistic, "entity": "household",
     "geo_level": "nation", "geo_id": "US", "value": 9.0}
    for name, variable, statistic in
    [("all", "household_count", "count"), ("rent", "rent", "sum")]
])  # fmt: skip
TABLE.to_csv(FOLDER / "targets.csv", index=False)
SOLUTION.save(FOLDER / "solution.npz")
TOYS = toy_population()
RENT = np.arange(1.0, 1.0 + TOYS.count("household"))
PLACES = cal.GeographyOperator([[2.0, 50.0], [1.0, 30.0]], [0, 1, 1],
    ([0, 0, 1], [0, 1, 0], [0, 0, 1]), [[0, 0]], household=[0, 0, 1])  # fmt: skip
THIN = cal.SparseOperator(scipy.sparse.csr_array(X))
WEIGHED = cal.Calibration(ONES, [10.0, 20.0], estimate_matrix=X.T, epochs=1)
FITTED_GATES = cal.SparseCalibrationWeights(3, seed=0)
FOUR_GATES = cal.SparseCalibrationWeights(4, seed=0)  # refuses all matrices here, after the rest

ROWS = np.array([[0.0, 1.0], [2.0, 1.0], [1.0, 3.0], [4.0, 4.0], [5.0, 0.0], [6.0, 2.0]])
OUTCOMES = np.array([0.0, 1.0, 1.0, 5.0, 7.0, 7.0])
GROWN = RandomForestRegressor(2, max_depth=2, random_state=0).fit(ROWS, OUTCOMES)
CLASSES = RandomForestClassifier(2, max_depth=2, random_state=0).fit(ROWS, OUTCOMES)
FOREST = impute.Forest.from_sklearn(GROWN, ROWS, OUTCOMES)
ONE_EACH = impute.Forest.from_sklearn(GROWN, ROWS, OUTCOMES, readout="single")
SOFT = impute.soften(ONE_EACH, ROWS)
READ, MASK = ROWS[:2], np.ones((2, 2), bool)
DONORS = pd.DataFrame(
    {"age": np.arange(40.0), "state": ["CA", "NY"] * 20, "income": np.arange(40.0) ** 2}
)
CHAIN = impute.QRF(n_estimators=2, n_jobs=1)
FITTED = CHAIN.fit(DONORS, ["age"], ["income"])
SIGNED = impute.QRF(n_estimators=2, n_jobs=1, sign_stage=True, min_samples_leaf=1).fit(
    DONORS.assign(gain=[-5.0, 0.0, 3.0, 9.0] * 10), ["age"], ["gain"]
)
SIGNS = SIGNED.imputers[0].forest
AGE, STATE = impute.NumberColumn("age"), impute.CategoryColumn("state", ("CA", "NY"))
THREE = gates.HardConcrete(3)
COOL = gates.geometric_schedule(1.0, 0.25, 2)


def _inside(path):
    """A path in a folder of the tests, where a text or a path is given."""
    return FOLDER / path if isinstance(path, str | os.PathLike) and path != "" else path


def _ways(methods):
    """The ways to choose; all that there are would take long."""
    return {"random": cal.Random(2)} if methods is None else methods


SETTINGS = {"init_mean": 0.9, "temperature": 0.5, "stretch": (-0.1, 1.1),
    "evaluation": "published", "rngs": nnx.Rngs(0)}  # fmt: skip
LAYER = flax.L0Linear(2, 3, rngs=nnx.Rngs(0))
IMAGES = flax.L0Conv(3, 2, (1, 2), rngs=nnx.Rngs(0))
RECORD = {"X": READ, "trees": MASK, "mesh": None}
SHARED = {"ridge": 1e-3, "exact": False, "tol": 1e-3, "max_steps": 9}
AREAS = {"targets": WHERE, "values": HELD, "geo_id": ["0601", "0602"], "household": None,
    "own": None}  # fmt: skip

FACES = {
    "Linear": (cal.Linear, SHARED),
    "Raking": (cal.Raking, {"exact": True, "tol": 1e-3, "max_steps": 9}),
    "TruncatedLinear": (cal.TruncatedLinear, {"lo": 0.1, "hi": 5.0, **SHARED}),
    "Huber": (cal.Huber, {"delta": 0.1}),
    "CappedError": (cal.CappedError, {"cap": 1.0}),
    "Loss": (cal.SquaredError(), {"errors": [0.5, 0.1], "importance": [1.0, 2.0]}),
    "cost": (cal.Huber().cost, {"errors": [0.5, 0.1]}),
    "Largest": (cal.Largest, {"budget": 2, "solver": cal.Entropy()}),
    "Random": (cal.Random, {"budget": 2, "solver": cal.Entropy()}),
    "PPS": (cal.PPS, {"budget": 2, "solver": cal.Entropy(), "leverage": 0.5,
        "design": "systematic"}),
    "Cube with gates": (cal.Cube, {"budget": 2, "epochs": 2, "learning_rate": 0.1,
        "candidates": 2}),
    "Thresholds": (cal.Thresholds, {"effective_share": 0.1, "largest_share": 0.1,
        "further_off": 0.1, "unmet": 0.1}),
    "thresholds": (cal.calibrate, {"problem": PROBLEM, "base_weights": ONES,
        "method": cal.Entropy(), "thresholds": cal.Thresholds(), "checkpoint": None}),
    "checkpoint": (lambda checkpoint: cal.calibrate(PROBLEM, ONES, cal.L0(2, epochs=1),
        checkpoint=_inside(checkpoint)), {"checkpoint": "kept"}),  # refused: there is no key
    "all_of": (lambda first: cal.all_of(print, first), {"first": print}),
    "Calibration": (cal.Calibration, {"weights": ONES, "targets": [10.0, 20.0],
        "target_names": ["people", "rent"], "estimate_matrix": X.T, "epochs": 1,
        "noise_level": 0.0, "learning_rate": 0.1, "dropout_rate": 0.0,
        "normalization_factor": [1.0, 2.0], "excluded_targets": ["rent"], "l0_lambda": 1e-3,
        "init_mean": 0.9, "temperature": 0.5, "sparse_learning_rate": 0.1,
        "regularize_with_l0": True, "seed": 0}),
    "Calibration.estimate": (WEIGHED.estimate, {"weights": ONES}),
    "SparseCalibrationWeights": (cal.SparseCalibrationWeights, {"n_features": 3, "beta": 0.5,
        "gamma": -0.1, "zeta": 1.1, "init_keep_prob": 0.5, "init_weights": [1.0, 1.0, 2.0],
        "log_weight_jitter_sd": 0.1, "log_alpha_jitter_sd": 0.1, "seed": 0}),
    "SparseCalibrationWeights.fit": (FOUR_GATES.fit, {"M": X, "y": [10.0, 20.0],
        "lambda_l0": 0.1, "lambda_l2": 0.1, "lr": 0.1, "epochs": 1, "loss_type": "mse",
        "target_groups": [0, 1], "normalize_groups": True, "group_multipliers": {0: 2.0}}),
    "get_weights": (FITTED_GATES.get_weights, {"deterministic": True}),
    "SparseCalibrationWeights.predict": (FITTED_GATES.predict, {"M": X}),
    "DenseOperator": (cal.DenseOperator, {"X": X}),
    "SparseOperator": (cal.SparseOperator, {"matrix": scipy.sparse.csr_array(X)}),
    "with_data": (THIN.with_data, {"data": np.ones(5)}),
    "ShardedOperator": (cal.ShardedOperator, {"operator": PROBLEM.operator, "mesh": MESH,
        "axis": "unit"}),
    "GeographyOperator": (cal.GeographyOperator, {"values": [[2.0, 50.0], [1.0, 30.0]],
        "area": [0, 1, 1], "targets": ([0, 0, 1], [0, 1, 0], [0, 0, 1]), "parents": [[0, 0]],
        "household": [0, 0, 1], "own": {1: [1.0, 2.0, 3.0]}}),
    "GeographyOperator by unit": (cal.GeographyOperator, {"values": [[2.0], [1.0], [0.0]],
        "area": [0, 1, 1], "targets": ([0, 0], [0, 1], [0, 0]), "own": None}),
    "geography_operator": (cal.geography_operator, AREAS),
    "geography_operator of clones": (partial(cal.geography_operator, WHERE, HELD), {
        "geo_id": ["0601", "0602"], "household": [0, 1], "own": {"people": [1.0, 2.0]}}),
    "geography_problem": (partial(cal.geography_problem, values=HELD, geo_id=["0601", "0602"]),
        {"targets": WHERE, "sums": "rake", "limit": 2.0}),
    "build_problem": (cal.build_problem, {"targets": TABLE, "outputs": {"rent": RENT},
        "population": TOYS, "layout": "auto"}),
    "build_problem of clones": (partial(cal.build_problem, TABLE, {"rent": RENT}, TOYS), {
        "geo_id": ["0601", "0602"], "household": [0, 1]}),
    "an output": (lambda rent: cal.build_problem(TABLE, {"rent": rent}, TOYS), {"rent": RENT}),
    "a value": (lambda value: cal.build_problem(TABLE.assign(
        value=pd.Series([9.0, value], dtype=object)), {"rent": RENT}, TOYS), {"value": 9.0}),
    "load_targets": (lambda path, **rest: cal.load_targets(_inside(path), **rest),
        {"path": "targets.csv", "period": None, "only": ["all"]}),
    "compare_selections": (lambda methods, **rest: cal.compare_selections(
        methods=_ways(methods), **rest), {"problem": PROBLEM, "base_weights": ONES, "budget": 2,
        "methods": None, "seeds": [0], "held_out": ["b"], "solver": cal.Entropy(),
        "progress": None}),
    "solve": (cal.solve, {"problem": PROBLEM, "base_weights": ONES, "method": cal.Entropy(),
        "key": KEY}),
    "calibrated_weights": (cal.calibrated_weights, {"problem": PROBLEM, "base_weights": ONES,
        "method": cal.Entropy()}),
    "binding_share": (partial(cal.binding_share, ONES, ONES), {"lo": 0.5, "hi": 2.0,
        "within": 1e-3}),
    "calibrate.effective_sample_size": (cal.effective_sample_size, {"weights": ONES}),
    "calibrate.gini": (cal.gini, {"weights": ONES}),
    "calibrate.lorenz_curve": (cal.lorenz_curve, {"weights": ONES, "points": 3}),
    "negative_share": (cal.negative_share, {"weights": ONES}),
    "records_kept": (cal.records_kept, {"weights": ONES}),
    "relative_error": (cal.relative_error, {"estimates": ONES, "values": ONES, "scale": ONES}),
    "squared_relative_loss": (cal.squared_relative_loss, {"estimates": ONES, "values": ONES,
        "scale": ONES, "importance": ONES}),
    "weight_ratio": (cal.weight_ratio, {"weights": ONES, "base": ONES}),
    "JsonlLog": (lambda path: cal.JsonlLog(_inside(path))(AT), {"path": "log.jsonl"}),
    "a report of progress": (cal.JsonlLog(FOLDER / "log.jsonl"), {"at": AT}),
    "TargetProblem's other columns": (partial(cal.TargetProblem, X, [1.0, 2.0]), {
        "sources": ["a", "b"], "refused": (), "adjusted": (), "units": ["a", "b", "c"]}),
    "errors": (PROBLEM.errors, {"weights": ONES}),
    "with_values": (PROBLEM.with_values, {"values": [1.0, 2.0]}),
    "with_operator": (PROBLEM.with_operator, {"operator": PROBLEM.operator}),
    "balanced": (PROBLEM.balanced, {"by": "groups"}),
    "shard": (PROBLEM.shard, {"mesh": MESH, "axis": "unit"}),
    "TargetProblem.save": (lambda path: PROBLEM.save(_inside(path)), {"path": "problem.npz"}),
    "TargetProblem.from_arrays": (cal.TargetProblem.from_arrays,
        {"arrays": PROBLEM.to_arrays()}),
    "Solution.save": (lambda path: SOLUTION.save(_inside(path)), {"path": "saved.npz"}),
    "Solution.load": (lambda path: cal.Solution.load(_inside(path)), {"path": "solution.npz"}),
    "Solution.from_arrays": (cal.Solution.from_arrays, {"arrays": SOLUTION.to_arrays()}),
    "write_log": (lambda path: SOLUTION.write_log(_inside(path)), {"path": "log.jsonl"}),
    "to_html": (lambda path, title: REPORT.to_html(_inside(path), title=title),
        {"path": "report.html", "title": "Fit"}),
    "Forest.leaves": (FOREST.leaves, {"X": READ, "chunk": 2, "mesh": None}),
    "Forest.mean": (FOREST.mean, RECORD),
    "Forest.quantile": (FOREST.quantile, {**RECORD, "levels": [0.5], "method": "inverted_cdf"}),
    "Forest.cdf": (FOREST.cdf, {**RECORD, "y": [1.0, 2.0]}),
    "Forest.rank": (partial(FOREST.rank, READ), {"y": [1.0, 2.0]}),
    "Forest.draw": (FOREST.draw, {**RECORD, "key": KEY, "ids": [4, 5], "chunk": 2}),
    "Forest.draw_index": (FOREST.draw_index, {**RECORD, "key": KEY, "ids": ["a", "b"]}),
    "Forest.from_sklearn": (impute.Forest.from_sklearn, {"forest": GROWN, "X": ROWS,
        "y": OUTCOMES, "sample_weight": np.ones(6), "readout": "all", "missing": "refuse",
        "seed": 0}),
    "Forest.from_sklearn of classes": (impute.Forest.from_sklearn, {"forest": CLASSES,
        "X": None, "readout": "all", "missing": "refuse", "seed": 0}),
    "from_quantile_forest": (impute.Forest.from_quantile_forest, {"forest": GROWN}),
    "Forest.from_arrays": (impute.Forest.from_arrays, {"arrays": FOREST.to_arrays()}),
    "Forest.save": (lambda path: FOREST.save(_inside(path)), {"path": "forest.npz"}),
    "SignForest.draw": (SIGNS.draw, {"X": [[3.0]], "key": KEY, "ids": [4], "mesh": None}),
    "SignForest.mean": (SIGNS.mean, {"X": [[3.0]]}),
    "SignForest.chances": (SIGNS.chances, {"X": [[3.0]], "mesh": None}),
    "SignForest.quantile": (partial(SIGNS.quantile, [[3.0]]), {"levels": [0.5],
        "method": "inverted_cdf"}),
    "soften": (impute.soften, {"forest": ONE_EACH, "X": ROWS, "temperature": 0.1, "beam": 2}),
    "SoftForest.mean": (SOFT.mean, {"X": READ}),
    "SoftForest.quantile": (SOFT.quantile, {"X": READ, "levels": [0.5], "bandwidth": 0.5}),
    "chain": (impute.chain, {"forests": FITTED, "population": TOYS, "key": KEY,
        "entity": "person"}),
    "NumberColumn": (impute.NumberColumn, {"name": "age", "dtype": "float64"}),
    "NumberColumn.encode": (AGE.encode, {"values": DONORS["age"]}),
    "NumberColumn.outcomes": (AGE.outcomes, {"values": DONORS["age"]}),
    "NumberColumn.covariates": (AGE.covariates, {"values": jnp.ones(2)}),
    "NumberColumn.decode": (AGE.decode, {"values": np.ones(2), "index": [1, 2]}),
    "CategoryColumn": (impute.CategoryColumn, {"name": "age", "labels": ("a", "b"),
        "ordered": False}),
    "CategoryColumn.encode": (STATE.encode, {"values": DONORS["state"]}),
    "CategoryColumn.covariates": (STATE.covariates, {"values": jnp.ones(2)}),
    "CategoryColumn.decode": (STATE.decode, {"values": np.ones(2), "index": [1, 2]}),
    "predict_out_of_bag": (FITTED.predict_out_of_bag, {"X": DONORS, "levels": [0.5]}),
    "FittedQRF.predict": (FITTED.predict, {"X": DONORS, "levels": [0.5], "mesh": None}),
    "FittedQRF.from_arrays": (impute.FittedQRF.from_arrays, {"arrays": FITTED.to_arrays()}),
    "QRF.impute": (CHAIN.impute, {"X": DONORS, "receivers": DONORS, "predictors": ["age"],
        "imputed_variables": ["income"], "weight_col": None, "key": KEY, "ids": None,
        "mesh": None, "progress": None}),
    "QRF.fit with progress": (CHAIN.fit, {"X": DONORS, "predictors": ["age"],
        "imputed_variables": ["income"], "weight_col": "age", "progress": None}),
    "weighted_cdf": (impute.weighted_cdf, {"values": [1.0, 2.0], "points": [1.0],
        "weights": [1, 2]}),
    "impute.wasserstein": (impute.wasserstein, {"values": [1.0], "others": [2.0],
        "weights": None, "other_weights": [1.0]}),
    "sample": (THREE.sample, {"key": KEY}),
    "gate_at": (THREE.gate_at, {"noise": [0.1, 0.5, 0.9]}),
    "with_temperature": (THREE.with_temperature, {"temperature": 0.5}),
    "with_location": (THREE.with_location, {"log_alpha": [0.1, 0.5, 0.9]}),
    "flax.Gates": (flax.Gates, {"n_items": 3, "items": 2, **SETTINGS}),
    "L0Linear": (flax.L0Linear, {"in_features": 2, "out_features": 3, "group": "input",
        "use_bias": True, **SETTINGS}),
    "a layer": (LAYER, {"x": [[1.0, 2.0]]}),
    "L0Conv": (lambda **given: flax.L0Conv(**given)(np.ones((4, 5, 3))), {"in_features": 3,
        "out_features": 2, "kernel_size": (1, 2), "group": "output", "strides": 1,
        "padding": "SAME", "use_bias": True, "rngs": nnx.Rngs(0)}),
    "a layer of images": (IMAGES, {"x": np.ones((4, 5, 3))}),
    "FeatureGate": (flax.FeatureGate, {"n_items": 3, **SETTINGS}),
    "a gate of features": (flax.FeatureGate(2, rngs=nnx.Rngs(0)), {"x": [[1.0, 2.0]]}),
    "a gate of samples": (flax.SampleGate(2, rngs=nnx.Rngs(0)), {"index": [1, 0]}),
    "flax.penalty": (flax.penalty, {"model": LAYER}),
    "flax.kept": (flax.kept, {"model": LAYER}),
    "TensorBoardLog": (lambda folder: cal.TensorBoardLog(_inside(folder)), {"folder": "board"}),
    "a report to TensorBoard": (cal.TensorBoardLog(FOLDER / "board"), {"at": AT}),
    "warmup": (gates.linear_schedule, {"start": 0.0, "end": 1.0, "epochs": 2, "warmup": 1}),
    "a schedule": (COOL, {"epoch": 1}),
    "is_poor": (stats.is_poor, {"resources": [1.0, 2.0], "line": [2.0, 3.0]}),
    "poverty_severity": (stats.poverty_severity, {"resources": [1.0, 2.0], "line": 2.0,
        "weights": [1, 2]}),
    "stats.mean": (stats.mean, {"values": [1.0, 2.0], "weights": [1, 2]}),
    "stats.quantile": (stats.quantile, {"values": [1.0, 2.0], "levels": [0.5],
        "weights": [1, 2]}),
}  # fmt: skip
LARGE = {
    "in_features",
    "out_features",
    "n_features",
    "chunk",
    "beam",
    "candidates",
    "epoch",
    "warmup",
}

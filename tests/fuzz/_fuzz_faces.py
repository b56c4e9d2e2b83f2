"""Public faces with sound arguments, one of which a fuzz test replaces."""

import _fuzz_faces_numbers
import jax
import numpy as np
import pandas as pd
from _fuzz_faces_tables import TABLE_FACES
from _fuzz_rounds import of_the_caller

from pejax import Population, calibrate as cal, engine, gates, impute, report, stats
from pejax.testing import toy_population, toy_program, toy_system

X = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 5.0]])
PROBLEM = cal.TargetProblem(X, [10.0, 20.0], names=["people", "rent"])
KEY = jax.random.key(0)
DONORS = pd.DataFrame(
    {"age": np.arange(40.0), "state": ["CA", "NY"] * 20, "income": np.arange(40.0) ** 2}
)
FORESTS = impute.QRF(n_estimators=2, n_jobs=1)
FITTED = FORESTS.fit(DONORS, ["age", "state"], ["income"])
PEOPLE = pd.DataFrame({"person_id": [1, 2], "household_id": [7, 8], "age": [40, 9]})
HOMES = pd.DataFrame({"household_id": [7, 8], "household_weight": [100.0, 50.0]})
TABLES = {"person": PEOPLE, "household": HOMES}
POPULATION = Population.from_frames(TABLES)
RULES, PROGRAM, TOYS = toy_system(), toy_program(), toy_population()


FAMILY = {"people": {"anna": {"age": 40}}, "households": {"home": {"members": ["anna"]}}}


def _family(entity, row):
    """A situation with other things said of one row."""
    return lambda **said: Population.from_situation({**FAMILY, entity: {row: said}}, RULES, 2025)


def _forests(**settings):
    return impute.QRF(**settings).fit(DONORS, ["age"], ["income"])


FACES = {
    "TargetProblem": (cal.TargetProblem, {"operator": X, "values": [1.0, 2.0], "names": None,
        "scale": None, "groups": None, "importance": None, "levels": None, "tolerance": None}),
    "calibrate": (cal.calibrate, {"problem": PROBLEM, "base_weights": np.ones(3),
        "method": cal.Entropy(), "key": KEY, "progress": None, "start": None}),
    "Entropy": (cal.Entropy, {"ridge": 1e-3, "exact": False, "tol": None, "max_steps": 9}),
    "Logit": (cal.Logit, {"lo": 0.1, "hi": 5.0}),
    "Adam": (cal.Adam, {"epochs": 2, "learning_rate": None, "optimizer": None, "ridge": 0.0,
        "loss": cal.Huber(), "dropout": 0.0, "mass": "free", "max_ratio": None}),
    "L0": (cal.L0, {"budget": 2, "l0_lambda": None, "groups": None, "group_lambda": 0.0,
        "epochs": 2, "refit": True, "l2": 0.0, "init_mean": 0.9, "temperature": 0.5}),
    "Cube": (cal.Cube, {"budget": 2, "solver": cal.Entropy(), "leverage": 0.5, "hybrid": None}),
    "estimates": (PROBLEM.estimates, {"weights": np.ones(3)}),
    "hold_out": (PROBLEM.hold_out, {"names": ["rent"]}),
    "downweighted": (PROBLEM.downweighted, {"weights": np.ones(3), "delta": 0.1}),
    "index": (PROBLEM.index, {"name": "rent"}),
    "HardConcrete": (gates.HardConcrete, {"n_items": 3, "init_mean": 0.9, "temperature": 0.5,
        "stretch": (-0.1, 1.1), "evaluation": "published", "jitter": 0.0, "key": KEY}),
    "linear_schedule": (gates.linear_schedule, {"start": 0.0, "end": 1.0, "epochs": 2}),
    "geometric_schedule": (gates.geometric_schedule, {"start": 1.0, "end": 2.0, "epochs": 2}),
    "from_frames": (Population.from_frames, {"frames": TABLES, "weights": "household_weight",
        "person": "person", "household": "household"}),
    "from_situation": (Population.from_situation, {"situation": FAMILY, "rules": RULES,
        "period": 2025}),
    "a person of a situation": (_family("people", "anna"), {"age": 40, "earnings": 3.0,
        "disabled": True}),
    "a household of a situation": (_family("households", "home"), {"members": ["anna"],
        "region": "NORTH", "rent": 3.0}),
    "an axis": (lambda **axis: Population.from_situation({**FAMILY, "axes": [[axis]]}, RULES, 2025),
        {"name": "earnings", "count": 2, "min": 0.0, "max": 2.0, "index": 0, "period": None}),
    "a period": (lambda period, output: engine.compile(RULES, [output], period, TOYS),
        {"period": "2025-03", "output": "child_allowance[2025-01]"}),
    "with_weights": (POPULATION.with_weights, {"weights": [1.0, 2.0]}),
    "with_columns": (lambda x: POPULATION.with_columns("person", x=x), {"x": [1, 2]}),
    "pad_to": (lambda n: POPULATION.pad_to(min(n, 99) if isinstance(n, int) else n), {"n": 9}),
    "select": (POPULATION.select, {"households": [0]}),
    "column": (POPULATION.column, {"name": "age", "entity": "person"}),
    "QRF": (_forests, {"n_estimators": 2, "max_depth": 3, "min_samples_leaf": 5, "seed": 0,
        "max_features": 1.0, "max_samples": None, "readout": "all", "missing": "refuse",
        "sign_stage": False, "order": "given", "n_jobs": 1}),
    "fit": (FORESTS.fit, {"X": DONORS, "predictors": ["age"], "imputed_variables": ["income"],
        "weight_col": None}),
    "draw": (FITTED.draw, {"X": DONORS, "key": KEY, "ids": None, "mesh": None}),
    "predict": (FITTED.predict, {"X": DONORS, "levels": [0.5]}),
    "weighted_mean": (impute.weighted_mean, {"values": [1.0, 2.0, 3.0], "weights": None}),
    "weighted_quantile": (impute.weighted_quantile, {"values": [1.0, 2.0, 3.0], "levels": [0.5],
        "weights": None}),
    "total": (stats.total, {"values": [1.0, 2.0], "weights": [1, 2]}),
    "cdf": (stats.cdf, {"values": [1.0, 2.0], "points": [1.0], "weights": None}),
    "effective_sample_size": (stats.effective_sample_size, {"weights": [1.0, 2.0]}),
    "gini": (stats.gini, {"values": [1.0, 2.0], "weights": [1, 2]}),
    "lorenz_curve": (stats.lorenz_curve, {"values": [1.0, 2.0], "weights": None, "points": 3}),
    "top_share": (stats.top_share, {"values": [1.0, 2.0], "weights": None, "share": 0.1}),
    "deciles": (stats.deciles, {"values": [1.0, 2.0], "weights": None, "groups": 4}),
    "mean_by_group": (stats.mean_by_group, {"values": [1.0, 2.0], "group": [1, 3],
        "weights": None, "groups": 4}),
    "total_by_group": (stats.total_by_group, {"values": [1.0, 2.0], "group": [1, 3],
        "weights": None, "groups": 4}),
    "shortfall": (stats.shortfall, {"resources": [1.0, 2.0], "line": 2.0}),
    "poverty_rate": (stats.poverty_rate, {"resources": [1.0, 2.0], "line": 2.0, "weights": None}),
    "poverty_gap": (stats.poverty_gap, {"resources": [1.0, 2.0], "line": [2.0, 3.0],
        "weights": [0, 1]}),
    "winners_and_losers": (stats.winners_and_losers, {"baseline": [1.0, 2.0],
        "reform": [1.0, 3.0], "weights": None, "tolerance": 0.1}),
    "pinball": (stats.pinball, {"truth": [1.0, 2.0], "prediction": 1.0, "level": 0.5,
        "weights": None}),
    "crps": (stats.crps, {"draws": [[1.0, 2.0], [2.0, 2.0]], "truth": [1.0, 2.0],
        "weights": None}),
    "compare": (impute.compare, {"imputed": [1.0, 2.0], "truth": [2.0, 3.0], "weights": None,
        "truth_weights": [1, 2], "levels": [0.5]}),
    "direction_of_change": (stats.direction_of_change, {"baseline": [1.0, 2.0],
        "reform": [1.0, 3.0], "tolerance": 0.1}),
    "table": (report.table, {"frame": PEOPLE, "caption": "", "formats": {"age": ",.1f"},
        "rows": None}),
    "wasserstein": (impute.wasserstein, {"values": [1.0], "others": [2.0], "weights": None}),
    "with_reform": (PROGRAM.parameters.with_reform, {"reform": {}}),
    "reform of a rate": (lambda rate: PROGRAM.parameters.with_reform({"tax.rate": rate}),
        {"rate": 0.3}),
    "compile": (engine.compile, {"system": RULES, "outputs": ["income_tax"], "period": 2025,
        "population": TOYS, "dtype": "float32", "chunk": None, "check": True, "extra": ()}),
    "evaluate": (engine.evaluate, {"program": PROGRAM, "population": TOYS,
        "statistic": "income_tax", "parameters": PROGRAM.parameters}),
    "gradient": (engine.gradient, {"program": PROGRAM, "population": TOYS,
        "statistic": "income_tax", "parameters": PROGRAM.parameters}),
    "sensitivity": (engine.sensitivity, {"program": PROGRAM, "population": TOYS,
        "statistic": "income_tax", "parameters": PROGRAM.parameters, "step": 0.01, "reach": False}),
    "sweep": (engine.sweep, {"program": PROGRAM, "population": TOYS,
        "reforms": [PROGRAM.parameters], "statistics": ["income_tax"], "executor": "local",
        "batch": 1, "workers": 1, "progress": None}),
    "program": (PROGRAM, {"parameters": PROGRAM.parameters, "population": TOYS}),
    "changes": (engine.changes, {"before": PROGRAM, "after": PROGRAM, "population": TOYS}),
}  # fmt: skip
FACES |= TABLE_FACES
LARGE = {"n_items", "n_estimators", "epochs", "n_jobs", "budget", "max_steps", "batch", "points"}
LARGE |= {"groups"} | _fuzz_faces_numbers.LARGE
FACES |= _fuzz_faces_numbers.FACES
CALLED = {"progress", "statistic", "l0_lambda", "group_lambda", "temperature", "compute"}
"""Arguments for which a function may be given."""


def replaced(face, argument, value):
    """A call of a face with one of its arguments replaced."""
    function, arguments = FACES[face]
    if argument in LARGE and isinstance(value, int):
        value = min(value, 50)  # more is sound, and slow
    if argument in CALLED and not (argument == "statistic" and isinstance(value, type)):
        value = of_the_caller(value)
    return lambda: function(**{**arguments, argument: value})

"""Faces that read and make tables: populations, laws, charts, pages, data sets, jobs."""

import contextlib
import functools
import unittest.mock

import jax
import numpy as np
import pandas as pd
from _fuzz_junk import fresh_folder

import pejax
from pejax import (
    PejaxError,
    Population,
    calibrate as cal,
    conform,
    datasets,
    engine,
    io,
    report,
    runs,
)
from pejax.core._arguments import can_be_key
from pejax.countries.us import _cps
from pejax.testing import toy_population, toy_program, toy_system

FOLDER = str(fresh_folder())
CASES = fresh_folder()
(CASES / "a.yaml").write_text("- {period: 2025, input: {earnings: 3}, output: {income_tax: 0}}")
(CASES / "conform.json").write_text(
    '{"rows": [{"case": "a.yaml[0]", "name": "", "status": "passed", "reason": ""}]}'
)
PEOPLE = pd.DataFrame(
    {"person_id": [1, 2], "household_id": [7, 8], "age": [40, 9], "name": ["x", "y"]}
)
HOMES = pd.DataFrame({"household_id": [7, 8], "household_weight": [100.0, 50.0]})
POPULATION = Population.from_frames({"person": PEOPLE, "household": HOMES})
PADDED = POPULATION.pad_to(9)
RULES, PROGRAM, TOYS = toy_system(), toy_program(), toy_population()
LAW = PROGRAM.parameters
AGE = engine.input_variable("age", entity="person", kind="int")
CHART = report.bars(["a"], {"x": [1.0]}, "x", "y")
LONG = np.arange(20.0)
CURVE = pd.DataFrame({"amount": [0.0, 9.0], "imputed": [0.4, 1.0], "truth": [0.5, 1.0]})
MEANS = pd.DataFrame({"age": ["under 50"], "imputed": [3.0], "truth": [4.0]})
SCORES = pd.DataFrame(
    [(0.5, 1.0, 2.0, 0.5)], columns=["level", "forest", "donors_quantile", "skill"]
)
SPREAD = pd.DataFrame([("mean", 3.0, 4.0)], columns=["statistic", "imputed", "truth"])
DECILES = report.change_by_decile([5.0, 0.0] * 10, LONG, np.ones(20))
WORTH = pd.DataFrame(
    [("tax.rate", 0.2, 3e6, "cliff", "tax, benefit")],
    columns=["path", "value", "dollars_per_percent", "status", "discontinuities"],
)
CHOICES = pd.DataFrame({"fitted, mean": [0.01, 0.2]}, index=pd.Index(["a", "b"], name="method"))
FOUND = cal.calibrate(
    cal.TargetProblem([[1.0, 1.0]], [4.0], names=["people"]), [1.0, 1.0], cal.Entropy()
)
FIT = FOUND.report()
SIDES = {
    "targets": FIT.targets.assign(method="entropy"),
    "summary": pd.DataFrame([{"method": "entropy", **FIT.summary}]),
    "weights": pd.DataFrame({"survey": [1.0, 1.0], "entropy": np.asarray(FOUND.weights)}),
}
MESH = jax.make_mesh((1,), ("rows",))


def _manifest():
    with io.Run(fresh_folder(), "count", seed=3) as run, run.step("add"):
        pass
    return run.manifest.to_dict()


MANIFEST = _manifest()


def _in_a_folder(function):
    """A function whose paths are of a folder that nobody needs."""

    @functools.wraps(function)
    def inside(**arguments):
        with contextlib.chdir(FOLDER):
            return function(**arguments)

    return inside


def _column(table, name):
    """A population, one of whose columns holds a value: itself if it has two rows, else in each."""

    def build(value):
        held = value
        if not isinstance(value, np.ndarray | pd.Series) or value.shape != (2,):
            held = np.empty(2, object)
            held[0] = held[1] = value
        plain = {"person": PEOPLE, "household": HOMES}
        changed = plain[table].reset_index(drop=True)
        changed[name] = held if not isinstance(held, pd.Series) else held.to_numpy()
        return Population.from_frames({**plain, table: changed})

    return build


def _named(name, value):
    """A dictionary of one entry, if there can be one."""
    if not can_be_key(name):
        raise PejaxError("no name can be that")
    return {name: value}


def _rule(**settings):
    return engine.rule(**settings)(lambda age: 2.0 * age)


def _system(**changes):
    plain = {
        "name": "flatland",
        "entities": ("person", "household"),
        "parameters": {"rate": 0.2},
        "rules": [engine.rule(entity="person", name="tax")(lambda age, params: params.rate * age)],
        "inputs": [AGE],
    }
    return engine.build_system(**{**plain, **changes})


def _variable(**about):
    return _system(rules=[engine.Variable(**about)])


def _native(**about):
    return _system(inputs=[AGE, engine.input_variable(**about)])


def _read_once(function):
    """A function that loads the CPS, whose file is read once for all calls."""

    @functools.wraps(function)
    def loads(**arguments):
        with unittest.mock.patch.object(_cps, "_read", READ):
            return function(**arguments)

    return loads


READ = functools.cache(_cps._read)
CPS = {"households": 5, "period": 2025, "seed": 0, "person_total": None, "reported": False}


def _reform(dates, value):
    return LAW.with_reform({"tax.rate": _named(dates, value)})


def _page(title, pieces):
    return report.page("a", "b", [report.Section(title, pieces)])


def _pieces(function, name, plain):
    """A function that takes a table, one column of which is exchanged."""

    def build(**columns):
        changed = plain.copy()
        for column, value in columns.items():
            held = np.empty(len(plain), object)
            for row in range(len(plain)):
                held[row] = value
            changed[column.replace("__", ", ")] = held
        return function(**{name: changed})

    return build


PEOPLE_FACES = {
    "load": (_in_a_folder(pejax.load), {"path": "nothing.npz"}),
    "save": (_in_a_folder(io.save), {"thing": {"x": [1.0]}, "path": "x.npz"}),
    "save people": (
        _in_a_folder(lambda path: io.save(POPULATION, path)), {"path": "people.npz"}),
    "ages": (_column("person", "age"), {"value": 1}),
    "new columns of a table": (_column("person", "x"), {"value": 1}),
    "ids": (_column("person", "person_id"), {"value": [1, 2]}),
    "links": (_column("person", "household_id"), {"value": [7, 8]}),
    "weights of a table": (_column("household", "household_weight"), {"value": 1.0}),
    "tables": (lambda person, household: Population.from_frames(
        {"person": person, "household": household}), {"person": PEOPLE, "household": HOMES}),
    "tables by name": (lambda entity: Population.from_frames(
        {"person": PEOPLE, "household": HOMES} | _named(entity, HOMES)), {"entity": "household"}),
    "with_columns of homes": (
        lambda rent, entity: PADDED.with_columns(_named(entity, {"rent": rent})),
        {"rent": [1.0, 2.0], "entity": "household"}),
    "with_columns of a name": (lambda name: POPULATION.with_columns(
        {"household": _named(name, [1.0, 2.0])}), {"name": "rent"}),
    "with_columns of anything": (
        lambda given, **_: POPULATION.with_columns(given), {"given": {}}),
    "with_weights of the padded": (PADDED.with_weights, {"weights": [1.0, 2.0]}),
    "pad_to each": (lambda n: POPULATION.pad_to(
        {"household": min(n, 99) if isinstance(n, int) else n}), {"n": 9}),
    "in_blocks": (POPULATION.in_blocks, {"blocks": 1}),
    "shard": (POPULATION.shard, {"mesh": MESH, "axis": "rows"}),
    "trim": (PADDED.trim, {"values": np.ones(9), "entity": "person"}),
    "weight": (POPULATION.weight, {"entity": "person"}),
    "mask": (POPULATION.mask, {"entity": "person"}),
    "count": (POPULATION.count, {"entity": "person"}),
    "household_of": (POPULATION.household_of, {"entity": "person"}),
    "entity_of": (POPULATION.entity_of, {"name": "age"}),
    "labels": (POPULATION.labels, {"name": "name", "entity": "person"}),
}  # fmt: skip
LAW_FACES = {
    "rule": (_rule, {"entity": "person", "name": "x", "kind": "float", "period": "year",
        "default": None, "defined_for": None, "vocabulary": None, "start": "", "stop": ""}),
    "input_variable": (_native, {"name": "x", "entity": "person", "kind": None, "period": "year",
        "default": None, "uprating": None, "vocabulary": None, "label": ""}),
    "Variable": (_variable, {"name": "x", "entity": "person", "kind": "float", "period": "year",
        "default": 0.0, "formula": engine.Variable.formula, "adds": ["age"], "subtracts": None,
        "defined_for": None, "uprating": None, "stock": False, "vocabulary": None,
        "dtype": "float32", "label": ""}),
    "build_system": (_system, {"name": "flatland", "entities": ("person", "household"),
        "parameters": {"rate": 0.2}, "rules": [], "inputs": [AGE]}),
    "a law": (lambda value: _system(parameters={"rate": value}), {"value": 0.2}),
    "a dated law": (lambda date, value: _system(parameters={"rate": _named(date, value)}),
        {"date": 2020, "value": 0.2}),
    "a branch": (lambda name: _system(parameters={"rate": 0.1, "x": _named(name, 0.2)}),
        {"name": "y"}),
    "a scale": (lambda brackets, kind: _system(
        parameters={"rate": 0.2, "scale": {"brackets": brackets, "type": kind}}),
        {"brackets": [{"threshold": 0, "rate": 0.1}], "kind": "single_amount"}),
    "a bracket": (lambda **bracket: _system(
        parameters={"rate": 0.2, "scale": {"brackets": [bracket]}}),
        {"threshold": 0, "rate": 0.1}),
    "about a number": (lambda **about: _system(parameters={"rate": {"values": 0.2, **about}}),
        {"label": "a", "unit": "b", "reference": "c"}),
    "import_country": (engine.import_country, {"package": "atlantis", "start_instant": ""}),
    "engine.load": (_in_a_folder(engine.load), {"path": "toy.pejax", "check": True}),
    "Program.save": (_in_a_folder(PROGRAM.save), {"path": "toy.pejax", "carrier": False}),
    "in_numpy": (PROGRAM.in_numpy, {"parameters": LAW, "population": TOYS}),
    "population_of": (PROGRAM.population_of, {"situation": {"people": {"a": {"age": 4}}}}),
    "people of a program": (lambda people: PROGRAM.population_of({"people": people}),
        {"people": {"a": {"age": 4}}}),
    "a value in a situation": (
        lambda name, value: PROGRAM.population_of(
            {"people": {"a": _named(name, value)}}),
        {"name": "age", "value": 4}),
    "Program.entity": (PROGRAM.entity, {"name": "income_tax"}),
    "vocabulary": (PROGRAM.vocabulary, {"name": "income_tax"}),
    "guards_hold": (PROGRAM.guards_hold, {"parameters": LAW, "population": TOYS}),
    "interpreter": (PROGRAM.interpreter, {"parameters": LAW, "population": TOYS,
        "floats": "float32"}),
    "respecialise": (PROGRAM.respecialise, {"parameters": LAW, "population": TOYS,
        "system": RULES}),
    "weighted_total": (engine.weighted_total, {"program": PROGRAM, "name": "income_tax"}),
    "a number of the law": (lambda path: LAW[path], {"path": "tax.rate"}),
    "whether a law has": (lambda path: path in LAW, {"path": "tax.rate"}),
    "Parameters.total": (LAW.total, {"path": "tax.rate"}),
    "reform of a path": (lambda path: LAW.with_reform(_named(path, 0.3)), {"path": "tax.rate"}),
    "reform of dates": (_reform, {"dates": "2025", "value": 0.3}),
    "reform of a system": (lambda path, value: RULES.with_reform(_named(path, value)),
        {"path": "tax.rate", "value": 0.3}),
    "dated reform of a system": (lambda dates, value: RULES.with_reform(
        {"tax.rate": _named(dates, value)}), {"dates": "2025", "value": 0.3}),
    "System.with_reform": (RULES.with_reform, {"reform": {}}),
    "System.variable": (RULES.variable, {"name": "income_tax"}),
    "abolition": (RULES.abolition, {"name": "income_tax", "law": RULES.law}),
    "Country.with_reform": (engine.Country("atlantis", "1").with_reform, {"reform": {}}),
}  # fmt: skip
CHART_FACES = {
    "bars": (report.bars, {"labels": [1, 2], "series": {"a": [1.0, 2.0]}, "x_title": "x",
        "y_title": "y", "y_format": "$"}),
    "bars of one": (lambda name, values: report.bars([1, 2], _named(name, values), "x", "y"),
        {"name": "a", "values": [1.0, 2.0]}),
    "shares": (report.shares, {"labels": [1, 2], "series": {"a": [0.4, 0.2]}, "x_title": "x",
        "y_title": "y"}),
    "shares of one": (lambda values: report.shares([1, 2], {"a": values}, "x", "y"),
        {"values": [0.4, 0.9]}),
    "ranked": (report.ranked, {"labels": ["a", "b"], "values": [1.0, -2.0], "x_title": "x",
        "x_format": "%"}),
    "dots": (report.dots, {"labels": ["a", "b"], "series": {"a": [1.0, 2.0]}, "x_title": "x",
        "reference": 1.0, "x_format": None}),
    "curves": (report.curves, {"series": {"now": ([0, 5.0], [0.2, 0.7])}, "x_title": "x",
        "y_title": "y", "log_x": False, "steps": True, "x_format": "$", "diagonal": True,
        "colours": ()}),
    "a curve": (lambda name, points: report.curves(_named(name, points), "x", "y"),
        {"name": "now", "points": ([0, 5.0], [0.2, 0.7])}),
    "points of a curve": (lambda x, y: report.curves({"now": (x, y)}, "x", "y"),
        {"x": [0.0, 5.0], "y": [0.2, 0.7]}),
    "histogram": (report.histogram, {"edges": [1, 10, 100], "series": {"a": [0.7, 0.3]},
        "x_title": "x", "y_title": "y", "x_format": None, "colours": ["red"]}),
    "heights": (lambda values: report.histogram([1, 10, 100], {"a": values}, "x", "y"),
        {"values": [0.7, 0.3]}),
    "scatter": (report.scatter, {"x": [1, 2], "y": [2.0, 4.0], "names": ["a", "b"],
        "x_title": "x", "y_title": "y", "line": True, "x_format": None, "y_format": "$"}),
    "below": (report.below, {"parts": [(CHART, "Now.")]}),
    "a part below": (lambda chart, caption: report.below([(chart, caption)]),
        {"chart": CHART, "caption": "Now."}),
    "Chart": (lambda **about: report.Chart(**about).to_svg(),
        {"height": 9.0, "marks": "", "about": ""}),
    "to_svg": (CHART.to_svg, {"caption": "a"}),
    "to_html": (CHART.to_html, {"caption": "a"}),
    "page": (report.page, {"title": "a", "lead": "b", "sections": [], "figures": True}),
    "Section": (_page, {"title": "a", "pieces": ["<p>b</p>"]}),
    "paragraph": (report.paragraph, {"text": "a"}),
    "facts": (report.facts, {"values": {"a": "1"}}),
    "a fact": (lambda name, value: report.facts(_named(name, value)), {"name": "a", "value": "1"}),
    "figure": (report.figure, {"chart": CHART, "caption": "a"}),
}  # fmt: skip
TABLE_FACES = {
    "means_by_decile": (report.means_by_decile, {"columns": {"tax": LONG}, "ranking": LONG,
        "weights": np.ones(20)}),
    "means of one": (lambda name, values: report.means_by_decile(
        _named(name, values), [1.0, 2.0], [1.0, 1.0]), {"name": "tax", "values": [1.0, 2.0]}),
    "change_by_decile": (report.change_by_decile, {"gain": [1.0, 2.0], "ranking": [1.0, 2.0],
        "weights": [1.0, 1.0]}),
    "means_by_band": (report.means_by_band, {"columns": {"x": [1.0, 2.0, 6.0]},
        "of": [20, 61, 64], "edges": [0, 50, 60, 99], "weights": [1.0] * 3, "name": "age"}),
    "shares_below": (report.shares_below, {"columns": {"truth": [0.0, 0.0, 10.0]},
        "weights": [1, 1, 2], "points": [0, 10]}),
    "quantile_scores": (report.quantile_scores, {"predicted": {0.5: [1.0, 4.0]},
        "truth": [1.0, 5.0], "weights": [1, 1], "donors": [1.0, 2.0, 3.0],
        "donor_weights": [1, 1, 1]}),
    "a quantile": (lambda level, guess: report.quantile_scores(
        _named(level, guess), [1.0, 5.0], [1, 1], [1.0, 2.0], [1, 1]),
        {"level": 0.5, "guess": [1.0, 4.0]}),
    "conformity_page": (report.conformity_page, {"title": "a", "cases": pd.DataFrame(
        {"case": ["a[0]"], "status": ["failed"], "reason": ["b"]}), "folders": pd.DataFrame(
        {"folder": ["."], "cases": [1], "missed": [1]}), "rows": 3, "changes": None}),
    "calibration_page": (report.calibration_page, {"report": FIT, "title": "a"}),
    "imputation_pieces": (report.imputation_pieces, {"curve": CURVE, "by_group": MEANS,
        "scores": SCORES, "distribution": SPREAD, "amount": "a", "group": "b", "rows": "c"}),
    "change_pieces": (report.change_pieces, {"by_decile": DECILES, "ranked_by": "a",
        "rows": "b", "change": "c"}),
    "parameter_pieces": (report.parameter_pieces, {"sensitivity": WORTH, "of": "tax",
        "rows": 15}),
    "cells of a sensitivity": (_pieces(functools.partial(report.parameter_pieces, of="tax"),
        "sensitivity", WORTH), {"path": "a", "value": 1.0, "dollars_per_percent": 1.0,
        "status": "cliff", "discontinuities": ""}),
    "cells of changes": (_pieces(report.change_pieces, "by_decile", DECILES),
        {"decile": 1, "mean_change": 1.0, "share_gaining": 0.5}),
    "run_pieces": (report.run_pieces, {"manifest": MANIFEST}),
    "facts of a run": (lambda **facts: report.run_pieces({**MANIFEST, **facts}), {
        "steps": [], "versions": {}, "data_digest": None, "cores": 2, "seed": 1}),
    "a step of a run": (lambda **step: report.run_pieces({**MANIFEST, "steps": [step]}),
        {"name": "a", "seconds": 1.0, "peak_bytes": 3}),
    "selection_chart": (report.selection_chart, {"means": CHOICES}),
    "selection_page": (report.selection_page, {"means": CHOICES, "runs": 3, "title": "a"}),
    "cells of choices": (_pieces(functools.partial(report.selection_page, runs=3), "means",
        CHOICES), {"fitted__mean": 0.1}),
    "weights_pieces": (report.weights_pieces, {**SIDES, "refused": FIT.refused,
        "shown": ["entropy"], "among": None, "weight": "a"}),
}  # fmt: skip
JOB_FACES = {
    "growth_factors": (datasets.growth_factors, {"first": 2023, "last": 2025}),
    "installed_file": (datasets.installed_file, {"package": "jax", "relative": "version.py",
        "extra": "us"}),
    "installed_folder": (datasets.installed_folder, {"package": "jax", "extra": "us"}),
    "population_total": (datasets.population_total, {"year": 2025}),
    "load_cps": (_read_once(datasets.load_cps), CPS),
    "load_cps_with_report": (_read_once(datasets.load_cps_with_report), CPS),
    "conform": (_in_a_folder(conform.conform), {"country": "atlantis", "path": "", "sample": None,
        "seed": 0, "with_source": False, "progress": None}),
    "source_verdicts": (_in_a_folder(conform.source_verdicts), {"country": "atlantis", "path": "",
        "sample": None, "seed": 0, "progress": None}),
    "read_cases": (conform.read_cases, {"folder": CASES, "below": ""}),
    "sample of cases": (conform.sample, {"cases": [], "many": 2, "seed": 0}),
    "suite_of": (conform.suite_of, {"package": "atlantis"}),
    "changes of cases": (conform.changes, {"before": CASES / "conform.json",
        "after": CASES / "conform.json"}),
    "run": (_in_a_folder(runs.run), {"compute": lambda items: {"double": 2 * items}, "count": 3,
        "identity": "job", "out": None, "batch": 8, "executor": None, "progress": None,
        "on_error": "row"}),
    "run in a folder": (_in_a_folder(lambda identity: runs.run(
        lambda items: {"double": 2 * items}, 3, identity=identity, out="jobs")),
        {"identity": "job"}),
    "what is computed": (lambda values: runs.run(lambda items: {"x": values}, 3), {"values": [0]}),
    "what is computed at all": (lambda found: runs.run(lambda items: found, 3), {"found": {}}),
    "Local": (lambda **given: list(runs.Local().map(**given)),
        {"compute": lambda items: {"x": items}, "parts": [np.array([0, 1])]}),
}  # fmt: skip
TABLE_FACES = PEOPLE_FACES | LAW_FACES | CHART_FACES | TABLE_FACES | JOB_FACES

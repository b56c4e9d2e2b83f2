"""Wrong kinds of arguments at the doors of engine and CPS: a message, no error of Python."""

import numpy as np
import pandas as pd
import pytest

from pejax import BadInputError, PejaxError, datasets, engine
from pejax.testing import toy_population, toy_program, toy_system

pytestmark = pytest.mark.usefixtures("unchecked")

PEOPLE = toy_population()


def compiled(**changed):
    call = {"system": toy_system(), "outputs": ["income_tax"], "period": 2025, "population": PEOPLE}
    return engine.compile(**(call | changed))


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("system", None, "system is None. Give a country"),
        ("system", "toy", "system is 'toy'. Give a country"),
        ("outputs", None, "outputs is None. Give a list of names"),
        ("outputs", b"income_tax", "Give a list of names"),
        ("outputs", ["income_tax", 3], r"outputs\[1\] is 3"),
        ("outputs", [], "give the names of the variables"),
        ("period", True, "Give a year"),
        ("population", {"person": {}}, "population is a dict. Give a Population"),
        ("dtype", np.array(["float32"]), "dtype is a ndarray; choose"),
        ("dtype", "float16", "choose 'float32' or 'float64'"),
        ("dtype", pd.Series(["float32"]), "choose 'float32' or 'float64'"),
        ("chunk", 0, "chunk is 0; give a whole number of at least 1"),
        ("chunk", "3", "chunk is '3'; give a whole number"),
        ("chunk", True, "chunk is True; give a whole number"),
        ("cache", 3, "cache is 3. Give a path"),
        ("check", "no", "check is 'no'; give True or False"),
        ("extra", None, "extra is None. Give a list of names"),
        ("extra", [3], r"extra\[0\] is 3"),
    ],
)
def test_compile(argument, value, said):
    with pytest.raises(BadInputError, match=said):
        compiled(**{argument: value})


@pytest.mark.parametrize("outputs", ["income_tax", ("income_tax",), np.array(["income_tax"])])
def test_names_in_any_list(outputs):
    assert compiled(outputs=outputs).recipe.outputs == ("income_tax",)


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("program", PEOPLE, "program is a Population. Give what engine.compile"),
        ("population", None, "population is None. Give a Population"),
        ("reforms", None, "reforms is None. Give a list"),
        ("reforms", {"tax.rate": 0.3}, "reforms is a dict. Give a list"),
        ("reforms", [3], "reform is 3. Give a mapping"),
        ("statistics", 3, "statistics is 3. Give a list of names"),
        ("statistics", [], "no statistics to evaluate"),
        ("statistics", {"a": 3}, "statistic is 3. Give the name of an output"),
        ("statistics", {"a": lambda outputs: outputs["income_tax"]}, "shape"),
        ("statistics", {"a": lambda outputs: "x"}, "a statistic gives 'x'"),
        ("batch", 0, "batch is 0; give a whole number of at least 1"),
        ("batch", "8", "batch is '8'; give a whole number"),
        ("workers", 0, "workers is 0"),
        ("executor", "dask", "executor is 'dask'; choose 'local' or 'ray'"),
        ("executor", [], "executor is a list"),
        ("out", 3, "out is 3. Give a path"),
        ("progress", 3, "progress is 3. Give a function"),
    ],
)
def test_sweep(argument, value, said):
    program = toy_program()
    call = {"program": program, "population": PEOPLE, "reforms": [program.parameters]}
    with pytest.raises(BadInputError, match=said):
        engine.sweep(**{**call, "statistics": ["income_tax"], argument: value})


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("program", None, "program is None"),
        ("population", 3, "population"),
        ("statistic", None, "statistic is None. Give the name of an output"),
        ("statistic", lambda outputs: outputs["income_tax"], "shape"),
        ("statistic", "income_tx", "Did you mean|Choose one of"),
        ("parameters", {"tax.rate": 0.3}, "parameters is a dict"),
        ("step", "1%", "step is '1%'; give a finite number"),
        ("reach", "no", "reach is 'no'; give True or False"),
    ],
)
def test_sensitivity(argument, value, said):
    program = toy_program()
    call = {"program": program, "parameters": program.parameters, "population": PEOPLE}
    call["statistic"] = "income_tax"
    with pytest.raises(PejaxError, match=said):
        engine.sensitivity(**{**call, argument: value})


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("households", "10", "households is '10'; give a whole number"),
        ("households", True, "households is True"),
        ("households", 1.5, "households is 1.5"),
        ("households", 0, "Ask for 1 to"),
        ("period", "2025", "period is '2025'; give a whole number"),
        ("period", None, "period is None"),
        ("seed", None, "seed is None"),
        ("person_total", 0, "person_total is 0; give a number above 0"),
        ("person_total", "a", "person_total is 'a'; give a finite number"),
        ("reported", "no", "reported is 'no'; give True or False"),
    ],
)
def test_load_cps(argument, value, said):
    with pytest.raises(BadInputError, match=said):
        datasets.load_cps(**{"period": 2025, "households": 5, argument: value})


@pytest.mark.parametrize("argument", ["first", "last"])
@pytest.mark.parametrize("value", ["2025", None, 2024.5, True, np.zeros(2)])
def test_growth_factors(argument, value):
    with pytest.raises(BadInputError, match=f"{argument} is .*; give a whole number"):
        datasets.growth_factors(**{"first": 2023, "last": 2025, argument: value})


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: datasets.population_total("2025"), "year is '2025'; give a whole number"),
        (lambda: datasets.installed_folder("jax.numpy"), "package is 'jax.numpy'. Give the name"),
        (lambda: datasets.installed_folder(3), "package is 3. Give a text"),
        (lambda: datasets.installed_file("jax", "/etc/hosts"), "inside of the package"),
        (lambda: datasets.installed_file("jax", "../x"), "inside of the package"),
        (lambda: datasets.installed_file("jax", ""), "relative is ''. Give a path"),
        (lambda: engine.import_country(""), "package is ''. Give a name"),
        (lambda: engine.import_country(None), "package is None. Give a text"),
        (lambda: engine.import_country("json"), "package is 'json', a module"),
        (lambda: engine.import_country("atlantis"), "'atlantis' is not installed"),
        (lambda: engine.import_country("json", "2024"), "start_instant is '2024'. Give a day"),
        (lambda: engine.load("."), "path is the folder"),
        (lambda: engine.load("nowhere.pejax"), "There is no file nowhere.pejax"),
        (lambda: toy_program().save(3), "path is 3. Give a path"),
        (lambda: toy_program().save(""), "path is ''. Give a path"),
    ],
)
def test_names_and_files(make, said):
    with pytest.raises(PejaxError, match=said):
        make()


PROGRAM = toy_program()
LAW = PROGRAM.parameters


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: PROGRAM.entity(np.zeros(2)), "Unknown output a ndarray"),
        (lambda: PROGRAM.vocabulary(pd.NA), "Unknown output"),
        (lambda: PROGRAM.interpreter(3, PEOPLE), "parameters of type int"),
        (
            lambda: PROGRAM.interpreter(LAW, PEOPLE, floats="float16"),
            "floats is 'float16'. Did you",
        ),
        (lambda: PROGRAM.respecialise(LAW, None), "population is None. Give a Population"),
        (lambda: PROGRAM.respecialise(LAW, PEOPLE, 3), "system is 3. Give a country"),
        (lambda: engine.weighted_total(None, "income_tax"), "program is None"),
        (lambda: LAW.with_reform({"tax.rate": {}}), "tax.rate: a reform without dates"),
        (lambda: toy_system().variable(None), "name is None. Give a text"),
        (lambda: toy_system().with_reform(None), "reform is None. Give a mapping"),
        (lambda: toy_system().with_reform({3: 1}), "reform has the key 3"),
        *(
            (lambda value=value: toy_system().with_reform({"tax.rate": value}), "tax.rate")
            for value in (np.nan, "a", np.zeros(2), pd.Timestamp("2025"), [1, [2]], 1j)
        ),
    ],
)
def test_programs_and_reforms(make, said):
    with pytest.raises(PejaxError, match=said):
        make()


def test_a_reform_of_a_country_keeps_numbers_of_every_type():
    country = engine.Country("atlantis", "1")
    reform = {"a": np.float32(0.5), "b": {2025: np.True_}, "c": ("x", "y"), "d": np.int64(3)}
    plain = {"a": 0.5, "b": {"2025": True}, "c": ["x", "y"], "d": 3}
    assert country.with_reform(reform).reforms == [plain]

"""Arguments of the wrong kind: each is an error that names it and ends with the fix."""

import re

import jax
import numpy as np
import optax
import pandas as pd
import pytest
import scipy.sparse

from pejax import calibrate as cal
from pejax.core._validate import BadInputError, PejaxError, UnknownNameError
from pejax.testing import toy_population

pytestmark = pytest.mark.usefixtures("unchecked")

X = np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 5.0]])
Y, W = [10.0, 20.0], np.ones(3)
EMPTY = np.zeros((0, 3))
GATES = cal.L0(2, epochs=1)


@pytest.fixture(scope="module")
def problem():
    return cal.TargetProblem(X, Y, names=["people", "rent"])


def refused(message):
    return pytest.raises(BadInputError, match="^" + re.escape(message))


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("entropy", "method is 'entropy'. Give a method, made by a call: Entropy()."),
        (cal.Entropy, "method is the class Entropy. Give a method, made by a call: Entropy()."),
        ("logitt", "method is 'logitt'. Give a method, made by a call: Logit()."),
        (None, "method is None. Give a method"),
        (optax.adam(0.1), "method is a GradientTransformation"),
    ],
)
def test_what_is_no_method(problem, method, message):
    with refused(message):
        cal.calibrate(problem, W, method)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"key": 0}, "key is 0. Pass key=jax.random.key(0)"),
        ({"key": "0"}, "key is '0'. Pass key=jax.random.key(0)"),
        ({"progress": 1}, "progress is 1. Give a function"),
        ({"start": W}, "start is "),
        ({"checkpoint": 3, "key": jax.random.key(0)}, "checkpoint is 3. Give a path"),
    ],
)
def test_other_arguments_of_a_call(problem, given, message):
    with refused(message):
        cal.calibrate(problem, W, GATES, **given)


def test_a_matrix_is_no_problem():
    with refused("problem is a ndarray. Give a TargetProblem(matrix, values)."):
        cal.calibrate(X, W, cal.Entropy())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (5.0, "values is 5.0. Give a list or an array with one number a target"),
        ({"people": 10.0, "rent": 20.0}, "values is a dict"),
        ((y for y in Y), "values is a generator"),
        (["$1,000", "3"], "values[0] is '$1,000'"),
        (np.array(Y, "float16"), "values is float16"),
        ([1.0, pd.NA], "Target 'target_1' (row 1) is nan. Give a finite value"),
        ([1.0, None], "Target 'target_1' (row 1) is nan"),
        ([[10.0], [20.0]], "values is an array of shape (2, 1)"),
        (np.array(["2020", "2021"], "M8[Y]"), "values holds datetime64[Y]"),
    ],
)
def test_what_are_no_targets(values, message):
    with refused(message):
        cal.TargetProblem(X, values)


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("scale", 2.0, "scale is 2.0. Give a list"),
        ("importance", ["much", "little"], "importance[0] is 'much'. Give numbers"),
        ("tolerance", "1%", "tolerance is '1%'. Give a list"),
        ("names", "ab", "names is 'ab'. Give a list"),
        ("names", ["a", None], "names[1] is None"),
        ("names", [1, "1"], "names[1] '1' is already the name of row 0"),
        ("groups", 5, "groups is 5. Give a list"),
        ("levels", {"a": 1}, "levels is a dict"),
    ],
)
def test_other_columns_of_a_problem(argument, value, message):
    with refused(message):
        cal.TargetProblem(X, Y, **{argument: value})


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (None, "The estimate matrix is None"),
        ({"a": [1.0]}, "The estimate matrix is a dict"),
        ([[1.0, "a"], [2.0, 3.0]], "The estimate matrix[0, 1] is 'a'. Give numbers"),
        ([[1.0], [1.0, 2.0]], "The estimate matrix is a list whose rows"),
        (X * 1j, "The estimate matrix holds complex128"),
        (scipy.sparse.csr_array(X * 1j), "The estimate matrix holds complex128"),
        (pd.DataFrame([[1, None, 2]] * 2, dtype="Int64"), "The estimate matrix holds nan for"),
        (EMPTY, "There are no targets"),
    ],
)
def test_what_is_no_matrix(matrix, message):
    with refused(message):
        cal.TargetProblem(matrix, Y if matrix is not EMPTY else [])


@pytest.mark.parametrize(
    ("base", "message"),
    [
        (W[:, None], "The base weights have shape (3, 1) and the estimate matrix 3 units"),
        ([1.0, 1e39, 1.0], "The base weight of unit 1 is 1e+39, out of the range of float32"),
        ([0.0, 1e-60, 0.0], "The base weight of unit 1 is 1e-60, out of the range of float32"),
        (np.array(["2020"] * 3, "M8[s]"), "base_weights holds datetime64[s]"),
        (pd.to_timedelta([1, 2, 3]), "base_weights holds timedelta64[ns]"),
        (["$1", "1", "1"], "base_weights[0] is '$1'"),
        (W.astype("float16"), "base_weights is float16"),
        (dict(enumerate(W)), "base_weights is a dict"),
        (None, "base_weights is None"),
        ([1.0, None, 1.0], "The base weight of unit 1 is nan"),
    ],
)
def test_what_are_no_base_weights(problem, base, message):
    with refused(message):
        cal.calibrate(problem, base, cal.Entropy())


def test_large_weights_have_room_in_float64(problem, x64):
    large = cal.TargetProblem(X * 1e-39, Y)
    solution = cal.calibrate(large, W * 1e39, cal.Entropy(exact=True)).check()
    np.testing.assert_allclose(large.estimates(solution.weights), Y, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cal.Entropy(exact="no"), "exact is 'no'; give True or False"),
        (lambda: cal.Raking(ridge=1), "ridge is 1.0, and where targets are met exactly there is"),
        (lambda: cal.Linear(exact=True, ridge=0.1), "ridge is 0.1, and where targets"),
        (lambda: cal.Entropy(ridge="1"), "ridge is '1'; give a finite number"),
        (lambda: cal.Entropy(ridge=np.inf), "ridge is inf; give a finite number"),
        (lambda: cal.Entropy(max_steps=1.5), "max_steps is 1.5; give a whole number"),
        (lambda: cal.Logit("a", 2), "lo is 'a'; give a number"),
        (lambda: cal.Adam(epochs="9"), "epochs is '9'; give a whole number"),
        (lambda: cal.Adam(optimizer="sgd"), "optimizer is 'sgd'; give one of optax"),
        (lambda: cal.Adam(loss=cal.Huber), "loss is the class Huber; give SquaredError()"),
        (lambda: cal.L0("a"), "budget is 'a'; give a whole number"),
        (lambda: cal.L0(5, refit="no"), "refit is 'no'; give True or False"),
        (lambda: cal.L0(5, temperature="hot"), "temperature is 'hot'; give a finite number"),
        (lambda: cal.L0(5, groups=3, group_lambda=1.0), "groups is 3. Give a list"),
        (lambda: cal.L0(2, groups=["a", 1, None], group_lambda=1.0), "groups mixes types"),
        (lambda: cal.Cube(3, hybrid="yes"), "hybrid is 'yes'; give True or False"),
        (lambda: cal.Cube(3, solver=cal.Entropy), "solver is the class Entropy; give Entropy()"),
        (lambda: cal.Huber("a"), "delta is 'a'; give a finite number"),
    ],
)
def test_settings_of_another_kind(make, message):
    with refused(message):
        make()


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda p: p.estimates([1.0, 1.0]), "The weights have shape (2,)"),
        (lambda p: p.estimates("a"), "weights is 'a'"),
        (lambda p: p.hold_out("people"), "names is 'people', one text"),
        (lambda p: p.hold_out(3), "names is 3. Give a list"),
        (lambda p: p.balanced(3), "by is 3; choose"),
        (lambda p: p.balanced(W), "by is a ndarray; choose"),
        (lambda p: p.index([]), "Unknown target a list"),
        (lambda p: p.index(pd.NA), "Unknown target <NA>"),
        (lambda p: cal.Adam(mass=pd.DataFrame([["a"]])), "mass is"),
        (lambda p: cal.L0(2, groups=[[1], [1, 2]], group_lambda=1.0), "groups is a list"),
        (lambda p: p.downweighted(W, "a"), "delta is 'a'"),
        (lambda p: cal.calibrated_weights(p, W[:2], cal.Entropy()), "The base weights have shape"),
        (lambda p: cal.calibrated_weights(p, W, "entropy"), "method is 'entropy'"),
        (lambda p: cal.effective_sample_size("a"), "weights is 'a'"),
        (lambda p: cal.load_targets(3), "path is 3. Give a path"),
        (lambda p: cal.Calibration("a", Y, estimate_matrix=X.T), "weights is 'a'"),
        (lambda p: cal.Calibration(W[:2], Y, estimate_matrix=X.T), "The weights have shape (2,)"),
        (lambda p: cal.Calibration(W, Y, estimate_matrix=X.T, seed="a"), "seed is 'a'"),
        (lambda p: cal.SparseCalibrationWeights("a"), "n_features is 'a'"),
        (lambda p: cal.SparseCalibrationWeights(3).fit(X, "ab"), "y is 'ab'"),
        (lambda p: cal.SparseCalibrationWeights(4).fit(X, Y), "M has 3 columns, and n_features"),
        (lambda p: cal.SparseCalibrationWeights(4).predict(X), "M has 3 columns, and n_features"),
    ],
)  # fmt: skip
def test_what_is_asked_of_a_problem_and_of_weights(problem, ask, message):
    with pytest.raises(PejaxError, match="^" + re.escape(message)):
        ask(problem)


def test_a_number_is_no_name(problem):
    with pytest.raises(UnknownNameError, match=r"Unknown target 3\. Choose one of: people, rent"):
        problem.index(3)


def test_a_list_of_weights_is_as_good_as_an_array():
    """`[...] != 0` is one truth value: it used to count one record."""
    assert int(cal.records_kept([1.0, 0.0, 2.0])) == 2
    assert float(cal.negative_share([1.0, -1.0])) == 0.5
    assert float(cal.gini([0.0, 0.0, 0.0, 1.0])) == 0.75


TABLE = pd.DataFrame({
    "name": ["all"], "variable": ["household_count"], "statistic": ["count"],
    "entity": ["household"], "geo_level": ["nation"], "geo_id": ["US"], "value": [9.0],
})  # fmt: skip
WHERE = pd.DataFrame({"geo_level": ["state"], "geo_id": ["06"], "variable": ["people"]})
PEOPLE = pd.DataFrame({"people": [2.0, 3.0]})
SPARSE = scipy.sparse.csr_array(X)


def _area(**changed):
    given = {"values": [[2.0], [1.0]], "area": [0, 1], "targets": ([0], [0], [0])}
    return cal.GeographyOperator(**(given | changed))


def _places(**changed):
    given = {"targets": WHERE, "values": PEOPLE, "geo_id": ["06", "06"]}
    return cal.geography_operator(**(given | changed))


def _built(**changed):
    given = {"targets": TABLE, "outputs": {}, "population": toy_population()}
    return cal.build_problem(**(given | changed))


def _chosen(**changed):
    given = {"methods": {"random": cal.Random(2)}, "seeds": [0]}
    problem = cal.TargetProblem(X, Y, groups=["a", "b"])
    return cal.compare_selections(problem, W, **({"budget": 2} | given | changed))


def _like_theirs(**changed):
    return cal.Calibration(**({"weights": W, "targets": Y, "estimate_matrix": X.T} | changed))


def _gated(**changed):
    return cal.SparseCalibrationWeights(3).fit(**({"M": X, "y": Y} | changed))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: cal.SquaredError()("a", [1.0]), "errors is 'a'"),
        (lambda: cal.Huber().cost(1j), "errors holds complex128"),
        (lambda: cal.Huber()(W, W[:2]), "importance has shape (2,), and errors (3,)"),
        (lambda: cal.relative_error(W, Y, W), "values has shape (2,), and estimates (3,)"),
        (lambda: cal.relative_error(W[:, None], W, W), "values has shape (3,), and estimates (3"),
        (lambda: cal.weight_ratio(W, Y), "base has shape (2,), and weights (3,)"),
        (lambda: cal.binding_share(W, W, None, 2.0), "lo is None"),
        (lambda: cal.binding_share(W, W, 0.5, Y), "hi has shape (2,). Give one number."),
        (lambda: cal.gini([]), "weights is empty. Give at least one."),
        (lambda: cal.negative_share([]), "weights is empty. Give at least one."),
        (lambda: cal.SparseOperator(np.array(["2020"], "M8[D]")), "A sparse estimate matrix"),
        (lambda: cal.SparseOperator(SPARSE).with_data(W), "data has shape (3,), and the matrix 5"),
        (lambda: cal.ShardedOperator(X, None), "operator is a ndarray. Give a DenseOperator"),
        (lambda: _area(targets=3), "targets is 3. Give level, area and column"),
        (lambda: _area(targets=([0], [0])), "targets has 2 entries. Give level, area and column"),
        (lambda: _area(parents=None), "parents is None. Give a list"),
        (lambda: _area(area=["a", "b"]), "area[0] is 'a'. Give numbers"),
        (lambda: _area(values=[[None, "a"]]), "values[0, 1] is 'a'. Give numbers"),
        (lambda: _area(household=[0, 1], own=3), "own is 3. Give column number"),
        (lambda: _area(household=[0, 1], own={0: 2}), "own[0] is 2. Give a list"),
        (lambda: _places(targets=None), "targets is None. Give a pandas DataFrame."),
        (lambda: _places(values=W), "values is a ndarray. Give a pandas DataFrame."),
        (lambda: _places(geo_id=["06", None]), "geo_id[1] is None. Give every row a label."),
        (lambda: _places(geo_id=["06", ["06"]]), "geo_id[1] is a list. Give every row one label."),
        (lambda: _places(own=3), "own is 3. Give variable"),
        (lambda: _built(population=None), "population is None. Give a pejax.Population."),
        (lambda: _built(outputs=W), "outputs is a ndarray. Give a mapping"),
        (lambda: _built(outputs={"household_count": 1}, layout="thin"), "layout is 'thin'. Choose"),
        (lambda: _built(targets=TABLE.assign(variable="x"), outputs={"x": 3}), "outputs['x'] is 3"),
        (lambda: _built(household=[0.5]), "household must be one whole number an entry"),
        (lambda: _built(limit="a"), "limit is 'a'; give a number"),
        (lambda: _built(sums=W), "sums is a ndarray; choose one of keep"),
        (lambda: _built(targets=TABLE.assign(value=1j)), "Row 0 of the target table ('all') has v"),
        (lambda: cal.load_targets(period="a"), "period is 'a'; give a whole number"),
        (lambda: cal.load_targets(""), "path is ''. Give a path"),
        (lambda: cal.Solution.load("\0"), r"path is '\x00'. Give a path"),
        (lambda: cal.Solution.load("nowhere.npz"), "There is no file nowhere.npz. Check path."),
        (lambda: cal.JsonlLog(3), "path is 3. Give a path"),
        (lambda: cal.all_of(print, 3), "callbacks[1] is 3. Give functions."),
        (lambda: cal.JsonlLog("log.jsonl")(3), "at is 3. Give a Progress"),
        (lambda: cal.TargetProblem(X, Y, refused=["a"]), "refused[0] is 'a'. Give a list of Refus"),
        (lambda: cal.TargetProblem(X, Y, units=3), "units is 3. Give a list"),
        (lambda: cal.TargetProblem(X, Y, units=[[1], 2, 3]), "units[0] is a list. Give a label."),
        (lambda: cal.TargetProblem(X, Y, groups=[[1], [2]]), "groups[0] is a list. Give every row"),
        (lambda: cal.TargetProblem(X, Y).with_values("a"), "values is 'a'"),
        (lambda: cal.TargetProblem(X, Y).with_values(W), "values has shape (3,), and there are 2"),
        (lambda: cal.TargetProblem(X, Y).with_operator(X), "operator is a ndarray"),
        (lambda: _chosen(budget="a"), "budget is 'a'; give a whole number"),
        (lambda: _chosen(seeds=[0, 1.5]), "seeds[1] is 1.5; give a whole number"),
        (lambda: _chosen(seeds=[2**70]), "seeds[0] is 1180591620717411303424; give a whole number"),
        (lambda: _chosen(methods={"random": 3}), "methods['random'] is 3. Give a method"),
        (lambda: _chosen(held_out=[3]), "held_out[0] is 3. Give names, as texts."),
        (lambda: _chosen(progress=3), "progress is 3. Give a function."),
        (lambda: _like_theirs(learning_rate=None), "learning_rate is None; give a finite number"),
        (lambda: _like_theirs(noise_level=-1), "noise_level is -1.0; give a number of at least 0"),
        (lambda: _like_theirs(regularize_with_l0=3), "regularize_with_l0 is 3; give True or False"),
        (lambda: _like_theirs(target_names=3), "target_names is 3. Give a list"),
        (lambda: _like_theirs(excluded_targets=False), "excluded_targets is False. Give a list"),
        (lambda: _like_theirs(estimate_matrix=3), "estimate_matrix has 0 dimension(s)"),
        (lambda: _like_theirs(normalization_factor=W), "normalization_factor has 3 entries and"),
        (lambda: _like_theirs(weights=[1.0, np.nan, 1.0]), "The weight of unit 1 is nan"),
        (lambda: _like_theirs(seed=2**70), "seed is 1180591620717411303424; give a whole number"),
        (lambda: _like_theirs().estimate("a"), "weights is 'a'"),
        (lambda: cal.SparseCalibrationWeights(3, init_weights=Y), "init_weights has shape (2,) fo"),
        (lambda: cal.SparseCalibrationWeights(3, init_weights=-1), "init_weights[0] is -1.0; give"),
        (lambda: cal.SparseCalibrationWeights(3, log_weight_jitter_sd="a"), "log_weight_jitter_sd"),
        (lambda: _gated(lr="a"), "lr is 'a'; give a finite number"),
        (lambda: _gated(loss_type=W), "loss_type is a ndarray; choose"),
        (lambda: _gated(target_groups=[0]), "target_groups has 1 entries and"),
        (lambda: _gated(target_groups=[0, [1]]), "target_groups[1] is a list. Give a label."),
        (lambda: _gated(target_groups=[0, 1], group_multipliers={0: "a"}), "group_multipliers[0]"),
        (lambda: _gated(normalize_groups="no"), "normalize_groups is 'no'; give True or False"),
        (lambda: cal.SparseCalibrationWeights(3).get_weights("no"), "deterministic is 'no'; give"),
        (lambda: _solved(W.astype("float16")), "base_weights is float16, which holds three digits"),
    ],
)  # fmt: skip
def test_other_doors(ask, message):
    with pytest.raises(PejaxError, match="^" + re.escape(message)):
        ask()


def _solved(base):
    return cal.solve(cal.TargetProblem(X, Y), base, cal.Entropy())


def test_other_values_are_matched_by_their_labels(problem):
    moved = problem.with_values(pd.Series([20.0, 10.0], ["rent", "people"]))
    assert moved.values.tolist() == [10.0, 20.0]


def test_losses_take_a_batch_of_estimates():
    errors = np.array([[0.5, 0.0], [0.0, 0.0]])
    assert float(cal.SquaredError()(errors, np.ones(2))) == 0.125


@pytest.mark.parametrize("other", [b"\xff\xfe", b"name,value\nall,9\n", b"[1]\n", b"hello"])
def test_a_log_takes_no_other_file_for_its_own(tmp_path, other):
    path = tmp_path / "log.jsonl"
    path.write_bytes(other)
    with pytest.raises(BadInputError, match=r"log\.jsonl"):
        cal.JsonlLog(path)(cal.Progress(1, 2, 0.5, 3.0, 2.0))
    assert path.read_bytes() == other


def test_a_log_goes_on_after_a_line_that_was_cut_short(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"epoch": 1, "loss": 0.5}\n{"epo')
    cal.JsonlLog(path)(cal.Progress(2, 2, 0.5, 3.0, 2.0))
    assert [line[:11] for line in path.read_text().splitlines()] == ['{"epoch": 1', '{"epoch": 2']

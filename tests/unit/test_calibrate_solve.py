"""Every method that can be a pure function is one: under jit, vmap and grad as on the host."""

import gc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pejax import BadInputError, Result, calibrate as cal

KEY = jax.random.key(3)
UNITS, TARGETS = 60, 4
METHODS = [
    cal.Linear(),
    cal.Entropy(),
    cal.Entropy(exact=True),
    cal.Logit(0.1, 8.0),
    cal.TruncatedLinear(0.2, 6.0),
    cal.Adam(epochs=30),
    cal.Adam(epochs=30, dropout=0.2, mass="conserved"),
    cal.L0(20, epochs=30),
    cal.L0(l0_lambda=1e-3, epochs=30, refit=False),
    cal.L0(20, epochs=20, groups=list("abc") * 20, group_lambda=1e-3),  # after 30, bits choose
]


def name(method):
    return repr(method).replace("calibrate.", "")[:50]


def parts(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.gamma(1.0, 1.0, (TARGETS, UNITS)) * (rng.random((TARGETS, UNITS)) < 0.6)
    base = rng.gamma(3.0, 10.0, UNITS)
    return cal.TargetProblem(X, X @ (base * rng.lognormal(0, 0.2, UNITS))), base


@pytest.fixture(autouse=True)
def x64():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("method", METHODS, ids=name)
def test_solve_is_calibrate(method):
    """Plain, inside jit, and a member of a batch."""
    problem, base = parts()
    right = cal.calibrate(problem, base, method, key=KEY)

    def of(values, base, key):
        return cal.solve(problem.with_values(values), base, method, key=key)

    values = jnp.asarray(problem.values)
    stack = jnp.stack([values, 1.1 * values, values])
    found = {
        "plain": of(values, jnp.asarray(base), KEY),
        "jit": jax.jit(of)(values, jnp.asarray(base), KEY),
        "vmap": jax.tree.map(
            lambda x: x[0], jax.vmap(of, in_axes=(0, None, None))(stack, jnp.asarray(base), KEY)
        ),
    }
    for way, solved in found.items():
        np.testing.assert_allclose(solved.weights, right.weights, rtol=1e-5, err_msg=way)
        assert int(solved.result) == int(right.result), way


def test_problem_and_method_are_arguments_of_jit():
    problem, base = parts()
    right = cal.calibrate(problem, base, cal.Entropy())
    found = jax.jit(cal.solve)(problem, base, cal.Entropy())
    np.testing.assert_allclose(found.weights, right.weights, rtol=1e-6)


def with_importance(problem, importance):
    return eqx.tree_at(lambda p: p.importance, problem, importance)


def test_folds_are_one_batch():
    """Importances of 0 leave targets out: the fold that is held out differs in each."""
    problem, base = parts()
    moved = jax.vmap(
        lambda fold: cal.solve(with_importance(problem, fold), jnp.asarray(base), cal.Entropy())
    )(1.0 - jnp.eye(TARGETS))
    for k, held_out in enumerate(problem.names):
        right = cal.calibrate(problem.hold_out([held_out]), base, cal.Entropy())
        np.testing.assert_allclose(moved.weights[k], right.weights, rtol=1e-5)


def test_seeds_are_one_batch():
    problem, base = parts()
    keys = jax.random.split(KEY, 3)
    method = cal.L0(15, epochs=20)
    found = jax.vmap(lambda key: cal.solve(problem, jnp.asarray(base), method, key=key))(keys)
    assert (np.count_nonzero(found.weights, axis=1) == 15).all()
    for key, weights in zip(keys, found.weights, strict=True):
        right = cal.calibrate(problem, base, method, key=key)
        np.testing.assert_allclose(weights, right.weights, rtol=1e-5)


def test_an_infeasible_member_of_a_batch_says_so():
    problem = cal.TargetProblem([[1.0, 1.0], [1.0, 1.0001]], [2.0, 2.0001])
    totals = jnp.array([[2.0, 2.0001], [2.0, 20.0]])
    found = jax.vmap(
        lambda y: cal.solve(problem.with_values(y), jnp.ones(2), cal.Entropy(exact=True))
    )(totals)
    assert found.result.tolist()[0] == Result.successful
    assert found.result.tolist()[1] != Result.successful


def test_derivatives_are_those_of_calibrated_weights():
    problem, base = parts()
    values = jnp.asarray(problem.values)

    def spread(y, of):
        return jnp.sum(of(problem.with_values(y)) ** 2)

    slope = jax.grad(spread)(
        values, lambda p: cal.solve(p, jnp.asarray(base), cal.Entropy()).weights
    )
    right = jax.grad(spread)(
        values, lambda p: cal.calibrated_weights(p, jnp.asarray(base), cal.Entropy())
    )
    np.testing.assert_allclose(slope, right, rtol=1e-10)


@pytest.mark.parametrize("method", [cal.Adam(epochs=3), cal.L0(5, epochs=3)], ids=name)
def test_a_derivative_that_is_not_there_is_refused_by_name(method):
    problem, base = parts()

    def total(y):
        return cal.solve(problem.with_values(y), jnp.asarray(base), method, key=KEY).weights.sum()

    with pytest.raises(BadInputError, match="has no derivative"):
        jax.grad(total)(jnp.asarray(problem.values))
    with pytest.raises(BadInputError, match="has no derivative"):
        jax.jit(jax.grad(total))(jnp.asarray(problem.values))


@pytest.mark.parametrize(
    ("method", "key", "said"),
    [
        (cal.Cube(5), KEY, "Cube works on the host"),
        (cal.PPS(5), KEY, "PPS works on the host"),
        (cal.L0(5), None, "L0 draws its gates at random. Pass key="),
        (cal.Adam(dropout=0.1), None, "Dropout draws at random. Pass key="),
        ("entropy", KEY, "method is 'entropy'"),
        (cal.Adam(), 3, "key is 3"),
    ],
)
def test_refusals(method, key, said):
    problem, base = parts()
    with pytest.raises(BadInputError, match=said):
        cal.solve(problem, base, method, key=key)


@pytest.mark.parametrize("method", [cal.Entropy(), cal.Adam(epochs=5), cal.PPS(5)], ids=name)
@pytest.mark.filterwarnings("ignore::pejax.calibrate.CalibrationWarning")
def test_calibrate_of_what_is_not_traced_is_worked_out_inside_jit(method):
    problem, base = parts()
    right = cal.calibrate(problem, base, method, key=KEY)
    found = jax.jit(lambda x: x * cal.calibrate(problem, base, method, key=KEY).check().weights)(
        2.0
    )
    np.testing.assert_allclose(found, 2 * right.weights, rtol=1e-12)


def test_calibrate_of_what_is_traced_says_what_to_call():
    problem, base = parts()

    def weights(problem, base, key):
        return cal.calibrate(problem, base, cal.L0(5, epochs=2), key=key).weights

    given = {"problem": problem, "base_weights": jnp.asarray(base), "key": KEY}
    for traced, value in given.items():

        def of(value, traced=traced):
            return weights(*(given | {traced: value}).values())

        said = f"{traced} is traced.* Inside jit, vmap or grad call solve"
        with pytest.raises(BadInputError, match=said):
            jax.jit(of)(value)


def test_calibrated_weights_are_those_of_any_method_that_draws_nothing():
    problem, base = parts()
    found = cal.calibrated_weights(problem, jnp.asarray(base), cal.Adam(epochs=30))
    right = cal.calibrate(problem, base, cal.Adam(epochs=30))
    np.testing.assert_allclose(found, right.weights, rtol=1e-6)
    for method, said in ((cal.L0(5), "Pass key="), (cal.Cube(5), "Cube works on the host")):
        with pytest.raises(BadInputError, match=said):
            cal.calibrated_weights(problem, jnp.asarray(base), method)


def test_base_weights_of_another_number_are_refused():
    problem, base = parts()
    with pytest.raises(BadInputError, match="The base weights have shape"):
        cal.solve(problem, base[:-1], cal.Entropy())


@pytest.mark.parametrize("method", [cal.Linear(), cal.Entropy(), cal.Adam(epochs=3)])
def test_a_calibration_leaves_nothing_on_the_device(method):
    """Programs kept tables of zeros as constants: three times the memory of the matrix."""
    rng = np.random.default_rng(0)
    values, area = rng.random((40_000, 6)), np.arange(40_000) % 50
    rows = np.arange(300)
    operator = cal.GeographyOperator(
        values, area, (0 * rows, rows // 6, rows % 6), household=np.arange(40_000)
    )
    problem = cal.TargetProblem(operator, np.asarray(operator.mv(np.full(40_000, 1.1))))
    before = sum(array.nbytes for array in jax.live_arrays())
    cal.calibrate(problem, np.ones(40_000), method, key=jax.random.key(0))
    gc.collect()
    assert sum(array.nbytes for array in jax.live_arrays()) - before < 40_000

"""What every estimate matrix keeps to, however it is stored."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings, strategies as st
from jax.experimental import sparse as jax_sparse

from pejax.calibrate import DenseOperator, GeographyOperator, ShardedOperator, SparseOperator
from pejax.core._validate import BadInputError

FEW = settings(max_examples=8, deadline=None)
TARGETS, UNITS = 9, 2_100  # two full tiles and a part of a third


def entries(dtype=np.float64):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(TARGETS, UNITS)) * (rng.random((TARGETS, UNITS)) < 0.2)
    X[4] = 0.0
    X[0] = 1.0
    return X.astype(dtype)


def bcoo(X):
    return SparseOperator(jax_sparse.BCOO.fromdense(jnp.asarray(X)))


def rebuilt(X):
    operator = SparseOperator(scipy.sparse.csr_array(2 * X))
    return operator.with_data(operator.data / 2)


def one_area(X, **where):
    """Any matrix is a geography of one area, whose columns are the targets."""
    rows = np.arange(len(X))
    return GeographyOperator(X.T, np.zeros(X.shape[1], int), (0 * rows, 0 * rows, rows), **where)


def by_household(X):
    """Units in another order than their households, one column a unit's own."""
    household = np.arange(X.shape[1])[::-1]
    shared = X[:, ::-1].copy()
    shared[3] = 7.0
    return one_area(shared, household=household, own={3: X[3]})


def sharded(operator):
    return ShardedOperator(operator, jax.make_mesh((jax.device_count(),), ("unit",)))


def sparse(X):
    return SparseOperator(scipy.sparse.csr_array(X))


def taken(build):
    """Made larger, then cut to size."""
    rows, units = np.arange(1, TARGETS + 1), np.arange(3, UNITS + 3)
    return lambda X: build(np.pad(X, ((1, 2), (3, 1)))).take(rows, units)


OPERATORS = {
    "sharded dense": lambda X: sharded(DenseOperator(X)),
    "sharded dense, taken": taken(lambda X: sharded(DenseOperator(X))),
    "sharded sparse": lambda X: sharded(sparse(X)),
    "sharded sparse, taken": taken(lambda X: sharded(sparse(X))),
    "sharded geography, by unit": lambda X: sharded(one_area(X)),
    "sharded geography, by household": lambda X: sharded(by_household(X)),
    "sharded geography, taken": taken(lambda X: sharded(by_household(X))),
    "dense": DenseOperator,
    "dense, taken": taken(DenseOperator),
    "sparse csr": sparse,
    "sparse coo": lambda X: SparseOperator(scipy.sparse.coo_matrix(X)),
    "sparse bcoo": bcoo,
    "sparse, rebuilt": rebuilt,
    "geography, by unit": one_area,
    "geography, by household": by_household,
    "geography, few of many households": lambda X: by_household(
        np.pad(X, ((0, 0), (0, 4 * UNITS)), mode="reflect")
    ).take(units=np.arange(UNITS)),
    "geography, taken": taken(one_area),
    "sparse, taken": taken(sparse),
}


@pytest.fixture(scope="module", params=OPERATORS)
def operator(request):
    with jax.enable_x64(True):
        return OPERATORS[request.param](entries())


@pytest.mark.parametrize("build", [DenseOperator, sparse, bcoo, one_area])
@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_a_matrix_without_rows_or_columns_is_refused(build, shape):
    """One was taken, and its products were a bare ZeroDivisionError or IndexError."""
    with pytest.raises(BadInputError, match=r"(Give|table of) at least one"):
        build(np.zeros(shape))


def vectors(seed):
    rng = np.random.default_rng(seed)
    return jnp.asarray(rng.normal(size=UNITS)), jnp.asarray(rng.normal(size=TARGETS))


def test_the_squared_operator_has_squared_entries(operator):
    with jax.enable_x64(True):
        _, r = vectors(0)
        np.testing.assert_allclose(operator.squared().rmv(r), (entries() ** 2).T @ r, atol=1e-9)


@given(seed=st.integers(0, 2**32 - 1))
@FEW
def test_products_equal_numpy(operator, seed):
    with jax.enable_x64(True):
        w, r = vectors(seed)
        X = entries()
        np.testing.assert_allclose(operator.mv(w), X @ np.asarray(w), atol=1e-10)
        np.testing.assert_allclose(operator.rmv(r), np.asarray(r) @ X, atol=1e-10)


@given(seed=st.integers(0, 2**32 - 1))
@FEW
def test_rmv_is_the_adjoint_of_mv(operator, seed):
    with jax.enable_x64(True):
        w, r = vectors(seed)
        np.testing.assert_allclose(operator.mv(w) @ r, w @ operator.rmv(r), rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 2**32 - 1))
@FEW
def test_gram_is_the_product_through_the_diagonal(operator, seed):
    with jax.enable_x64(True):
        q, r = vectors(seed)
        gram = operator.gram(q)
        np.testing.assert_allclose(gram @ r, operator.mv(q * operator.rmv(r)), atol=1e-8)
        np.testing.assert_allclose(gram, gram.T, atol=1e-10)


def test_shape_and_extent(operator):
    X = entries()
    with jax.enable_x64(True):
        low, high = operator.extent()
        assert operator.shape == (TARGETS, UNITS)
        np.testing.assert_array_equal(low, np.minimum(X.min(axis=1), 0))
        np.testing.assert_array_equal(high, np.maximum(X.max(axis=1), 0))
        np.testing.assert_array_equal(operator.row(2), X[2])


def test_take_gives_rows_and_columns_in_the_order_asked(operator):
    targets, units = np.array([5, 0, 5]), np.array([2_099, 7, 1_024])
    with jax.enable_x64(True):
        taken = operator.take(targets, units)
        assert taken.shape == (3, 3)
        got = np.stack([np.asarray(taken.row(k)) for k in range(3)])
    np.testing.assert_array_equal(got, entries()[np.ix_(targets, units)])


def test_derivatives_of_the_products_are_the_products(operator):
    with jax.enable_x64(True):
        w, r = vectors(0)
        through_mv = jax.grad(lambda w: operator.mv(w) @ r)(w)
        through_rmv = jax.grad(lambda r: operator.rmv(r) @ w)(r)
        np.testing.assert_allclose(through_mv, operator.rmv(r), atol=1e-9)
        np.testing.assert_allclose(through_rmv, operator.mv(w), atol=1e-9)


def test_products_compile_and_batch(operator):
    with jax.enable_x64(True):
        batch = jnp.stack([vectors(1)[0], vectors(2)[0]])
        got = eqx.filter_jit(lambda operator, batch: jax.vmap(operator.mv)(batch))(operator, batch)
        np.testing.assert_allclose(got, np.asarray(batch) @ entries().T, atol=1e-10)


@pytest.mark.parametrize("name", OPERATORS)
def test_float32_data_are_kept_and_right(name):
    w, r = (np.asarray(x, np.float32) for x in vectors(4))
    X = entries(np.float32)
    operator = OPERATORS[name](X)
    assert operator.dtype == operator.mv(w).dtype == operator.gram(w).dtype == jnp.float32
    np.testing.assert_allclose(operator.mv(w), X.astype(float) @ w, atol=2e-4)
    np.testing.assert_allclose(operator.rmv(r), r @ X.astype(float), atol=2e-4)


@pytest.mark.parametrize("name", OPERATORS)
def test_float32_data_are_summed_in_float64_where_it_is_on(name):
    X = entries(np.float32)
    operator = OPERATORS[name](X)
    with jax.enable_x64(True):
        w, r = vectors(4)
        assert operator.dtype == jnp.float32
        assert operator.mv(w).dtype == operator.rmv(r).dtype == jnp.float64
        np.testing.assert_allclose(operator.mv(w), X.astype(float) @ np.asarray(w), atol=1e-10)
        np.testing.assert_allclose(operator.rmv(r), np.asarray(r) @ X.astype(float), atol=1e-10)


@pytest.mark.parametrize(
    "build",
    [
        DenseOperator,
        lambda X: SparseOperator(scipy.sparse.csr_array(X)),
        one_area,
    ],
)
def test_a_national_row_of_five_million_equal_weights_is_right_in_float32(build):
    units = 5_000_000
    operator = build(np.ones((1, units), np.float32))
    w = np.full(units, 66.671234, np.float32)
    got = float(operator.mv(w)[0])
    assert got == pytest.approx(float(w[0]) * units, rel=1e-6)


def test_a_nation_of_five_million_clones_is_right_in_float32():
    households, clones, districts = 12_000, 420, 436
    household = np.tile(np.arange(households), clones)
    district = np.random.default_rng(0).integers(0, districts, households * clones)
    rows = ([0, 1, 2], [7, 3, 0], [0, 0, 0])
    above = (np.arange(districts) % 51, np.zeros(51, int))
    ones = np.ones((households, 1), np.float32)
    operator = GeographyOperator(ones, district, rows, above, household=household)
    w = np.full(len(district), 66.671234, np.float32)
    counts = [np.sum(district == 7), np.sum(district % 51 == 3), len(district)]
    np.testing.assert_allclose(operator.mv(w), float(w[0]) * np.array(counts), rtol=1e-6)


def test_a_dense_row_beside_others_is_right_in_float32():
    units = 2_000_000
    operator = DenseOperator(np.ones((3, units), np.float32))
    w = np.full(units, 66.671234, np.float32)
    np.testing.assert_allclose(operator.mv(w), np.full(3, float(w[0]) * units), rtol=1e-6)


@pytest.mark.parametrize(("units", "density"), [(1, 1.0), (7, 0.0), (1_024, 1.0), (1_025, 0.3)])
def test_any_size_and_density(units, density):
    rng = np.random.default_rng(units)
    X = rng.normal(size=(3, units)) * (rng.random((3, units)) < density)
    w = rng.normal(size=units)
    with jax.enable_x64(True):
        for operator in (DenseOperator(X), SparseOperator(scipy.sparse.csr_array(X))):
            np.testing.assert_allclose(operator.mv(jnp.asarray(w)), X @ w, atol=1e-10)
            np.testing.assert_allclose(operator.gram(jnp.asarray(w)), (X * w) @ X.T, atol=1e-10)

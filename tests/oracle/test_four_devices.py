"""Every operator's units spread over four devices: products, solves and derivatives of one."""

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.oracle


def test_four_devices_give_the_weights_of_one():
    code = """
        import jax, numpy as np, scipy.sparse
        from pejax import calibrate as cal
        assert jax.device_count() == 4
        rng = np.random.default_rng(0)
        X = (rng.gamma(1.0, 1.0, (6, 5_001)) * (rng.random((6, 5_001)) < 0.6)).astype(np.float32)
        area, home = rng.integers(0, 4, 5_001), rng.integers(0, 900, 5_001)
        places = np.r_[np.repeat(np.arange(4), 2), 0, 0]
        where = np.repeat([0, 1], [8, 2]), places, np.tile([0, 1], 5)
        above, values = [np.zeros(4, int)], X[:2].T
        operators = [
            cal.DenseOperator(X),
            cal.SparseOperator(scipy.sparse.csr_array(X)),
            cal.GeographyOperator(values, area, where, above),
            cal.GeographyOperator(  # every household in every area
                values[:4_800], np.repeat(np.arange(4), 4_800), where, above,
                household=np.tile(np.arange(4_800), 4)),
            cal.GeographyOperator(
                values[:900], area, where, above, household=home, own={1: values[:, 1]}),
        ]
        mesh = jax.make_mesh((4,), ("unit",))
        for operator in operators:
            targets, units = operator.shape
            base, r = rng.gamma(2.0, 1.0, units), rng.normal(size=targets).astype(np.float32)
            y = np.asarray(operator.mv(base * rng.uniform(0.5, 1.5, units)), float)
            problem = cal.TargetProblem(operator, y)
            spread = problem.shard(mesh)
            held = [x for x in jax.tree.leaves(spread.operator.parts) if isinstance(x, jax.Array)]
            assert all(len(x.sharding.device_set) == 4 for x in held)
            np.testing.assert_allclose(spread.operator.rmv(r), operator.rmv(r), atol=1e-4)
            np.testing.assert_allclose(spread.operator.gram(base), operator.gram(base), rtol=1e-4)
            for got, wanted in zip(spread.operator.extent(), operator.extent(), strict=True):
                np.testing.assert_array_equal(got, wanted)
            some, few = rng.choice(units, 700, replace=False), np.array([3, 1, 0])
            got, wanted = (o.take(few, some).rmv(r[:3]) for o in (spread.operator, operator))
            np.testing.assert_allclose(got, wanted, atol=1e-5)
        for method in (cal.Entropy(), cal.Adam(epochs=20)):
            one, four = (cal.calibrate(p, base, method) for p in (problem, spread))
            np.testing.assert_allclose(four.weights, one.weights, rtol=1e-3, atol=1e-5)
            np.testing.assert_allclose(four.estimates, one.estimates, rtol=1e-5)
        chosen = cal.calibrate(spread, base, cal.Cube(700), key=jax.random.key(0)).weights
        assert np.count_nonzero(chosen) == 700
        def moved(p):
            of = lambda y: cal.calibrated_weights(p.with_values(y), base, cal.Entropy()).var()
            return jax.grad(of)(p.values)
        with jax.enable_x64(True):
            np.testing.assert_allclose(moved(spread), moved(problem), rtol=1e-4, atol=1e-9)
    """
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, env={**os.environ, **flags}
    )

"""Every operation with a kink: at the kink its derivative is the one to the right.

To the right means: as what is differentiated rises, a column of the population or a number of the
law. The battery holds each operation at its ties, by itself and at the end of chains, to the
difference quotient of a small step up.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pejax.engine.graph._interpret import Interpreter
from pejax.engine.graph._ir import Graph
from pejax.engine.graph._node import reachable
from pejax.engine.graph._ops import OPS
from pejax.engine.graph._trend import LAW
from pejax.engine.running._emit import Emitter

SHADOW = {"person": 101, "group": 103}
SIZES = {101: 6, 103: 3}
LINK = np.array([0, 0, 1, 1, 2, 2], np.int32)
STEP = 2.0**-20  # numbers below are few halves and quarters: sums of them are exact

pytestmark = pytest.mark.usefixtures("x64")


class World:
    """A graph over columns `x` and `y` and parameters `p` and `q`, and its two meanings."""

    def __init__(self):
        self.graph = Graph(SHADOW)
        self.x, self.y = (self.graph.input(n, np.ones(101)) for n in ("x", "y"))
        self.p, self.q = (self.graph.parameter(n, 1.0) for n in ("p", "q"))
        self.link = self.graph.input("link", np.zeros(101, np.int32))
        self.apply = self.graph.apply

    def numpy(self, node, given):
        columns = {n: np.asarray(given[n]) for n in ("x", "y")}
        numbers = {n: float(given[n]) for n in ("p", "q")}
        return np.asarray(Interpreter({**columns, "link": LINK}, SIZES, numbers)(node))

    def jax(self, node, given):
        """As a segment runs: the parameters in one vector; kinks look at all that moves."""
        law = jnp.stack([jnp.asarray(given["p"]), jnp.asarray(given["q"])])
        values = {}
        things = {LAW: law, self.graph.things["x"]: given["x"], self.graph.things["y"]: given["y"]}
        emitter = Emitter(values, SIZES, law.dtype, things=things)
        held = {"x": given["x"], "y": given["y"], "link": LINK, "p": law[0], "q": law[1]}
        for one in reachable([node]):
            if one.op in ("input", "parameter"):
                values[one.index] = jnp.asarray(held[str(one.attr("name"))])
            elif one.op != "constant":
                emitter.run(one)
        return emitter.get(node)


def at(x=0.0, y=0.0, p=0.0, q=0.0):
    """Where to look; a number stands for all rows."""
    return {
        "x": np.broadcast_to(np.asarray(x, float), 6),
        "y": np.broadcast_to(np.asarray(y, float), 6),
        "p": np.asarray(p, float),
        "q": np.asarray(q, float),
    }


def to_the_right(world, node, given, name):
    """The difference quotient of a small step up, in all rows of a column at once."""
    up = {**given, name: given[name] + STEP}
    return (world.numpy(node, up) - world.numpy(node, given)) / STEP


def slopes(world, node, given, name):
    """The derivative in one argument: forward, in reverse, under `jit`, and row by row."""

    def value(moved):
        return world.jax(node, {**given, name: moved})

    def forward(moved):
        return jax.jvp(value, (moved,), (jnp.ones_like(moved),))[1]

    start = jnp.asarray(given[name])
    found = forward(start)
    held, back = jax.vjp(value, start)
    rows = [back(row)[0].sum() for row in jnp.eye(held.size).reshape(held.size, *held.shape)]
    np.testing.assert_array_equal(jnp.stack(rows).reshape(held.shape), found)
    np.testing.assert_array_equal(jax.jit(forward)(start), found)
    np.testing.assert_array_equal(jax.vmap(forward)(start[None])[0], found)
    assert jnp.isfinite(jax.jacfwd(jax.grad(lambda moved: value(moved).sum()))(start)).all()
    return found


def assert_to_the_right(world, node, given, name):
    found, expected = slopes(world, node, given, name), to_the_right(world, node, given, name)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9, err_msg=name)


# ---- each operation at its ties

TIES = {
    "maximum": [
        (lambda w: w.apply("maximum", w.x, 0.0), at(), "x"),
        (lambda w: w.apply("maximum", 0.0, w.x), at(), "x"),
        (lambda w: w.apply("maximum", w.x, w.y), at(), "xy"),
        (lambda w: w.apply("maximum", w.x, w.p), at(2.0, p=2.0), "xp"),
        (lambda w: w.apply("maximum", w.p, w.q), at(p=2.0, q=2.0), "p"),  # of two numbers
        (lambda w: w.apply("maximum", w.apply("negative", w.x), 0.0), at(), "x"),
        (lambda w: w.apply("maximum", w.apply("subtract", w.x, w.p), 0.0), at(2.0, p=2.0), "xp"),
        (lambda w: w.apply("maximum", w.apply("subtract", w.p, w.x), 0.0), at(2.0, p=2.0), "xp"),
        (lambda w: w.apply("where", w.apply("greater", w.x, 0), w.x, 0), at(), "x"),
        (lambda w: w.apply("where", w.apply("less_equal", w.x, w.p), w.p, w.x), at(p=0.0), "xp"),
        (lambda w: w.apply("multiply", w.x, w.apply("greater_equal", w.x, 0)), at(), "x"),
    ],
    "minimum": [
        (lambda w: w.apply("minimum", w.x, 1.0), at(1.0), "x"),
        (lambda w: w.apply("minimum", 1.0, w.x), at(1.0), "x"),
        (lambda w: w.apply("minimum", w.x, w.y), at(), "xy"),
        (lambda w: w.apply("minimum", w.x, w.p), at(2.0, p=2.0), "xp"),
        (lambda w: w.apply("minimum", w.apply("negative", w.x), 0.0), at(), "x"),
        (lambda w: w.apply("minimum", w.apply("multiply", w.x, w.p), 1.0), at(1.0, p=1.0), "xp"),
        (lambda w: w.apply("where", w.apply("less", w.x, 0), w.x, 0), at(), "x"),
        (lambda w: w.apply("where", w.apply("greater", w.x, w.y), w.y, w.x), at(), "xy"),
    ],
    "fmax": [
        (lambda w: w.apply("fmax", w.x, 0.0), at(), "x"),
        (lambda w: w.apply("fmax", w.p, w.x), at(), "xp"),
        (lambda w: w.apply("fmax", np.nan, w.x), at(), "x"),
    ],
    "fmin": [
        (lambda w: w.apply("fmin", w.x, 0.0), at(), "x"),
        (lambda w: w.apply("fmin", w.p, w.x), at(), "xp"),
    ],
    "absolute": [
        (lambda w: w.apply("absolute", w.x), at(), "x"),
        (lambda w: w.apply("absolute", w.apply("negative", w.x)), at(), "x"),
        (lambda w: w.apply("absolute", w.apply("subtract", w.p, w.x)), at(1.0, p=1.0), "xp"),
        (lambda w: w.apply("negative", w.apply("absolute", w.x)), at(), "x"),
    ],
    "interp": [
        (lambda w: _table(w, w.x), at([-3.0, -2.0, 0.0, 1.0, 2.5, 4.0]), "x"),
        (lambda w: _table(w, w.apply("negative", w.x)), at([3.0, 2.0, 0.0, -1.0, -2.5, 1.0]), "x"),
        (lambda w: _table(w, w.x, w.p), at([-2.0, 0.0, 1.0, 0.5, 0.25, 2.5], p=0.0), "xp"),
    ],
    "max": [
        (lambda w: w.apply("max", w.apply("multiply", w.x, w.p), axis=None), at(1.0, p=2.0), "xp"),
        (lambda w: _across(w, "max", w.x, 0.0), at(), "x"),
        (lambda w: _across(w, "max", 0.0, w.x), at(), "x"),
    ],
    "min": [
        (lambda w: w.apply("min", w.apply("add", w.x, w.p), axis=None), at(1.0, p=2.0), "xp"),
        (lambda w: _across(w, "min", w.x, w.p), at(), "xp"),
    ],
    "segment_max": [
        (lambda w: w.apply("segment_max", w.x, w.link, num=103), at(1.0), "x"),
        (lambda w: w.apply("segment_max", w.apply("add", w.x, w.p), w.link, num=103), at(), "xp"),
    ],
    "segment_min": [
        (lambda w: w.apply("segment_min", w.x, w.link, num=103), at([1.0, 1, 2, 0, 3, 3]), "x"),
        (lambda w: w.apply("segment_min", w.apply("add", w.x, w.p), w.link, num=103), at(), "xp"),
    ],
}
"""An operation, where to look, and the arguments in each of which alone it is differentiated."""


def _table(w, x, second=0.0):
    points = w.apply("stack", -2.0, w.graph.astype(w.graph.constant(second), float), 1.0, 2.5)
    return w.apply("interp", x, points, np.array([1.0, 4.0, 2.0, 2.5]))


def _across(w, name, *parts):
    whole = [w.graph.broadcast(w.graph.astype(w.graph.constant(p), float), (101,)) for p in parts]
    return w.apply(name, w.apply("stack", *whole, axis=0), axis=0)


CASES = [
    pytest.param(build, where, name, id=f"{op}-{i}-{name}")
    for op, rows in TIES.items()
    for i, (build, where, names) in enumerate(rows)
    for name in names
]


def test_every_operation_with_a_kink_is_here():
    assert set(TIES) == {name for name, op in OPS.items() if op.kinks}


@pytest.mark.parametrize(("build", "where", "name"), CASES)
def test_at_a_tie_the_derivative_is_the_one_to_the_right(build, where, name):
    world = World()
    assert_to_the_right(world, build(world), where, name)


@pytest.mark.parametrize("name", "xp")
def test_single_precision_takes_the_same_side(name):
    world = World()
    node = world.apply("maximum", world.apply("subtract", world.x, world.p), 0.0)
    given = {k: v.astype(np.float32) for k, v in at(2.0, p=2.0).items()}
    slope = jax.grad(lambda moved: world.jax(node, {**given, name: moved})[0])(
        jnp.asarray(given[name])
    )
    assert slope.dtype == jnp.float32
    assert slope.ravel()[0] == (1.0 if name == "x" else 0.0)


def test_of_several_that_tie_the_first_moves_the_extreme():
    world = World()
    largest = world.apply("segment_max", world.x, world.link, num=103)
    by_row = jax.jacobian(lambda x: world.jax(largest, {**at(), "x": x}))(jnp.zeros(6))
    np.testing.assert_array_equal(by_row, np.eye(6)[::2])


# ---- infinite on the right: zero, and a number at every order


@pytest.mark.parametrize("op", ["sqrt", "log", "divide", "power"])
def test_a_derivative_that_is_infinite_is_zero(op):
    world = World()
    args = {"divide": (1.0, world.x), "power": (world.x, 0.5)}.get(op, (world.x,))
    node = world.apply(op, *args)
    first = jax.grad(lambda x: world.jax(node, {**at(), "x": x})[0])
    np.testing.assert_array_equal(first(jnp.zeros(6)), 0.0)
    assert jnp.isfinite(jax.jacobian(first)(jnp.zeros(6))).all()


# ---- chains

NUMBERS = st.integers(-3, 3).map(float)
FACTORS = st.sampled_from([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0])
STEPS = st.one_of(
    st.tuples(
        st.sampled_from(["add", "subtract", "from", "max", "min", "if more", "if less"]), NUMBERS
    ),
    st.tuples(st.sampled_from(["times", "by"]), FACTORS),
    st.tuples(st.just("clip"), NUMBERS),
)


def _step(world, node, step):
    what, number = step
    apply = world.apply
    if what == "clip":
        return apply("minimum", apply("maximum", node, number), number + 1)
    if what in ("if more", "if less"):
        test = apply("greater" if what == "if more" else "less_equal", node, number)
        return apply("where", test, node, number)
    if what == "from":
        return apply("subtract", number, node)
    op = {"max": "maximum", "min": "minimum", "times": "multiply", "by": "divide"}.get(what, what)
    return apply(op, node, number)


@settings(max_examples=60)
@given(st.lists(STEPS, min_size=1, max_size=7), NUMBERS, st.sampled_from("xp"))
def test_a_chain_in_one_thing_has_the_derivative_to_the_right(steps, start, name):
    """Through signs that turn, too: the graph knows which way each argument goes."""
    world = World()
    node = functools.reduce(functools.partial(_step, world), steps, getattr(world, name))
    given = at(**{name: start})

    def value(moved):
        return world.jax(node, {**given, name: moved}).ravel()[0]

    found = jax.grad(value)(jnp.asarray(given[name])).ravel()[0]
    expected = to_the_right(world, node, given, name).ravel()[0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


@settings(max_examples=25)
@given(st.lists(STEPS, max_size=3), st.lists(STEPS, max_size=3), NUMBERS, NUMBERS, st.booleans())
def test_two_halves_of_a_value_are_the_whole(left, right, x, y, of_law):
    """`max(u, 0) - max(-u, 0)` is `u`, and its derivative is that of `u`, whatever `u` is."""
    world = World()
    a, b = (world.p, world.q) if of_law else (world.x, world.y)
    a, b = (
        functools.reduce(functools.partial(_step, world), steps, leaf)
        for steps, leaf in ((left, a), (right, b))
    )
    whole = world.apply("subtract", a, b)
    above = world.apply("maximum", whole, 0.0)
    below = world.apply("maximum", world.apply("subtract", b, a), 0.0)
    halves = world.apply("subtract", above, below)

    def slope(node):
        start = jax.tree.map(jnp.asarray, at(x, y, x, y))
        return jax.grad(lambda given: jnp.sum(world.jax(node, given)))(start)

    for name, found in slope(halves).items():
        np.testing.assert_array_equal(found, slope(whole)[name])

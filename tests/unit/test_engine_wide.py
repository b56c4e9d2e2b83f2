"""Unsigned 64-bit integers in programs of 32-bit words: the same bits as numpy's, in any precision.

The oracle is Python's own integers, which have no width, reduced modulo 2**64.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from pejax import Population
from pejax.engine import build_system, compile, gradient, input_variable, load, rule
from pejax.engine._inputs import recoded
from pejax.engine.graph._interpret import Interpreter
from pejax.engine.graph._ir import Graph
from pejax.engine.graph._node import reachable
from pejax.engine.running import _runtime
from pejax.engine.running._emit import Emitter
from pejax.engine.running._segments import cut
from pejax.engine.tracing._array import Traced, Untraceable

WORD = 1 << 64
SHADOW = {"person": 101, "household": 103}
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
IDS = np.array([0, 1, 2, -1, -2, 7, 65_535, 65_536, 2**31 - 1, -(2**31), 123_456_789], np.int32)


def mixed(z: Any) -> Any:
    """The finaliser of splitmix64, of an array of numpy's."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(FIRST)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(SECOND)
    return z ^ (z >> np.uint64(31))


def mixed_exactly(z: int) -> int:
    """The same of a Python integer."""
    z = (z ^ (z >> 30)) * FIRST % WORD
    z = (z ^ (z >> 27)) * SECOND % WORD
    return z ^ (z >> 31)


def both(function: Any, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a function of columns is in numpy and in JAX; a wide result as its two words."""
    graph = Graph(SHADOW)
    shadows = [np.ones(101, c.dtype) for c in columns]
    nodes = [graph.input(f"x{i}", shadow) for i, shadow in enumerate(shadows)]
    root = function(*map(Traced, nodes)).node
    sizes = {101: columns[0].size, 103: 2}
    inputs = {f"x{i}": c for i, c in enumerate(columns)}
    values: dict[int, Any] = {n.index: jnp.asarray(inputs[f"x{i}"]) for i, n in enumerate(nodes)}
    emitter = Emitter(values, sizes, jnp.float32)
    for node in reachable([root]):
        if node.op not in ("input", "constant"):
            emitter.run(node)
    found = np.asarray(emitter.values[root.index])
    assert found.shape == emitter.spec(root).shape
    assert found.dtype == emitter.spec(root).dtype
    return np.asarray(Interpreter(inputs, sizes)(root)), found


def joined(words: np.ndarray) -> np.ndarray:
    """The number that two words make."""
    high, low = words[..., 0].astype(np.uint64), words[..., 1].astype(np.uint64)
    return (high << np.uint64(32)) | low


def wide(x: Any) -> Any:
    return x.astype(np.uint64)


EXPRESSIONS = {
    "widened": (wide, lambda x: x),
    "xor": (lambda x: wide(x) ^ np.uint64(FIRST), lambda x: x ^ FIRST),
    "xor of two": (lambda x: wide(x) ^ (wide(x) >> 1), lambda x: x ^ (x >> 1)),
    "and": (lambda x: wide(x) & np.uint64(SECOND), lambda x: x & SECOND),
    "or": (lambda x: wide(x) | np.uint64(SECOND), lambda x: x | SECOND),
    "product": (lambda x: wide(x) * np.uint64(FIRST), lambda x: x * FIRST),
    "reflected product": (lambda x: np.uint64(SECOND) * wide(x), lambda x: x * SECOND),
    "square": (lambda x: wide(x) * wide(x), lambda x: x * x),
    "product with a Python integer": (lambda x: wide(x) * 2**33, lambda x: x * 2**33),
    "chosen": (
        lambda x: np.where(x > 0, wide(x) * np.uint64(FIRST), wide(x)),
        lambda x: x * FIRST if 0 < x < 2**31 else x,
    ),
    "uniform": (lambda x: np.full_like(x, 5, dtype=np.uint64) * np.uint64(FIRST) ^ wide(x),
                lambda x: 5 * FIRST % WORD ^ x),
    "splitmix64": (lambda x: mixed(wide(x)), mixed_exactly),
    "splitmix64 twice": (
        lambda x: mixed(mixed(wide(x))), lambda x: mixed_exactly(mixed_exactly(x))
    ),
    **{
        f"shift by {n}": (lambda x, n=n: mixed(wide(x)) >> np.uint64(n),
                          lambda x, n=n: mixed_exactly(x) >> n)
        for n in (0, 1, 31, 32, 33, 63)
    },
    **{
        f"remainder by {n}": (lambda x, n=n: mixed(wide(x)) % np.uint64(n),
                              lambda x, n=n: mixed_exactly(x) % n)
        for n in (1, 2, 12, 365, 65_535)
    },
}  # fmt: skip


@pytest.mark.parametrize(("function", "exact"), EXPRESSIONS.values(), ids=EXPRESSIONS)
@pytest.mark.parametrize("double", [False, True], ids=["32 bits", "64 bits"])
def test_the_bits_are_numpy_s(function, exact, double):
    with jax.enable_x64(double):
        expected, words = both(function, IDS)
    assert expected.dtype == np.uint64
    assert words.dtype == np.uint32
    np.testing.assert_array_equal(expected, [exact(int(i) % WORD) % WORD for i in IDS])
    np.testing.assert_array_equal(joined(words), expected)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=11, max_size=11), st.integers(1, 65_535))
def test_any_id_hashes_alike(ids, by):
    column = np.array(ids, np.int32)
    expected, words = both(lambda x: mixed(wide(x)) % np.uint64(by), column)
    np.testing.assert_array_equal(expected, [mixed_exactly(i % WORD) % by for i in ids])
    np.testing.assert_array_equal(joined(words), expected)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=4, max_size=4),
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=4, max_size=4),
)
def test_any_two_numbers_multiply_alike(ours, theirs):
    """The finaliser fills both words, so every partial product is met."""
    columns = [np.array(v, np.int32) for v in (ours, theirs)]
    expected, words = both(lambda x, y: mixed(wide(x)) * mixed(wide(y)), *columns)
    exact = [
        mixed_exactly(a % WORD) * mixed_exactly(b % WORD) % WORD
        for a, b in zip(ours, theirs, strict=True)
    ]
    np.testing.assert_array_equal(expected, exact)
    np.testing.assert_array_equal(joined(words), expected)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int16])
def test_narrow_integers_are_widened(dtype):
    column = np.array([0, 1, 100, 127, 3, 5], np.int64).astype(dtype)
    expected, words = both(lambda x: wide(x) * np.uint64(FIRST), column)
    np.testing.assert_array_equal(joined(words), expected)


def test_back_to_ordinary_integers():
    expected, found = both(lambda x: (mixed(wide(x)) % np.uint64(12)).astype(int) + x * 0, IDS)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int32


def test_the_month_of_a_hash_looks_up_a_table():
    table = np.arange(12.0) ** 2
    expected, found = both(lambda x: np.take(table, 0) + _month_of(table, x), IDS)
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(found, [table[mixed_exactly(int(i) % WORD) % 12] for i in IDS])


def _month_of(table: np.ndarray, x: Traced) -> Traced:
    month = mixed(wide(x)) % np.uint64(12)
    return Traced(x.graph.apply("take", table, month.node))


# ---- in a program


HOUSEHOLDS = 7
NUMBERS = np.array([11, 12, 13, 400, 500, 60_000, 2**31 - 1])
MONTHS = np.array([mixed_exactly(int(n)) % 12 for n in NUMBERS])
RENT = np.linspace(100.0, 700.0, HOUSEHOLDS)


@rule(entity="household", kind="int")
def month(number):
    """The month in which a household is interviewed."""
    return mixed(number.astype(np.uint64)) % np.uint64(12)


@rule(entity="household")
def relief(number, rent, params):
    """A share of the rent for the rest of the year."""
    interviewed = mixed(number.astype(np.uint64)) % np.uint64(12)
    return params.rate * rent * (12 - interviewed.astype(float)) / 12


SYSTEM = build_system(
    "hashland",
    entities=("person", "household"),
    parameters={"rate": 0.5},
    rules=[month, relief],
    inputs=[
        input_variable("number", entity="household", kind="int"),
        input_variable("rent", entity="household"),
    ],
)


def people(numbers=NUMBERS) -> Population:
    rows = len(numbers)
    person = pd.DataFrame({"person_id": range(rows), "household_id": range(rows)})
    household = pd.DataFrame(
        {
            "household_id": range(rows),
            "household_weight": 1.0,
            "number": numbers,
            "rent": RENT[:rows],
        }
    )
    return Population.from_frames({"person": person, "household": household})


@pytest.fixture(scope="module")
def program():
    return compile(SYSTEM, ["month", "relief"], 2025, people())


def test_a_program_hashes_as_python_does(program):
    found = program(program.parameters, people())
    np.testing.assert_array_equal(found["month"], MONTHS)
    np.testing.assert_allclose(found["relief"], 0.5 * RENT * (12 - MONTHS) / 12, rtol=1e-6)


def test_a_program_in_double_precision_hashes_alike(x64):
    double = compile(SYSTEM, ["month", "relief"], 2025, people(), dtype="float64")
    found = double(double.parameters, people())
    np.testing.assert_array_equal(found["month"], MONTHS)
    np.testing.assert_allclose(found["relief"], 0.5 * RENT * (12 - MONTHS) / 12, rtol=1e-14)


@pytest.mark.parametrize("size", [1, 3])
def test_wide_values_cross_the_borders_of_segments(program, size, monkeypatch):
    monkeypatch.setattr(_runtime, "cut", functools.partial(cut, size=size))
    roots = tuple(o.node for o in program.outputs)
    position, total = program.index.position, len(program.index.leaves)
    runtime = _runtime.Runtime(roots, position, total, "float32")
    assert any(n.dtype == np.uint64 for s in cut(roots, size=size) for n in s.outputs)
    values = runtime(program.parameters.values, recoded(people(), program.columns))
    np.testing.assert_array_equal(values[0][:HOUSEHOLDS], MONTHS)


def test_a_program_with_hashes_is_mapped_over_laws(program):
    laws = jax.tree.map(lambda x: x * jnp.array([[1.0], [2.0], [0.0]]), program.parameters)
    found = jax.vmap(lambda law: program(law, people())["relief"])(laws)
    once = 0.5 * RENT * (12 - MONTHS) / 12
    np.testing.assert_allclose(found, np.outer([1, 2, 0], once), rtol=1e-6)


def test_a_program_with_hashes_is_differentiated(program):
    _, slopes = gradient(program, program.parameters, people(), "relief")
    np.testing.assert_allclose(slopes.values, [np.sum(RENT * (12 - MONTHS) / 12)], rtol=1e-6)


def test_a_program_with_hashes_is_mapped_and_differentiated(program):
    def total(scale):
        law = jax.tree.map(lambda x: x * scale, program.parameters)
        return jnp.sum(program(law, people())["relief"])

    slopes = jax.vmap(jax.grad(total))(jnp.array([1.0, 3.0]))
    once = np.sum(0.5 * RENT * (12 - MONTHS) / 12)
    np.testing.assert_allclose(slopes, [once, once], rtol=1e-6)


def test_other_people_are_hashed_anew(program):
    numbers = np.array([5, 6, 2**20])
    found = program(program.parameters, people(numbers))["month"]
    np.testing.assert_array_equal(found, [mixed_exactly(int(n)) % 12 for n in numbers])


def test_a_program_with_hashes_is_saved_and_loaded(program, tmp_path):
    program.save(tmp_path / "hashland.pejax")
    again = load(tmp_path / "hashland.pejax")
    assert again == program
    found = again(again.parameters, people())
    np.testing.assert_array_equal(found["month"], MONTHS)
    np.testing.assert_allclose(found["relief"], 0.5 * RENT * (12 - MONTHS) / 12, rtol=1e-6)


# ---- what has no meaning


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: wide(x) + np.uint64(1), "no meaning for 'add' of unsigned 64-bit"),
        (lambda x: wide(x) << np.uint64(1), "no meaning for 'left_shift' of unsigned 64-bit"),
        (lambda x: wide(x) % np.uint64(1 << 16), "remainder of a wide integer by anything but"),
        (lambda x: wide(x) % wide(x), "remainder of a wide integer by anything but a literal"),
        (lambda x: wide(x) >> wide(x), "a shift by anything but a literal"),
    ],
)
def test_what_two_words_cannot_express_is_named(function, message):
    with pytest.raises(KeyError, match=message):
        both(function, IDS)


TOO_LOW = {
    "greater": lambda x: mixed(wide(x)) > np.uint64(1 << 63),
    "equal": lambda x: (mixed(wide(x)) >> np.uint64(32)) * np.uint64(1 << 32) == np.uint64(0),
    "to a float": lambda x: mixed(wide(x)).astype(float) / 2.0**64,
    "divided": lambda x: mixed(wide(x)) / 2.0**64,
}


@pytest.mark.parametrize("function", TOO_LOW.values(), ids=TOO_LOW)
def test_the_high_word_is_never_dropped_silently(function):
    """numpy's value, or a refusal: not the low word's."""
    positive = IDS[IDS >= 0]
    try:
        expected, found = both(function, positive)
    except Untraceable as refusal:
        assert "unsigned 64-bit" in str(refusal)
        return
    found = joined(found) if expected.dtype == np.uint64 else found
    np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=1e-6)

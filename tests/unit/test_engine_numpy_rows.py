"""numpy on the rows of traced arrays: padding, selections and Python loops change nothing."""

import numpy
import numpy as np
import pytest
from _engine_traced import REAL, ROWS, WORDS, Colour, plain, put, traced

from pejax.engine.graph._ir import DimensionClash
from pejax.engine.tracing._array import Untraceable

# ---- rows that are counted, compared, chosen and grouped


def _at(np, name, start, *places):
    target = np.full(3, start)
    getattr(np, name).at(target, *places)
    return target


def _sorted(np, *columns):
    table = np.column_stack(columns)
    table.sort(axis=1)
    return table


def _same_kind(np, kinds):
    """Which rows are of the first row's kind; how kinds are numbered is nobody's business."""
    return kinds == kinds[0]


PER_ROW = {
    "sorted, largest first": lambda np, x, y, s, **_: np.sort(np.column_stack([x, y, s]), axis=1)[
        :, ::-1
    ][:, :2].sum(axis=1),
    "sorted beside what is no number": lambda np, x, y, **_: np.nan_to_num(
        np.sort(np.column_stack([y, x / x, x]), axis=1)[:, 1]
    ),
    "as many columns as the law says": lambda np, x, y, p, **_: np.column_stack([x, y, x])[
        :, : int(p * 10 - 1)
    ].sum(axis=1),
    "search": lambda np, x, **_: np.searchsorted([0.0, 1.0, 3.0], x),
    "search, right": lambda np, x, **_: np.searchsorted(np.array([0.0, 2.5]), x, side="right"),
    "search in the law": lambda np, x, p, **_: np.searchsorted([p, 2.0, 3.0], x),
    "search for integers": lambda np, i, **_: np.searchsorted([0, 1, 3], i, side="right"),
    "isin of a column": lambda np, x, y, **_: np.isin(x, y),
    "isin of a column, inverted": lambda np, x, y, **_: np.isin(x, y * 2, invert=True),
    "isin of a column of integers": lambda np, i, b, **_: np.isin(i, np.where(b, i, 2)),
    "shift": lambda np, i, **_: (i >> 1) + (i << 2),
    "shift of flags": lambda np, b, **_: b << 3,
    "column_stack": lambda np, x, y, i, **_: np.column_stack([x, y, i]),
    "own column": lambda np, x, y, i, **_: np.column_stack([x, y, x + y])[
        np.arange(len(x)), np.abs(i) % 3
    ],
    "own column of names": lambda np, x, y, i, **_: np.column_stack([x, y])[
        np.arange(len(x)), (x > 0).astype(int)
    ],
    "put in the own column": lambda np, x, y, i, **_: put(
        np, [x, y, x], lambda np: (np.arange(len(x)), np.abs(i) % 3), 7
    ),
    "put in a column of some rows": lambda np, x, y, b, **_: put(
        np, [x, y, x], lambda np: (b, 1), 7
    ),
    "put in columns of some rows": lambda np, x, y, b, **_: put(
        np, [x, y, x], lambda np: (b, slice(None, 2)), -1
    ),
    "put in some rows": lambda np, x, y, b, **_: put(np, [x, y], lambda np: b, 5),
    "put keeps the type": lambda np, i, b, **_: put(np, [i, i * 2], lambda np: (b, 0), 2.7),
    "sorted rows": lambda np, x, y, **_: _sorted(np, x, y, x * y, x - y, y),
    "sorted rows of two": lambda np, i, **_: _sorted(np, i, -i),
    "kinds": lambda np, i, **_: _same_kind(np, np.unique(i % 3, return_inverse=True)[1]),
    "kinds of rows": lambda np, i, b, **_: _same_kind(
        np, np.unique(np.column_stack([i % 2, b]), axis=0, return_inverse=True)[1]
    ),
    "members of a kind": lambda np, i, **_: np.bincount(
        np.unique(i % 3, return_inverse=True)[1].ravel(), minlength=len(i)
    )[np.unique(i % 3, return_inverse=True)[1].ravel()],
    "sums by id": lambda np, x, i, b, **_: _summed_by_id(np, i, b, x, i * 2),
    "sums by id of whole numbers": lambda np, i, b, **_: _summed_by_id(np, i, b, i, i + 1),
    "ids that are there": lambda np, i, b, **_: _found_by_id(np, i, b, i, i * 2)[1],
    "values by id": lambda np, x, i, b, **_: _found_by_id(np, i, b, x, i + 1)[0],
    "whole numbers by id": lambda np, i, b, **_: _found_by_id(np, i, b, i, i - 1)[0],
    "flags by id": lambda np, i, b, x, **_: _found_by_id(np, i, b, x > 0, i)[0],
    "values by id among all": lambda np, x, i, **_: _found_by_id(np, i, None, x, i * 3)[0],
    "by id, the ids changed since": lambda np, x, i, b, **_: _changed_since(np, i, b, x, 0),
    "by id, the sought changed since": lambda np, x, i, b, **_: _changed_since(np, i, b, x, 1),
    "isin, said to be distinct": lambda np, i, **_: np.isin(i, np.array([1, 3]), True),
    "isin, inverted by place": lambda np, i, **_: np.isin(i, np.array([1, 3]), False, True),
    "own sums by id": lambda np, x, i, b, **_: _sums_of_own_ids(np, i, b, x),
    "extremes of columns": lambda np, x, y, **_: (
        np.stack([x, y], axis=1).max(axis=1) - np.column_stack([x, y]).min(axis=1)
    ),
    "ufuncs of a list by name": lambda np, x, y, **_: (
        np.minimum.reduce([x, y, x - y]) + np.multiply.reduce([x, y])
    ),
    "created with a shape": lambda np, x, **_: (
        np.empty((len(x), 2)) * 0 + np.zeros((*x.shape[:1], 2))
    ),
}


def _summed_by_id(np, ids, chosen, values, sought):
    """Sums of the chosen rows' values by their ids, for other ids."""
    distinct, own = np.unique(ids[chosen], return_inverse=True)
    sums = np.bincount(own, weights=values[chosen], minlength=len(distinct))
    return sums[np.clip(np.searchsorted(distinct, sought), 0, len(distinct) - 1)]


def _changed_since(np, ids, chosen, values, which):
    """Found by ids as they were, whatever has been written into the arrays since."""
    some, sought = ids[chosen] + 0, ids * 2
    distinct, first, own = np.unique(some, return_index=True, return_inverse=True)
    place = np.searchsorted(distinct, sought)
    if which:
        sought += 3
    else:
        some += 100
    place = np.clip(place, 0, len(distinct) - 1)
    sums = np.bincount(own, weights=values[chosen], minlength=len(distinct))
    return values[chosen][first][place] + 1_000 * sums[place] + 7 * distinct[place]


def _sums_of_own_ids(np, ids, chosen, values):
    """Each chosen row's sum of the values of its id, the others' values as they are."""
    distinct, first, own = np.unique(ids[chosen], return_index=True, return_inverse=True)
    sums = np.bincount(own, weights=values[chosen], minlength=len(distinct))
    found = np.array(values, dtype=float)
    found[chosen] = sums[own] + values[chosen][first][own]
    return found


def _found_by_id(np, ids, chosen, values, sought):
    """The value of the first chosen row that has an id, and whether there is one."""
    some, their = (ids, values) if chosen is None else (ids[chosen], values[chosen])
    distinct, first = np.unique(some, True)  # by place, as numpy has them
    place = np.clip(np.searchsorted(distinct, sought), 0, len(distinct) - 1)
    return their[first][place], distinct[place] == sought


COUNTED = {
    "array_equal": lambda np, x, **_: np.array_equal(x, x * 1.0),
    "array_equal, not": lambda np, x, y, **_: np.array_equal(x, y),
    "max with initial": lambda np, x, **_: np.max(x, initial=2e6),
    "min with initial": lambda np, x, b, **_: np.min(x[b], initial=-0.25),
    "max of none with initial": lambda np, x, **_: np.max(x[x > 1e9], initial=0.0),
    "max of integers with initial": lambda np, i, **_: np.max(i[i > 90], initial=0),
    "bincount of some rows": lambda np, i, b, **_: np.bincount(np.abs(i[b]) % 3, minlength=3),
    "bincount of some weights": lambda np, x, i, b, **_: np.bincount(
        (np.abs(i) % 3)[b], weights=x[b], minlength=3
    ),
    "maximum.at": lambda np, x, i, **_: _at(np, "maximum", -1.0, np.abs(i) % 3, x),
    "minimum.at of some rows": lambda np, x, i, b, **_: _at(
        np, "minimum", 5.0, np.abs(i[b]) % 3, x[b]
    ),
    "add.at": lambda np, x, i, **_: _at(np, "add", 0.5, np.abs(i) % 3, x),
    "add.at of a number": lambda np, i, b, **_: _at(np, "add", 0, np.abs(i[b]) % 3, 1),
    "maximum.at of integers": lambda np, i, **_: _at(np, "maximum", 0, np.abs(i) % 3, i),
    "a column of some rows": lambda np, x, y, b, **_: np.column_stack([x, y])[b, 1].sum(),
    "concatenated": lambda np, x, y, **_: np.concatenate([x, y]).sum(),
    "extremes of the concatenated": lambda np, x, y, **_: (
        np.concatenate([x, y, x * 2]).max() - np.concatenate([x, y]).min()
    ),
    "rows taken for some": lambda np, x, i, b, **_: x[(np.abs(i) % 3)[b]].sum(),
}


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("function", PER_ROW.values(), ids=PER_ROW)
def test_rows_are_numpy_s_whatever_the_padding(function, padding):
    found, _ = traced(function, padding)
    expected = plain(function)
    np.testing.assert_allclose(found[:ROWS], expected, rtol=1e-12)
    assert np.shape(found) == (ROWS + padding, *np.shape(expected)[1:])
    assert found.dtype.kind == expected.dtype.kind


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize("function", COUNTED.values(), ids=COUNTED)
def test_padding_is_not_counted(function, padding):
    found, _ = traced(function, padding)
    expected = plain(function)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert np.shape(found) == np.shape(expected)
    assert np.result_type(found).kind == np.result_type(expected).kind


def test_the_concatenated_is_as_long_as_its_parts():
    found, _ = traced(lambda np, x, y, **_: np.concatenate([x, y]) * 2, padding=2)
    assert found.shape == (2 * (ROWS + 2),)
    np.testing.assert_allclose(found[:ROWS], REAL["x"] * 2)
    np.testing.assert_allclose(found[ROWS + 2 :][:ROWS], REAL["y"] * 2)


# ---- names


def _with(target, change):
    change(target)
    return target


LENGTH = {"red": 3, "green": 5, "blue": 4}
LOOPS = {
    "numbers of names": (
        lambda np, word, **_: np.array([float(LENGTH.get(w, 0)) for w in word]),
        np.array([LENGTH[w] for w in WORDS]),
    ),
    "flags of names": (
        lambda np, word, **_: np.array([w in ("red", "blue") for w in word]),
        WORDS != "green",
    ),
    "names of names": (
        lambda np, word, **_: np.array([w.upper() for w in word]) == "GREEN",
        WORDS == "green",
    ),
    "members of names": (
        lambda np, word, **_: (
            np.array([getattr(Colour, w.upper(), Colour.RED) for w in word]) == Colour.BLUE
        ),
        WORDS == "blue",
    ),
    "one loop after another": (
        lambda np, word, colour, **_: (
            np.array([w == "red" for w in word])
            | np.array([w == "BLUE" for w in colour.decode_to_str()])
        ),
        WORDS != "green",
    ),
    "a buffer of names": (
        lambda np, x, b, **_: (
            _with(np.empty(len(x), dtype=object), lambda a: a.__setitem__(b, "yes")) == "yes"
        ),
        REAL["b"],
    ),
    "a buffer of names, overwritten": (
        lambda np, x, word, b, **_: (
            _with(
                np.empty(x.shape, dtype=object),
                lambda a: (a.__setitem__(x > 0, "up"), a.__setitem__(b, word[b])),
            )
            == "red"
        ),
        REAL["b"] & (WORDS == "red"),
    ),
    "a buffer's empty places": (
        lambda np, x, b, **_: _with(np.empty(len(x), str), lambda a: a.__setitem__(b, "n")) == "",
        ~REAL["b"],
    ),
    "whole numbers": (
        lambda np, i, **_: np.array([int(n) ** 2 if n > 0 else -1 for n in i]),
        np.where(REAL["i"] > 0, REAL["i"] ** 2, -1),
    ),
    "rows of several columns": (
        lambda np, i, b, word, **_: np.array(
            [n * 10 + len(w) if yes else 0.5 for n, yes, w in zip(i, b, word, strict=True)]
        ),
        [REAL["i"][r] * 10 + len(w) if REAL["b"][r] else 0.5 for r, w in enumerate(WORDS)],
    ),
    "two texts": (
        lambda np, b, word, **_: (
            np.array([x + y for x, y in zip(word, np.where(b, word, "red"), strict=True)])
            == "greenred"
        ),
        (WORDS == "green") & ~REAL["b"],
    ),
    "in step with a member for every row": (
        lambda np, i, **_: np.array(
            [(n, nobody)[nobody is None and 0] for n, nobody in zip(i, [None] * len(i))]  # noqa: B905
        ),
        REAL["i"],
    ),
    "selected rows": (
        lambda np, x, i, b, **_: _with(
            x * 0, lambda a: a.__setitem__(b, np.array([float(n) + 0.5 for n in i[b]]))
        ),
        np.where(REAL["b"], REAL["i"] + 0.5, 0),
    ),
    "selected rows, from a list of several values": (
        lambda np, x, i, b, word, **_: _with(
            x * 0,
            lambda a: a.__setitem__(
                b,
                [r[1] for r in [(0, n + 0.5) for n, _ in zip(i[b], word[b], strict=True)]],
            ),
        ),
        np.where(REAL["b"], REAL["i"] + 0.5, 0),
    ),
    "a loop that leaves nothing": (
        lambda np, x, i, **_: _with(x + 0, lambda a: [a.fill(3) for n in i if n > 99]),
        REAL["x"],
    ),
    "distinct numbers": (
        lambda np, i, **_: sum((i == n) * k for k, n in enumerate(np.unique(i), 1)),
        np.unique(REAL["i"], return_inverse=True)[1] + 1,
    ),
    "distinct numbers of some": (
        lambda np, i, b, **_: sum(b * (i == n) * k for k, n in enumerate(np.unique(i[b]), 1)),
        [
            1 + sorted(REAL["i"][REAL["b"]]).index(n) if b else 0
            for n, b in zip(REAL["i"], REAL["b"], strict=True)
        ],
    ),
    "how many distinct numbers": (
        lambda np, x, i, **_: x * 0 + len(np.unique(i)),
        np.full(ROWS, 6.0),
    ),
    "distinct names": (
        lambda np, word, x, **_: sum((word == w) * n for n, w in enumerate(np.unique(word), 1)),
        np.unique(WORDS, return_inverse=True)[1] + 1,
    ),
}


TEXTS = {
    "the beginning": lambda word: numpy.strings.startswith(word, "gre"),
    "the end": lambda word: numpy.char.endswith(word, "e"),
    "bytes": lambda word: word == b"red",
    "other bytes": lambda word: word != b"red",
    "before a text": lambda word: word < "green",
    "up to a text": lambda word: word <= "green",
    "a text before": lambda word: "green" < word,  # noqa: SIM300
    "from an array's text on": lambda word: word >= numpy.array("green"),
}


@pytest.mark.parametrize("function", TEXTS.values(), ids=TEXTS)
def test_texts_beside_one_text(function):
    found, _ = traced(lambda np, word, **_: function(word))
    as_bytes = any(isinstance(c, bytes) for c in function.__code__.co_consts)
    np.testing.assert_array_equal(found, function(WORDS.astype("S") if as_bytes else WORDS))


def test_a_part_of_a_text_is_refused():
    with pytest.raises(Untraceable, match="startswith of strings"):
        traced(lambda np, word, **_: numpy.strings.startswith(word, "e", 1))


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize(("function", "expected"), LOOPS.values(), ids=LOOPS)
def test_names_in_loops_and_buffers(function, expected, padding):
    found, _ = traced(function, padding)
    np.testing.assert_array_equal(found[:ROWS], expected)
    assert found.shape == (ROWS + padding,)


# ---- numpy's value or a refusal, never another value


SUBTLE = {
    "max of none, by method": lambda np, x, **_: x[x > 1e9].max(initial=0),
    "sum with initial": lambda np, x, **_: np.sum(x, initial=5.0),
    "sum of a type": lambda np, x, **_: np.sum(x, dtype=int) + 0.0,
    "sum where": lambda np, x, b, **_: np.sum(x, where=b),
    "sum where, by method": lambda np, y, b, **_: y.sum(where=b),
    "any where": lambda np, x, b, **_: np.any(x < -1, where=b),
    "all where": lambda np, x, b, **_: np.all(x >= 0, where=b),
    "max where": lambda np, x, b, **_: np.max(-x, initial=-9, where=b),
    "keepdims": lambda np, x, y, **_: np.column_stack([x, y]).sum(axis=1, keepdims=True),
    "clip by min and max": lambda np, x, **_: np.clip(x, min=0, max=1),
    "nan_to_num with numbers": lambda np, x, y, **_: np.nan_to_num(x / y, nan=5.0, neginf=-1.0),
    "array_equal of NaNs": lambda np, x, **_: np.array_equal(x / x, x / x, equal_nan=True),
    "size": lambda np, x, **_: x.sum() / x.size,
    "numpy's size": lambda np, x, **_: x.sum() / np.size(x),
    "length by shape": lambda np, x, **_: x.sum() / x.shape[0],
    "size of some": lambda np, x, b, **_: x[b].sum() / x[b].size,
    "size of the concatenated": lambda np, x, y, **_: 1.0 * np.concatenate([x, y]).size,
    "last of the concatenated": lambda np, x, y, **_: np.concatenate([x, y])[-1],
    "inner of the concatenated": lambda np, x, y, **_: np.concatenate([x, y])[1:-1].sum(),
    "one of the concatenated": lambda np, x, y, **_: np.concatenate([x, y])[7],
    "isin of some": lambda np, x, y, b, **_: np.isin(x, y[b]),
    "concatenated of some": lambda np, x, y, b, **_: np.concatenate([x[b], y[b]]).sum(),
    "cumulated of some": lambda np, x, b, **_: np.cumsum(x[b]).max(),
    "first of some": lambda np, x, b, **_: x[~b][0],
    "some of some": lambda np, x, b, **_: x[b][x[b] > 0].sum(),
    "array_equal of some": lambda np, x, y, b, **_: np.array_equal(x[b], np.where(b, x, y)[b]),
    "kinds of some": lambda np, i, b, **_: np.bincount(
        np.unique(i[b] * 0, return_inverse=True)[1], minlength=6
    ).max(),
    "column_stack of some": lambda np, x, y, b, **_: np.column_stack([x[b], y[b]]).sum(),
    "stack of some": lambda np, x, y, b, **_: np.stack([x[b], y[b]]).sum(),
    "interp of some": lambda np, x, b, **_: np.interp(x[b], [0.0, 1.0], [0.0, 5.0]).sum(),
    "reshape of some": lambda np, x, b, **_: x[b].reshape(-1).sum(),
    "newaxis of some": lambda np, x, b, **_: x[b][:, None].sum(),
    "transpose of some": lambda np, x, b, **_: x[b].T.sum(),
    "a column from the end": lambda np, x, y, i, **_: np.column_stack([x, y, x + y])[
        np.arange(len(x)), -1 - np.abs(i) % 3
    ],
    "put in a column from the end": lambda np, x, y, b, **_: put(
        np, [x, y, x], lambda np: (np.arange(len(x)), -1 - b.astype(int)), 7
    ),
    "array_equal of other shapes": lambda np, x, **_: np.array_equal(x, [1.0, 2.0]),
    "bincount without a length": lambda np, i, **_: np.bincount(np.abs(i) % 3).sum(),
}


@pytest.mark.parametrize("function", SUBTLE.values(), ids=SUBTLE)
def test_numpy_s_value_or_a_refusal(function):
    if _refused(function):
        return
    found, _ = traced(function, padding=3)
    expected = plain(function)
    rows = found[:ROWS] if np.ndim(found) else found
    np.testing.assert_allclose(rows, expected, rtol=1e-12)
    assert np.shape(rows) == np.shape(expected)


LOOPS_THAT_COUNT = {
    "rows": (lambda word: float(sum(1 for w in word if w == "red")), 2.0),
    "whether any": (lambda word: float(any(w in ("pink", "") for w in word)), 0.0),
    "two texts": (
        lambda word, other: np.array([float(a == b) for a, b in zip(word, other, strict=True)]),
        np.where(REAL["b"], True, WORDS == "red"),
    ),
    "places": (
        lambda word: np.array([float(n) for n, _ in enumerate(word)]),
        np.arange(ROWS),
    ),
}


@pytest.mark.parametrize(("loop", "expected"), LOOPS_THAT_COUNT.values(), ids=LOOPS_THAT_COUNT)
def test_a_loop_that_counts_is_numpy_s_or_refused(loop, expected):
    def function(np, word, b, **_):
        texts = [word, np.where(b, word, "red")][: loop.__code__.co_argcount]
        return np.array(loop(*texts))

    if not _refused(function):
        np.testing.assert_array_equal(traced(function)[0], expected)


def _refused(function) -> bool:
    """Whether a formula is refused: these failures are what an evaluation takes for it."""
    try:
        traced(function, padding=3)
    except (Untraceable, DimensionClash, TypeError, ValueError, IndexError):
        return True
    return False

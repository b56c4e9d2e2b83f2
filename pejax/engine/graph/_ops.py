"""The closed set of array operations that a law compiles to, and what each means in numpy.

An operation is a name, a numpy function that defines it, and a few facts that folding and
emission use. Anything a formula asks for is expressed in these or refused by name: there is no
escape hatch to an arbitrary function. `_emit` holds the same table for JAX; the contract tests
run every row of both against each other.

Attributes are static and hashable. Where an attribute is a size (`num`) or a shape, it is the
shadow size of an entity and is resolved to the population's own size before the call.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ._ids import found_by_id


@dataclasses.dataclass(frozen=True)
class Op:
    """One array operation.

    Attributes:
        name: what it is called.
        run: its meaning in numpy.
        elementwise: whether it maps over rows.
        jumps: whether it is discontinuous.
        kinks: whether its derivative is.
    """

    name: str
    run: Callable[..., Any]
    elementwise: bool = False
    jumps: bool = False
    kinks: bool = False


def _segment_sum(x: Any, ids: np.ndarray, num: int) -> np.ndarray:
    x = np.asarray(x)
    if x.dtype.kind == "f":
        return np.bincount(ids, x, num).astype(x.dtype)
    total = np.zeros(num, np.int64 if x.dtype == bool else x.dtype)
    np.add.at(total, ids, x)
    return total


def _segment_extreme(ufunc: np.ufunc, worst: Callable[[np.dtype], Any]) -> Callable[..., Any]:
    def run(x: Any, ids: np.ndarray, num: int) -> np.ndarray:
        x = np.asarray(x)
        best = np.full(num, worst(x.dtype), x.dtype)
        ufunc.at(best, ids, x)
        return best

    return run


def lowest(dtype: np.dtype) -> Any:
    """The neutral element of a maximum."""
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def highest(dtype: np.dtype) -> Any:
    """The neutral element of a minimum."""
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


def neutral(op: str, dtype: np.dtype) -> Any:
    """What a reduction may see more of without changing; integers are 32 bits wide in JAX."""
    whole = np.dtype(np.int32) if dtype.kind in "iu" else dtype
    if op in ("max", "min"):
        return lowest(whole) if op == "max" else highest(whole)
    return {"sum": 0, "cumsum": 0, "prod": 1, "any": False, "all": True}[op]


def _rank(ids: np.ndarray, position: np.ndarray, key: Any, keep: Any, num: int) -> np.ndarray:
    """Ascending rank of each person's `key` in their group; ties by position; -1 if not kept."""
    order = np.lexsort((position, np.where(keep, key, np.inf), ids))
    size = np.bincount(ids, minlength=num)
    start = np.concatenate([[0], np.cumsum(size)])[:-1]
    rank = np.empty(len(ids), np.int64)
    rank[order] = np.arange(len(ids))
    return np.where(keep, rank - start[ids], -1)


def _kinds(*columns: Any) -> np.ndarray:
    """For every row the number of its kind, in ascending order of the columns."""
    rows = np.stack([np.asarray(c) for c in columns], axis=1)
    return np.unique(rows, axis=0, return_inverse=True)[1].ravel()


def _find(among: np.ndarray, *keys: Any) -> np.ndarray:
    """Rows by ids: of half of the keys, the searched rows have them; of the others, the sought."""
    middle = len(keys) // 2
    return found_by_id(np, among, keys[:middle], keys[middle:])


def _nth(ids: np.ndarray, position: np.ndarray, place: int, num: int) -> np.ndarray:
    """Row of each group's member at `place`; the number of persons where there is none."""
    rows = np.full(num, len(ids), np.int64)
    here = np.asarray(position) == place
    rows[np.asarray(ids)[here]] = np.nonzero(here)[0]
    return rows


def _arange(num: int) -> np.ndarray:
    return np.arange(num)


def index_key(key: Any) -> Any:
    """A static numpy index as a hashable, JSON-able value."""
    if isinstance(key, tuple):
        return ("tuple", *(index_key(k) for k in key))
    if isinstance(key, slice):
        ends = (key.start, key.stop, key.step)
        return ("slice", *(None if k is None else operator.index(k) for k in ends))
    if key is None:
        return ("newaxis",)
    if key is Ellipsis:
        return ("ellipsis",)
    return ("int", operator.index(key))


def as_index(key: Any) -> Any:
    """The numpy index that `index_key` wrote down."""
    kind, *rest = key
    if kind == "tuple":
        return tuple(as_index(k) for k in rest)
    if kind == "slice":
        return slice(*rest)
    return {"newaxis": None, "ellipsis": Ellipsis}.get(kind, rest[0] if rest else None)


def _getitem(x: Any, key: Any) -> Any:
    return np.asarray(x)[as_index(key)]


def _scatter(x: Any, index: Any, value: Any) -> np.ndarray:
    """Values put at places; those for no place are left out."""
    out, at = np.array(x), np.asarray(index)
    there = at < len(out)
    out[at[there]] = np.broadcast_to(value, at.shape + out.shape[1:])[there]
    return out


NO_PLACE = np.iinfo(np.int32).max


def _from_end(index: Any, count: Any, beyond: str) -> Any:
    """Places counted from the first of `count`, where those below zero are counted from the end;
    one outside is `"near"`, the next inside, or `"none"`."""
    place = np.where(np.less(index, 0), np.add(index, count), index)
    if beyond == "near":
        return np.maximum(np.minimum(place, np.subtract(count, 1)), 0)
    return np.where((place >= 0) & (place < count), place, NO_PLACE)


def _set(x: Any, value: Any, key: Any) -> np.ndarray:
    out = np.array(x)
    out[as_index(key)] = value
    return out


def _reduction(ufunc: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis=None: ufunc(np.asarray(x), axis=axis)


_ARITHMETIC = "add subtract multiply divide power maximum minimum fmax fmin float_power"
_SMOOTH = "negative absolute sqrt exp log log10 square positive nan_to_num"
_INTEGER = "floor_divide remainder floor ceil rint trunc sign"
_LOGICAL = (
    "bitwise_and bitwise_or bitwise_xor right_shift left_shift invert "
    "logical_and logical_or logical_xor logical_not"
)
_COMPARE = "greater greater_equal less less_equal equal not_equal isnan isinf isfinite"
_KINKED = "maximum minimum fmax fmin absolute"


def _ufuncs() -> dict[str, Op]:
    jumps = set(_COMPARE.split()) | set(_INTEGER.split())
    names = " ".join([_ARITHMETIC, _SMOOTH, _INTEGER, _LOGICAL, _COMPARE]).split()
    return {
        n: Op(
            n,
            getattr(np, n),
            elementwise=True,
            jumps=n in jumps,
            kinks=n in _KINKED.split(),
        )
        for n in names
    }


def _others() -> dict[str, Op]:
    table = [
        Op("where", np.where, elementwise=True),
        Op("astype", lambda x, dtype: np.asarray(x).astype(dtype)[()], elementwise=True),
        Op("round", lambda x, decimals=0: np.round(x, decimals), elementwise=True, jumps=True),
        Op("broadcast", lambda x, shape: np.broadcast_to(np.asarray(x), shape)),
        Op("pack", lambda *xs: np.array([float(x) for x in xs])),
        Op("take", lambda t, i: np.take(t, np.asarray(i), axis=0, mode="clip")),
        Op("from_end", _from_end, elementwise=True, jumps=True),
        Op("getitem", _getitem),
        Op("set", _set),
        Op("scatter", _scatter),
        Op("stack", lambda *xs, axis=0: np.stack([np.asarray(x) for x in xs], axis=axis)),
        Op("concatenate", lambda *xs, axis=0: np.concatenate(xs, axis=axis)),
        Op("reshape", np.reshape),
        Op("transpose", np.transpose),
        Op("arange", _arange),
        Op("isin", np.isin, jumps=True),
        Op("interp", np.interp, kinks=True),
        Op("search", lambda t, x, side: np.searchsorted(t, x, side=side), jumps=True),
        Op("segment_sum", _segment_sum),
        Op("segment_max", _segment_extreme(np.maximum, lowest), kinks=True),
        Op("segment_min", _segment_extreme(np.minimum, highest), kinks=True),
        Op("rank", _rank, jumps=True),
        Op("nth", _nth),
        Op("kinds", _kinds, jumps=True),
        Op("find", _find, jumps=True),
        Op("lexsort", lambda *keys: np.lexsort(keys), jumps=True),
        Op("cumsum", lambda x, axis=None: np.cumsum(x, axis=axis)),
    ]
    table += [
        Op(n, _reduction(getattr(np, n)), kinks=n in ("max", "min"))
        for n in ["sum", "prod", "mean", "max", "min", "any", "all"]
    ]
    return {op.name: op for op in table}


OPS: dict[str, Op] = _ufuncs() | _others()
"""Every operation by name."""

LEAVES = ("constant", "input", "parameter")
"""Nodes without arguments: a literal, a column of the population, a parameter."""

SIZES = ("num", "shape")
"""Attributes that may hold an entity's size."""

PYTHON: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "power": operator.pow,
    "remainder": operator.mod,
    "negative": operator.neg,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "less": operator.lt,
    "less_equal": operator.le,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
"""The same operations between Python scalars, which stay weakly typed as they do in numpy."""


def is_weak(value: Any) -> bool:
    """Whether a value is a Python scalar, which yields to an array's dtype; np.float64 is not."""
    return type(value) in (bool, int, float)


def apply(name: str, values: list[Any], attrs: dict[str, Any]) -> Any:
    """Run one operation in numpy; Python scalars stay Python scalars."""
    if name in PYTHON and all(is_weak(v) for v in values):
        try:
            return PYTHON[name](*values)
        except (ZeroDivisionError, OverflowError):
            values = [np.float64(v) for v in values]
    with np.errstate(all="ignore"):
        result = OPS[name].run(*values, **attrs)
    if isinstance(result, np.ndarray) and result.ndim == 0:
        return result[()]
    return result

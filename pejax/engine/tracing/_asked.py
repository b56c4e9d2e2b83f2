"""Of what type a value is, for formulas that ask: what the source engine has in its place.

A parameter is a Python number, a column an array, a count of rows a whole number. So
`isinstance`, `type`, `hasattr` and `getattr` are replaced in a formula's globals, and `Traced` says
the same of its class to whoever else asks (`match`, `numpy.isscalar`, a library).

What cannot be told: a reform that writes a whole number as `3000.0` makes a float of an integer in
the source engine; here a parameter is asked whether it is whole. And an attribute that a
formula just reads (`try: x.shape`) is there on numbers too.
"""

from __future__ import annotations

import types
from typing import Any, ClassVar

import numpy as np

from ..graph._node import Node
from ..graph._ops import PYTHON
from . import _array
from ._rows import Rows

_ENGINES = ("policyengine_core", "openfisca_core")
_OURS = __name__.rpartition(".")[0]


def class_of(x: Any) -> type:
    """The class that a value has in the source engine."""
    if not issubclass(type(x), _array.Traced):
        return int if isinstance(x, Rows) else type(x)
    if x.node.ndim:
        return np.ndarray
    if isinstance(x.vocabulary, tuple):
        return np.str_
    return type(python_value(x.node)) if x.node.weak else x.node.dtype.type


def python_value(node: Node) -> Any:
    """A number that Python computes from those of the law, with the types that they have there."""
    if node.op == "parameter" and str(node.attr("name")) in node.graph.integers:
        return int(node.shadow)
    if node.op not in PYTHON:
        return node.shadow
    try:
        return PYTHON[node.op](*map(python_value, node.args))
    except (ZeroDivisionError, OverflowError):
        return node.shadow


def is_instance(x: Any, kinds: Any) -> bool:
    """`isinstance` for formulas.

    Raises:
        Untraceable: a class of the source engine, which nothing here is.
    """
    if not _stands_in(x):
        return isinstance(x, kinds)
    if any(k.__module__.partition(".")[0] in _ENGINES for k in _flat(kinds)):
        raise _array.Untraceable(f"isinstance with a class of the source engine, {kinds}")
    kind = class_of(x)
    _keep_kind(x, issubclass(int, kinds) != issubclass(float, kinds))
    return issubclass(kind, kinds)


def _stands_in(x: Any) -> bool:
    return type(x).__module__.startswith(_OURS)


def _flat(kinds: Any) -> list[type]:
    """Classes, from however deep a tuple or a union."""
    if not isinstance(kinds, tuple | types.UnionType):
        return [kinds]
    inner: Any = kinds if isinstance(kinds, tuple) else kinds.__args__
    found: list[type] = []
    for part in inner:
        found += _flat(part)
    return found


def _keep_kind(x: Any, tells: bool = True) -> None:
    """Record that a parameter is whole, or is not, where its type was decisive: a reform
    may make it another."""
    if tells and isinstance(x, _array.Traced) and x.node.weak and x.node.law:
        graph = x.graph
        whole = graph.apply("equal", graph.apply("floor", x.node), x.node)
        _array.Traced(whole).decide("bool")


def has_attribute(x: Any, name: str) -> bool:
    """`hasattr` for formulas."""
    if not isinstance(x, _array.Traced | Rows):
        return hasattr(x, name)
    named = isinstance(x, _array.Traced) and x.vocabulary is not None
    return hasattr(class_of(x), name) or (named and hasattr(_array.Traced, name))


def attribute(x: Any, name: str, *default: Any) -> Any:
    """`getattr` for formulas."""
    if has_attribute(x, name) or not isinstance(x, _array.Traced | Rows):
        return getattr(x, name, *default)
    if not default:
        raise AttributeError(f"{class_of(x).__name__!r} object has no attribute {name!r}")
    return default[0]


class InPlaceOf(type):
    """Makes a class answer for one of Python's own, where a formula uses that itself."""

    python: type

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.python)

    def __subclasscheck__(cls, kind: type) -> bool:
        return issubclass(kind, cls.python)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls.python, name)


class _OfTypes(InPlaceOf):
    known: dict[type, type]

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if len(args) != 1:
            return type(*args, **kwargs)
        _keep_kind(args[0])
        kind = class_of(args[0])
        return cls.known.get(kind, kind)


class Type(metaclass=_OfTypes):
    """`type`, which for a traced value is the class that it has in the source engine; `known`, the
    classes that formulas see in place of Python's own."""

    python: ClassVar[type] = type
    known: ClassVar[dict[type, type]] = {}

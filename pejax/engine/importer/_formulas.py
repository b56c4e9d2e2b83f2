"""Makes an unmodified formula run on traced arrays.

numpy's protocols do most of the work. What remains is a handful of *names* in a formula's globals
that cannot dispatch: `np` itself (array creation), `pd` (lookups), Python's `max` and `min`, and
two helpers of the core package that build pandas objects. The function's code object is
untouched; it gets a copy of its globals with those names replaced, and so does every country
function it calls.
"""

from __future__ import annotations

import contextlib
import importlib
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._array import Traced, code_of, to_node
from .._groups import Projector
from .._numpy import Numpy
from ._pandas import Pandas


@contextlib.contextmanager
def tracing(numpy: Numpy) -> Iterator[Callable[..., Any]]:
    """Within the context, enums encode traced arrays; yields the function that rebinds formulas."""
    enums = importlib.import_module("policyengine_core.enums")
    original = enums.Enum.__dict__["encode"]
    enums.Enum.encode = classmethod(_encoder(original.__func__))
    try:
        yield Rebinder(numpy)
    finally:
        enums.Enum.encode = original


def _encoder(original: Callable[..., Any]) -> Callable[..., Any]:
    def encode(cls: Any, array: Any) -> Any:
        if not isinstance(array, Traced):
            return original(cls, array)
        if isinstance(array.vocabulary, tuple):
            code = {m.name: code_of(m) for m in cls}
            return Traced(array.lookup(lambda v: np.array([code.get(str(n), 0) for n in v])), cls)
        return Traced(array.node, cls, array.mask)

    return encode


class Rebinder:
    """Copies a function with the names that cannot dispatch replaced."""

    def __init__(self, numpy: Numpy) -> None:
        self.numpy = numpy
        self._pandas = Pandas()
        self._functions: dict[Any, types.FunctionType] = {}
        self._globals: dict[int, dict[str, Any]] = {}
        core = importlib.import_module("policyengine_core.commons.formulas")
        self._native = {core.between: _between, core.index_: _index}
        self._projector = importlib.import_module("policyengine_core.projectors").Projector

    def __call__(self, function: Any) -> types.FunctionType:
        if function not in self._functions:
            new = types.FunctionType(
                function.__code__,
                self._names(function.__globals__),
                function.__name__,
                function.__defaults__,
                self._cells(function.__closure__),
            )
            new.__kwdefaults__ = function.__kwdefaults__
            self._functions[function] = new
        return self._functions[function]

    def _names(self, original: dict[str, Any]) -> dict[str, Any]:
        known = self._globals.get(id(original))
        if known is None:
            known = self._globals[id(original)] = dict(original)
            known.update({k: self._replace(v) for k, v in original.items()})
            known.update(max=_largest, min=_smallest)
        return known

    def _cells(self, closure: Any) -> Any:
        if not closure:
            return closure
        return tuple(self._cell(c) for c in closure)

    def _cell(self, cell: Any) -> Any:
        try:
            return types.CellType(self._replace(cell.cell_contents))
        except ValueError:  # a name that its function has not bound yet
            return cell

    def _replace(self, value: Any) -> Any:
        if value is np:
            return self.numpy
        if isinstance(value, types.ModuleType) and value.__name__ == "pandas":
            return self._pandas
        if value is self._projector:
            return Projector
        if isinstance(value, types.FunctionType):
            if value in self._native:
                return self._native[value]
            if (value.__module__ or "").startswith("policyengine_"):
                return _Later(self, value)
        return value


class _Later:
    """A country function, rebound when it is first called."""

    def __init__(self, rebind: Rebinder, function: types.FunctionType) -> None:
        self._rebind = rebind
        self._function = function
        self.__name__ = function.__name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._rebind(self._function)(*args, **kwargs)


def _between(values: Any, lower: Any, upper: Any, inclusive: str = "both") -> Any:
    above = values >= lower if inclusive in ("both", "left") else values > lower
    below = values <= upper if inclusive in ("both", "right") else values < upper
    return above & below


def _index(into: Any, indices: Any, where: Any, fill: float = 0) -> Traced:
    for index in indices if isinstance(indices, list) else [indices]:
        into = into[index]
    graph = where.graph
    return Traced(graph.apply("where", where.node, to_node(graph, into), fill))


def _extreme(numpy_name: str, python: Callable[..., Any]) -> Callable[..., Any]:
    combine = getattr(np, numpy_name)

    def extreme(*values: Any, **kwargs: Any) -> Any:
        if len(values) < 2 or not any(isinstance(v, Traced) for v in values):
            return python(*values, **kwargs)
        best = values[0]
        for value in values[1:]:
            best = combine(best, value)
        return best

    return extreme


_largest = _extreme("maximum", max)
_smallest = _extreme("minimum", min)

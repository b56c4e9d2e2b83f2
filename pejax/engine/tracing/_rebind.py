"""Makes a function that was written for numpy run on traced arrays, unchanged.

numpy's protocols do most of the work. What remains are *names* in a function's globals that cannot
dispatch: `np` itself (array creation, lists of arrays), its ufuncs (`.reduce` of a list) and
Python's `max`, `min`, `len`, `range`, `int`, and what asks for types (`_asked`). The code object is
untouched; the function gets a copy of its globals with those names replaced, and so does every
function of the same rules that it calls.
"""

from __future__ import annotations

import builtins
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph._node import Node
from ._array import Traced, held
from ._asked import InPlaceOf, Type, attribute, has_attribute, is_instance
from ._by_id import DistinctIds, HowMany
from ._plain import indexable, opened
from ._rows import Rows, counted
from ._stand_in import Numpy


class Rebinder:
    """Copies functions with the names that cannot dispatch replaced.

    Args:
        numpy: the stand-in for the module.
        ours: whether a function that a formula calls belongs to the rules and is rebound too.
        replace: what any other value becomes.
    """

    def __init__(
        self,
        numpy: Numpy,
        ours: Callable[[types.FunctionType], bool],
        replace: Callable[[Any], Any] = lambda value: value,
    ) -> None:
        self.numpy = numpy
        self._ours = ours
        self._other = replace
        self._functions: dict[Any, types.FunctionType] = {}
        self._globals: dict[int, dict[str, Any]] = {}

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
            known.update({k: self._replace(v, original) for k, v in original.items()})
            known.update(_BUILTINS)
            known["__builtins__"] = {**vars(builtins), "__import__": self._import}
        return known

    def _import(
        self, name: str, names: Any = None, local: Any = None, asked: Any = (), level: int = 0
    ) -> Any:
        """What `import` within a function gives."""
        found = builtins.__import__(name, names, local, asked, level)
        replaced = self._replace(found)
        return _Members(self, found) if asked and replaced is found else replaced

    def _cells(self, closure: Any) -> Any:
        if not closure:
            return closure
        return tuple(self._cell(c) for c in closure)

    def _cell(self, cell: Any) -> Any:
        try:
            return types.CellType(self._replace(cell.cell_contents))
        except ValueError:  # a name that its function has not bound yet
            return cell

    def _replace(self, value: Any, beside: Any = None) -> Any:
        """What a name of a function's globals (`beside`) becomes."""
        if value is np:
            return self.numpy
        if type(value) is np.ndarray:
            return indexable(value)
        if isinstance(value, np.ufunc) and getattr(np, value.__name__, None) is value:
            return getattr(self.numpy, value.__name__)
        new = self._other(value)
        if new is value and isinstance(value, types.FunctionType):
            own = value.__globals__ is beside or self._ours(value)
            return _Later(self, value) if own else value
        return new


class _Members:
    """A module, from which a function imports by name."""

    def __init__(self, rebind: Rebinder, module: Any) -> None:
        self.__dict__["_rebind"], self.__dict__["_module"] = rebind, module

    def __getattr__(self, name: str) -> Any:
        return self._rebind._replace(getattr(self._module, name))


class _Later:
    """A function of the rules, rebound when it is first called."""

    def __init__(self, rebind: Rebinder, function: types.FunctionType) -> None:
        self._rebind = rebind
        self._function = function
        self.__name__, self.__code__ = function.__name__, function.__code__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return opened(self._rebind(self._function)(*args, **kwargs))


def _extreme(numpy_name: str, python: Callable[..., Any]) -> Callable[..., Any]:
    combine = getattr(np, numpy_name)

    def extreme(*values: Any, **kwargs: Any) -> Any:
        members = list(*values) if len(values) == 1 else values
        if len(members) < 2 or not any(isinstance(v, Traced | Rows) for v in members):
            return python(*values, **kwargs) if len(values) > 1 else python(members, **kwargs)
        best = members[0]
        for value in members[1:]:
            best = combine(held(best), held(value))
        return best

    return extreme


def length(values: Any) -> Any:
    """`len`, which for an array with one entry a row is a number of the population."""
    if isinstance(values, DistinctIds):
        return HowMany(values)
    index = getattr(values, "index", None)  # of a series or a frame
    like = getattr(index, "like", None)
    if index is not None and isinstance(like, Node):
        values = Traced(like, mask=index.rows)
    return values.shape[0] if isinstance(values, Traced) and values.ndim else len(values)


class _OfIntegers(InPlaceOf, type):
    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        found = held(args[0]) if len(args) == 1 else None
        if isinstance(found, Traced) and found.node.data and not found.ndim:
            return found.astype(np.int64)
        return int(*args, **kwargs)


class Whole(metaclass=_OfIntegers):
    """`int`, which leaves a value of the population a value: what needs Python's own integer (the
    length of a loop, say) then takes a decision, and what only computes with it does not."""

    python = int
    dtype = np.dtype(int)  # which numpy takes for the type


largest = _extreme("maximum", max)
smallest = _extreme("minimum", min)
Whole.__name__ = Whole.__qualname__ = "int"
Type.known[int] = Whole
_BUILTINS: dict[str, Any] = {
    "max": largest,
    "min": smallest,
    "len": length,
    "range": counted,
    "int": Whole,
    "isinstance": is_instance,
    "type": Type,
    "hasattr": has_attribute,
    "getattr": attribute,
}
"""What formulas have in place of Python's own functions."""

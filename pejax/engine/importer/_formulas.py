"""Makes an unmodified formula of a country package run on traced arrays.

`_rebind` does what any formula needs. Here are the names that are the core package's own: `pd`
(lookups), two helpers that build pandas objects, and the projector class.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from ...core._countries import country_of
from ..graph._ir import Graph
from ..tracing._array import Traced, to_node
from ..tracing._asked import InPlaceOf
from ..tracing._groups import Projector
from ..tracing._law_traced import Law, Series
from ..tracing._names import code_of
from ..tracing._rebind import Rebinder
from ..tracing._scale_traced import MadeScale
from ..tracing._stand_in import Numpy
from ._core import Core
from ._pandas import Pandas
from ._weighted import in_place_of, is_weighted_series


@contextlib.contextmanager
def tracing(core: Core, package: str, numpy: Numpy) -> Iterator[Callable[..., Any]]:
    """Within the context, enums and periods accept traced values; yields what rebinds formulas.

    Args:
        core: the engine that the country is built on.
        package: the country's.
    """
    enums, periods = core.enums, core.periods
    index = importlib.import_module("pandas").Index
    encode, offset = enums.Enum.__dict__["encode"], periods.Period.offset
    places = index.get_indexer
    enums.Enum.encode = classmethod(_encoder(encode.__func__))
    periods.Period.offset = _offset_by_law(offset)
    index.get_indexer = _places_of_names(places)
    try:
        ours = functools.partial(_is_of, frozenset({package, core.name}))
        yield Rebinder(numpy, ours, _replacement(core, numpy._graph, _stand_ins(package)))
    finally:
        enums.Enum.encode, periods.Period.offset = encode, offset
        index.get_indexer = places


def _places_of_names(original: Callable[..., Any]) -> Callable[..., Any]:
    """Where names stand in pandas' index; -1 for those that are not there."""

    def get_indexer(index: Any, target: Any, *how: Any, **named: Any) -> Any:
        if not isinstance(target, Traced) or target.vocabulary is None or how or named:
            return original(index, target, *how, **named)
        found = target.lookup(lambda names: original(index, names.astype(object)))
        return Traced(found, mask=target.mask)

    return get_indexer


def _offset_by_law(original: Callable[..., Any]) -> Callable[..., Any]:
    """A period moved by a parameter: a decision, recorded as one."""

    def offset(period: Any, size: Any, unit: Any = None) -> Any:
        return original(period, int(size) if isinstance(size, Traced) else size, unit)

    return offset


def _is_of(packages: frozenset[str], function: types.FunctionType) -> bool:
    """Whether a function lies in a country's package or its engine; packages load some files under
    other names."""
    return not packages.isdisjoint(PurePath(function.__code__.co_filename).parts)


def _stand_ins(package: str) -> dict[Any, Callable[..., Any]]:
    """What stands in for functions of a country that handle the objects of its engine."""
    known = country_of(package)
    found: dict[Any, Callable[..., Any]] = {}
    for place, made in ({} if known is None else known.stand_ins).items():
        module, _, name = place.partition(":")
        if importlib.util.find_spec(module) is not None:  # older releases lack some
            original = getattr(importlib.import_module(module), name, None)
            found |= {} if original is None else {original: made(original)}
    return found


def _replacement(
    core: Core, graph: Graph, stand_ins: Mapping[Any, Callable[..., Any]]
) -> Callable[[Any], Any]:
    """What the engine's own objects become in a formula's globals."""
    laws, formulas = core.module("parameters"), core.module("commons.formulas")
    own = {"between": _between, "index_": _index}
    native: dict[Any, Callable[..., Any]] = {
        **{getattr(formulas, n): f for n, f in own.items() if hasattr(formulas, n)},
        **stand_ins,
    }
    array = core.enums.EnumArray
    classes = {
        core.module("projectors").Projector: Projector,
        laws.Parameter: _either(Series, laws.Parameter),
        laws.ParameterNode: _either(Law, laws.ParameterNode),
        array: _enum_array(array),
        core.module("taxscales").MarginalRateTaxScale: functools.partial(MadeScale, graph),
    }
    pandas = Pandas()

    def replace(value: Any) -> Any:
        if isinstance(value, types.ModuleType) and value.__name__ == "pandas":
            return pandas
        if isinstance(value, types.FunctionType):
            return native.get(value, value)
        if not isinstance(value, type):
            return value
        if is_weighted_series(value):
            classes.setdefault(value, in_place_of(value))
        return classes.get(value, value)

    return replace


def _encoder(original: Callable[..., Any]) -> Callable[..., Any]:
    def encode(cls: Any, array: Any) -> Any:
        if not isinstance(array, Traced):
            return original(cls, array)
        if isinstance(array.vocabulary, tuple):
            code = {m.name: code_of(m) for m in cls}
            return Traced(array.lookup(lambda v: np.array([code.get(str(n), 0) for n in v])), cls)
        return Traced(array.node, cls, array.mask)

    return encode


def _either(ours: type, original: type) -> type:
    """A class of the engine, of which what stands in for its objects is one too."""

    class Either(InPlaceOf):
        def __instancecheck__(self, x: Any) -> bool:
            return isinstance(x, ours | original)

        def __subclasscheck__(self, kind: type) -> bool:
            return issubclass(kind, ours | original)

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return original(*args, **kwargs)

    return Either(original.__name__, (), {"python": original})


def _enum_array(original: type) -> type:
    """The class of arrays of categories, of which a formula may make one of traced numbers.

    Whether a traced array is one is refused, as of any class of the engine.
    """

    class Making(InPlaceOf):
        def __call__(self, numbers: Any, possible_values: Any = None) -> Any:
            if not isinstance(numbers, Traced):
                return original(numbers, possible_values)
            return Traced(numbers.node, possible_values, numbers.mask)

    return Making(original.__name__, (), {"python": original, "__module__": original.__module__})


def _between(values: Any, lower: Any, upper: Any, inclusive: str = "both") -> Any:
    above = values >= lower if inclusive in ("both", "left") else values > lower
    below = values <= upper if inclusive in ("both", "right") else values < upper
    return above & below


def _index(into: Any, indices: Any, where: Any, fill: float = 0) -> Traced:
    for index in indices if isinstance(indices, list) else [indices]:
        into = into[index]
    graph = where.graph
    return Traced(graph.apply("where", where.node, to_node(graph, into), fill))

"""Makes an unmodified formula of a country package run on traced arrays.

`_rebind` does what any formula needs. Here are the names that are the core package's own: `pd`
(lookups), two helpers that build pandas objects, and the projector class.
"""

from __future__ import annotations

import contextlib
import importlib
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..tracing._array import Traced, code_of, to_node
from ..tracing._groups import Projector
from ..tracing._numpy import Numpy
from ..tracing._rebind import Rebinder
from ._pandas import Pandas


@contextlib.contextmanager
def tracing(numpy: Numpy) -> Iterator[Callable[..., Any]]:
    """Within the context, enums encode traced arrays; yields the function that rebinds formulas."""
    enums = importlib.import_module("policyengine_core.enums")
    original = enums.Enum.__dict__["encode"]
    enums.Enum.encode = classmethod(_encoder(original.__func__))
    try:
        yield Rebinder(numpy, _is_country_function, _replacement())
    finally:
        enums.Enum.encode = original


def _is_country_function(function: types.FunctionType) -> bool:
    return (function.__module__ or "").startswith("policyengine_")


def _replacement() -> Callable[[Any], Any]:
    """What the core package's own objects become in a formula's globals."""
    core = importlib.import_module("policyengine_core.commons.formulas")
    projector = importlib.import_module("policyengine_core.projectors").Projector
    native = {core.between: _between, core.index_: _index}
    pandas = Pandas()

    def replace(value: Any) -> Any:
        if isinstance(value, types.ModuleType) and value.__name__ == "pandas":
            return pandas
        if isinstance(value, types.FunctionType):
            return native.get(value, value)
        return Projector if value is projector else value

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


def _between(values: Any, lower: Any, upper: Any, inclusive: str = "both") -> Any:
    above = values >= lower if inclusive in ("both", "left") else values > lower
    below = values <= upper if inclusive in ("both", "right") else values < upper
    return above & below


def _index(into: Any, indices: Any, where: Any, fill: float = 0) -> Traced:
    for index in indices if isinstance(indices, list) else [indices]:
        into = into[index]
    graph = where.graph
    return Traced(graph.apply("where", where.node, to_node(graph, into), fill))

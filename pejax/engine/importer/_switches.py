"""Structural reforms that a country switches on by a parameter of its law.

Some packages build other formulas when they see, say, `gov.contrib.streamlined_eitc.in_effect`: a
function of their own looks at the law on one day and gives the reforms that are then in effect.
A reform that touches what it looks at is applied to a copy of the country's own object, as the
package's simulation does it, and the copy is imported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib
import importlib.util
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ...core._validate import BadInputError
from ..graph._ir import Graph
from ..rules._law import LawNode, LawParameter
from ..rules._system import System
from ..tracing._law_traced import Law, instant_reader
from ..tracing._ledger import Ledger
from ._core import core_of
from ._law_read import series_of

_FUNCTION = "create_structural_reforms_from_parameters"


@dataclasses.dataclass(frozen=True)
class OwnReforms:
    """The structural reforms that a country's law may switch on.

    Attributes:
        create: the package's function of (law, day).
        start: the day.
    """

    create: Callable[[Any, str], Any]
    start: str

    def looked_at(self, system: System, law: LawNode) -> dict[str, dict[str, Any]]:
        """The parameters that decide which reforms there are: by path, the value on each day."""
        return self._under(system, law)[0]

    def changed_by(self, system: System, law: LawNode) -> frozenset[str]:
        """The variables that the reforms in effect under `law` add or replace."""
        met = _Touched()
        reform = self._under(system, law)[1]
        if reform is not None:
            reform.apply(met)
        return frozenset(met.names)

    def _under(self, system: System, law: LawNode) -> tuple[dict[str, dict[str, Any]], Any]:
        ledger = _Plain(law, system.missing)
        reform = self.create(Law(law, ledger, instant_reader(system.period)), self.start)
        return ledger.values, reform


class _Plain(Ledger):
    """Gives the law's values as they are, and keeps which were asked for."""

    def __init__(self, law: LawNode, missing: Callable[[str, str], Exception]) -> None:
        super().__init__(Graph({}), law, "0001-01-01", "9999-12-31", missing)
        self.values: dict[str, dict[str, Any]] = {}

    def read(self, parameter: LawParameter, instant: str) -> Any:
        value = parameter.at(instant)
        if value is None:
            raise self.not_in_force(parameter, instant)
        self.fixed(parameter, value, instant)
        return value

    def fixed(self, parameter: LawParameter, value: Any, instant: str) -> None:
        self.values.setdefault(parameter.path, {})[instant] = value


class _Touched:
    """Stands in for a country's object and keeps which variables a reform changes."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def add_variable(self, variable: type) -> None:
        self.names.add(variable.__name__)

    update_variable = replace_variable = add_variable

    def neutralize_variable(self, name: str) -> None:
        self.names.add(name)

    def modify_parameters(self, modifier: Any) -> None:
        """What becomes of the law is seen where the reform is applied."""


def own_reforms(package: str, start: str = "") -> OwnReforms | None:
    """The package's own, None if it has none.

    Args:
        start: the day on which they are looked at, if not the package's own.

    Raises:
        BadInputError: a package that has reforms but no such day.
    """
    if importlib.util.find_spec(f"{package}.system") is None:
        return None
    module = importlib.import_module(f"{package}.system")
    create = getattr(module, _FUNCTION, None)
    if create is None:
        return None
    known = _day_of(module)
    if not (start or known):
        raise BadInputError(
            f"{package} switches structural reforms on by parameters, but does not say on which "
            f"day it looks at them. Give it: import_country({package!r}, start_instant=...)"
        )
    return OwnReforms(create, str(start or known))


def _day_of(module: Any) -> str:
    """The day on which a package looks at its own reforms: that of its rules, else the first of the
    year for which its simulation takes inputs; empty where it says neither."""
    arguments = inspect.signature(module.CountryTaxBenefitSystem).parameters
    if "start_instant" in arguments:
        return str(arguments["start_instant"].default)
    year = getattr(getattr(module, "Simulation", None), "default_input_period", None)
    return "" if year is None else f"{year}-01-01"


def is_switched(own: OwnReforms, base: System, written: System) -> bool:
    """Whether reforms that are written into the law touch what decides its structure.

    Raises:
        BadInputError: if the country does not look on the days of the reform, or if the reform
            switches off what the country's formulas have built in.
    """
    before, after = own.looked_at(base, base.law), own.looked_at(base, written.law)
    touched = sorted({p for reform in written.reforms for p in reform if p in before or p in after})
    for path in touched:
        _fail_if_missed(base, written, path, {**before.get(path, {}), **after.get(path, {})})
    if touched:
        fail_if_built_in(base, own.changed_by(base, base.law), own, written, ", ".join(touched))
    return bool(touched)


def fail_if_built_in(
    base: System, built: frozenset[str], own: OwnReforms, written: System, what: str
) -> None:
    """Refuse to take back a reform that the country's object has had since it was imported."""
    lost = built - own.changed_by(base, written.law)
    if lost:
        raise BadInputError(
            f"{what} switches off what the law as it stands has in effect "
            f"({', '.join(sorted(lost))}), and the formulas before that are not kept. Use "
            "with_structure with the variables that shall hold instead"
        )


def _fail_if_missed(base: System, written: System, path: str, looked: Mapping[str, Any]) -> None:
    """Refuse a switch that is thrown on days on which nobody looks."""
    was: Any = base.law.find(path)
    now: Any = written.law.find(path)
    starts = {start for start, _ in (*was.entries, *now.entries)}
    moved = {day for day in starts.union(looked) if was.at(day) != now.at(day)}
    if not moved or moved & set(looked):
        return
    days = sorted(looked)
    until = f" to {days[-1]}, once a year" if len(days) > 1 else ""
    raise BadInputError(
        f"{path}: {base.name} looks at it on {days[0]}{until}, and the reform changes nothing "
        f"then. Begin its dates there, or have it looked at from another day: "
        f'import_country("{base.name}", start_instant="YYYY-MM-DD")'
    )


def reformed_source(
    source: Any, reforms: Iterable[Mapping[str, Any]], own: OwnReforms | None = None
) -> tuple[Any, frozenset[str]]:
    """Apply reforms to a country's own object, as its simulation does: parameters, the structural
    reforms that they switch on, and both once more.

    Returns:
        The object, and the parameters that the structural reforms read or set.
    """
    core = core_of(source).module("reforms").Reform
    edits = [core.from_dict(dict(reform)) for reform in reforms]
    used: set[str] = set()
    for _ in range(2):
        for edit in edits:
            source.apply_reform_set(edit)
        with _noting(source, used):
            if own is not None and (made := own.create(source.parameters, own.start)) is not None:
                source.apply_reform_set(made)
    with _noting(source, used):
        source.modify_parameters(lambda parameters: parameters)  # series that are made of others
    return source, frozenset(used)


@contextlib.contextmanager
def _noting(source: Any, used: set[str]) -> Iterator[None]:
    """Keep which parameters are read one by one, and which have other values afterwards."""
    parameter = core_of(source).module("parameters").Parameter
    before = {id(p): p.values_list for p in _leaves(source)}
    read, own = parameter.get_at_instant, vars(parameter).get("get_at_instant")

    def noted(self: Any, instant: Any) -> Any:
        used.add(self.name)
        return read(self, instant)

    parameter.get_at_instant = noted
    try:
        yield
    finally:
        del parameter.get_at_instant
        if own is not None:
            parameter.get_at_instant = own
    used |= {p.name for p in _leaves(source) if before.get(id(p)) is not p.values_list}


def _leaves(source: Any) -> Iterator[Any]:
    nodes = source.parameters.get_descendants()
    return (node for node in nodes if series_of(node) is not None)


@functools.lru_cache(maxsize=8)
def made_series(source: Any) -> frozenset[str]:
    """Series of the law that the package makes of others, and those others."""
    origins = {p.name: p.metadata.get("derived_from") for p in _leaves(source)}
    return frozenset(name for pair in origins.items() if pair[1] for name in pair)

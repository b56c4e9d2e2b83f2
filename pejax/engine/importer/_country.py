"""A country package as a `System`."""

from __future__ import annotations

import dataclasses
import enum
import functools
import importlib
import importlib.metadata
import importlib.util
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..._validate import BadInputError, MissingExtraError
from ..rules._law import Children, LawNode, LawParameter, LawScale, read_reform
from ..rules._names import Moved
from ..rules._system import System, Variable
from ._formulas import tracing
from ._moved import moved_inputs
from ._names import fail_if_no_variable
from ._structure import restructured

_EXTRA = {"policyengine_us": "us"}


@dataclasses.dataclass(frozen=True)
class Country:
    """A country package, not yet imported.

    **Arguments:** `package`; `version`, from the package's metadata; `reform`, changes written into
    its law before tracing, as JSON.
    """

    package: str
    version: str
    reform: str = "{}"

    def fail_if_no_variable(self, names: Iterable[str]) -> None:
        """Refuse names that no variable of the package can have, without importing it.

        A name that passes may still turn out unknown when the package is imported.

        **Raises:** `UnknownNameError` with the nearest names.
        """
        fail_if_no_variable(self.package, names)

    def load(self) -> System:
        """Import the package (once a process) and adapt it."""
        system = _load(self.package, self.version)
        reform = json.loads(self.reform)
        return system.with_reform(reform) if reform else system

    def with_reform(self, reform: Mapping[str, Any]) -> Country:
        """The country with a reform written into its law.

        For booleans, strings, lists and dates inside the period: what `Parameters.with_reform`
        cannot change without compiling again.
        """
        read_reform(reform)
        merged = {**json.loads(self.reform), **reform}
        return dataclasses.replace(self, reform=json.dumps(merged, sort_keys=True))

    def with_structure(self, *changes: type, neutralized: Sequence[str] = ()) -> System:
        """The rules after a structural reform, ready to compile.

        **Arguments:** `changes`, the package's own `Reform` classes, and `Variable` classes, each
        added or put in the place of the one of its name; `neutralized`, variables to switch off.

        **Raises:** `UnknownNameError` for a variable that does not exist, with the nearest names;
        `BadInputError` for a change of another kind.

        >>> country = import_country("policyengine_us")  # doctest: +SKIP
        >>> system = country.with_structure(neutralized=["eitc"])  # doctest: +SKIP
        """
        return restructured(self, changes, neutralized, _system)


def import_country(package: str) -> Country:
    """Name an installed OpenFisca-family country package, such as `"policyengine_us"`.

    >>> import_country("policyengine_us").package  # doctest: +SKIP
    'policyengine_us'

    **Raises:** `MissingExtraError` with the exact `pip install` if it is not installed.
    """
    if importlib.util.find_spec(package) is None:
        extra = _EXTRA.get(package)
        install = f'pip install "pejax[{extra}]"' if extra else f"pip install {package}"
        raise MissingExtraError(f"the country package {package!r} is not installed. {install}")
    distribution = package.replace("_", "-")
    return Country(package, importlib.metadata.version(distribution))


@functools.lru_cache(maxsize=4)
def _load(package: str, version: str) -> System:
    return _system(package, version, _source_system(package))


def _system(package: str, version: str, source: Any) -> System:
    person = source.person_entity
    groups = tuple(e.key for e in source.group_entities)
    variables = source.variables
    return System(
        name=package,
        version=version,
        person=person.key,
        groups=groups,
        variables=Children(variables, lambda name: _variable(variables[name])),
        law=_law(source.parameters, ""),
        containing={e.key: tuple(e.containing_entities) for e in source.group_entities},
        entities={e.key: e for e in (person, *source.group_entities)},
        period=_periods().period,
        tracing=tracing,
        source=source,
        clone=functools.partial(_clone, source),
        of_source=functools.partial(_system, package, version),
        abolished=functools.partial(_abolished, source),
        carry=bool(getattr(source, "auto_carry_over_input_variables", False)),
        missing=_missing,
        moved=functools.partial(_moved, package),
    )


def _moved(package: str) -> Mapping[str, Moved]:
    """A structural reform changes rules, not the class that reads inputs: ask it of the country's
    own system, once."""
    return moved_inputs(package, _source_system(package)) if _has_system(package) else {}


def _clone(source: Any) -> Any:
    """A copy of the country's own object, for a formula that computes under changed rules.

    The values at instants, half of the package's memory, stay those of the original: a parameter
    that is changed gets new ones.
    """
    value = importlib.import_module("policyengine_core.parameters").ParameterAtInstant
    cloned = value.clone
    value.clone = lambda self: self
    try:
        return source.clone()
    finally:
        value.clone = cloned


def _source_system(package: str) -> Any:
    module = importlib.import_module(f"{package}.system" if _has_system(package) else package)
    for name in ("system", "CountryTaxBenefitSystem"):
        found = getattr(module, name, None)
        if found is not None:
            return found() if isinstance(found, type) else found
    raise BadInputError(
        f"{package} has no tax-benefit system: expected `{package}.system.system` or "
        f"`{package}.CountryTaxBenefitSystem`"
    )


def _has_system(package: str) -> bool:
    return importlib.util.find_spec(f"{package}.system") is not None


def _periods() -> Any:
    return importlib.import_module("policyengine_core.periods")


def _missing(path: str, instant: str) -> Exception:
    errors = importlib.import_module("policyengine_core.errors")
    return errors.ParameterNotFoundError(path, instant)


@functools.lru_cache(maxsize=100_000)
def _abolition(source: Any, name: str) -> Any:
    node = source.parameters.children.get("gov")
    abolitions = None if node is None else node.children.get("abolitions")
    return None if abolitions is None else abolitions.children.get(name)


def _abolished(source: Any, name: str, instant: str) -> bool:
    switch = _abolition(source, name)
    return bool(switch is not None and switch._get_at_instant(instant))


def _variable(source: Any) -> Variable:
    vocabulary = source.possible_values if issubclass(source.value_type, enum.Enum) else None
    kind = "enum" if vocabulary is not None else source.value_type.__name__
    return Variable(
        name=source.name,
        entity=source.entity.key,
        kind=kind,
        period=source.definition_period,
        default=source.default_value,
        formula=source.get_formula,
        adds=source.adds,
        subtracts=source.subtracts,
        defined_for=source.defined_for,
        uprating=source.uprating,
        stock=source.quantity_type == "stock",
        vocabulary=vocabulary,
        dtype=str(source.dtype.__name__ if isinstance(source.dtype, type) else source.dtype),
        label=source.label or "",
        neutralized=source.is_neutralized,
        carries=source.calculate_output is None,
    )


def _law(node: Any, path: str) -> LawNode:
    children = node.children
    return LawNode(path, Children(children, lambda name: _child(children[name])))


def _child(source: Any) -> LawNode | LawScale | LawParameter:
    # Branches hold their children as attributes too, and a child may be called `brackets`.
    if isinstance(getattr(source, "children", None), Mapping):
        return _law(source, source.name)
    if hasattr(source, "values_list"):
        return _parameter(source)
    brackets = tuple(
        {name: _parameter(p) for name, p in b.children.items()} for b in source.brackets
    )
    return LawScale(source.name, brackets, source.metadata.get("type") == "single_amount")


def _parameter(source: Any) -> LawParameter:
    entries = tuple((v.instant_str, v.value) for v in reversed(source.values_list))
    meta = source.metadata
    return LawParameter(
        path=source.name,
        entries=entries,
        label=str(meta.get("label") or source.description or ""),
        unit=str(meta.get("unit") or ""),
        reference=_reference(meta.get("reference")),
    )


def _reference(given: Any) -> str:
    """The first citation, as text."""
    if isinstance(given, list | tuple):
        given = given[0] if given else ""
    if isinstance(given, Mapping):
        given = given.get("href") or given.get("title") or ""
    return str(given or "")

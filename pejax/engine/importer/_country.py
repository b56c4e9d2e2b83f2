"""A country package as a `System`."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import importlib
import importlib.util
import json
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...core._arguments import as_text, shown
from ...core._arrays import as_names
from ...core._countries import country_of
from ...core._fingerprint import fingerprint
from ...core._one_line import counted, one_line
from ...core._validate import BadInputError, MissingExtraError
from ..rules._law import Children, LawNode
from ..rules._names import Moved
from ..rules._reform import in_plain_values, read_day
from ..rules._roles import role_column, role_variable
from ..rules._system import System, Variable
from ._core import Core, core_of
from ._distribution import version_of
from ._formulas import tracing
from ._law_read import law_of, paths_of, second_names_of
from ._moved import moved_inputs
from ._names import fail_if_no_variable
from ._structure import no_change, restructured
from ._switches import (
    OwnReforms,
    fail_if_built_in,
    is_switched,
    made_series,
    own_reforms,
    reformed_source,
)


@dataclasses.dataclass(frozen=True)
class Structure:
    """Changes of a country's variables.

    Attributes:
        changes: classes that make or replace variables.
        neutralized: variables that are switched off.
    """

    changes: tuple[type, ...] = ()
    neutralized: tuple[str, ...] = ()


_ABOLITIONS = "gov.abolitions"


@dataclasses.dataclass(frozen=True)
class Country:
    """A country package, not yet imported.

    Attributes:
        package: its name.
        version: from the package's metadata.
        reform: changes written into its law before tracing, a list of them as JSON.
        start_instant: the day on which the package looks at its own structural reforms, if not the
            one it says itself.
        structure: changes of its variables.
    """

    package: str
    version: str
    reform: str = "[]"
    start_instant: str = ""
    structure: Structure = Structure()

    @one_line
    def __repr__(self) -> str:
        many = len(self.reforms) + len(self.structure.changes) + len(self.structure.neutralized)
        reformed = f", {counted(many, 'reform')}" if many else ""
        return f"{self.package} {self.version}{reformed}"

    def fail_if_no_variable(self, names: Iterable[str]) -> None:
        """Refuse names that no variable of the package can have, without importing it.

        A name that passes may still turn out unknown when the package is imported.

        Raises:
            UnknownNameError: with the nearest names.
        """
        fail_if_no_variable(self.package, names)

    @property
    def is_restructured(self) -> bool:
        """Whether its variables are changed, which no saved program can find again by name."""
        return self.structure != Structure()

    def load(self) -> System:
        """Import the package (once a process) and adapt it."""
        is_changed = self.reforms or self.is_restructured
        return _loaded(self) if is_changed else self.as_it_stands()

    def as_it_stands(self) -> System:
        """The rules without the reforms."""
        return _load(self.package, self.version, self.start_instant)

    @property
    def reforms(self) -> list[dict[str, Any]]:
        """What is written into the law, one after the other."""
        return json.loads(self.reform)

    def with_reform(self, reform: Mapping[str, Any]) -> Country:
        """The country with a reform written into its law.

        For what `Parameters.with_reform` cannot change without compiling again: booleans, strings,
        lists, dates inside the period, and parameters by which the country switches on structural
        reforms of its own (`gov.contrib.streamlined_eitc.in_effect`), which are then applied.
        """
        given = in_plain_values(reform)
        return dataclasses.replace(self, reform=json.dumps([*self.reforms, given]))

    def with_structure(self, *changes: type, neutralized: Sequence[str] = ()) -> Country:
        """The country after a structural reform, ready to compile.

        A second structural reform comes on top of the first.

        Args:
            changes: the package's own `Reform` classes, and `Variable` classes, each added or put
                in the place of the one of its name.
            neutralized: variables to switch off.

        Raises:
            UnknownNameError: a variable that does not exist, with the nearest names.
            BadInputError: a change of another kind (for a class of another kind when the country is
                loaded).

        >>> country = import_country("policyengine_us")  # doctest: +SKIP
        >>> reformed = country.with_structure(neutralized=["eitc"])  # doctest: +SKIP
        """
        for change in changes:
            if not isinstance(change, type):
                raise no_change(change)
        before, neutralized = self.structure, as_names(neutralized, "neutralized")
        self.fail_if_no_variable(neutralized)
        off = (*before.neutralized, *neutralized)
        return dataclasses.replace(self, structure=Structure((*before.changes, *changes), off))


def import_country(package: str, start_instant: str = "") -> Country:
    """Name an installed OpenFisca-family country package, such as `"policyengine_us"`.

    Args:
        start_instant: as the package's own simulation takes it: the day on which it looks at
            parameters that switch on structural reforms (policyengine_us: 2024-01-01).

    >>> import_country("policyengine_us").package  # doctest: +SKIP
    'policyengine_us'

    Raises:
        MissingExtraError: with the exact `pip install` if it is not installed.
    """
    if not as_text(package, "package").isidentifier():
        raise BadInputError(f"package is {shown(package)}. Give a name, such as 'policyengine_us'.")
    if as_text(start_instant, "start_instant") and not _is_day(start_instant):
        raise BadInputError(f"start_instant is {start_instant!r}. Give a day, '2024-01-01'.")
    if importlib.util.find_spec(package) is None:
        known = country_of(package)
        install = f'pip install "pejax[{known.extra}]"' if known else f"pip install {package}"
        raise MissingExtraError(f"the country package {package!r} is not installed. {install}")
    return Country(package, version_of(package), "[]", start_instant)


def _is_day(text: str) -> bool:
    try:
        return read_day(text) == text
    except ValueError:
        return False


@functools.lru_cache(maxsize=4)
def _load(package: str, version: str, start: str) -> System:
    return _ready(package, version, _source_system(package), start)


@functools.lru_cache(maxsize=1)
def _loaded(country: Country) -> System:
    system, structure = country.as_it_stands(), country.structure
    if country.is_restructured:
        source, version = restructured(system, structure.changes, structure.neutralized)
        system = _ready(country.package, version, source, country.start_instant)
    return functools.reduce(System.with_reform, country.reforms, system)


def _ready(package: str, version: str, source: Any, start: str = "") -> System:
    """The rules, with what makes others of them when a reform switches structures on."""
    base, own = _system(package, version, source), own_reforms(package, start)
    if own is not None and start:
        usual = own_reforms(package)
        built = usual.changed_by(base, base.law) if usual is not None else frozenset()
        if built != own.changed_by(base, base.law):
            fail_if_built_in(base, built, own, base, f"start_instant={start!r}")
            base = _system(package, version, reformed_source(_clone(source), (), own)[0])
    return dataclasses.replace(
        base,
        restructured=functools.partial(_restructured, base, own),
        switches=functools.partial(_switches, base, own, frozenset()),
        start_instant=start,
    )


def with_parameters(system: System, reform: Mapping[str, Any]) -> System:
    """The same formulas under other parameters.

    `System.with_reform` also makes the structural reforms that the country switches on by such
    parameters; the field's test runner does not.
    """
    written = dataclasses.replace(system, restructured=_as_written).with_reform(reform)
    return dataclasses.replace(written, restructured=system.restructured)


def with_tree(system: System, tree: Mapping[str, Any]) -> System:
    """The same formulas under another tree of parameters, written as the country's files are."""
    parameters = core_of(system.source).module("parameters").ParameterNode("", data=dict(tree))
    made = types.SimpleNamespace(parameters=parameters)
    return dataclasses.replace(
        system,
        law=law_of(made),
        listed=lambda: paths_of(made),
        second_names=dict,
        version=f"{system.version}+{fingerprint(tree)[:8]}",
    )


def _as_written(written: System) -> System:
    """Formulas that compute under changed rules have the reforms too."""
    before = written.before or written
    return dataclasses.replace(
        written, clone=lambda: reformed_source(before.clone(), written.reforms)[0]
    )


def _restructured(base: System, own: OwnReforms | None, written: System) -> System:
    """The rules after reforms of the law: what the country itself makes of such a law."""
    reforms = written.reforms
    series = {p.partition(".")[0] for p in made_series(base.source)}
    remade = any(path.partition(".")[0] in series for reform in reforms for path in reform)
    if not remade and (own is None or not is_switched(own, base, written)):
        return dataclasses.replace(
            written, clone=lambda: reformed_source(_clone(base.source), reforms)[0]
        )
    source, used = reformed_source(_clone(base.source), reforms, own)
    return dataclasses.replace(
        _system(base.name, written.version, source),
        reforms=reforms,
        before=written.before,
        restructured=written.restructured,
        switches=functools.partial(_switches, base, own, used),
        start_instant=written.start_instant,
    )


def _switches(
    base: System, own: OwnReforms | None, used: frozenset[str], law: LawNode
) -> frozenset[str]:
    """The parameters of which the country makes formulas or other numbers."""
    looked = () if own is None else {*own.looked_at(base, base.law), *own.looked_at(base, law)}
    return made_series(base.source).union(looked, used)


def _system(package: str, version: str, source: Any) -> System:
    person, known, core = source.person_entity, country_of(package), core_of(source)
    groups = tuple(e.key for e in source.group_entities)
    variables = source.variables
    said = [role_variable(person.key, e) for e in source.group_entities]
    roles = {v.name: v for v in said if v is not None and v.name not in variables}
    return System(
        name=package,
        version=version,
        person=person.key,
        groups=groups,
        variables=Children(
            [*variables, *roles],
            lambda name: roles[name] if name in roles else _variable(variables[name]),
        ),
        with_roles=tuple(g for g in groups if role_column(g) in roles),
        law=law_of(source),
        containing={e.key: tuple(e.containing_entities) for e in source.group_entities},
        entities={e.key: e for e in (person, *source.group_entities)},
        period=core.periods.period,
        tracing=functools.partial(tracing, core, package),
        source=source,
        clone=functools.partial(_clone, source),
        of_source=functools.partial(_system, package, version),
        divided_by=known.geography.state_column if known else "",
        abolitions=_ABOLITIONS if _has_abolitions(source) else "",
        listed=functools.cache(lambda: paths_of(source)),
        second_names=functools.cache(lambda: second_names_of(source)),
        carry=bool(getattr(source, "auto_carry_over_input_variables", False)),
        missing=functools.partial(_missing, core),
        moved=functools.partial(_moved, package),
    )


@functools.lru_cache(maxsize=4)
def _moved(package: str) -> Mapping[str, Moved]:
    """A structural reform changes rules, not the class that reads inputs: ask it of the country's
    own system, once."""
    module = importlib.import_module(f"{package}.system") if has_system(package) else None
    own = getattr(module, "Simulation", None)
    return {} if own is None else moved_inputs(own, _source_system(package))


def _has_abolitions(source: Any) -> bool:
    """Whether the law has a branch with a switch for each variable."""
    at: Any = source.parameters
    for step in _ABOLITIONS.split("."):
        at = (getattr(at, "children", None) or {}).get(step)
    return at is not None


def _clone(source: Any) -> Any:
    """A copy of the country's own object, for a formula that computes under changed rules.

    The values at instants, half of the package's memory, stay those of the original: a parameter
    that is changed gets new ones. So do the descriptions of parameters, which take most of the time
    to copy and which nobody changes one by one.
    """
    core = core_of(source)
    value = core.module("parameters").ParameterAtInstant
    with _replaced(value, "clone", lambda self: self), contextlib.ExitStack() as stack:
        for name in ("parameter", "parameter_node", "parameter_scale"):
            module = core.module(f"parameters.{name}")
            stack.enter_context(_replaced(module, "copy", types.SimpleNamespace(deepcopy=dict)))
        return source.clone()


@contextlib.contextmanager
def _replaced(owner: Any, name: str, other: Any) -> Iterator[None]:
    """Within the context an attribute is another."""
    own = getattr(owner, name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, own)


def _source_system(package: str) -> Any:
    module = importlib.import_module(f"{package}.system" if has_system(package) else package)
    for name in ("system", "CountryTaxBenefitSystem"):
        found = getattr(module, name, None)
        if found is not None:
            return found() if isinstance(found, type) else found
    raise BadInputError(
        f"{package} has no tax-benefit system: expected `{package}.system.system` or "
        f"`{package}.CountryTaxBenefitSystem`"
    )


def has_system(package: str) -> bool:
    """Whether a country keeps its rules in a module of that name."""
    return importlib.util.find_spec(f"{package}.system") is not None


def _missing(core: Core, path: str, instant: str) -> Exception:
    return core.module("errors").ParameterNotFoundError(path, instant)


def _variable(source: Any) -> Variable:
    vocabulary = source.possible_values if issubclass(source.value_type, enum.Enum) else None
    kind = "enum" if vocabulary is not None else source.value_type.__name__
    return Variable(
        name=source.name,
        entity=source.entity.key,
        kind=kind,
        period=str(source.definition_period),
        default=source.default_value,
        formula=source.get_formula,
        adds=getattr(source, "adds", None),
        subtracts=getattr(source, "subtracts", None),
        defined_for=getattr(source, "defined_for", None),
        uprating=getattr(source, "uprating", None),
        stock=getattr(source, "quantity_type", None) == "stock",
        vocabulary=vocabulary,
        dtype=str(source.dtype.__name__ if isinstance(source.dtype, type) else source.dtype),
        label=_label(source),
        neutralized=source.is_neutralized,
        carries=source.calculate_output is None,
    )


def _label(source: Any) -> str:
    """A variable's label; the source makes a tuple of that of a neutralised one."""
    label = source.label or ""
    return label if isinstance(label, str) else " ".join(map(str, label))

"""A country's rules, whoever wrote them: entities, variables and the law's numbers.

`System` is the only thing evaluation knows of a country. `_rules` builds one from Python functions;
`importer` reads one from an installed package.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...core._arguments import as_text
from ...core._fingerprint import fingerprint
from ...core._one_line import counted, listed, one_line
from ...core._validate import BadInputError, UnknownNameError, suggest
from . import _calendar
from ._calendar import Period
from ._law import LawNode, LawParameter, edited, fail_if_another_kind, parameters_under
from ._names import Moved, Names
from ._paths import Paths
from ._reform import in_plain_values, read_reform

if TYPE_CHECKING:
    from ..tracing._stand_in import Numpy


@dataclasses.dataclass(frozen=True)
class Variable:
    """One variable of the rules.

    Attributes:
        entity: whose variable it is.
        kind: one of float, int, bool, enum, str.
        period: its definition period.
        formula: the period's formula or None.
        adds, subtracts: names of variables or parameters, or the path of a list of them.
        defined_for: the variable that limits it.
        uprating: the path of the index that carries an earlier input forward.
        stock: whether a month of it equals its year.
        vocabulary: an enum's class.
        dtype: as the source engine stores it.

    >>> from pejax.testing import toy_system
    >>> toy_system().variable("income_tax").kind
    'float'
    """

    name: str
    entity: str
    kind: str = "float"
    period: str = _calendar.YEAR
    default: Any = 0.0
    formula: Callable[[Any], Callable[..., Any] | None] = lambda period: None
    adds: Any = None
    subtracts: Any = None
    defined_for: str | None = None
    uprating: str | None = None
    stock: bool = False
    vocabulary: Any = None
    dtype: str = "float32"
    label: str = ""
    neutralized: bool = False
    carries: bool = True

    @property
    def is_input(self) -> bool:
        """Whether only a population gives it."""
        return self.formula is Variable.formula and not (self.adds or self.subtracts)

    @one_line
    def __repr__(self) -> str:
        return f"{self.name}: {self.kind} of {self.entity} by {self.period}"


Tracing = Callable[["Numpy"], contextlib.AbstractContextManager[Callable[..., Any]]]


@contextlib.contextmanager
def as_written(numpy: Numpy) -> Iterator[Callable[..., Any]]:
    """Native formulas need no rebinding: their functions arrive ready."""
    yield lambda formula: formula


def _no_other_rules() -> Any:
    raise BadInputError("native rules compute under one law: a formula cannot exchange it")


@dataclasses.dataclass(frozen=True)
class System:
    """Rules of one country.

    Attributes:
        name, version: of the country.
        person, groups: entity keys.
        containing: the groups that contain a group.
        variables: by name.
        law: the tree of parameters.
        period: reads a period.
        tracing: opens a trace and gives the function that prepares formulas for it.
        source: the country's own object, which some formulas ask for.
        clone: another such object under the same law, to be changed.
        of_source: the same country by another such object.
        divided_by: the variable of households by which most of the law is divided, such as their
            state; empty where the country names none.
        abolitions: the branch of the law with a switch for each variable.
        reforms: those that are written into the law, in PolicyEngine's form, and `before`, the
            rules without them.
        restructured: makes what the country itself makes of such a law.
        switches: the parameters of which it does.
        start_instant: the day on which it looks at them.
        listed: the paths of all parameters.
        second_names: parameters that only show another's values, with that one's path.
        carry: whether inputs carry over to later periods.
        missing: the error for a path without a value.
        moved: the inputs that the country's own simulation keeps under another name.
        with_roles: the groups of which a column of the persons says as what each belongs to it.

    >>> from pejax.testing import toy_system
    >>> system = toy_system()
    >>> system.person, system.variable("income_tax").entity
    ('person', 'tax_unit')
    """

    name: str
    version: str
    person: str
    groups: tuple[str, ...]
    variables: Mapping[str, Variable]
    law: LawNode
    containing: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    entities: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    period: Callable[[Any], Any] = Period.of
    tracing: Tracing = as_written
    source: Any = None
    clone: Callable[[], Any] = _no_other_rules
    of_source: Callable[[Any], System] = lambda source: _no_other_rules()
    divided_by: str = ""
    abolitions: str = ""
    reforms: tuple[Mapping[str, Any], ...] = ()
    before: System | None = None
    restructured: Callable[[System], System] = lambda system: system
    switches: Callable[[LawNode], frozenset[str]] = lambda law: frozenset()
    start_instant: str = ""
    listed: Callable[[], Paths] | None = None
    second_names: Callable[[], Mapping[str, str]] = dict
    carry: bool = True
    missing: Callable[[str, str], Exception] = lambda path, instant: UnknownNameError(
        f"{path} has no value on {instant}"
    )
    moved: Callable[[], Mapping[str, Moved]] = dict
    with_roles: tuple[str, ...] = ()

    @one_line
    def __repr__(self) -> str:
        return f"{self.name}: {counted(len(self.variables), 'variable')} of {listed(self.groups)}"

    @functools.cached_property
    def names(self) -> Names:
        """What the rules know of a population's columns."""
        entities = {name: self.variables[name].entity for name in self.variables}
        moved = {
            name: to
            for name, to in self.moved().items()
            if name in entities and to.to in (*entities, "")
        }
        return Names(self.name, entities, moved)

    @functools.cached_property
    def own_ids(self) -> frozenset[str]:
        """Variables that are the population's own ids: of native rules, which have no data but
        those. A country's data may have ids or not."""
        ids = {f"{entity}_id" for entity in (self.person, *self.groups)} & self.variables.keys()
        held = (self.variables[name] for name in (ids if self.source is None else ()))
        return frozenset(v.name for v in held if v.is_input and v.kind in ("int", "float"))

    def variable(self, name: str) -> Variable:
        """Look a variable up.

        Raises:
            UnknownNameError: with the nearest names.
        """
        try:
            return self.variables[as_text(name, "name")]
        except KeyError:
            near = ", ".join(suggest(name, list(self.variables))) or "none is near"
            raise UnknownNameError(
                f"no variable {name!r} in {self.name}. Nearest: {near}"
            ) from None

    def with_reform(self, reform: Mapping[str, Any]) -> System:
        """The system with a reform written into its law: for what a parameter edit cannot express.

        Numbers can be changed without compiling anything, by `program.parameters.with_reform`.
        Booleans, strings, lists and dates inside the period decide the shape of the program: they
        are changed here, and the system is compiled again. If a country's own function makes other
        formulas of the law so changed, the system has those.

        Raises:
            UnknownNameError: with the nearest paths.
            BadInputError: dates outside the law and for values of another kind than the law's.
        """
        given = in_plain_values(reform)
        edits = read_reform(given)
        for path, dated in edits.items():
            fail_if_another_kind(self.law.find(path), path, dated)
        edits = edits | {
            place: edits[path] for place, path in self.second_names().items() if path in edits
        }
        return self.restructured(
            dataclasses.replace(
                self,
                law=edited(self.law, edits),
                reforms=(*self.reforms, given),
                before=self.before or self,
                version=f"{self.version}+{fingerprint(given)[:8]}",
            )
        )

    def paths(self) -> Paths:
        """The names of all parameters of the law."""
        if self.listed is not None:
            return self.listed()
        return Paths.of(p.path for p in parameters_under(self.law))

    def abolition(self, name: str, law: LawNode) -> LawParameter | None:
        """The switch by which a law makes a variable its default for everybody, if there is one."""
        at: Any = law
        for step in (*self.abolitions.split("."), name) if self.abolitions else ():
            at = at.children.get(step) if isinstance(at, LawNode) else None
        return at if isinstance(at, LawParameter) else None

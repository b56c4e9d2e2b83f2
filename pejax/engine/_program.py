"""A compiled law: a pure function of its numbers and a population."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core._arguments import as_choice, as_path
from ..core._formerly import other_order
from ..core._one_line import listed
from ..core._transforms import is_traced, known
from ..core._validate import BadInputError, unknown
from ..core.files._npz import digest_of
from ..core.population._checks import check as fail_if_no_people
from ..core.population._population import Population
from . import _save
from ._accept import accepted, fail_if_no_population, fail_if_other_parameters
from ._carrier import MadeFor, carrier_of, of_content, to_content, with_carrier
from ._guards import Decision, agrees, concerns_nobody, fail_if_moved, of_law, told
from ._header import fail_if_other_header, fail_if_other_leaves, fields_of, header_of
from ._inputs import Column, host_arrays, recoded, sizes_of
from ._int32 import outgrown
from ._parameters import ParameterIndex, Parameters, as_written
from ._recipe import Output, Recipe
from ._report import Report
from ._situations import Reader, Situations
from .graph._bounds import Ends, WholeNumbers, whole_numbers_of
from .graph._interpret import Interpreter
from .graph._limits import Limit, within
from .graph._node import Node
from .graph._plan import Plans
from .graph._strata import Strata
from .graph._structure import row_number_users
from .rules._names import Names
from .rules._system import System
from .running._check import Checker, SelfCheckError
from .running._chunks import Chunked, chunked, deal, fail_if_rows_are_numbered
from .running._runtime import Runtime

if TYPE_CHECKING:
    from .importer import Country


@jax.tree_util.register_static
@dataclasses.dataclass(frozen=True, eq=False)
class Program:
    """A law as a pure function; made by `engine.compile`, read by `engine.load`.

    `program(parameters, population)` gives a dictionary of arrays, one entry a row of the
    variable's entity in the population's row order, padding trimmed. `jax.grad`, `vmap` and `jit`
    apply to it.

    >>> from pejax.testing import toy_population, toy_program
    >>> program, people = toy_program(), toy_population()
    >>> sorted(program(program.parameters, people))
    ['child_benefit', 'income_tax', 'net_income']

    The first run on people of a new kind compares a sample with the law's own graph in numpy
    (`check`; what it found is in `report.checks`). Inside `jit` there is no comparison: run the
    program once outside.

    Attributes:
        outputs: the variables that it returns.
        decisions: what Python asked of the law and the people while the rules were traced.
        index: the places of the parameters: what each entry of `parameters.values` is.
        columns: what it reads of a population, weights and ids included.
        situations: what else is known of them, to read people as they are written in situations.
        names: the variables of its country and their entities, by which columns are understood.
        known: every variable that it computes, is given or asks for; a column of such a one that
            is not among `columns` would be ignored, and is refused.
        report: what became of each variable, and what the comparisons with numpy found.
        recipe: how it was made.
        rules: the system, where one was compiled; None for a country package, and after `load`.
        strata: the column whose values divide the households, where the law is so divided.
        check: whether it is compared with numpy on people of a new kind.
        limits: what it asks itself of whole numbers, which may not fit in 32 bits.
        carrier: households beside whom it answers; only of a program that was saved with some.
        made_for: the people that it was compiled for, while they are there; nobody after `load`.

    Raises:
        BadInputError: a population whose columns differ from the compiled ones, and whole numbers
            that 32 bits do not hold.
        SelfCheckError: values that the graph does not give.
        GuardMovedError: where a reform or new data moves a recorded decision, under `vmap` and
            derivatives too (inside `jit`, ask `program.guards_hold`).
    """

    outputs: tuple[Output, ...]
    decisions: tuple[Decision, ...]
    index: ParameterIndex
    columns: tuple[Column, ...]
    situations: Situations
    names: Names
    known: frozenset[str]
    report: Report
    recipe: Recipe
    rules: System | None = None
    strata: Strata | None = None
    check: bool = True
    limits: tuple[Limit, ...] = ()
    carrier: Population | None = None
    made_for: MadeFor = dataclasses.field(default_factory=MadeFor)

    def __call__(self, parameters: Parameters, population: Population) -> dict[str, Array]:
        asked = self._accept(parameters, population)
        whole = with_carrier(asked, self.carrier)
        self._fail_if_outgrown(parameters, whole)
        if self.recipe.chunk is not None:
            return self._in_chunks(parameters, asked)
        return self._named(self._values(parameters, whole), asked, whole)

    def _named(self, values: list[Any], asked: Population, whole: Population) -> dict[str, Any]:
        """The outputs of those asked, by name."""
        pairs = zip(self.outputs, values, strict=True)
        return {o.name: _trim(asked, whole, v, o.entity) for o, v in pairs}

    def _values(self, parameters: Parameters, population: Population) -> list[Array]:
        try:
            values = self._runtime(jnp.asarray(parameters.values), population)
        except SelfCheckError:
            self._fail_if_outgrown(parameters, population, held={})
            raise
        return self._judged(values, parameters, population)

    def _judged(self, values: list[Any], parameters: Parameters, people: Population) -> list[Any]:
        """The outputs among values of all nodes, after a look at the decisions and limits."""
        asked = iter(values[len(self.outputs) :])
        decided = list(islice(asked, len(self.decisions)))
        fail_if_moved(self.decisions, decided, people, self.strata)
        self._check_limits(parameters, list(asked), people)
        return values[: len(self.outputs)]

    def _in_chunks(self, parameters: Parameters, population: Population) -> dict[str, Array]:
        dealt = deal(population, self.recipe.chunk or 1)
        values, answers = self._chunked(jnp.asarray(parameters.values), dealt)
        fail_if_moved(self.decisions, answers, population, self.strata)
        return {o.name: dealt.trim(v, o.entity) for o, v in zip(self.outputs, values, strict=True)}

    @property
    def dtype(self) -> str:
        return self.recipe.dtype

    @functools.cached_property
    def parameters(self) -> Parameters:
        """The law as it stands: a pytree of one float vector, addressed by path."""
        values = np.array([leaf.value for leaf in self.index.leaves])
        return Parameters(jnp.asarray(values, self.dtype), self.index)

    def vocabulary(self, name: str) -> tuple[str, ...] | None:
        """The names behind an enum output's codes."""
        return self._output(name).vocabulary

    def entity(self, name: str) -> str:
        """The entity of an output."""
        return self._output(name).entity

    def _output(self, name: str) -> Output:
        held = {output.name: output for output in self.outputs}
        if not isinstance(name, str) or name not in held:
            raise unknown("output", name, held)
        return held[name]

    @other_order(Population, ("population", "parameters", "floats"), {"parameters": None})
    def interpreter(
        self,
        parameters: Parameters | None,
        population: Population,
        floats: str | None = None,
    ) -> Interpreter:
        """The same program in numpy on one population: the oracle.

        Args:
            floats: `"float32"` or `"float64"` for that width throughout; by default every value is
                as wide as the source engine has it.
        """
        fail_if_no_population(population)
        given = self.parameters if parameters is None else parameters
        fail_if_other_parameters(given, self.index)
        if floats is not None:
            as_choice(floats, ("float32", "float64"), "floats")
        rows, graph = sizes_of(population), self.outputs[0].node.graph
        return Interpreter(
            host_arrays(recoded(population, self.columns)),
            {n: rows[e] for e, n in graph.sizes.items()},
            as_written(given),
            floats=floats,
        )

    @functools.cached_property
    def _plans(self) -> Plans:
        return Plans([*self._answers, *(m.node for m in self.limits)])

    def in_numpy(self, parameters: Parameters, population: Population) -> dict[str, np.ndarray]:
        """The same values without compiling: the soonest way to one family's answer, and from the
        third family of a size on a quick one. In the source engine's widths where it has them.

        Raises:
            BadInputError, GuardMovedError: as a call does.
        """
        asked = self._accept(parameters, population)
        whole = with_carrier(asked, self.carrier)
        self._fail_if_outgrown(parameters, whole)
        kind = np.asarray(parameters.values).tobytes(), *sizes_of(whole).items()
        inputs = host_arrays(recoded(whole, self.columns))
        values = self._plans.values(kind, inputs, lambda: self.interpreter(parameters, whole))
        values = self._judged(values, parameters, whole)
        return {n: np.asarray(v) for n, v in self._named(values, asked, whole).items()}

    def population_of(self, situation: Mapping[str, object]) -> Population:
        """Read a situation as people of this program, without the country package.

        Who is said to have nothing in a column has the country's default there. A variable that
        none of the outputs reads is left out.

        Args:
            situation: as `Population.from_situation` takes it; what is written without a period is
                of the program's own.

        Raises:
            BadInputError: naming what is missing, what the program computes itself, and all that
                `from_situation` refuses.

        >>> from pejax.testing import toy_program
        >>> family = {"people": {"anna": {"age": 40, "earnings": 30_000.0}, "bert": {"age": 3}}}
        >>> toy_program().population_of(family)
        Population(2 person, 1 household, 1 tax_unit; 6 columns)
        """
        reader = Reader(self.situations, self.columns, self.names, self.known, self.recipe.period)
        tables = reader.tables(situation)
        fail_if_no_people(tables)
        return Population.from_tables(tables)

    # ---- guards

    def guards_hold(self, parameters: Parameters, population: Population) -> Array:
        """Whether each recorded decision would be taken again; pure, for use inside `jit`."""
        population = with_carrier(self._accept(parameters, population), self.carrier)
        answers = self._decision_runtime(parameters.values, population)
        pairs = zip(self.decisions, answers, strict=True)
        return jnp.array(
            [agrees(d, v, jnp) | concerns_nobody(d, population, self.strata) for d, v in pairs]
        )

    def respecialise(
        self,
        parameters: Parameters,
        population: Population,
        system: System | Country | None = None,
    ) -> Program:
        """The program with its decisions taken anew for this law and these people.

        Args:
            system: the rules; only for a program read from disk whose rules were not an installed
                country package.
        """
        from ._compile import fail_if_no_rules, recompile

        fail_if_no_population(population)
        fail_if_other_parameters(parameters, self.index)
        if system is not None:
            fail_if_no_rules(system)
        rules = self.rules if system is None else system
        return recompile(self.recipe, rules, parameters, population)

    # ---- disk

    def save(self, path: str | Path, carrier: bool | Population = False) -> None:
        """Write the program as a zip of JSON and arrays; `engine.load` reads it anywhere.

        Args:
            carrier: whether some 60 households go with it, beside whom its decisions hold. What is
                asked of the saved program, one family say, is then answered beside them; they need
                no country package. `True` takes some of those whom it was compiled for, a
                population some of its own. The file holds their records.

        Raises:
            BadInputError: answers would depend on those households, or it runs in chunks.
            GuardMovedError: the program does not decide beside these people as it did.
        """
        place = as_path(path, "path")
        held = carrier_of(self, carrier)
        kept = None if held is None else to_content(held)
        _save.write(place, self._roots, header_of(self), self.report.to_json(), kept)

    @property
    def _answers(self) -> list[Node]:
        return [*(o.node for o in self.outputs), *(d.node for d in self.decisions)]

    @property
    def _roots(self) -> list[Node]:
        """What is kept on disk: limits, and the numbers that they are about, come last."""
        return [*self._answers, *(m.node for m in self.limits), *(m.of for m in self.limits)]

    @classmethod
    def load(cls, path: str | Path, check: bool = True) -> Program:
        """Read what `save` wrote; `check` as in `engine.compile`.

        Raises:
            BadInputError: naming the file, for one that is no program, of another format, damaged
                or changed since.
        """
        saved = _save.read(path)
        with _save.refused_if_damaged(path):
            fail_if_other_header(saved.header, saved.roots)
            fields, report = fields_of(saved.header, saved.roots), Report.from_json(saved.report)
            kept = saved.carrier
            carrier = None if kept is None else of_content(*kept, fields["columns"])
            program = cls(**fields, report=report, check=check, carrier=carrier)
            fail_if_other_leaves(program.index, saved.roots[0].graph)
        vars(program)["digest"] = saved.digest
        return program

    # ---- inside

    @functools.cached_property
    def _runtime(self) -> Runtime:
        names = (*(o.name for o in self.outputs), *(d.variable for d in self.decisions))
        return self._runtime_of([*self._answers, *(m.node for m in self.limits)], names)

    @functools.cached_property
    def _chunked(self) -> Chunked:
        return chunked(
            [o.node for o in self.outputs], [d.node for d in self.decisions], self._runtime_of
        )

    @functools.cached_property
    def _decision_runtime(self) -> Runtime:
        return self._runtime_of([d.node for d in self.decisions])

    def _runtime_of(self, roots: list[Node], names: tuple[str, ...] = ()) -> Runtime:
        leaves, check = len(self.index.leaves), self._checker if self.check else None
        position = self.index.position
        return Runtime(tuple(roots), position, leaves, self.dtype, self.strata, names, check)

    @functools.cached_property
    def _checker(self) -> Checker:
        return Checker(self.report.checks)

    @functools.cached_property
    def digest(self) -> str:
        """A fingerprint of what the program computes, and from which columns and numbers."""
        return _save.digest(self._roots, header_of(self))

    @functools.cached_property
    def _identity(self) -> tuple[str, str]:
        """Of the law, and of the households beside whom it is asked: without them a family may be
        refused that is answered with them."""
        beside = "" if self.carrier is None else digest_of(*to_content(self.carrier))
        return self.digest, beside

    def __hash__(self) -> int:
        return hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and other._identity == self._identity

    def __repr__(self) -> str:
        names = listed([output.name for output in self.outputs])
        size = ", ".join(f"{n:,} {what}" for what, n in self.report.counts.items() if n)
        return f"Program({self.recipe.package} {self.recipe.period}: {names}; {size})"

    @functools.cached_property
    def _row_number_users(self) -> set[str]:
        """Variables that compute with the numbers of rows, which are others in blocks."""
        return row_number_users(self._answers)

    def _accept(self, parameters: Parameters, population: Population) -> Population:
        """The population as the program codes it, if it has what the program needs."""
        fail_if_other_parameters(parameters, self.index)
        fail_if_no_population(population)
        if population.schema.blocks > 1 and self.recipe.chunk is None:
            fail_if_rows_are_numbered(self._row_number_users)
        entities = self.outputs[0].node.graph.sizes
        extra = self.recipe.extra
        return accepted(population, self.columns, self.known, entities, self.names, extra)

    def _fail_if_outgrown(
        self, parameters: Parameters, population: Population, held: Mapping[int, Ends] | None = None
    ) -> None:
        """Whole numbers of these people fit in 32 bits under every law that is known, and their
        places are there.

        Args:
            held: the ends of numbers that need not be looked at; by default, of those at which the
                program itself looks.
        """
        laws = known(parameters.values)
        if laws is None:
            return
        ends = {m.of.index: within(m) for m in self.limits} if held is None else held
        self._fail_if_any_is(laws, np.ones(laws.shape[:-1], bool), population, ends)

    def _check_limits(
        self, parameters: Parameters, answers: Sequence[Any], population: Population
    ) -> None:
        """Where the program has found that a number may not fit, the numbers are looked at; under
        every law where these are known, but inside of a `jit` what it has found is not."""
        laws, found = known(parameters.values), told(answers)
        if laws is None or not answers or is_traced(population):
            return
        beyond = True if found is None else functools.reduce(np.logical_or, found)
        few = np.broadcast_to(beyond, laws.shape[:-1])
        self._fail_if_any_is(laws, few, population, {})

    def _fail_if_any_is(
        self,
        laws: Array | np.ndarray,
        few: np.ndarray,
        population: Population,
        held: Mapping[int, Ends],
    ) -> None:
        """No whole number is too large under a few of the laws; a decision that one moves comes
        first."""
        sizes = self.outputs[0].node.graph.sizes
        numbers: Any = np.asarray(laws)
        for at in zip(*np.nonzero(few), strict=True) if few.ndim else [()] * int(few):
            with jax.ensure_compile_time_eval():  # inside of a `jit` it would be traced
                parameters = Parameters(jnp.asarray(numbers[at]), self.index)
            compute = functools.partial(self.interpreter, parameters, population)
            problem = outgrown(self._whole_numbers, parameters, population, compute, sizes, held)
            if problem is not None:
                answers = compute().all([d.node for d in self.decisions])
                fail_if_moved(self.decisions, answers, population, self.strata)
                raise of_law(BadInputError(problem), at)

    @functools.cached_property
    def _whole_numbers(self) -> WholeNumbers:
        """Whole numbers that the program computes with, for the check that 32 bits hold them."""
        return whole_numbers_of(self._answers)


def _trim(asked: Population, whole: Population, values: Any, entity: str) -> Any:
    """The real rows of a result, of the asked alone.

    A population's own padding (`pad_to`, or between blocks) is known to the population. To one that
    has none, `padded_sizes` adds rows at the end, so that one executable serves many sizes."""
    schema = asked.schema
    if whole is asked and values.shape[0] == schema.sizes[entity]:
        plain = isinstance(values, np.ndarray)
        return values[np.asarray(asked.mask(entity))] if plain else asked.trim(values, entity)
    return values[: schema.counts[entity]]

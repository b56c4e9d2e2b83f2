"""What every command that computes has: a folder, a manifest, and the law and people it is of."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ._law import Asked, ask, facts_of
from ._options import (
    Country,
    Extra,
    Households,
    Out,
    People,
    Reported,
    Saved,
    Seed,
    Whom,
    Year,
    whom,
)
from ._work import Work, work

if TYPE_CHECKING:
    from ..core.population._population import Population
    from ..engine import Parameters, Program


class Opened(NamedTuple):
    """A law and its people, ready to be computed."""

    asked: Asked
    people: "Population"
    program: "Program"
    parameters: "Parameters"


class LawOptions(NamedTuple):
    """The options that all commands over a law have."""

    program: Saved = None
    country: Country = None
    year: Year = None
    population: People = None
    households: Households = None
    reported: Reported = False
    extra: Extra = None
    seed: Seed = 0

    @property
    def has_a_law(self) -> bool:
        """Whether any option is about a law."""
        return self.program is not None or self.country is not None or bool(self.extra)

    def whom(self) -> Whom:
        """Whose people; refused where the options do not go together."""
        return whom(self.population, self.households, self.reported, self.seed)

    def ask(
        self, outputs: Sequence[str] | None, reforms: Sequence[Mapping[str, Any]] = ()
    ) -> Asked:
        """Whose law and which outputs, checked under `reforms`."""
        return ask(
            self.program, self.country, outputs, self.year, extra=self.extra, reforms=reforms
        )

    def open(
        self,
        task: Work,
        outputs: Sequence[str] | None,
        reforms: Sequence[Mapping[str, Any]] = (),
        reform: Mapping[str, Any] | None = None,
    ) -> Opened:
        """Read the people and compile the law, under `reform` if one is given.

        All that can be refused at once is refused before: `reforms`, which a later step runs, too.
        """
        who = self.whom()
        asked = self.ask(outputs, reforms if reform is None else (*reforms, reform))
        people = read(task, who, asked.year)
        with task.run.step("law"):
            program = asked.program(people)
            parameters = program.parameters
            if reform is not None:
                program, parameters = asked.reformed(program, people, reform)
            task.run.note(law=facts_of(program))
        return Opened(asked, people, program, parameters)


def read(task: Work, who: Whom, year: int) -> "Population":
    """The step that reads the people, whose digest the manifest keeps."""
    with task.run.step("population"):
        people = who.read(year)
        task.run.digest(people)
    return people


def command(name: str, *, without: Sequence[str] = ()) -> Callable[[Callable[..., None]], Any]:
    """A command from a function of a `Work` and of the command's own options.

    The command has `--out` besides. An argument of the function that is `LawOptions` becomes the
    options which these are, but for those named in `without`. The function runs inside of
    `work`, so that a manifest says what was run and how it ended.
    """

    def decorate(body: Callable[..., None]) -> Callable[..., None]:
        _, *arguments = inspect.signature(body).parameters.values()
        own = [argument for argument in arguments if argument.annotation is not LawOptions]
        laws = [argument.name for argument in arguments if argument.annotation is LawOptions]
        of_law = [option for option in _OF_A_LAW if laws and option.name not in without]

        def run(**options: Any) -> None:
            def chosen(parameters: Sequence[inspect.Parameter]) -> dict[str, Any]:
                return {each.name: options[each.name] for each in parameters}

            with work(name, options["out"], options, options["seed"]) as task:
                laws_options = {law: LawOptions(**chosen(of_law)) for law in laws}
                body(task, **chosen(own), **laws_options)

        shown = [*own, _option("out", Out, Path("out") / name), *of_law]
        run.__name__, run.__doc__, run.__module__ = body.__name__, body.__doc__, body.__module__
        run.__annotations__ = {option.name: option.annotation for option in shown}
        vars(run)["__signature__"] = inspect.Signature(shown)
        return run

    return decorate


def _option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, annotation=annotation, default=default)


_OF_A_LAW = [
    _option(name, LawOptions.__annotations__[name], default)
    for name, default in LawOptions._field_defaults.items()
]

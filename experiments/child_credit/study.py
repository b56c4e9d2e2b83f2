"""What every step of the experiment works on: families, programs and the grid."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import families as people
import numpy as np
import poverty
from designs import CTC, Design, Grid, designs_of

from pejax import Population, engine

HELD = (  # what the credit is computed from and no number of the credit reaches
    "agi_plus_section_911_931_933_exclusions",
    "ctc_social_security_tax",
    "eitc",
    "eitc_earned_income",
    "filing_status",
    "head_or_spouse_is_dependent_elsewhere_without_filing_exception",
)
CREDIT = (poverty.ENTITLEMENT, poverty.REFUND, poverty.CREDIT)
FIXED = tuple(dict.fromkeys((*poverty.RESOURCES, poverty.LINE, poverty.CHILD, *HELD)))
Progress = Callable[[int, int], None]
Values = Mapping[str, tuple[str, Any]]  # entity and amounts by variable


@dataclasses.dataclass(frozen=True)
class Study:
    """Everything given, and nothing that is found.

    Attributes:
        given: the families as the file has them.
        fixed: what the law gives them whatever the credit.
        families: with that as columns, so that the programs of the credit are small.
        programs: by design.
    """

    config: Mapping[str, Any]
    cache: Path
    country: engine.Country
    grid: Grid
    designs: tuple[Design, ...]
    given: Population
    fixed: Values
    families: Population
    programs: Mapping[str, engine.Program]

    @property
    def children(self) -> float:
        """Children of the country."""
        return float(poverty.children({}, self.families))


def prepare(config: Mapping[str, Any], cache: Path, given: Population, progress: Progress) -> Study:
    """Ask the source engine for what takes the law of every state, and compile one program a
    structure."""
    country, year = engine.import_country(config["country"]), config["year"]
    designs = designs_of(config)
    families = people.with_liability(
        people.with_state_group(given), country, year, config["chunk"], cache, progress
    )

    def compiled(rules: engine.Country, names: tuple[str, ...]) -> engine.Program:
        return engine.compile(
            rules,
            names,
            year,
            families,
            dtype="float64",
            cache=cache / "programs",
            extra=poverty.COLUMNS,
        )

    law = compiled(country, FIXED)
    _fail_if_credit_reaches(law)
    fixed = _computed(law, families)
    families = poverty.with_poverty_columns(fixed, families)
    for name in HELD:
        entity, values = fixed[name]
        families = families.with_columns(entity, **{name: values})
    shared = {rules: compiled(rules, CREDIT) for rules in {d.country(country) for d in designs}}
    return Study(
        config=config,
        cache=cache,
        country=country,
        grid=Grid.of(config),
        designs=designs,
        given=given,
        fixed=fixed,
        families=families,
        programs={d.name: shared[d.country(country)] for d in designs},
    )


def _fail_if_credit_reaches(program: engine.Program) -> None:
    """What is held fixed must not depend on what is varied."""
    reached = [path for path in program.parameters.paths() if path.startswith(f"{CTC}.")]
    if reached:
        raise ValueError(f"{FIXED} depend on {reached}: leave what does out of HELD")


def _computed(program: engine.Program, families: Population) -> Values:
    """Outputs with their entities; filing status and its like as names."""
    found = {}
    for name, values in program(program.parameters, families).items():
        names = program.vocabulary(name)
        held = values if names is None else np.array(names)[np.asarray(values)]
        found[name] = (program.entity(name), held)
    return found

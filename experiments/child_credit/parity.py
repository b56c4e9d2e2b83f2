"""The same families in the source engine: every amount of the credit, unit by unit."""

from collections.abc import Mapping
from typing import Any

import families as people
import numpy as np
import pandas as pd
from designs import AMOUNT, FULLY_REFUNDABLE
from study import Study, Values


def compare(study: Study) -> pd.DataFrame:
    """Program against policyengine-us for a sample of the families, under several laws.

    The source engine gets the families as the file has them: it computes the tax that the credit
    may offset anew under each reform, and with it who itemises, which the programs hold fixed.

    Returns:
        A row a reform and variable: `rows`, the largest absolute difference in dollars and
        `above_tolerance`, how many rows differ by more than the tolerance.
    """
    settings = study.config["parity"]
    count = study.given.count("household")
    chosen = np.linspace(0, count - 1, min(settings["households"], count)).astype(int)
    laws = _laws(study)
    source = people.source_values(
        study.given.select(chosen),
        study.country,
        study.config["year"],
        {name: (path, value) for name, (_, path, value) in laws.items()},
        study.cache,
    )
    rows = []
    for name, (design, path, value) in laws.items():
        ours = _ours(study, design, {path: value})
        for variable, theirs in source[name].items():
            entity, values = ours[variable]
            here = np.isin(np.asarray(study.families.household_of(entity)), chosen)
            apart = np.abs(np.asarray(values)[here] - theirs)
            rows.append(
                {
                    "reform": name,
                    "variable": variable,
                    "rows": len(theirs),
                    "largest_difference": float(apart.max()),
                    "above_tolerance": int((apart > settings["tolerance"]).sum()),
                }
            )
    return pd.DataFrame(rows)


def _laws(study: Study) -> dict[str, tuple[str, str, Any]]:
    """By name: the design whose program computes it, and the parameter that is set."""
    laws: dict[str, tuple[str, str, Any]] = {}
    for design in study.designs:
        if design.fully_refundable:
            laws[design.title] = (design.name, FULLY_REFUNDABLE, True)
        elif not design.cap_follows_amount:
            for amount in study.config["parity"]["amounts"]:
                laws[f"amount ${amount:,}"] = (design.name, AMOUNT, float(amount))
    return laws


def _ours(study: Study, design: str, reform: Mapping[str, Any]) -> Values:
    """Every output under a reform; a switch is already in the program's structure."""
    program = study.programs[design]
    numbers = {path: value for path, value in reform.items() if path in program.parameters}
    outputs = program(program.parameters.with_reform(numbers), study.families)
    return {**study.fixed, **{name: (program.entity(name), v) for name, v in outputs.items()}}

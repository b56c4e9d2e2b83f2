"""How far France's law goes: income tax and minimum income, of people of working age with wages.

The people are made up and declared here: couples without children who earn. What cannot be traced
is named with its reason; where nothing is left, values are compared with the source engine's.
"""

import argparse
from typing import Any

import numpy as np
import pandas as pd
from _harness import write

from pejax import Population, engine

PACKAGE = "openfisca_france"
OUTPUTS = {"impot_revenu_restant_a_payer": "2024", "rsa": "2024-01"}
FIRST = {
    "famille": "demandeur",
    "foyer_fiscal": "declarant_principal",
    "menage": "personne_de_reference",
}
SECOND = "conjoint"


def people(couples: int, seed: int) -> Population:
    """Couples who live, file and claim together."""
    rng, count = np.random.default_rng(seed), 2 * couples
    is_second = np.arange(count) % 2 == 1
    born = np.datetime64("2024-01-01") - rng.integers(25 * 366, 60 * 365, count)
    person: dict[str, Any] = {
        "individu_id": range(count),
        "date_naissance": born.astype(str),
        "salaire_de_base": rng.uniform(0, 60_000, count).round(),
    }
    for group, role in FIRST.items():
        person |= {f"{group}_id": np.arange(count) // 2}
        person |= {f"{group}_role": np.where(is_second, SECOND, role)}
    frames = {group: pd.DataFrame({f"{group}_id": range(couples)}) for group in FIRST}
    frames["menage"]["menage_weight"] = 1.0
    return Population.from_frames(
        {"individu": pd.DataFrame(person), **frames},
        weights="menage_weight",
        person="individu",
        household="menage",
    )


def asked(country: engine.Country, output: str, period: str, held: Population) -> dict[str, Any]:
    """What stands in the way of an output, or how far it is from the source engine's."""
    try:
        program = engine.compile(country, [output], period, held, check=False)
    except engine.UntraceableRule as refusal:
        return {"refused": refusal.refused}
    found = np.asarray(program(program.parameters, held)[output])
    source = engine.importer.source_simulation(country, held, period)
    expected = source.calculate(output, period)
    return {
        "refused": {},
        "variables": program.report.counts,
        "rows": len(found),
        "rows_that_are_not_zero": int((expected != 0).sum()),
        "mean": float(expected.mean()),
        "largest_difference": float(np.abs(expected - found).max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--couples", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    held, country = people(given.couples, given.seed), engine.import_country(PACKAGE)
    found = {output: asked(country, output, when, held) for output, when in OUTPUTS.items()}
    path = write(
        "engine_france",
        {"outputs": found},
        sizes={"individu": held.count("individu")},
        packages=("openfisca-france", "openfisca-core"),
    )
    for output, said in found.items():
        print(output, {name: value for name, value in said.items() if name != "refused"})
        print(f"{len(said['refused'])} formulas refused")
        for name, reason in said["refused"].items():
            print(f"  {name} {reason}")
    print(path)


if __name__ == "__main__":
    main()

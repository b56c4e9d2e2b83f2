"""Five outputs of the United Kingdom's law against policyengine-uk's own simulation.

The people are made up and declared here: households of one or two adults and up to three children
in six regions, who own or rent, earn, save and have claims; nobody's data.
"""

import argparse
import time
from typing import Any

import jax
import numpy as np
import pandas as pd
from _harness import write

from pejax import Population
from pejax.engine import compile, import_country
from pejax.engine.importer import source_simulation, source_values

PACKAGE, YEAR = "policyengine_uk", 2025
OUTPUTS = (
    "income_tax",
    "national_insurance",
    "universal_credit",
    "child_benefit",
    "household_net_income",
)
REGIONS = ("LONDON", "NORTH_EAST", "SCOTLAND", "WALES", "NORTHERN_IRELAND", "SOUTH_EAST")
TENURES = ("RENT_PRIVATELY", "RENT_FROM_COUNCIL", "OWNED_WITH_MORTGAGE", "OWNED_OUTRIGHT")
WAGES = (0, 8_000, 15_000, 28_000, 45_000, 70_000, 130_000)
PENNY = 0.01


def people(households: int, seed: int) -> Population:
    """Made-up households, one benefit unit each."""
    rng = np.random.default_rng(seed)
    persons: list[dict[str, Any]] = []
    for home in range(households):
        children = int(rng.integers(0, 4))
        for _ in range(int(rng.integers(1, 3))):
            persons.append(_person(rng, home, int(rng.integers(18, 85)), children > 0))
        persons += [_child(home, int(rng.integers(0, 17))) for _ in range(children)]
    person = pd.DataFrame(persons)
    person.insert(0, "person_id", range(len(person)))
    household = pd.DataFrame(
        {
            "household_id": range(households),
            "region": rng.choice(REGIONS, households),
            "tenure_type": rng.choice(TENURES, households),
            "rent": rng.integers(0, 15_000, households).astype(float),
            "council_tax": rng.integers(500, 3_000, households).astype(float),
            "household_weight": 1.0,
        }
    )
    units = pd.DataFrame({"benunit_id": range(households)})
    return Population.from_frames({"person": person, "benunit": units, "household": household})


def _person(rng: np.random.Generator, home: int, age: int, is_parent: bool) -> dict[str, Any]:
    return {
        "household_id": home,
        "benunit_id": home,
        "age": age,
        "employment_income": float(rng.choice(WAGES)),
        "self_employment_income": float(rng.choice((0, 0, 0, 12_000))),
        "savings_interest_income": float(rng.choice((0, 0, 500, 3_000))),
        "is_parent": is_parent,
    }


def _child(home: int, age: int) -> dict[str, Any]:
    amounts = dict.fromkeys(
        ("employment_income", "self_employment_income", "savings_interest_income"), 0.0
    )
    return {"household_id": home, "benunit_id": home, "age": age, "is_parent": False, **amounts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--households", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    population = people(asked.households, asked.seed)
    start = time.perf_counter()
    program = compile(import_country(PACKAGE), OUTPUTS, YEAR, population)
    traced = time.perf_counter() - start
    start = time.perf_counter()
    found = jax.block_until_ready(program(program.parameters, population))
    first = time.perf_counter() - start
    start = time.perf_counter()
    found = jax.block_until_ready(program(program.parameters, population))
    warm = time.perf_counter() - start
    start = time.perf_counter()
    theirs = source_values(source_simulation(PACKAGE, population, YEAR), OUTPUTS, YEAR)
    source = time.perf_counter() - start
    exact = program.interpreter(program.parameters, population)
    results = {}
    for output in program.outputs:
        own = np.asarray(found[output.name], float)
        gap = np.abs(own - theirs[output.name].astype(float))
        oracle = np.asarray(exact(output.node), float)
        results[output.name] = {
            "rows": len(gap),
            "largest_difference": float(gap.max()),
            "within_a_penny": float((gap <= PENNY).mean()),
            "largest_difference_of_its_graph": float(np.abs(oracle - theirs[output.name]).max()),
            "total": float(theirs[output.name].astype(float).sum()),
        }
        print(output.name, results[output.name])
    write(
        "engine_uk",
        {
            "outputs": results,
            "report": str(program.report),
            "seconds": {"trace": traced, "first": first, "warm": warm, "source": source},
        },
        sizes={"households": asked.households, "persons": population.count("person")},
        packages=("policyengine-uk", "policyengine-core"),
    )


if __name__ == "__main__":
    main()

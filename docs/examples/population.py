"""Real households from the public CPS, and a population from anybody's tables."""

import pandas as pd

import pejax


def main(households: int | None = 2_000) -> tuple[pejax.Population, pejax.Population]:
    # A sample of the CPS file that the taxcalc package ships, aged to 2025; None is all of it.
    people = pejax.datasets.load_cps(period=2025, households=households)
    print(people)
    print(f"stand for {float(people.weight().sum()) / 1e6:.1f} million persons")
    children = people.column("age") < 18
    print(f"of whom {float(people.weight() @ children) / 1e6:.1f} million are children")

    # Anybody's tables: one frame an entity, links named <group>_id.
    person = pd.DataFrame(
        {
            "person_id": [1, 2, 3],
            "household_id": [10, 10, 20],
            "tax_unit_id": [1, 1, 2],
            "age": [41, 9, 67],
            "employment_income": [52_000.0, 0.0, 0.0],
        }
    )
    household = pd.DataFrame(
        {
            "household_id": [10, 20],
            "household_weight": [1_500.0, 900.0],
            "state_fips": [6, 48],
        }
    )
    own = pejax.Population.from_frames({"person": person, "household": household})
    print(own)
    return people, own


if __name__ == "__main__":
    main()

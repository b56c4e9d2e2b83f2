"""A reform is an edit of an input; the gradient of its cost is one reverse pass."""

import numpy as np
import pandas as pd

import pejax
from pejax import engine

CREDIT = "gov.irs.credits.ctc.amount.base[0].amount"


def main(households: int | None = 2_000) -> tuple[float, pd.DataFrame]:
    people = pejax.datasets.load_cps(period=2025, households=households, reported=True)
    country = engine.import_country("policyengine_us")
    program = engine.compile(country, ["income_tax", "ctc"], 2025, people)

    # PolicyEngine's own form: path to a value, or to values by date. Nothing is compiled for it.
    law = program.parameters
    reform = law.with_reform({CREDIT: {"2025-01-01.2025-12-31": 3_000}})
    before, after = program(law, people), program(reform, people)
    weights = np.asarray(people.weight("tax_unit"), float)
    cost = float(weights @ np.asarray(before["income_tax"] - after["income_tax"], float))
    print(f"{CREDIT} {float(law[CREDIT]):,.0f} -> 3,000 costs {cost / 1e9:,.1f} billion dollars")

    # `ctc` alone is what families are entitled to, before the limit by the tax they owe: no price.
    entitled = float(weights @ np.asarray(after["ctc"] - before["ctc"], float))
    print(f"entitlements rise by {entitled / 1e9:,.1f} billion")

    # Every parameter, ranked by what one percent of it is worth.
    table = engine.sensitivity(program, program.parameters, people, "income_tax")
    print(table[["path", "value", "gradient", "dollars_per_percent", "status"]].head(5).to_string())
    print(table["status"].value_counts().to_string())
    return cost, table


if __name__ == "__main__":
    main()

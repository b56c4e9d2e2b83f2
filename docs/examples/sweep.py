"""Many reforms through one program: batches by `vmap`, nothing compiled for any of them."""

import numpy as np
import pandas as pd

import pejax
from pejax import engine

CREDIT = "gov.irs.credits.ctc.amount.base[0].amount"
THRESHOLD = "gov.irs.credits.ctc.phase_out.threshold.JOINT"


def main(households: int | None = 2_000, reforms: int = 16) -> pd.DataFrame:
    people = pejax.datasets.load_cps(period=2025, households=households, reported=True)
    country = engine.import_country("policyengine_us")
    program = engine.compile(country, ["income_tax"], 2025, people)

    rng = np.random.default_rng(0)
    drawn = [
        {CREDIT: rng.uniform(1_000, 4_000), THRESHOLD: rng.uniform(100_000, 400_000)}
        for _ in range(reforms)
    ]
    before = program(program.parameters, people)["income_tax"]

    def cost(outputs, population):
        """What the tax loses, summed as differences: the totals are a hundred times as large."""
        return (before - outputs["income_tax"]) @ population.weight("tax_unit")

    # With out="folder" an interrupted sweep goes on where it stopped; executor="ray" spreads it.
    table = engine.sweep(program, drawn, people, {"cost": cost}).assign(
        credit=[reform[CREDIT] for reform in drawn]
    )
    print(table.assign(cost=table["cost"] / 1e9).round(1).to_string(index=False))
    return table


if __name__ == "__main__":
    main()

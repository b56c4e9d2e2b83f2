"""Two gradients of a reform's cost that answer different questions."""

import jax
import jax.numpy as jnp
import numpy as np

import pejax
from pejax import calibrate as cal, engine

CREDIT = "gov.irs.credits.ctc.amount.base[0].amount"


def main(households: int | None = 2_000) -> tuple[float, np.ndarray]:
    people = pejax.datasets.load_cps(period=2025, households=households, reported=True)
    country = engine.import_country("policyengine_us")
    program = engine.compile(country, ["adjusted_gross_income", "income_tax"], 2025, people)
    law = program.parameters
    reform = law.with_reform({CREDIT: 3_000})

    # What would another law cost? The weights stay: targets were observed under their year's law.
    _, slope = engine.gradient(program, reform, people, "income_tax")
    by_law = -float(slope[CREDIT])  # what the tax loses
    print(f"one more dollar of the credit costs {by_law / 1e6:,.1f} million dollars")

    # How does the estimate lean on the targets? Through the calibration, by implicit
    # differentiation: no effect of a policy.
    outputs = program(law, people)
    change = np.asarray(outputs["income_tax"] - program(reform, people)["income_tax"], float)
    household = np.asarray(people.household_of("tax_unit"))
    per_household = np.bincount(household, change, people.count("household"))
    problem = cal.build_problem(cal.load_targets(period=2025), outputs, people)
    with jax.enable_x64(True):
        base = jnp.asarray(np.asarray(people.weights, float))

        def cost(values):
            weights = cal.calibrated_weights(problem.with_values(values), base, cal.Entropy())
            return weights @ jnp.asarray(per_household)

        by_target = np.asarray(jax.grad(cost)(jnp.asarray(problem.values)))
    worth = by_target * problem.values / 100
    for k in np.argsort(-np.abs(worth))[:5]:
        moved = worth[k] / 1e6
        print(f"one percent of {problem.names[k]} moves it by {moved:,.1f} million dollars")
    return by_law, by_target


if __name__ == "__main__":
    main()

"""Weights that meet public totals, straight from a program's outputs: dense, then few of them."""

import jax

import pejax
from pejax import calibrate as cal, engine


def main(households: int | None = 2_000) -> dict[str, cal.Solution]:
    people = pejax.datasets.load_cps(period=2025, households=households)
    country = engine.import_country("policyengine_us")
    program = engine.compile(country, ["adjusted_gross_income", "eitc"], 2025, people)
    outputs = program(program.parameters, people)

    # The public figures inside policyengine-us; or load_targets("yours.csv").
    problem = cal.build_problem(cal.load_targets(period=2025), outputs, people)
    print(f"{len(problem.names)} targets, {len(problem.refused)} set aside, for example:")
    print("  ", problem.refused[0])

    budget = max(50, people.count("household") // 2)
    methods = {
        "linear": cal.Linear(),
        "entropy": cal.Entropy(),
        "L0": cal.L0(budget=budget, epochs=100),
    }
    solutions = {}
    for name, method in methods.items():
        solution = cal.calibrate(problem, people.weights, method, key=jax.random.key(0))
        summary = solution.report().summary
        print(
            f"{name}: mean error {summary['mean_error_before']:.1%} -> {summary['mean_error']:.2%}"
            f" with {summary['records_kept']:,} records, effective sample size"
            f" {summary['effective_sample_size']:,.0f}"
        )
        solutions[name] = solution
    calibrated = people.with_weights(solutions["entropy"].weights)
    print(calibrated)
    return solutions


if __name__ == "__main__":
    main()

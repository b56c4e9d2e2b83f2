"""Unmodified formulas of an installed country package as one pure function."""

import jax

import pejax
from pejax import engine


def main(households: int | None = 2_000) -> engine.Program:
    # State taxes and child care that are deducted as reported: federal tax is federal law alone.
    people = pejax.datasets.load_cps(period=2025, households=households, reported=True)
    country = engine.import_country("policyengine_us")
    outputs = ["adjusted_gross_income", "income_tax", "eitc"]
    program = engine.compile(country, outputs, period=2025, population=people)

    # A pure function of (parameters, population): jit, grad and vmap apply.
    found = jax.block_until_ready(program(program.parameters, people))
    for name, values in found.items():
        total = float(values @ people.weight(program.entity(name)))
        print(f"{name}: {total / 1e9:,.1f} billion dollars")

    # What became of every variable that the outputs reach.
    report = program.report.to_frame()
    print(report["status"].value_counts().to_string())
    print("rounds, or was hoisted:", report.loc[report["cuts_gradient"], "variable"].tolist())

    # A saved program runs where the country package is not installed.
    # program.save("us.pejax"); program = engine.load("us.pejax")
    return program


if __name__ == "__main__":
    main()

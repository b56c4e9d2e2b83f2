"""What leaf sizes and the sign stage do to imputed amounts of the CPS; no peer.

Columns of the CPS are withheld from half of the persons and imputed from the other half. Over
seeds, by column, leaf size and stage: ranked probability score of draws, pinball loss, and how
far the share of recipients and the mean are off; the last two also for a chain of all columns,
where what one adds to the next comes in.

    python benchmarks/impute_settings.py            # five minutes
    python benchmarks/impute_settings.py --seeds 1 --leaves 5
"""

import argparse
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from _harness import RESULTS, write

from pejax import datasets, impute

OUTCOMES = (
    "taxable_private_pension_income",
    "social_security_retirement",
    "self_employment_income_before_lsr",
    "taxable_interest_income",
    "qualified_dividend_income",
)
PREDICTORS = ("age", "is_tax_unit_head", "is_tax_unit_spouse", "employment_income_before_lsr")
LEVELS = (0.1, 0.5, 0.9, 0.95, 0.99)
DRAWS = 10


def main(args: argparse.Namespace) -> None:
    """Measure and write `impute_settings.json`."""
    people = datasets.load_cps(period=2025, households=args.households).to_frames()["person"]
    adults = people[people["age"] >= 15].reset_index(drop=True)
    rows = [
        {"seed": seed, "leaf": leaf, "sign_stage": stage} | row
        for seed in args.seeds
        for leaf in args.leaves
        for stage in (False, True)
        for row in one_setting(adults, args, seed, leaf, stage)
    ]
    table = pd.DataFrame(rows)
    over = ["kind", "column", "leaf", "sign_stage"]
    means = table.groupby(over).mean(numeric_only=True).drop(columns="seed").reset_index()
    errors = table.groupby(over).sem(numeric_only=True).drop(columns="seed").reset_index()
    payload = {"means": means.to_dict("records"), "standard_errors": errors.to_dict("records")}
    sizes = {"adults": len(adults), "trees": args.trees, "seeds": len(args.seeds)}
    print(means.set_index(over).unstack(["leaf", "sign_stage"]).to_string())
    print(write("impute_settings", payload, sizes=sizes, packages=[], folder=args.out))


def one_setting(
    adults: pd.DataFrame, args: argparse.Namespace, seed: int, leaf: int, stage: bool
) -> list[dict[str, Any]]:
    """Every column by itself, then all of them as a chain."""
    order = np.random.default_rng(seed).permutation(len(adults))
    donors, others = (adults.iloc[half] for half in np.array_split(order, 2))
    settings = impute.QRF(args.trees, min_samples_leaf=leaf, sign_stage=stage, seed=seed)
    alone = [_alone(settings, donors, others, name) for name in OUTCOMES]
    key = jax.random.key(seed)
    drawn = settings.impute(donors, others, list(PREDICTORS), list(OUTCOMES), key=key)
    chained = [
        {"kind": "chain", "column": name} | _off(drawn[name].to_numpy(), others[name].to_numpy())
        for name in OUTCOMES
    ]
    return alone + chained


def _alone(
    settings: impute.QRF, donors: pd.DataFrame, others: pd.DataFrame, name: str
) -> dict[str, Any]:
    forest = settings.fit(donors, list(PREDICTORS), [name]).imputers[0].forest
    x, truth = others[list(PREDICTORS)].to_numpy(float), others[name].to_numpy(float)
    draws = np.stack([np.asarray(forest.draw(x, key=jax.random.key(k))) for k in range(DRAWS)], 1)
    found = np.asarray(forest.quantile(x, LEVELS))
    losses = [float(impute.pinball(truth, found[:, k], level)) for k, level in enumerate(LEVELS)]
    scores = {"crps": float(impute.crps(draws, truth)), "pinball": float(np.mean(losses))}
    return {"kind": "alone", "column": name} | scores | _off(draws, truth)


def _off(drawn: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    return {
        "recipients_off": float((drawn != 0).mean() / (truth != 0).mean() - 1),
        "mean_off": float(drawn.mean() / truth.mean() - 1),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--leaves", nargs="+", type=int, default=[1, 5, 10, 20])
    parser.add_argument("--trees", type=int, default=50)
    parser.add_argument("--households", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    main(parser.parse_args())

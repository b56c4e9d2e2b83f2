"""How good imputations are: proper scores on withheld amounts, and the CPS imputed from itself."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from _impute import COVARIATES, NINE, Case, case, quantile_forest

from pejax import datasets, impute

DRAWS = 20
GRID = np.linspace(1 / 102, 1 - 1 / 102, 101)  # the levels among which microimpute draws
HELD_OUT = 20_000
LEAVES = (1, 20)
DRAWN = {1: 1, 20: 32}
"""Rows a leaf to draws a leaf: scikit-learn sizes leaves in rows, pejax in draws of the bootstrap,
of which there are 1 / (1 - 1/e) for each row."""
OUTCOMES = (
    "taxable_private_pension_income",
    "social_security_retirement",
    "non_sch_d_capital_gains",
    "taxable_interest_income",
)
PREDICTORS = (
    "age",
    "is_tax_unit_head",
    "is_tax_unit_spouse",
    "is_tax_unit_dependent",
    "is_blind",
    "employment_income_before_lsr",
    "self_employment_income_before_lsr",
    "qualified_dividend_income",
    "real_estate_taxes",
    "home_mortgage_interest",
)

Statistics = dict[str, float]


def scores(args: argparse.Namespace) -> dict[str, Any]:
    """Weighted pinball loss and ranked probability score beside quantile-forest's, as grown."""
    found = case(args.donors, HELD_OUT, args.seed)
    report, summary = {}, {}
    for leaf in LEAVES:
        drawn = DRAWN[leaf]
        ours = {name: _grown(found, args, drawn, name) for name in ("single", "all", "meinshausen")}
        for kept, name in ((1, "single"), (None, "all")):
            peer = quantile_forest(found.X, found.y, args.trees, leaf, kept, args.seed)
            ours[f"{name} of its trees"] = impute.Forest.from_quantile_forest(peer)
            report[f"quantile-forest, leaves of {leaf}, {name}"] = _scores(
                found, peer.predict(found.Q, NINE), _levels_at_random(peer, found.Q, args.seed)
            )
        for name, forest in ours.items():
            report[f"pejax, leaves of {leaf}, {name}"] = _scores(
                found, forest.quantile(found.Q, NINE), _draws(forest, found.Q, args.seed)
            )
        for name in ours:
            against = "all" if name == "meinshausen" else name.partition(" ")[0]
            mine = report[f"pejax, leaves of {leaf}, {name}"]
            theirs = report[f"quantile-forest, leaves of {leaf}, {against}"]
            for score in mine:
                label = f"leaves of {leaf}: {score} of {name} over quantile-forest's {against}"
                summary[label] = mine[score] / theirs[score] - 1
    return {"scores": report, "summary": summary}


def _grown(found: Case, args: argparse.Namespace, leaf: int, readout: str) -> impute.Forest:
    """A forest that pejax grew, at the peer's settings."""
    import pandas as pd

    donors = pd.DataFrame(found.X, columns=list(COVARIATES)).assign(amount=found.y)
    settings = impute.QRF(args.trees, min_samples_leaf=leaf, readout=readout, seed=args.seed)
    return settings.fit(donors, list(COVARIATES), ["amount"]).imputers[0].forest


def _scores(found: Case, predicted: Any, drawn: np.ndarray) -> Statistics:
    loss = [
        impute.pinball(found.truth, np.asarray(predicted)[:, i], level, found.weights)
        for i, level in enumerate(NINE)
    ]
    return {
        "pinball": float(np.mean(loss)),
        "crps": float(impute.crps(drawn, found.truth, found.weights)),
    }


def _draws(forest: impute.Forest, Q: np.ndarray, seed: int) -> np.ndarray:
    keys = jax.random.split(jax.random.key(seed), DRAWS)
    return np.stack([forest.draw(Q, key=key) for key in keys], axis=1)


def _levels_at_random(peer: Any, Q: np.ndarray, seed: int) -> np.ndarray:
    """Draws from quantile-forest as microimpute makes them: random levels of a grid."""
    grid = peer.predict(Q, quantiles=GRID.tolist())
    place = np.rint(np.random.default_rng(seed).random((len(Q), DRAWS)) * (len(GRID) - 1))
    return np.take_along_axis(grid, place.astype(int), axis=1)


def cps(args: argparse.Namespace) -> dict[str, Any]:
    """Both halves of a sample of the CPS, each imputed from the other, beside the truth."""
    halves = _halves(args)
    report = {"halves": _compared([halves[1][list(OUTCOMES)]], [halves[0][list(OUTCOMES)]])}
    truth = [half[list(OUTCOMES)] for half in halves]
    for name, imputer in _imputers(args).items():
        pairs = [imputer(donors, receivers) for donors, receivers in (halves, halves[::-1])]
        imputed = [[pairs[1][i], pairs[0][i]] for i in range(len(pairs[0]))]
        report[name] = {
            "one_split": _compared(pairs[0][:1], truth[1:]),
            "both_ways": _mean([_compared(drawn, truth) for drawn in imputed]),
            "draws": len(imputed),
        }
    summary = {
        f"{name}: {kind}: {outcome}: {statistic}": value
        for name, kinds in report.items()
        for kind, table in (kinds.items() if "one_split" in kinds else [("", kinds)])
        if isinstance(table, dict)
        for outcome, row in table.items()
        for statistic, value in row.items()
    }
    return {"adults": [len(half) for half in halves], "compared": report, "summary": summary}


def _halves(args: argparse.Namespace) -> list[Any]:
    """Adults of two random halves of the households."""
    population = datasets.load_cps(period=2025, households=args.households, seed=args.seed)
    people = population.to_frames()["person"]
    adults = people[people["age"] >= 15]
    households = adults["household_id"].unique()
    first = np.random.default_rng(args.seed).permutation(households)[: len(households) // 2]
    in_first = adults["household_id"].isin(first)
    columns = [*PREDICTORS, *OUTCOMES]
    return [
        adults.loc[chosen, columns].astype(np.float64).reset_index(drop=True)
        for chosen in (in_first, ~in_first)
    ]


def cps_donors(args: argparse.Namespace) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Covariates and outcomes of one half, for the sparsest outcome and another one."""
    donors = _halves(args)[0].iloc[: args.donors]
    X = donors[list(PREDICTORS)].to_numpy()
    return {name: (X, donors[name].to_numpy()) for name in OUTCOMES[:2]}


def _imputers(args: argparse.Namespace) -> dict[str, Callable[[Any, Any], list[Any]]]:
    """By name: donors and receivers to imputed tables, several draws of each."""
    chains = {f"pejax, leaves of {leaf}": _chain(args, leaf) for leaf in LEAVES}
    if "microimpute" in args.without:
        return chains
    return chains | {
        f"microimpute, leaves of {leaf}": _microimpute(args, leaf) for leaf in LEAVES[:1]
    }


def _chain(args: argparse.Namespace, leaf: int) -> Callable[[Any, Any], list[Any]]:
    def impute_from(donors: Any, receivers: Any) -> list[Any]:
        settings = impute.QRF(args.trees, min_samples_leaf=leaf, seed=args.seed)
        fitted = settings.fit(donors, list(PREDICTORS), list(OUTCOMES))
        keys = jax.random.split(jax.random.key(args.seed), DRAWS)
        return [fitted.draw(receivers[list(PREDICTORS)], key=key) for key in keys]

    return impute_from


def _microimpute(args: argparse.Namespace, leaf: int) -> Callable[[Any, Any], list[Any]]:
    def impute_from(donors: Any, receivers: Any) -> list[Any]:
        from microimpute.models import QRF

        settings: dict[str, Any] = {"n_estimators": args.trees, "min_samples_leaf": leaf}
        settings["n_jobs"] = 2
        settings["not_numeric_categorical"] = [*PREDICTORS, *OUTCOMES]
        fitted = QRF(seed=args.seed).fit(donors, list(PREDICTORS), list(OUTCOMES), **settings)
        return [fitted.predict(receivers[list(PREDICTORS)]) for _ in range(2)]

    return impute_from


def _compared(imputed: Sequence[Any], truth: Sequence[Any]) -> dict[str, Statistics]:
    """Imputed over true, less 1, for every outcome and statistic of tables put together."""
    table = {}
    for name in OUTCOMES:
        mine = _statistics(np.concatenate([part[name].to_numpy(float) for part in imputed]))
        theirs = _statistics(np.concatenate([part[name].to_numpy(float) for part in truth]))
        table[name] = {key: mine[key] / theirs[key] - 1 for key in theirs}
    return table


def _statistics(values: np.ndarray) -> Statistics:
    """The share of zeros, the rest, the mean, and the largest hundredth, per person."""
    largest = np.sort(values)[-max(len(values) // 100, 1) :]
    return {
        "share of zeros": float(np.mean(values == 0)),
        "share of others": float(np.mean(values != 0)),
        "mean": float(values.mean()),
        "total of the top 1 %": float(largest.sum() / len(values)),
    }


def _mean(tables: Sequence[dict[str, Statistics]]) -> dict[str, Statistics]:
    return {
        name: {key: float(np.mean([table[name][key] for table in tables])) for key in row}
        for name, row in tables[0].items()
    }


def over_seeds(summaries: Sequence[Statistics]) -> dict[str, dict[str, Any]]:
    """Mean over the seeds, its standard error, and every seed's number."""
    table = {}
    for name in dict.fromkeys(name for one in summaries for name in one):
        values = np.array([one[name] for one in summaries if name in one])
        spread = float(values.std(ddof=1)) if len(values) > 1 else None
        table[name] = {
            "mean": float(values.mean()),
            "standard_deviation": spread,
            "standard_error": None if spread is None else spread / len(values) ** 0.5,
            "by_seed": values.tolist(),
        }
    return table

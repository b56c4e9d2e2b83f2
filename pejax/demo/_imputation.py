"""Step 5: a forest learns one column from some tax units and fills it for the others."""

import itertools
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from .. import impute
from ..core.population._population import Population
from ._measure import weight_of
from ._settings import Settings

if TYPE_CHECKING:
    import pandas as pd

TARGET = "social_security_retirement"
PREDICTORS = (
    "age",
    "spouse_age",
    "dependants",
    "employment_income_before_lsr",
    "self_employment_income_before_lsr",
    "taxable_interest_income",
    "qualified_dividend_income",
    "taxable_private_pension_income",
    "taxable_ira_distributions",
)
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
_AGES = (0, 50, 55, 60, 62, 65, 67, 70, 75, 80, 120)
_PREDICTED = 20_000  # receivers whose quantiles are scored; draws are made for all of them


class Imputation(NamedTuple):
    """What was imputed beside what was withheld, over tax units that the forest never saw.

    `pinball` compares the forest's quantiles with the donors' own, which know no predictor;
    `distribution` the weighted distributions; `by_age` the weighted means; `curve` the shares of
    tax units at or below an amount.
    """

    donors: int
    receivers: int
    pinball: "pd.DataFrame"
    distribution: "pd.DataFrame"
    by_age: "pd.DataFrame"
    curve: "pd.DataFrame"


def impute_column(settings: Settings, population: Population) -> Imputation:
    """Fit on a random part of the tax units, draw for the rest, compare with the truth."""
    units = unit_table(population)
    chosen = donors_of(settings, len(units))
    donors, receivers = units[chosen], units[~chosen]
    forest = impute.QRF(
        n_estimators=settings.trees, min_samples_leaf=5, max_features=0.5, seed=settings.seed
    )
    fitted = forest.fit(donors, PREDICTORS, [TARGET], weight_col="weight")
    key = jax.random.key(settings.seed)
    drawn = fitted.draw(receivers, key=key)[TARGET].to_numpy(float)
    return Imputation(
        len(donors),
        len(receivers),
        _pinball(fitted, donors, receivers.iloc[:: max(1, len(receivers) // _PREDICTED)]),
        _distribution(drawn, receivers),
        _by_age(drawn, receivers),
        _curve(drawn, receivers),
    )


def unit_table(population: Population) -> "pd.DataFrame":
    """A row a tax unit: its head's age, its spouse's, and its members' incomes together."""
    import pandas as pd

    unit = np.asarray(population.trim(population.links["tax_unit"], "person"))
    count = population.count("tax_unit")

    def added(name: str, among: np.ndarray | None = None) -> np.ndarray:
        values = np.asarray(population.column(name, "person"), float)
        return np.bincount(unit, values if among is None else values * among, count)

    spouse = np.asarray(population.column("is_tax_unit_spouse"), float)
    columns = {
        "age": added("age", np.asarray(population.column("is_tax_unit_head"), float)),
        "spouse_age": added("age", spouse),
        "dependants": added("is_tax_unit_dependent"),
    }
    columns |= {name: added(name) for name in (*PREDICTORS[3:], TARGET)}
    ids = np.asarray(population.trim(population.ids["tax_unit"], "tax_unit"))
    return pd.DataFrame({**columns, "weight": weight_of(population, "tax_unit")}, index=ids)


def donors_of(settings: Settings, units: int) -> np.ndarray:
    """Which tax units are donors, drawn without replacement."""
    count = settings.donors or min(20_000, units // 10)
    chosen = np.zeros(units, bool)
    chosen[np.random.default_rng(settings.seed).permutation(units)[:count]] = True
    return chosen


def _pinball(
    fitted: impute.FittedQRF, donors: "pd.DataFrame", receivers: "pd.DataFrame"
) -> "pd.DataFrame":
    import pandas as pd

    truth, weight = receivers[TARGET].to_numpy(), receivers["weight"].to_numpy()
    predicted = fitted.predict(receivers, LEVELS)
    alone = impute.weighted_quantile(
        donors[TARGET].to_numpy(), np.array(LEVELS), donors["weight"].to_numpy()
    )
    rows = []
    for level, constant in zip(LEVELS, np.asarray(alone, float), strict=True):
        by_forest = predicted[level][TARGET].to_numpy()
        losses = [
            float(impute.pinball(truth, guess, level, weight))
            for guess in (by_forest, np.full_like(truth, constant))
        ]
        rows.append((level, *losses, 1 - losses[0] / losses[1]))
    return pd.DataFrame(rows, columns=["level", "forest", "donors_quantile", "skill"])


def _distribution(drawn: np.ndarray, receivers: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    truth, weight = receivers[TARGET].to_numpy(), receivers["weight"].to_numpy()
    levels = (0.5, 0.75, 0.8, 0.9, 0.95, 0.99)
    rows = impute.compare(drawn, truth, weight, weight, levels)
    rows.append(
        {
            "statistic": "distance between the distributions (Wasserstein)",
            "imputed": float(impute.wasserstein(drawn, truth, weight, weight)),
            "truth": 0.0,
        }
    )
    return pd.DataFrame(rows)


def _by_age(drawn: np.ndarray, receivers: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    group = np.digitize(receivers["age"], _AGES[1:-1])
    weight, groups = receivers["weight"].to_numpy(), len(_AGES) - 1
    total = np.bincount(group, weight, groups)
    sides = {"imputed": drawn, "truth": receivers[TARGET].to_numpy()}
    means = {
        name: np.bincount(group, weight * values, groups) / np.maximum(total, 1e-30)
        for name, values in sides.items()
    }
    labels = [f"{a}-{b - 1}" for a, b in itertools.pairwise(_AGES)]
    labels[0], labels[-1] = f"under {_AGES[1]}", f"{_AGES[-2]} and over"
    return pd.DataFrame({"age_of_head": labels, **means})[total > 0]


def _curve(drawn: np.ndarray, receivers: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    truth, weight = receivers[TARGET].to_numpy(), receivers["weight"].to_numpy()
    points = np.linspace(0, np.quantile(truth, 0.999), 200)
    shares = {
        name: np.asarray(impute.weighted_cdf(values, points, weight))
        for name, values in {"imputed": drawn, "truth": truth}.items()
    }
    return pd.DataFrame({"amount": points, **shares})

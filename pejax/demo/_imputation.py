"""Step 5: a forest learns one column from some tax units and fills it for the others."""

from typing import TYPE_CHECKING

import jax
import numpy as np

from .. import Population, impute, report as rp, stats
from ._law import weight_of
from ._settings import Found, Settings

if TYPE_CHECKING:
    import pandas as pd

_TARGET = "social_security_retirement"
_INCOMES = (
    "employment_income_before_lsr",
    "self_employment_income_before_lsr",
    "taxable_interest_income",
    "qualified_dividend_income",
    "taxable_private_pension_income",
    "taxable_ira_distributions",
)
_PREDICTORS = ("age", "spouse_age", "dependants", *_INCOMES)
_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
_AGES = (0, 50, 55, 60, 62, 65, 67, 70, 75, 80, 120)
_PREDICTED = 20_000  # receivers whose quantiles are scored; draws are made for all of them


def impute_column(settings: Settings, population: Population) -> Found:
    """Fit on a random part of the tax units, draw for the rest, compare with the truth.

    The tables are over tax units that the forest never saw: the pinball loss of the forest's
    quantiles and of the donors' own, which know no predictor; the distributions; means by age.
    """
    import pandas as pd

    units = _units(population)
    chosen = np.zeros(len(units), bool)
    count = settings.donors or min(20_000, len(units) // 10)
    chosen[np.random.default_rng(settings.seed).permutation(len(units))[:count]] = True
    donors, receivers = units[chosen], units[~chosen]
    forest = impute.QRF(
        n_estimators=settings.trees, min_samples_leaf=5, max_features=0.5, seed=settings.seed
    )
    fitted = forest.fit(donors, _PREDICTORS, [_TARGET], weight_col="weight")
    key = jax.random.key(settings.seed)
    drawn = fitted.draw(receivers, key=key)[_TARGET].to_numpy(float)
    truth, weight = receivers[_TARGET].to_numpy(), receivers["weight"].to_numpy()
    sides = {"imputed": drawn, "truth": truth}
    statistics = impute.compare(drawn, truth, weight, weight, (0.5, 0.75, 0.8, 0.9, 0.95, 0.99))
    apart = "distance between the distributions (Wasserstein)"
    distance = float(stats.wasserstein(drawn, truth, weight, weight))
    statistics.append({"statistic": apart, "imputed": distance, "truth": 0.0})
    scored = receivers.iloc[:: max(1, len(receivers) // _PREDICTED)]
    quantiles = fitted.predict(scored, _LEVELS)
    points = np.linspace(0, np.quantile(truth, 0.999), 200)
    tables = {
        "imputation_pinball": rp.quantile_scores(
            {level: quantiles[level][_TARGET] for level in _LEVELS},
            scored[_TARGET],
            scored["weight"],
            donors[_TARGET],
            donors["weight"],
        ),
        "imputation_distribution": pd.DataFrame(statistics),
        "imputation_by_age": rp.means_by_band(
            sides, receivers["age"], _AGES, weight, "age_of_head"
        ),
        "imputation_curve": rp.shares_below(sides, weight, points),
    }
    facts = {"donors": len(donors), "receivers": len(receivers), "statistics": statistics}
    mean = tables["imputation_distribution"].set_index("statistic").loc["mean"]
    line = (
        f"{len(donors):,} donors fill {len(receivers):,} tax units: weighted mean"
        f" ${mean['imputed']:,.0f}, withheld truth ${mean['truth']:,.0f}"
    )
    return Found(tables, {"imputation": facts}, [line])


def _units(population: Population) -> "pd.DataFrame":
    """A row a tax unit: its head's age, its spouse's, and its members' incomes together."""
    import pandas as pd

    unit = np.asarray(population.trim(population.links["tax_unit"], "person"))
    count = population.count("tax_unit")

    def added(name: str, among: str | None = None) -> np.ndarray:
        values = np.asarray(population.column(name, "person"), float)
        if among is not None:
            values = values * np.asarray(population.column(among), float)
        return np.bincount(unit, values, count)

    columns = {
        "age": added("age", "is_tax_unit_head"),
        "spouse_age": added("age", "is_tax_unit_spouse"),
        "dependants": added("is_tax_unit_dependent"),
    }
    columns |= {name: added(name) for name in (*_INCOMES, _TARGET)}
    ids = np.asarray(population.trim(population.ids["tax_unit"], "tax_unit"))
    return pd.DataFrame({**columns, "weight": weight_of(population, "tax_unit")}, index=ids)

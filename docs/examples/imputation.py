"""A quantile regression forest learns a column from some people and fills it for others."""

import jax
import numpy as np
import pandas as pd

import pejax
from pejax import impute

PREDICTORS = ["age", "employment_income_before_lsr", "taxable_private_pension_income"]
TARGET = "social_security_retirement"


def main(households: int | None = 2_000) -> pd.DataFrame:
    people = pejax.datasets.load_cps(period=2025, households=households)
    columns = {name: np.asarray(people.column(name)) for name in [*PREDICTORS, TARGET]}
    heads = np.asarray(people.column("is_tax_unit_head"))
    table = pd.DataFrame({**columns, "weight": np.asarray(people.weight())})[heads]
    donors, receivers = table.iloc[::2], table.iloc[1::2]

    # Grown with scikit-learn, then arrays: routing and drawing are JAX, a function of (key, id).
    forest = impute.QRF(n_estimators=50, min_samples_leaf=5)
    fitted = forest.fit(donors, PREDICTORS, [TARGET], weight_col="weight")
    drawn = fitted.draw(receivers, key=jax.random.key(0))[TARGET]

    truth, weight = receivers[TARGET].to_numpy(), receivers["weight"].to_numpy()
    median = fitted.predict(receivers, [0.5])[0.5][TARGET].to_numpy()
    loss = float(impute.pinball(truth, median, 0.5, weight))
    print(f"pinball loss of the median: {loss:,.0f} dollars")
    compared = pd.DataFrame(impute.compare(drawn.to_numpy(), truth, weight, weight))
    print(compared.to_string(index=False))
    return compared


if __name__ == "__main__":
    main()

"""Quantile forests on CPS persons: pejax against quantile-forest, and the imputation's quality.

One column of the CPS (private pensions) is imputed for persons whose value is withheld, from
their age, tax-unit role and other incomes. The same fitted forest is read by both packages.

    python benchmarks/impute_qrf.py            # 20,000 donors, 50,000 receivers
    python benchmarks/impute_qrf.py --small    # a minute
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from _harness import interleave, write
from jax.sharding import NamedSharding, PartitionSpec
from quantile_forest import RandomForestQuantileRegressor

from pejax import datasets, impute

TARGET = "taxable_private_pension_income"
PREDICTORS = (
    "age",
    "is_tax_unit_head",
    "is_tax_unit_spouse",
    "is_blind",
    "employment_income_before_lsr",
    "self_employment_income_before_lsr",
    "taxable_interest_income",
    "qualified_dividend_income",
    "social_security_retirement",
    "real_estate_taxes",
)
NINE = [i / 10 for i in range(1, 10)]
TREES = 100


def main(donors: int, receivers: int, repeats: int) -> None:
    """Measure, compare, write `results/impute_qrf.json`."""
    jax.config.update("jax_num_cpu_devices", 2)
    jax.config.update("jax_enable_x64", True)
    X, y, Q, truth = split(persons(), donors, receivers)
    peer = RandomForestQuantileRegressor(TREES, random_state=0, n_jobs=2).fit(X, y)
    pooled = RandomForestQuantileRegressor(
        TREES, min_samples_leaf=20, max_samples_leaf=None, random_state=0, n_jobs=2
    ).fit(X, y)
    few = Q[: len(Q) // 10]
    payload = {
        "single": compare_readouts(peer, Q, repeats),
        "all": compare_readouts(pooled, few, repeats),
        "quality": quality(X, y, Q, truth, peer),
    }
    sizes = {"donors": donors, "receivers": receivers, "trees": TREES, "covariates": X.shape[1]}
    sizes["receivers_all"] = len(few)
    path = write("impute_qrf", payload, sizes=sizes, packages=["quantile-forest", "scikit-learn"])
    print(f"wrote {path}")
    for readout in ("single", "all"):
        print(readout, payload[readout]["error"], payload[readout]["ratios"])
    print(payload["quality"])


def persons() -> dict[str, np.ndarray]:
    """Adult persons of the CPS, a column each."""
    population = datasets.load_cps(period=2025)
    wanted = (*PREDICTORS, TARGET)
    table = {name: np.asarray(population.column(name, "person")) for name in wanted}
    adult = table["age"] >= 15
    return {name: values[adult].astype(np.float64) for name, values in table.items()}


def split(table: dict[str, np.ndarray], donors: int, receivers: int) -> tuple[np.ndarray, ...]:
    """Random donors and other, random receivers."""
    order = np.random.default_rng(0).permutation(len(table[TARGET]))
    X = np.stack([table[name] for name in PREDICTORS], axis=1)
    train, test = order[:donors], order[donors : donors + receivers]
    return X[train], table[TARGET][train], X[test], table[TARGET][test]


def compare_readouts(peer: Any, Q: np.ndarray, repeats: int) -> dict[str, Any]:
    """Errors and interleaved times of one fitted forest under both packages."""
    forest = impute.Forest.from_quantile_forest(peer)
    q = jax.device_put(Q, jax.devices()[0])
    spread, read = on_all_devices(forest, Q)
    key = jax.random.key(0)
    contenders = {
        "quantile-forest, 1 level": lambda: peer.predict(Q, quantiles=[0.5]),
        "pejax, 1 level": lambda: forest.quantile(q, [0.5]),
        "pejax on 2 devices, 1 level": lambda: read(spread, jnp.array([0.5])),
        "quantile-forest, 9 levels": lambda: peer.predict(Q, quantiles=NINE),
        "pejax, 9 levels": lambda: forest.quantile(q, NINE),
        "pejax on 2 devices, 9 levels": lambda: read(spread, jnp.array(NINE)),
        "scikit-learn, leaves": lambda: peer.apply(Q),
        "pejax, leaves": lambda: forest.leaves(q),
        "pejax, draw of one donor (another estimator)": lambda: forest.draw(q, key=key),
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    counted = {name: counting_cpu(fn, seconds[name]) for name, fn in contenders.items()}
    timing = interleave(counted, repeats)
    median = {name: result["median_seconds"] for name, result in timing["results"].items()}
    return {
        "error": errors(forest, peer, Q),
        "bytes": {
            "pejax": sum(leaf.nbytes for leaf in jax.tree.leaves(forest)),
            "quantile-forest leaves": np.asarray(peer.forest_.y_train_leaves).nbytes,
        },
        "results": timing["results"],
        "cpu_seconds": {name: min(spent) for name, spent in seconds.items()},
        "ratios": {
            f"{name} over its peer": median[against] / median[name]
            for name, against in (
                ("pejax, 1 level", "quantile-forest, 1 level"),
                ("pejax on 2 devices, 1 level", "quantile-forest, 1 level"),
                ("pejax, 9 levels", "quantile-forest, 9 levels"),
                ("pejax on 2 devices, 9 levels", "quantile-forest, 9 levels"),
                ("pejax, leaves", "scikit-learn, leaves"),
            )
        },
    }


def counting_cpu(fn: Callable[[], Any], spent: list[float]) -> Callable[[], Any]:
    """`fn`, noting the processor seconds of each call: what a shared machine cannot distort."""

    def call():
        start = time.process_time()
        out = jax.block_until_ready(fn())
        spent.append(time.process_time() - start)
        return out

    return call


def on_all_devices(forest: impute.Forest, Q: np.ndarray):
    """Receivers spread over the processor's cores, and the compiled reading of their quantiles."""
    mesh = jax.make_mesh((len(jax.devices()),), ("rows",))
    rows, everywhere = PartitionSpec("rows"), PartitionSpec()
    spread = jax.device_put(Q[: len(Q) // 2 * 2], NamedSharding(mesh, rows))
    copies = jax.device_put(forest, NamedSharding(mesh, everywhere))

    def read(forest, x, levels):
        return forest.quantile(x, levels)

    compiled = jax.jit(
        jax.shard_map(
            read,
            mesh=mesh,
            in_specs=(everywhere, rows, everywhere),
            out_specs=rows,
            check_vma=False,
        )
    )

    def on_mesh(x, levels):
        return compiled(copies, x, jax.device_put(levels, NamedSharding(mesh, everywhere)))

    return spread, on_mesh


def errors(forest: impute.Forest, peer: Any, Q: np.ndarray) -> dict[str, float]:
    """Leaves that differ, and the largest relative difference of a quantile."""
    options = {} if forest.readout.name == "single" else {"weighted_quantile": False}
    wanted = peer.predict(Q, quantiles=NINE, **options)
    found = np.asarray(forest.quantile(Q, NINE))
    relative = np.abs(found - wanted) / np.where(wanted == 0, 1, np.abs(wanted))
    return {
        "leaves_that_differ": int((np.asarray(forest.leaves(Q)) != peer.apply(Q)).sum()),
        "largest_relative_difference": float(relative.max()),
        "rows": len(Q),
        "levels": len(NINE),
    }


def quality(X, y, Q, truth, peer) -> dict[str, Any]:
    """Pinball loss, ranked probability score and the imputed distribution against the truth."""
    import pandas as pd

    frame = pd.DataFrame(X, columns=list(PREDICTORS)).assign(**{TARGET: y})
    receivers = pd.DataFrame(Q, columns=list(PREDICTORS))
    peers = impute.Forest.from_quantile_forest(peer)
    forests = {"quantile-forest's default forest": peers}
    for size, readout in ((1, "single"), (1, "meinshausen"), (20, "all"), (20, "meinshausen")):
        settings = impute.QRF(TREES, min_samples_leaf=size, readout=readout)
        fitted = settings.fit(frame, list(PREDICTORS), [TARGET])
        forests[f"pejax, leaves of {size}, {readout}"] = fitted.imputers[0].forest
    drawn = fitted.draw(receivers, key=jax.random.key(0))[TARGET].to_numpy()
    report = {name: scores(forest, Q, truth) for name, forest in forests.items()}
    report["imputed against true, leaves of 20"] = impute.compare(drawn, truth)
    return report


def scores(forest: impute.Forest, Q: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Proper scores of one forest on the withheld values."""
    predicted = forest.quantile(Q, NINE)
    pinball = [impute.pinball(truth, predicted[:, i], q) for i, q in enumerate(NINE)]
    draws = [forest.draw(Q, key=key) for key in jax.random.split(jax.random.key(1), 20)]
    return {
        "pinball": float(np.mean(pinball)),
        "crps": float(impute.crps(jnp.stack(draws, axis=1), truth)),
        "wasserstein": float(impute.wasserstein(draws[0], truth)),
        "zero_share": float(np.mean(draws[0] == 0)),
        "zero_share_truth": float(np.mean(truth == 0)),
        "mean": float(np.mean(draws[0])),
        "mean_truth": float(truth.mean()),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    if parser.parse_args().small:
        main(donors=2_000, receivers=10_000, repeats=2)
    else:
        main(donors=20_000, receivers=50_000, repeats=4)

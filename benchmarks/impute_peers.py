"""Quantile forests on a made-up survey and on the CPS: pejax beside its peers, in turns.

    python benchmarks/impute_peers.py                      # everything, half an hour
    python benchmarks/impute_peers.py --parts leaves speed --receivers 20000
    python benchmarks/impute_peers.py --parts memory --add # into the file that is there already

The same fitted forest is read by both packages. Every part runs in processes of its own, so that
its peak of memory is its own; `--under` names a command that starts the timed ones, for example
`taskset -c 0,1`.

- scikit-learn: the leaf of every row in every tree, also of rows that lie on the trees' thresholds.
- quantile-forest: quantiles, their seconds, the bytes of the leaves, proper scores. Where it keeps
  all donors it has two forms (`weighted_quantile`), and the faster one is the one to beat.
- microimpute: one random level a row, for which it computes 101 and keeps one. The same estimator
  in pejax is `quantile` at a level of each row's own; the draw of one donor of one random tree is
  another estimator, and stands beside it under its own name.
- The withheld truth: proper scores, and on the CPS the share of zeros and the total of the largest
  hundredth. `both_ways` imputes each half of the CPS from the other, so that the accident of who
  is in which half cancels; `one_split` keeps it, and `halves` shows what it comes to alone.
"""

import argparse
import gc
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import _impute_exact as exact
import _impute_quality as quality
import jax
import jax.numpy as jnp
import numpy as np
from _harness import RESULTS, interleave, write
from _impute import (
    AMOUNTS,
    COVARIATES,
    NINE,
    case,
    counting_cpu,
    covariates,
    names,
    quantile_forest,
    relative,
    survey,
)

from pejax import impute
from pejax.core._memory import peak_bytes, reset_peak_bytes

PACKAGES = ("quantile-forest", "scikit-learn", "microimpute", "pandas", "taxcalc")
PEERS = ("weighted", "unweighted")
COMPARED = 10_000  # rows of a timed reading that are compared with the peer's


def speed(args: argparse.Namespace) -> dict[str, Any]:
    """Seconds of `predict` at one and at nine levels, in turns, from one fitted forest.

    Both packages use all cores; within a program of the user's own pejax has one.
    """
    found = case(args.donors, args.rows, args.seed, args.amount)
    peer = quantile_forest(found.X, found.y, args.trees, args.leaf, args.kept, args.seed)
    forest = impute.Forest.from_quantile_forest(peer)
    modes = {"": {}}
    if args.kept is None:
        modes = {f", {mode}": {"weighted_quantile": mode == "weighted"} for mode in PEERS}
    contenders, ratios, error = {}, {}, {}
    for levels in ([0.5], NINE):
        whole = jnp.asarray(found.Q)
        in_one = jax.jit(lambda forest, x, at=levels: forest.quantile(x, at))
        label = f"{len(levels)} level{'s' * (len(levels) > 1)}"
        for mode, options in modes.items():
            contenders[f"quantile-forest{mode}, {label}"] = _peer(peer, found.Q, levels, options)
        contenders[f"pejax, {label}"] = _ours(forest, whole, levels)
        contenders[f"pejax within jit, on one core, {label}"] = partial(in_one, forest, whole)
        few = found.Q[:COMPARED]
        wanted = peer.predict(few, levels, **list(modes.values())[-1]).reshape(len(few), -1)
        error[label] = float(relative(forest.quantile(few, levels), wanted).max())
    timing = _race(contenders, args.rounds)
    for name, seconds in timing["median_seconds"].items():
        if name.startswith("pejax"):
            label = name.rpartition(", ")[2]
            ratios[name] = _fastest(timing["median_seconds"], "quantile-forest", label) / seconds
    about = {"forest": exact.bytes_of(forest, peer), "largest_relative_difference": error}
    return about | {"ratios": ratios} | timing


def _peer(peer: Any, Q: np.ndarray, levels: list[float], options: dict[str, Any]):
    return lambda: peer.predict(Q, quantiles=levels, **options)


def _ours(forest: impute.Forest, x: jax.Array, levels: list[float]):
    return lambda: forest.quantile(x, levels)


def _fastest(median: dict[str, float], who: str, label: str) -> float:
    """The least median of a package's contenders for the same levels."""
    return min(s for name, s in median.items() if name.startswith(who) and name.endswith(label))


def _race(contenders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, Any]:
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    counted = {name: counting_cpu(fn, spent[name]) for name, fn in contenders.items()}
    timing = interleave(counted, rounds, before=gc.collect)["results"]
    return {
        "median_seconds": {name: one["median_seconds"] for name, one in timing.items()},
        "least_cpu_seconds": {name: min(seconds) for name, seconds in spent.items()},
        "timings": timing,
    }


def draws(args: argparse.Namespace) -> dict[str, Any]:
    """One random level a row: microimpute's `predict`, the same by pejax, and pejax' own draw."""
    import pandas as pd
    from microimpute.models import QRF

    found = case(args.donors, args.rows, args.seed)
    names_ = list(COVARIATES)
    donors = pd.DataFrame(found.X, columns=names_).assign(amount=found.y)
    receivers = pd.DataFrame(found.Q, columns=names_)
    settings = {"n_estimators": args.trees, "min_samples_leaf": args.leaf, "n_jobs": 2}
    fitted = QRF(seed=args.seed).fit(
        donors, names_, ["amount"], not_numeric_categorical=[*names_, "amount"], **settings
    )
    model = fitted.models["amount"]
    forest = impute.Forest.from_quantile_forest(model.qrf)
    difference = _same_estimator(model, fitted, forest, receivers, args.seed)
    key, ids = jax.random.key(1), np.arange(len(receivers), dtype=np.uint32)
    chain = impute.FittedQRF((impute.Imputer.of_numbers(forest, names_, "amount"),))

    def levels() -> jax.Array:
        return jax.random.uniform(jax.random.key(args.seed), (len(receivers), 1))

    def table() -> np.ndarray:
        return receivers.to_numpy(np.float32)

    timing = _race(
        {
            "microimpute": lambda: fitted.predict(receivers),
            "pejax, one level a row": lambda: np.asarray(forest.quantile(table(), levels())),
            "pejax, one donor of one tree (another estimator)": lambda: np.asarray(
                forest.draw(table(), key=key, ids=ids)
            ),
            "pejax, FittedQRF.draw (another estimator)": lambda: chain.draw(receivers, key=key),
        },
        args.rounds,
    )
    median = timing["median_seconds"]
    return {
        "ratios": {
            name: median["microimpute"] / seconds
            for name, seconds in median.items()
            if name != "microimpute"
        },
        "largest_relative_difference_at_its_levels": difference,
    } | timing


def _same_estimator(
    model: Any, fitted: Any, forest: impute.Forest, receivers: Any, seed: int
) -> float:
    """How far pejax at microimpute's own random levels is from what microimpute imputed."""
    few = receivers.iloc[:COMPARED]
    grid = np.linspace(1 / 102, 1 - 1 / 102, 101)
    rng = np.random.default_rng(model.seed)
    model._rng = np.random.default_rng(model.seed)
    wanted = fitted.predict(few)["amount"].to_numpy()
    chosen = np.rint(rng.beta(1.0, 1, size=len(few)) * (len(grid) - 1)).astype(int)
    at = forest.quantile(few.to_numpy(np.float32), grid[chosen][:, None])[:, 0]
    return float(relative(at, wanted).max())


def streamed(args: argparse.Namespace) -> dict[str, Any]:
    """A chain of many amounts for many receivers, one forest at a time: seconds and memory."""
    donors, receivers, amounts = _tables(args)
    before = peak_bytes()
    settings = impute.QRF(args.trees, min_samples_leaf=args.leaf, seed=args.seed)
    start, spent = time.perf_counter(), time.process_time()
    drawn = settings.impute(donors, receivers, list(COVARIATES), amounts, key=jax.random.key(0))
    return {
        "receivers": len(drawn),
        "amounts": len(drawn.columns),
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - spent,
        "peak_bytes_before": before,
        "peak_bytes": peak_bytes(),
        "shares_of_zero": [float((drawn[name] == 0).mean()) for name in amounts],
        "shares_of_zero_of_the_donors": [float((donors[name] == 0).mean()) for name in amounts],
    }


def _tables(args: argparse.Namespace) -> tuple[Any, Any, list[str]]:
    """Donors, receivers, and the names of what they lack."""
    import pandas as pd

    amounts = names(args.amounts)
    found = survey(args.donors, args.seed, args.amounts)
    donors = pd.DataFrame(found.X, columns=list(COVARIATES))
    donors[amounts] = found.Y
    rng = np.random.default_rng([args.seed, 1])
    receivers = pd.DataFrame(covariates(args.rows, rng), columns=list(COVARIATES))
    return donors, receivers, amounts


def memory(args: argparse.Namespace) -> dict[str, Any]:
    """The same chain with all of its forests kept."""
    donors, receivers, amounts = _tables(args)
    before = peak_bytes()
    settings = impute.QRF(args.trees, min_samples_leaf=args.leaf, seed=args.seed)
    start, spent = time.perf_counter(), time.process_time()
    fitted = settings.fit(donors, list(COVARIATES), amounts)
    fit_seconds, fit_cpu = time.perf_counter() - start, time.process_time() - spent
    fit_peak = peak_bytes()
    reset_peak_bytes()
    seconds, peaks, drawn = [], [], receivers[:0]
    for i in range(args.rounds):
        del drawn
        start = time.perf_counter()
        drawn = fitted.draw(receivers, key=jax.random.key(i))
        seconds.append(time.perf_counter() - start)
        peaks.append(peak_bytes())
    return {
        "receivers": len(drawn),
        "amounts": len(drawn.columns),
        "forest_bytes": sum(leaf.nbytes for leaf in jax.tree.leaves(fitted)),
        "fit_seconds": fit_seconds,
        "fit_cpu_seconds": fit_cpu,
        "draw_seconds": seconds,
        "peak_bytes_before": before,
        "peak_bytes_of_fit": fit_peak,
        "peak_bytes_of_draws": peaks,
        "peak_bytes_of_both": max(fit_peak, *peaks),
        "shares_of_zero": [float((drawn[name] == 0).mean()) for name in amounts],
        "shares_of_zero_of_the_donors": [float((donors[name] == 0).mean()) for name in amounts],
    }


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "leaves": exact.leaves,
    "quantiles": exact.quantiles,
    "bytes": exact.stores,
    "speed": speed,
    "draws": draws,
    "streamed": streamed,
    "memory": memory,
    "scores": quality.scores,
    "cps": quality.cps,
}
TIMED = ("speed", "draws")


def plans(part: str, args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The processes of a part, by name, and what each is told."""
    if part == "speed":
        return {
            f"{kind}, {rows:,} receivers": {"rows": rows, **settings}
            for kind, settings in FORESTS.items()
            if kind in args.forests
            for rows in (args.receivers if settings["kept"] else args.receivers_all)
        }
    if part == "draws":
        return {f"{rows:,} receivers": {"rows": rows} for rows in args.receivers[:2]}
    if part in ("streamed", "memory"):
        return {part: {"rows": args.receivers[-1], "rounds": 2, "float": 32}}
    if part in ("scores", "cps"):
        return {f"seed {seed}": {"seed": seed} for seed in args.seeds}
    return {part: {"rows": min(args.receivers)}}


DEFAULT = "its default forest"
FORESTS: dict[str, dict[str, int]] = {
    DEFAULT: {"leaf": 1, "kept": 1},
    "leaves of 20, one donor kept": {"leaf": 20, "kept": 1},
    "leaves of 20, all donors": {"leaf": 20, "kept": 0, "rounds": 2},
    "leaves of 20, all donors, three quarters zeros": {
        "leaf": 20,
        "kept": 0,
        "rounds": 2,
        "amount": 2,
    },
    "leaves of 1, all donors": {"leaf": 1, "kept": 0, "rounds": 2},
}


def in_a_process(part: str, args: argparse.Namespace, told: dict[str, Any]) -> dict[str, Any]:
    """Run one part in a new process; what went wrong stands in its place."""
    plan = {key: getattr(args, key) for key in ("donors", "trees", "amounts", "seed", "rounds")}
    flags = json.dumps(plan | {"households": args.households, "without": args.without} | told)
    under = shlex.split(args.under) if part in TIMED else []
    command = [*under, sys.executable, "-W", "ignore", __file__, "--child", part, flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"failed": done.stderr[-1500:]}
    return json.loads(done.stdout.splitlines()[-1])


def child(part: str, told: dict[str, Any]) -> dict[str, Any]:
    """One part, with what it was told and what else the machine did meanwhile."""
    jax.config.update("jax_enable_x64", told.get("float", 64) == 64)
    args = argparse.Namespace(**({"leaf": 1, "kept": 1, "amount": 0} | told))
    args.kept = args.kept or None
    load = os.getloadavg()[0]
    result = PARTS[part](args)
    return {
        "settings": told,
        "measured": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "load_average": [load, os.getloadavg()[0]],
        "peak_bytes": peak_bytes(),
    } | result


def main(args: argparse.Namespace) -> None:
    """The parts asked for, one after another; the file is written after each."""
    path = args.out / "impute_peers.json"
    held = json.loads(path.read_text())["parts"] if args.add and path.exists() else {}
    for part in args.parts:
        for name, told in plans(part, args).items():
            found = in_a_process(part, args, told)
            held.setdefault(part, {})[name] = found
            print(f"{part}: {name}: {found.get('failed') or _brief(found)}", flush=True)
            payload = {"parts": held, "found": _summary(held)}
            write("impute_peers", payload, sizes=_sizes(args), packages=PACKAGES, folder=args.out)
    print(json.dumps(_summary(held), indent=1))
    print(path)


def _sizes(args: argparse.Namespace) -> dict[str, int]:
    return {"donors": args.donors, "trees": args.trees, "covariates": len(COVARIATES)}


def _brief(found: dict[str, Any]) -> Any:
    """What of a result is worth a line on the screen."""
    shown = (
        "ratios",
        "differ",
        "share",
        "largest_relative_difference",
        "largest_relative_difference_at_its_levels",
        "peak_bytes_of_both",
        "seconds",
        "fit_seconds",
        "draw_seconds",
        "summary",
    )
    return {key: found[key] for key in shown if key in found} or sorted(found)


def _summary(held: dict[str, Any]) -> dict[str, Any]:
    """The numbers to quote, from the parts that are there."""
    ratios = {
        part: {name: one.get("ratios") for name, one in held.get(part, {}).items()}
        for part in ("speed", "draws")
    }
    over_seeds = {
        part: quality.over_seeds(
            [one["summary"] for one in held[part].values() if "summary" in one]
        )
        for part in ("scores", "cps")
        if part in held
    }
    return {**ratios, **over_seeds}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--forests", nargs="+", choices=FORESTS, default=list(FORESTS), help="of the part speed"
    )
    parser.add_argument("--add", action="store_true", help="keep the parts of the file that exists")
    parser.add_argument("--donors", type=int, default=20_000)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--amounts", type=int, default=AMOUNTS, help="amounts of the long chain")
    parser.add_argument("--households", type=int, default=20_000, help="of the CPS")
    parser.add_argument("--seed", type=int, default=1, help="of the survey and the forests")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="of the scores")
    parser.add_argument("--rounds", type=int, default=4, help="timed rounds")
    parser.add_argument(
        "--receivers", nargs="+", type=int, default=[20_000, 200_000, 1_000_000], help="even"
    )
    parser.add_argument(
        "--receivers-all",
        nargs="+",
        type=int,
        default=[20_000],
        help="where the peer keeps all donors, at half a millisecond a row",
    )
    parser.add_argument(
        "--without", nargs="+", choices=["microimpute"], default=[], help="left out of the CPS"
    )
    parser.add_argument("--under", default="", help="command that starts the timed processes")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    given = parsed()
    if given.child:
        print(json.dumps(child(given.child[0], json.loads(given.child[1]))))
    else:
        main(given)

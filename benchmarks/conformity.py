"""A country's own tests, asked of the graph of its rules: all of them, or a draw.

What is done is kept under --out, and the same call goes on from there. Give another country's
package after it is installed.
"""

import argparse
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from _harness import write

from pejax import conform
from pejax.conform import Conformity


def summary(found: Conformity, wall: float) -> dict[str, Any]:
    """Counts, processor time, the source's where it was asked, and what did not pass."""
    table = found.to_frame()
    missed = table[table["status"] != "passed"]
    columns = [c for c in ("case", "status", "reason", "source") if c in missed]
    ours = float(table["seconds"].sum())
    facts: dict[str, Any] = {
        "package": found.package,
        "version": found.version,
        **found.counts,
        "cpu_hours": round(ours / 3600, 5),
        "wall_hours_of_this_call": round(wall / 3600, 3),
    }
    if found.source:
        theirs = float(table["source_seconds"].sum())
        facts |= {"source_cpu_hours": round(theirs / 3600, 5), "ratio": round(theirs / ours, 2)}
    reasons = Counter(reason[:80] for reason in missed["reason"])
    return {
        **facts,
        "reasons": dict(reasons.most_common(40)),
        "by_folder": found.by_folder(2).head(40).to_dict("records"),
        "not_passed": missed[columns].to_dict("records"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", nargs="?", default="policyengine_us")
    parser.add_argument("--sample", type=int, help="so many cases, drawn by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--with-source", action="store_true", help="ask the source engine too")
    parser.add_argument("--source-alone", action="store_true", help="ask nobody else")
    parser.add_argument("--out", type=Path, default=Path("out/conformity"))
    asked = parser.parse_args()
    start = time.perf_counter()
    alone = asked.source_alone
    ask = partial(conform.conform, with_source=asked.with_source)
    found = (conform.source_verdicts if alone else ask)(
        asked.package,
        sample=asked.sample,
        seed=asked.seed,
        jobs=asked.jobs,
        out=asked.out / asked.package,
        progress=lambda made: print(made, flush=True),
    )
    wall = time.perf_counter() - start
    write(
        f"conformity_{asked.package.rpartition('_')[2]}{'_source' * alone}",
        summary(found, wall),
        sizes={"cases": len(found.cases)},
        packages=(asked.package.replace("_", "-"), "policyengine-core"),
    )
    print(found)


if __name__ == "__main__":
    main()

"""What it saves not to run a formula again that reads the same: the law compiled with and without.

The programs must be one: the same nodes, numbers, decisions and days. Times are the processor's,
of compilation from the imported country to the program; nothing is compiled by XLA.
"""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from _engine import PACKAGES, WHOLE, YEAR, load_country, options, sizes, stage
from _harness import write

from pejax import Population, datasets, engine
from pejax.engine.tracing import _alike
from pejax.engine.tracing._evaluate import Simulation


@contextlib.contextmanager
def counted(kept: bool) -> Iterator[Counter[str]]:
    """Within the context results are kept or not; how often formulas ran, and how often not."""
    counts: Counter[str] = Counter()
    again, ran = _alike._again, Simulation.evaluated

    def known(*asked: Any) -> Any:
        found = again(*asked) if kept else None
        counts["known"] += found is not None
        return found

    def noted(self: Any, variable: Any, period: Any) -> Any:
        counts["ran"] += 1
        return ran(self, variable, period)

    _alike._again, Simulation.evaluated = known, noted
    try:
        yield counts
    finally:
        _alike._again, Simulation.evaluated = again, ran


def once(country: engine.Country, population: Population, kept: bool) -> dict[str, Any]:
    """One compilation of the four outputs."""
    with counted(kept) as counts:
        start = time.process_time()
        program = engine.compile(country, list(WHOLE.outputs), YEAR, population, check=False)
        seconds = time.process_time() - start
    return {"cpu_seconds": round(seconds, 1), "digest": program.digest, **counts}


def main() -> None:
    args = options(__doc__, households=1_000, repeats=2)
    with stage("importing the country package"):
        country, _ = load_country()
    population = datasets.load_cps(period=YEAR, households=args.households)
    rounds: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for _ in range(args.repeats):
        for kept, made in rounds.items():
            with stage(f"compiling, results {'kept' if kept else 'not kept'}"):
                made.append(once(country, population, kept))
    fastest = {kept: min(r["cpu_seconds"] for r in made) for kept, made in rounds.items()}
    digests = {r["digest"] for made in rounds.values() for r in made}
    payload = {
        "kept": rounds[True],
        "not_kept": rounds[False],
        "one_program": len(digests) == 1,
        "ratio": round(fastest[False] / fastest[True], 2),
    }
    path = write(
        "engine_alike", payload, sizes=sizes(population), packages=PACKAGES, folder=args.out
    )
    print({name: payload[name] for name in ("one_program", "ratio")}, path)


if __name__ == "__main__":
    main()

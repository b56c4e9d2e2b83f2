"""What the settings of a choice of records do, on the real problem of `calibrate_real.py`.

    python benchmarks/calibrate_select_settings.py --targets path/to/targets

The cube's leverage at 50,000 records; at 20,000, fewer than there are targets, the rate of the
gates and how many candidates the cube leaves them. Decision 16 quotes the table.
"""

import argparse
import functools
import warnings
from pathlib import Path

from _harness import RESULTS, write
from calibrate_select import SOLVER, real_problem

from pejax import calibrate as cal

LEVERAGES = (0.3, 0.45, 0.6, 0.8)
RATES = (0.075, 0.15, 0.25, 0.4, 0.7)
CANDIDATES = (4, 6, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--targets", type=Path, required=True, help="folder of the target tables")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    args = parser.parse_args()
    warnings.simplefilter("ignore", cal.BudgetWarning)
    problem, base = real_problem(args.targets)

    def compared(budget: int, ways: dict[str, cal.Cube]) -> list[dict]:
        found = cal.compare_selections(problem, base, budget, ways, seeds=[0], solver=SOLVER)
        print(found.table().round(4).to_string(), flush=True)
        return found.runs.to_dict("records")

    ways = {f"leverage {x}": cal.Cube(50_000, solver=SOLVER, leverage=x) for x in LEVERAGES}
    payload = {"leverage": compared(50_000, ways)}
    few = functools.partial(cal.Cube, 20_000, solver=SOLVER)
    payload["rate"] = compared(20_000, {f"rate {x}": few(learning_rate=x) for x in RATES})
    payload["candidates"] = compared(
        20_000, {f"candidates {x}": few(candidates=x) for x in CANDIDATES}
    )
    write("calibrate_select_settings", payload, packages=("taxcalc", "pandas"), folder=args.out)


if __name__ == "__main__":
    main()

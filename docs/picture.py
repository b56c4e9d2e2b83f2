"""The README's picture and the numbers beside it, from a finished run of the demo.

    pejax demo --out out/demo
    python docs/picture.py out/demo

writes docs/report.svg, drawn from the run's tables, and docs/report.json, its manifest, and puts
the picture and the numbers between the two marks in the README.
"""

import argparse
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pejax import report

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
BLOCK = re.compile(r"(?<=<!-- docs/picture.py -->\n).*?(?=<!-- end -->)", re.DOTALL)
ROWS = 15  # of the lower chart
SHARES = {"gain": "share_gaining", "no change": "share_unchanged", "lose": "share_losing"}


def block(run: Mapping[str, Any]) -> str:
    """What stands in the README, from a run's manifest."""
    facts, law = run["facts"], run["facts"]["law"]
    people, parameters = facts["population"], facts["reform"]["parameters"]
    methods = {row["method"]: row for row in facts["calibration"]["methods"]}
    mean = facts["imputation"]["statistics"][0]
    gaps = facts["gradients"]
    cost, entitled = (facts["reform"][name] / 1e9 for name in ("cost", "entitlement"))
    known = "" if facts["country_imported"] else " with what an earlier run had compiled"
    rows = {
        "law": f"{law['traced']:,} variables traced; {law['parameters']:,} parameters are"
        " arguments",
        "reform": "child credit of $3,000, phase-out from $200,000 (couples) and $100,000:"
        f" ${cost:.1f} billion of federal income tax a year, where entitlements rise by"
        f" ${entitled:.1f} billion; {parameters['active']:,} of the numbers have a derivative,"
        f" {parameters['cliff']:,} stand at a cliff, the others reach nobody",
        f"weights, {facts['calibration']['targets']:,} public totals": "mean error"
        f" {methods['linear']['mean_error_before']:.1%} before; linear"
        f" {methods['linear']['mean_error']:.2%}, entropy {methods['entropy']['mean_error']:.2%},"
        f" L0 with exactly {methods['L0']['records_kept']:,} records"
        f" {methods['L0']['mean_error']:.2%}",
        f"imputation of a withheld column, {facts['imputation']['receivers']:,} tax units": "mean"
        f" of ${mean['imputed']:,.0f} against ${mean['truth']:,.0f}",
        "gradients against finite differences": f"{gaps['largest_gap_by_parameter']:.0e} apart by"
        f" parameter, {gaps['largest_gap_by_target']:.0e} by target through the calibration",
        "time and memory": f"{run['seconds']:.0f} s{known}; {run['peak_bytes'] / 1e9:.1f} GB",
    }
    return "\n".join(
        [
            "![Who gains and who loses from a reform of the child credit, and the parameters of"
            " the law ranked by what one percent of",
            "each adds to federal income tax](docs/report.svg)",
            "",
            f"The run behind the picture, on {people['household']:,} households of the public CPS"
            f" ({people['person']:,} persons), {run['cores']} processor cores, {run['dtype']}:",
            "",
            "| step | what came out |",
            "|---|---|",
            *(f"| {step} | {found} |" for step, found in rows.items()),
            "",
        ]
    )


def draw(by_decile: pd.DataFrame, sensitivity: pd.DataFrame) -> str:
    """Who gains and who loses, above the parameters that move the tax most."""
    top = sensitivity.head(ROWS)
    upper = report.shares(
        by_decile["decile"],
        {name: by_decile[column] for name, column in SHARES.items()},
        "Tenth of tax units, ranked by adjusted gross income",
        "Share of tax units",
    )
    lower = report.ranked(
        [path.removeprefix("gov.irs.") for path in top["path"]],
        top["dollars_per_percent"] / 1e9,
        "Billion dollars of tax a year for one percent more of the parameter",
    )
    told = (
        "Whose federal income tax falls or rises by more than half a cent.",
        f"The {ROWS} parameters of current law that move federal income tax most, from one reverse"
        " pass over all of them.",
    )
    return report.below([(upper, told[0]), (lower, told[1])]).to_svg() + "\n"


def main() -> None:
    reader = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    reader.add_argument("run", type=Path, help="folder of a finished run")
    given = reader.parse_args()
    tables = given.run / "tables"
    by_decile = pd.read_parquet(tables / "reform_by_decile.parquet")
    sensitivity = pd.read_parquet(tables / "sensitivity.parquet")
    (HERE / "report.svg").write_text(draw(by_decile, sensitivity), encoding="utf-8")
    shutil.copyfile(given.run / "manifest.json", HERE / "report.json")
    found = block(json.loads((HERE / "report.json").read_text(encoding="utf-8")))
    text = README.read_text(encoding="utf-8")
    README.write_text(BLOCK.sub(lambda match: found, text), encoding="utf-8")


if __name__ == "__main__":
    main()

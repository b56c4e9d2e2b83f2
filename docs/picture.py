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
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
BLOCK = re.compile(r"(?<=<!-- docs/picture.py -->\n).*?(?=<!-- end -->)", re.DOTALL)
WIDTH, LEFT, RIGHT = 940, 400, 30
BARS, ROWS, ROW = 240, 15, 22  # pixels of the upper chart, rows of the lower one, pixels of each
INK, RULE, GREY = "#24292f", "#dfe4e9", "#dfe4e7"
BLUE, RED = "#205b93", "#bf5630"
FONT = "font-family='system-ui, Segoe UI, Helvetica, Arial, sans-serif'"
SHARES = {"gain": ("share_gaining", BLUE), "no change": ("share_unchanged", GREY)}
SHARES |= {"lose": ("share_losing", RED)}


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
    upper = 40
    lower = upper + BARS + 110
    height = lower + ROWS * ROW + 76
    body = [*_shares(by_decile, upper), *_ranked(sensitivity.head(ROWS), lower)]
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' {FONT}>"
    back = f"<rect width='{WIDTH}' height='{height}' fill='white'/>"
    return "\n".join([head, back, *body, "</svg>", ""])


def _shares(table: pd.DataFrame, top: int) -> list[str]:
    left, bottom = 80, top + BARS
    drawn = []
    for number, (name, (_, colour)) in enumerate(SHARES.items()):
        drawn.append(_box(left + 12 + 100 * number, top - 30, 12, 12, colour))
        drawn.append(_text(left + 32 + 100 * number, top - 19, name))
    for share in (0, 0.2, 0.4, 0.6, 0.8, 1):
        y = bottom - BARS * share
        drawn.append(_box(left, y, WIDTH - RIGHT - left, 1, RULE))
        drawn.append(_text(left - 8, y + 4, f"{share:.0%}", "end"))
    wide = (WIDTH - RIGHT - left) / len(table)
    for place, row in enumerate(table.to_dict("records")):
        x, y = left + wide * place, float(bottom)
        for column, colour in SHARES.values():
            tall = BARS * row[column]
            y -= tall
            drawn.append(_box(x + wide * 0.14, y, wide * 0.72, tall, colour))
        drawn.append(_text(x + wide / 2, bottom + 20, str(row["decile"]), "middle"))
    middle = left + (WIDTH - RIGHT - left) / 2
    drawn.append(
        _text(middle, bottom + 42, "Tenth of tax units, ranked by adjusted gross income", "middle")
    )
    told = "Share of tax units whose federal income tax falls or rises by more than half a cent."
    return [*drawn, _text(20, bottom + 72, told)]


def _ranked(table: pd.DataFrame, top: int) -> list[str]:
    worth = table["dollars_per_percent"] / 1e9
    ticks = _ticks(min(0.0, worth.min()), max(0.0, worth.max()))
    scale = (WIDTH - RIGHT - LEFT) / (ticks[-1] - ticks[0])
    bottom = top + ROWS * ROW
    drawn = []
    for tick in ticks:
        x = LEFT + scale * (tick - ticks[0])
        drawn += [
            _box(x, top, 1, bottom - top, RULE),
            _text(x, bottom + 18, f"{tick:g}", "middle"),
        ]
    zero = LEFT - scale * ticks[0]
    for place, (path, value) in enumerate(zip(table["path"], worth, strict=True)):
        y = top + ROW * place
        long, colour = abs(value) * scale, BLUE if value > 0 else RED
        drawn.append(_box(zero if value > 0 else zero - long, y + 3, long, ROW - 6, colour))
        drawn.append(_text(LEFT - 8, y + 15, path.removeprefix("gov.irs."), "end"))
    words = "Billion dollars of tax a year for one percent more of the parameter"
    drawn.append(_text(LEFT + (WIDTH - RIGHT - LEFT) / 2, bottom + 40, words, "middle"))
    told = (
        f"The {ROWS} parameters of current law that move federal income tax most, from one reverse"
        " pass over all of them."
    )
    return [*drawn, _text(20, bottom + 66, told)]


def _ticks(low: float, high: float) -> Sequence[float]:
    step = next(s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if (high - low) / s <= 8)
    first, last = int(low // step), int(-(-high // step))
    return [step * n for n in range(first, last + 1)]


def _box(x: float, y: float, wide: float, tall: float, colour: str) -> str:
    at = f"x='{x:.1f}' y='{y:.1f}' width='{wide:.1f}' height='{tall:.1f}'"
    return f"<rect {at} fill='{colour}'/>"


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    at = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'"
    return f"<text {at} font-size='13' fill='{INK}'>{escape(words)}</text>"


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

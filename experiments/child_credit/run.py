"""Cost, child poverty and gradients of the US child tax credit over a grid of designs.

    python experiments/child_credit/run.py
    python experiments/child_credit/run.py --households 2000 --out trial

Everything is set in config.toml. A run that was interrupted goes on where it stopped: traced
programs, what the source engine computed and finished batches of the sweep stay in the cache.
"""

import argparse
import os
import sys
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import derivatives
import families as people
import jax
import pandas as pd
import parity
import poverty
from figure import draw
from findings import Findings
from study import Study, prepare

from pejax import engine, io

HERE = Path(__file__).resolve().parent


def run(config: Mapping[str, Any], out: Path, cache: Path) -> Findings:
    """Compute everything, in float64, and write it to `out`."""
    log = io.Run(out, "child_credit", config, config["seed"], tell=_tell)
    with jax.enable_x64(True), log:
        with log.step("families"):
            given = people.load(config.get("households"), config["year"], config["seed"])
            log.digest(given)
        with log.step("law: source engine once, one program a structure"):
            study = prepare(config, cache, given, _show)
        with log.step("sweep"):
            results = pd.concat([_swept(study, d) for d in study.designs], ignore_index=True)
        with log.step("derivatives over the grid"):
            results = pd.concat([results, _slopes(study)], axis=1)
        with log.step("derivatives at the law, against differences"):
            free = [d for d in study.designs if not d.cap_follows_amount]
            law = pd.concat([derivatives.at_law(study, d) for d in free], ignore_index=True)
        with log.step("smoothed headcounts"):
            soft = [derivatives.smoothing(study, d) for d in study.designs]
        with log.step("the source engine on a sample"):
            compared = parity.compare(study)
        found = Findings(
            study.grid,
            study.designs,
            _without(study),
            results,
            law,
            pd.concat(soft, ignore_index=True),
            compared,
        )
        cpu = {"cpu_seconds": round(time.process_time())}
        log.note(**_sizes(study), **found.without, **found.checks(config), **cpu)
        found.write(out)
        io.write_text(out / "figure.svg", _figure(found))
    _tell(f"results in {out}")
    return found


def _swept(study: Study, design: Any) -> pd.DataFrame:
    """Cost and poverty of a design at every point of the grid."""
    program, families = study.programs[design.name], study.families
    reforms = [study.grid.reform(design, point) for point in study.grid.points]
    for reform in (reforms[0], reforms[-1]):  # fails if a recorded decision would move
        program(program.parameters.with_reform(reform), families)
    found = engine.sweep(
        program,
        reforms,
        families,
        poverty.statistics(program),
        out=study.cache / "sweeps",
        batch=study.config["batch"],
        progress=_show,
    )
    places = pd.DataFrame([vars(point) for point in study.grid.points])
    places.insert(0, "design", design.name)
    rate = 100 * found["poor_children"] / study.children
    return pd.concat([places, found.drop(columns="reform")], axis=1).assign(poverty_rate=rate)


def _slopes(study: Study) -> pd.DataFrame:
    """Derivatives of cost and gap by amount and phase-out rate, in the order of the sweep."""
    parts, count = [], len(study.designs) * len(study.grid.points)
    for design in study.designs:
        chosen = derivatives.smooth_statistics(study.programs[design.name])
        for part in derivatives.over_points(study, design, study.grid.points, chosen):
            parts.append(part)
            _show(sum(map(len, parts)), count)
    return pd.concat(parts, ignore_index=True)


def _without(study: Study) -> dict[str, float]:
    """Children, and poverty if there were no credit at all."""
    outputs = poverty.without_credit(study.families)
    poor = float(poverty.poor_children(outputs, study.families))
    return {
        "children": study.children,
        "poor_children_without_credit": poor,
        "poverty_rate_without_credit": 100 * poor / study.children,
        "poverty_gap_without_credit": float(poverty.poverty_gap(outputs, study.families)),
    }


def _sizes(study: Study) -> dict[str, int]:
    entities = ("household", "tax_unit", "person")
    return {f"{entity}s": study.families.count(entity) for entity in entities}


def _figure(found: Findings) -> str:
    titles = {design.name: design.title for design in found.designs}
    in_billions = found.results.assign(cost=found.results["cost"] / 1e9)
    return draw(in_billions, titles, vars(found.grid.reference))


def _tell(line: str) -> None:
    print(line, flush=True)


def _show(done: int, total: int) -> None:
    """How far a step is: one moving line on a terminal, nothing in a log."""
    if sys.stdout.isatty():
        print(f"  {done}/{total}", end="\r", flush=True)


def _default_cache() -> Path:
    chosen = os.environ.get("PEJAX_CACHE")
    folder = Path(chosen) if chosen else Path.home() / ".cache" / "pejax"
    return folder / "experiments" / "child_credit"


def _keep_compiled(folder: Path) -> None:
    """Let JAX keep what it compiles, unless the environment already says where."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def main() -> None:
    reader = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    reader.add_argument("--config", type=Path, default=HERE / "config.toml")
    reader.add_argument("--households", type=int, help="a sample of the file instead of all")
    reader.add_argument("--out", type=Path, default=HERE / "results")
    reader.add_argument("--cache", type=Path, default=_default_cache())
    given = reader.parse_args()
    config = tomllib.loads(given.config.read_text(encoding="utf-8"))
    if given.households is not None:
        config["households"] = given.households
    _keep_compiled(given.cache / "xla")
    run(config, given.out, given.cache)


if __name__ == "__main__":
    main()

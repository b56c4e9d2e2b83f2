"""Exact calibration of a made-up survey: pejax against R's survey and Python's samplics.

    python benchmarks/calibrate_survey.py
    python benchmarks/calibrate_survey.py --units 50000 --rounds 3 --without samplics
    python benchmarks/calibrate_survey.py --blas OpenBLAS=/folder/of/its/libblas.so.3

Sex by age, regions and four incomes; the totals are those of perturbed weights, so that weights
within the bounds exist. All compute in float64 on the same matrix and are asked for the same
tolerance. The matrix is in the memory of each before any clock starts; what pejax does before that
to look the problem over is `problem_seconds`.

- `grake` is what survey's `calibrate` calls with its matrix. It runs in R processes that wait
  between their turns. At its own tolerance of 1e-7 it takes as many steps as at this one: one for
  linear weights, four for the others at 50,000 units. Half its time goes into products of
  matrices, hence into the BLAS that R is linked to, and most of the rest into copies of the whole
  matrix. Debian's R comes with the reference BLAS, which uses one core and no wide instructions;
  `--blas` adds an R with another one, and that is the ratio to quote. `grake, sparse` has survey's
  own `sparse=TRUE` and is compared with pejax' sparse operator: nine tenths of the matrix are 0.
- samplics' `calibrate` is linear only. It writes the base weights out as a diagonal matrix of
  units by units and multiplies by that: its seconds and bytes grow with the square of the units
  (20 GB for 50,000). It has sizes of its own, and no other peer beside it, because its gigabytes,
  let go in every turn, slow down who comes next.
- samplics' `rake` takes margins and no incomes: it has a problem of its own, and pejax the same.
"""

import argparse
import gc
import importlib.util
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from _harness import RESULTS, interleave, measure, write

from pejax import calibrate as cal

jax.config.update("jax_enable_x64", True)

UNITS = (20_000, 50_000, 200_000)
DIAGONAL = (20_000, 30_000)
SEXES, AGES, REGIONS = 2, 18, 12
POPULATION = 60e6
LO, HI = 0.4, 2.5
TOLERANCE = 1e-9
METHODS = {
    "linear": cal.Linear(exact=True, tol=TOLERANCE),
    "raking": cal.Raking(tol=TOLERANCE),
    "logit": cal.Logit(LO, HI, exact=True, tol=TOLERANCE),
}
BOUNDS = {"linear": ("-Inf", "Inf"), "raking": ("-Inf", "Inf"), "logit": (str(LO), str(HI))}
PEERS = ("r", "samplics")

Contender = Callable[[], Any]


class World(NamedTuple):
    """A made-up sample: what each unit is, its base weight, and the totals to meet."""

    matrix: np.ndarray  # (target, unit): cells of sex by age, all regions but one, incomes
    totals: np.ndarray
    base: np.ndarray
    cell: np.ndarray
    region: np.ndarray
    margins: int  # the rows of the matrix that are margins


def world(units: int, seed: int) -> World:
    """A sample and totals under weights that stay well within the bounds."""
    rng = np.random.default_rng(seed)
    cells = SEXES * AGES
    cell = rng.choice(cells, units, p=rng.dirichlet(np.full(cells, 20.0)))
    region = rng.choice(REGIONS, units, p=rng.dirichlet(np.full(REGIONS, 8.0)))
    cell[:cells], region[:REGIONS] = np.arange(cells), np.arange(REGIONS)
    base = rng.gamma(4.0, 1.0, units) + 0.5
    base *= POPULATION / base.sum()
    age = cell % AGES
    margins = [cell == k for k in range(cells)] + [region == k for k in range(REGIONS - 1)]
    matrix = np.vstack([np.asarray(margins, float), incomes(rng, age)])
    shift = rng.normal(0, 0.12, cells)[cell] + rng.normal(0, 0.12, REGIONS)[region]
    shift += 0.03 * (matrix[-1] > 0) + rng.normal(0, 0.15, units)
    moved = base * np.clip(np.exp(shift), 0.6, 1.7)
    return World(matrix, matrix @ moved, base, cell, region, len(margins))


def incomes(rng: np.random.Generator, age: np.ndarray) -> np.ndarray:
    """Wages, profits, pensions and dividends in thousands, most units without most of them."""
    working, old = (age >= 4) & (age < 13), age >= 13
    shares = (0.8 * working, 0.1 * working, 0.9 * old, 0.15 * (age >= 4))
    shapes = ((2.0, 20.0), (0.8, 30.0), (3.0, 7.0), (0.5, 8.0))
    drawn = [
        rng.gamma(shape, scale, len(age)) * (rng.random(len(age)) < share)
        for share, (shape, scale) in zip(shares, shapes, strict=True)
    ]
    return np.asarray(drawn)


class Survey:
    """An R process with the survey package, which does what it is asked, a line at a time."""

    def __init__(self, blas: Path | None = None):
        surroundings = dict(os.environ)
        if blas is not None:
            home = subprocess.run(["R", "RHOME"], capture_output=True, text=True, check=True)
            folders = [str(blas), str(Path(home.stdout.strip()) / "lib")]
            surroundings["R_LD_LIBRARY_PATH"] = os.pathsep.join(folders)
        self.process = subprocess.Popen(
            ["Rscript", str(Path(__file__).parent / "_survey.R")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=surroundings,
        )

    def ask(self, *words: object) -> list[str]:
        """The words of its answer.

        Raises:
            RuntimeError: it ended instead; its own message is on the standard error.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write("\t".join(map(str, words)) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"R ended at {words[0]!r}. Are its packages survey and MASS installed?"
            )
        return line.rstrip("\n").split("\t")

    def about(self) -> dict[str, str]:
        return dict(zip(("r", "survey", "blas_file"), self.ask("about"), strict=True))

    def close(self) -> None:
        self.process.communicate()


class Peer(NamedTuple):
    """One R process, its layout of the matrix, and what it said of each run."""

    survey: Survey
    layout: str


def main(args: argparse.Namespace) -> None:
    """Every size in turn; write `calibrate_survey.json`."""
    load = os.getloadavg()
    surveys, about = start(args)
    missing = missing_peer("samplics", importlib.util.find_spec("samplics"), args.without)
    about |= {} if missing is None else {"samplics": missing}
    for name, what in about.items():
        print(f"{name}: {what}")
    problems = {}
    for units in args.units:
        found = world(units, args.seed)
        problems[f"{units:,} units"] = one_size(found, surveys, missing is None, args.rounds)
    for peer in surveys.values():
        peer.survey.close()
    with_samplics = {
        f"{units:,} units": diagonal(world(units, args.seed), args.rounds)
        for units in (DIAGONAL if missing is None else ())
    }
    payload = {
        "seed": args.seed,
        "rounds": args.rounds,
        "load_average": [load, os.getloadavg()],
        "logit_bounds": [LO, HI],
        "tolerance": {
            "pejax": f"{TOLERANCE:g} of the root mean square of relative errors",
            "grake": f"{TOLERANCE:g} of the largest of |miss| / (1 + |total|)",
            "samplics calibrate": "none: one solve",
            "samplics rake": f"{TOLERANCE:g} of the largest relative error and change of a margin",
        },
        "peers": about,
        "problems": problems,
        "linear, samplics": with_samplics,
    }
    packages = ["samplics", "scipy", "polars"]
    path = write("calibrate_survey", payload, packages=packages, folder=args.out)
    print(f"wrote {path}")


def start(args: argparse.Namespace) -> tuple[dict[str, Peer], dict[str, Any]]:
    """The R processes by the name of their contender, and what they are."""
    missing = missing_peer("r", shutil.which("Rscript"), args.without)
    if missing is not None:
        return {}, {"grake": missing}
    peers = {"grake": Peer(Survey(), "dense")}
    peers |= {f"grake, {name}": Peer(Survey(folder), "dense") for name, folder in args.blas}
    peers["grake, sparse"] = Peer(Survey(), "sparse")
    try:
        return peers, {name: peer.survey.about() for name, peer in peers.items()}
    except RuntimeError as error:
        return {}, {"grake": f"skipped: {error}"}


def missing_peer(name: str, found: object, without: list[str]) -> str | None:
    """Why a peer takes no part, if it takes none."""
    if name in without:
        return "skipped: asked for"
    return None if found else "skipped: not installed"


def one_size(
    found: World, surveys: dict[str, Peer], with_samplics: bool, rounds: int
) -> dict[str, Any]:
    """Every method at one size, each with its contenders in turns."""
    targets, units = found.matrix.shape
    made = measure(cal.TargetProblem, found.matrix, found.totals, repeats=2)
    ours = {
        layout: cal.TargetProblem(matrix, found.totals)
        for layout, matrix in layouts(found.matrix).items()
    }
    assert not any(problem.refused for problem in ours.values())
    result: dict[str, Any] = {
        "units": units,
        "targets": targets,
        "density": float(np.mean(found.matrix != 0)),
        "problem_seconds": made["median_seconds"],
    }
    print(f"{units:,} units, {targets} totals; the problem took {made['median_seconds']:.3f} s")
    with tempfile.TemporaryDirectory() as folder:
        hand_over(found, surveys, Path(folder))
        for name, method in METHODS.items():
            race = Race(found, len(found.totals))
            for layout, problem in ours.items():
                race.add(layout, pejax(problem, found.base, method))
            for peer_name, peer in surveys.items():
                run = grake(peer, name)
                race.add(peer_name, run, fetched(peer, run, Path(folder) / "weights"))
            result[name] = race.run(rounds, tidy(surveys))
            solution = cal.calibrate(ours["pejax"], found.base, method)
            result[name]["pejax_steps"] = solution.steps
            tell(name, result[name])
    result["margins"] = margins(found, with_samplics, rounds)
    tell("margins", result["margins"])
    return result


def diagonal(found: World, rounds: int) -> dict[str, Any]:
    """The linear method against samplics' `calibrate`."""
    race = Race(found, len(found.totals))
    problem = cal.TargetProblem(found.matrix, found.totals)
    race.add("pejax", pejax(problem, found.base, METHODS["linear"]))
    race.add("samplics", samplics_calibrate(found))
    result = race.run(rounds, gc.collect)
    tell("linear", result)
    return result


def layouts(matrix: np.ndarray) -> dict[str, Any]:
    """The estimate matrix as each of pejax' contenders has it."""
    from scipy import sparse

    return {"pejax": matrix, "pejax, sparse": sparse.csr_matrix(matrix)}


def margins(found: World, with_samplics: bool, rounds: int) -> dict[str, Any]:
    """Raking to the margins alone, which is what samplics' `rake` does."""
    rows = found.margins
    race = Race(found, rows)
    for layout, matrix in layouts(found.matrix[:rows]).items():
        problem = cal.TargetProblem(matrix, found.totals[:rows])
        race.add(layout, pejax(problem, found.base, METHODS["raking"]))
    if with_samplics:
        race.add("samplics", samplics_rake(found))
    return race.run(rounds, gc.collect)


class Race:
    """Contenders for the same weights: who takes how long, and how far apart they end."""

    def __init__(self, found: World, rows: int):
        self.found, self.rows = found, rows
        self.contenders: dict[str, Contender] = {}
        self.weights: dict[str, Contender] = {}
        self.own_clock: dict[str, list[float]] = {}

    def add(self, name: str, run: Contender, weights: Contender | None = None) -> None:
        """One more: it returns its weights, or seconds by its own clock and has `weights`."""

        def clocked() -> Any:
            found = run()
            if isinstance(found, float):
                self.own_clock.setdefault(name, []).append(found)
            return found

        self.contenders[name] = clocked
        self.weights[name] = weights or run

    def run(self, rounds: int, before: Callable[[], Any]) -> dict[str, Any]:
        """The seconds in turns, and beside them the distances of the weights."""
        timings = interleave(self.contenders, rounds, before=before)
        seconds = {name: one["median_seconds"] for name, one in timings["results"].items()}
        found = {name: np.asarray(weights(), float) for name, weights in self.weights.items()}
        own = {name: statistics.median(clock[1:]) for name, clock in self.own_clock.items()}
        return {
            "median_seconds": seconds,
            "median_seconds_by_its_own_clock": own,
            "pejax_is_faster_by": {
                name: mine / seconds[opponent(name)]
                for name, mine in seconds.items()
                if not name.startswith("pejax")
            },
            "error": {name: self.quality(w, found["pejax"]) for name, w in found.items()},
            "timings": timings["results"],
        }

    def quality(self, weights: np.ndarray, ours: np.ndarray) -> dict[str, float]:
        """How far from pejax' weights, how far from the totals, and how far they moved."""
        matrix, totals = self.found.matrix[: self.rows], self.found.totals[: self.rows]
        ratio = weights / self.found.base
        return {
            "largest_relative_difference_of_weights": float(np.max(np.abs(weights / ours - 1))),
            "largest_relative_error_of_totals": float(
                np.max(np.abs(matrix @ weights / totals - 1))
            ),
            "least_ratio": float(ratio.min()),
            "largest_ratio": float(ratio.max()),
        }


def opponent(name: str) -> str:
    """Which of pejax' contenders has the same layout of the matrix."""
    return "pejax, sparse" if name.endswith("sparse") else "pejax"


def hand_over(found: World, surveys: dict[str, Peer], folder: Path) -> None:
    """Give every R process the problem; R's matrix of (unit, target) is ours by rows."""
    found.matrix.tofile(folder / "matrix")
    found.base.tofile(folder / "base")
    found.totals.tofile(folder / "totals")
    targets, units = found.matrix.shape
    for peer in surveys.values():
        peer.survey.ask("load", folder, units, targets, peer.layout)


def tidy(surveys: dict[str, Peer]) -> Callable[[], None]:
    """Collect everybody's rubbish, outside the clock."""

    def run() -> None:
        gc.collect()
        for peer in surveys.values():
            peer.survey.ask("collect")

    return run


def pejax(problem: cal.TargetProblem, base: np.ndarray, method: Any) -> Contender:
    return lambda: cal.calibrate(problem, base, method).check().weights


def grake(peer: Peer, method: str) -> Contender:
    """One run in R, which keeps the weights and answers its seconds."""

    def run() -> float:
        seconds, converged = peer.survey.ask("run", method, *BOUNDS[method], TOLERANCE)
        if converged != "yes":
            raise RuntimeError(f"grake did not converge: {method}.")
        return float(seconds)

    return run


def fetched(peer: Peer, run: Contender, path: Path) -> Contender:
    """The weights of one more run in R."""

    def fetch() -> np.ndarray:
        run()
        peer.survey.ask("save", path)
        return np.fromfile(path)

    return fetch


def samplics_calibrate(found: World) -> Contender:
    from samplics.weighting import SampleWeight

    units_by_totals = np.ascontiguousarray(found.matrix.T)
    control = {f"total_{row}": total for row, total in enumerate(found.totals)}
    return lambda: SampleWeight().calibrate(found.base, units_by_totals, control)


def samplics_rake(found: World) -> Contender:
    """Its iterative fitting of the same margins, the region left out of the matrix included."""
    from samplics.weighting import SampleWeight

    cells = SEXES * AGES
    cell_totals, region_totals = np.split(found.totals[: found.margins], [cells])
    last = cell_totals.sum() - region_totals.sum()
    control = {
        "cell": dict(enumerate(cell_totals.tolist())),
        "region": dict(enumerate([*region_totals.tolist(), float(last)])),
    }
    groups = {"cell": found.cell, "region": found.region}
    settings = {"tol": TOLERANCE, "ctrl_tol": TOLERANCE, "max_iter": 1_000}
    return lambda: SampleWeight().rake(found.base, groups, control=control, **settings)


def tell(method: str, result: dict[str, Any]) -> None:
    for name, seconds in result["median_seconds"].items():
        faster = result["pejax_is_faster_by"].get(name)
        ratio = "" if faster is None else f"{faster:.2f} x"
        apart = result["error"][name]["largest_relative_difference_of_weights"]
        print(f"  {method:>8} {name:<20} {seconds:9.4f} s {ratio:>9} {apart:9.1e}", flush=True)


def named_folder(text: str) -> tuple[str, Path]:
    name, sign, folder = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER")
    return name, Path(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--units", nargs="+", type=int, default=list(UNITS), help="sizes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds")
    parser.add_argument("--without", nargs="+", default=[], choices=PEERS, help="peers left out")
    parser.add_argument(
        "--blas",
        nargs="+",
        default=[],
        type=named_folder,
        metavar="NAME=FOLDER",
        help="further linear algebra for R to take part with",
    )
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    main(parser.parse_args())

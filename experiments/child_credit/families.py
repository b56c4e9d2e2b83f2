"""The households that a child credit can concern, and what the source engine knows about them."""

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pejax import Population, datasets, engine, io

LIABILITY = "ctc_limiting_tax_liability"  # income tax that the credit may offset
PARITY = ("ctc", "refundable_ctc", "ctc_value", "eitc", "spm_unit_fpg")

_ALASKA, _HAWAII = 2, 15
Values = dict[str, np.ndarray]


def load(households: int | None, year: int, seed: int) -> Population:
    """Households of the CPS file with a dependant or anybody under 18.

    Nobody else can have the credit (26 U.S.C. 24(a) and (h)(4) give it for dependants) and nobody
    else has a child in poverty, so that totals of the credit and of children are those of the whole
    file.
    """
    everybody = datasets.load_cps(period=year, households=households, seed=seed)
    young = np.asarray(everybody.column("age")) < 18
    concerned = young | np.asarray(everybody.column("is_tax_unit_dependent"))
    chosen = np.zeros(everybody.count("household"), dtype=bool)
    chosen[np.asarray(everybody.links["household"])[concerned]] = True
    return everybody.select(chosen)


def with_state_group(families: Population) -> Population:
    """Alaska and Hawaii have their own poverty guidelines; the file knows the state."""
    fips = np.asarray(families.column("state_fips"))
    groups = np.select([fips == _ALASKA, fips == _HAWAII], ["AK", "HI"], "CONTIGUOUS_US")
    return families.with_columns("household", state_group=groups)


def with_liability(
    families: Population,
    country: engine.Country,
    year: int,
    chunk: int,
    cache: Path,
    progress: Callable[[int, int], None],
) -> Population:
    """The families with their `ctc_limiting_tax_liability` as a column.

    The source engine computes it under the law as it stands, in chunks of households that are kept
    in `cache`. No number of the credit reaches it but through the choice to itemise and state taxes
    that follow the federal credit, which stay as they are.
    """
    count = families.count("household")
    starts = range(0, count, chunk)
    values = np.zeros(families.count("tax_unit"))
    household = np.asarray(families.household_of("tax_unit"))
    for done, first in enumerate(starts, 1):
        rows = np.arange(first, min(first + chunk, count))
        part = families.select(rows)
        found = _remembered(part, country, cache, lambda p=part: _liability(p, country, year))
        values[(household >= first) & (household < first + chunk)] = found[LIABILITY]
        progress(done, len(starts))
    return families.with_columns("tax_unit", **{LIABILITY: values})


def source_values(
    families: Population,
    country: engine.Country,
    year: int,
    reforms: Mapping[str, tuple[str, float | bool]],
    cache: Path,
) -> dict[str, Values]:
    """The source engine's `PARITY` variables by reform; a reform is a path and its value."""

    def compute() -> Values:
        found = {}
        for name, (path, value) in reforms.items():
            values = engine.importer.source_under(
                country.package, families, path, value, PARITY, year
            )
            found |= {f"{name}/{variable}": v for variable, v in values.items()}
        return found

    content = {"people": families, "reforms": {n: list(r) for n, r in reforms.items()}}
    kept = _remembered(content, country, cache, compute)
    return {name: {v: kept[f"{name}/{v}"] for v in PARITY} for name in reforms}


def _liability(families: Population, country: engine.Country, year: int) -> Values:
    hoisted = engine.importer.hoist(country, families, [LIABILITY], year)
    found = {LIABILITY: np.asarray(hoisted.column(LIABILITY))}
    del hoisted
    gc.collect()  # a source simulation is full of cycles
    return found


def _remembered(
    content: Any, country: engine.Country, cache: Path, compute: Callable[[], Values]
) -> Values:
    """What the source engine found for this content, from disk if it was asked before."""
    version = {"package": country.package, "version": country.version}
    path = cache / "source" / f"{io.data_digest([content, version])[:32]}.npz"
    if not path.exists():
        io.save(compute(), path)
    return io.load(path)

"""Ages of dependants from counts by age band, and which of them study."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Int

from ._hash import uniform

UnitCounts = Int[np.ndarray, " tax_unit"]
Dependants = Int[np.ndarray, " dependant"]

# First and one past the last age of each band; ages within one are equally likely.
BANDS = np.array([(0, 6), (6, 13), (13, 17), (17, 18), (18, 21), (21, 24), (65, 80)])
ADULT_BAND = 4
OPEN_BAND = 5  # takes dependants whose age the file does not place


@dataclasses.dataclass(frozen=True)
class AgeBands:
    """Dependants of each tax unit by band of `BANDS`.

    Attributes:
        counts: dependants by unit and band.
        clipped: cells that came out negative and were set to zero.
        unplaced: dependants in no band of the file, put into `OPEN_BAND`.
        surplus: dependants in the bands beyond the unit's number of dependants, taken out.
    """

    counts: Int[np.ndarray, "tax_unit band"]
    clipped: int
    unplaced: int
    surplus: int


def age_bands(unit: dict[str, UnitCounts], dependants: UnitCounts) -> AgeBands:
    """Sort each unit's dependants into bands.

    `nu18`, `n1820` and `n21` count people, head and spouse among them, so these are taken out (a
    spouse of age 0 is counted nowhere). `nu06`, `nu13` and `elderly_dependents` count dependants.
    `n24` counts those under 17, which splits off the 17-year-olds.
    """
    under_18 = unit["nu18"] - _adults_aged(unit, 0, 18)
    under_17 = np.clip(unit["n24"], unit["nu13"], np.maximum(under_18, unit["nu13"]))
    over_20 = unit["n21"] - _adults_aged(unit, 21, 200)
    cells = [
        unit["nu06"],
        unit["nu13"] - unit["nu06"],
        under_17 - unit["nu13"],
        under_18 - under_17,
        unit["n1820"] - _adults_aged(unit, 18, 21),
        over_20 - unit["elderly_dependents"],
        unit["elderly_dependents"],
    ]
    counts = np.stack(cells, axis=1)
    clipped = int((counts < 0).sum())
    counts = np.maximum(counts, 0)
    unplaced = np.maximum(dependants - counts.sum(axis=1), 0)
    counts[:, OPEN_BAND] += unplaced
    counts, surplus = _take_from_oldest(counts, counts.sum(axis=1) - dependants)
    return AgeBands(counts, clipped, int(unplaced.sum()), surplus)


def band_of_dependants(bands: AgeBands) -> Dependants:
    """The band of every dependant, unit by unit, the youngest band first."""
    units, width = bands.counts.shape
    return np.repeat(np.tile(np.arange(width), units), bands.counts.ravel())


def draw_ages(band: Dependants, record: Dependants, seed: int) -> Dependants:
    """One age a dependant, uniform within the band, a function of (seed, record) alone."""
    low, high = BANDS[band].T
    return (low + np.floor(uniform(seed, record, "age") * (high - low))).astype(np.int32)


def students(
    bands: AgeBands, unit: dict[str, UnitCounts], band: Dependants
) -> Bool[np.ndarray, " dependant"]:
    """Dependants of 18 to 23 who must study, because the file counts them for the EITC.

    `EIC` is the number of qualifying children up to 3; an adult one is a full-time student (26
    U.S.C. 32(c)(3), 152(c)(3)). Those beyond the unit's children under 18 are its grown ones; at
    the cap of 3 nothing is known and all of them are taken to study.
    """
    children = bands.counts[:, :ADULT_BAND].sum(axis=1)
    grown = bands.counts[:, ADULT_BAND : OPEN_BAND + 1].sum(axis=1)
    known = np.clip(unit["EIC"] - children, 0, grown)
    studying = np.where(unit["EIC"] < 3, known, grown)
    is_grown = (band >= ADULT_BAND) & (band <= OPEN_BAND)
    owner = np.repeat(np.arange(len(grown)), bands.counts.sum(axis=1))
    seen = np.cumsum(is_grown)
    before = np.r_[0, np.cumsum(grown)[:-1]]
    return is_grown & (seen - 1 - before[owner] < studying[owner])


def _adults_aged(unit: dict[str, UnitCounts], low: int, high: int) -> UnitCounts:
    """How many of head and spouse the file counts as aged from `low` to below `high`."""
    head, spouse = unit["age_head"], unit["age_spouse"]
    counted = (unit["MARS"] == 2) & (spouse > 0)
    in_band = (head >= low) & (head < high)
    return in_band.astype(int) + (counted & (spouse >= low) & (spouse < high))


def _take_from_oldest(counts: np.ndarray, surplus: UnitCounts) -> tuple[np.ndarray, int]:
    counts, left = counts.copy(), np.maximum(surplus, 0)
    total = int(left.sum())
    for band in reversed(range(counts.shape[1])):
        taken = np.minimum(counts[:, band], left)
        counts[:, band] -= taken
        left = left - taken
    return counts, total

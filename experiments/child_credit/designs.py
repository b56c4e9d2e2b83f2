"""Designs of the credit: points of the grid as reforms in PolicyEngine's own form."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

from pejax import engine

CTC = "gov.irs.credits.ctc"
AMOUNT = f"{CTC}.amount.base[0].amount"
RATE = f"{CTC}.phase_out.amount"
CAP = f"{CTC}.refundable.individual_max"
FULLY_REFUNDABLE = f"{CTC}.refundable.fully_refundable"
THRESHOLD = f"{CTC}.phase_out.threshold"
STATUSES = ("SINGLE", "JOINT", "SEPARATE", "HEAD_OF_HOUSEHOLD", "SURVIVING_SPOUSE")

Number = Any  # a float, or a traced scalar where a derivative passes
Thresholds = Mapping[str, Number]


@dataclasses.dataclass(frozen=True)
class Design:
    """How much of the credit is paid to those who owe too little tax.

    Attributes:
        cap_follows_amount: whether the most that is refunded a child is the amount itself.
        fully_refundable: the law's own switch of 2021, a matter of the program's structure.
    """

    name: str
    title: str
    cap_follows_amount: bool
    fully_refundable: bool

    def country(self, country: engine.Country) -> engine.Country:
        """The rules to compile: one program serves every point of the grid."""
        if not self.fully_refundable:
            return country
        return country.with_reform({FULLY_REFUNDABLE: True})

    def reform(self, amount: Number, rate: Number, thresholds: Thresholds) -> dict[str, Number]:
        """A point of the grid: dollars a child, dollars lost a step, thresholds by status."""
        numbers = {AMOUNT: amount, RATE: rate}
        numbers |= {f"{THRESHOLD}.{status}": thresholds[status] for status in STATUSES}
        return numbers | ({CAP: amount} if self.cap_follows_amount else {})


@dataclasses.dataclass(frozen=True)
class Point:
    """One law of the grid; `thresholds` by its name in the configuration."""

    amount: float
    rate: float
    thresholds: str


@dataclasses.dataclass(frozen=True)
class Grid:
    """All amounts with all phase-outs, and the point that is the law of the year."""

    points: tuple[Point, ...]
    reference: Point
    thresholds: Mapping[str, Thresholds]

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Grid":
        """The grid that a configuration describes.

        Raises:
            ValueError: if the reference is no point of it.
        """
        grid = config["grid"]
        thresholds = {t["name"]: {s: t[s] for s in STATUSES} for t in grid["thresholds"]}
        points = tuple(
            Point(amount, rate, name)
            for name, rate, amount in itertools.product(thresholds, grid["rates"], grid["amounts"])
        )
        reference = Point(**config["reference"])
        if reference not in points:
            raise ValueError(f"{reference} is not on the grid: add it to [grid] in config.toml")
        return cls(points, reference, thresholds)

    def reform(self, design: Design, point: Point) -> dict[str, Number]:
        """A point as a reform."""
        return design.reform(point.amount, point.rate, self.thresholds[point.thresholds])


def designs_of(config: Mapping[str, Any]) -> tuple[Design, ...]:
    """The designs of a configuration."""
    return tuple(Design(**entry) for entry in config["designs"])

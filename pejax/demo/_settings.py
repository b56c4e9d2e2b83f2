"""What a run of the main job can be asked to do differently."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

YEAR = 2025

# The reform in PolicyEngine's own form: path to a number or to numbers by date.
REFORM: Mapping[str, Any] = {
    "gov.irs.credits.ctc.amount.base[0].amount": {"2025-01-01.2025-12-31": 3_000},
    "gov.irs.credits.ctc.phase_out.threshold.JOINT": {"2025-01-01.2025-12-31": 200_000},
    "gov.irs.credits.ctc.phase_out.threshold.SINGLE": {"2025-01-01.2025-12-31": 100_000},
    "gov.irs.credits.ctc.phase_out.threshold.HEAD_OF_HOUSEHOLD": {"2025-01-01.2025-12-31": 100_000},
}
REFORM_IN_WORDS = (
    "The child tax credit rises from $2,200 to $3,000 a child, and its phase-out starts at"
    " $200,000 of income for couples (from $400,000) and at $100,000 for others (from $200,000)."
)

# What a reform costs is what it takes from this tax, refunds included. An entitlement is not what
# is paid: whoever owes too little tax gets a part of it.
TAX = "income_tax"
CREDITS = ("ctc_value", "eitc")
ENTITLEMENT = "ctc"
PAYROLL = ("employee_payroll_tax", "self_employment_tax")
INCOME = "adjusted_gross_income"
LABELS = {
    INCOME: "Adjusted gross income",
    TAX: "Federal income tax, less refunds",
    "ctc_value": "Child tax credit that is paid",
    "eitc": "Earned income tax credit",
    ENTITLEMENT: "Child tax credit before its limit by the tax owed",
    "employee_payroll_tax": "Payroll tax of employees",
    "self_employment_tax": "Self-employment tax",
    "taxable_social_security": "Taxable social security",
    "net_capital_gain": "Net capital gain",
    "above_the_line_deductions": "Deductions above the line",
}
"""What the program computes, in words."""

SURVEY, DENSE, SPARSE = "survey", "entropy", "L0"
NO_RAY = (
    "ray is not installed, so the sweep ran in this process only. To run it on Ray as well:"
    ' pip install "pejax[ray]"'
)


class Found(NamedTuple):
    """What a step leaves: tables and facts by name, and lines for the screen."""

    tables: "dict[str, pd.DataFrame]"
    facts: dict[str, Any]
    lines: list[str]


@dataclasses.dataclass(frozen=True)
class Settings:
    """Sizes and seeds.

    Attributes:
        out: folder of the results.
        households: how many of the CPS; all 200,576 if None.
        seed: every random draw is a function of it.
        budget: records that keep a weight in the sparse calibration; a tenth of the households,
            at most 20,000, if None.
        epochs: of the gradient method that chooses them.
        donors: tax units that the imputation learns from; a tenth of all, at most 20,000, if None.
        trees: of the imputation's forest.
        reforms: in the sweep.
        sweep_households: of the sweep, every n-th of all.
        cache: folder for traced programs; none are kept if None.
    """

    out: Path
    households: int | None = None
    seed: int = 0
    budget: int | None = None
    epochs: int = 200
    donors: int | None = None
    trees: int = 50
    reforms: int = 64
    sweep_households: int = 50_000
    cache: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """The settings that decide the results."""
        kept = dataclasses.asdict(self)
        del kept["out"], kept["cache"]
        return kept | {"year": YEAR, "reform": dict(REFORM), "outputs": list(LABELS)}

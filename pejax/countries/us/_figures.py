"""Which public figures inside policyengine-us are targets, and of which variables."""

from typing import Literal, NamedTuple, TypeAlias

Statistic: TypeAlias = Literal["sum", "count"]


class Figure(NamedTuple):
    """One national figure, or one a state.

    Attributes:
        node: its place under `parameters/calibration`, with dots.
        variable: the program output or population column it is the total of; a sum with `+`.
        statistic: `sum` of the variable, or `count` of the rows where it is not zero.
        entity: whose rows are counted or summed.
        by_state: whether the node has one figure a state.
    """

    node: str
    variable: str
    statistic: Statistic
    entity: str
    by_state: bool = False


RESIDENTS = "gov.census.populations.total"
RESIDENTS_BY_STATE = "gov.census.populations.by_state"

# CBO before SOI: of two figures for the same total the first is kept, and CBO's are for the year.
FIGURES = (
    Figure(RESIDENTS, "people", "count", "person"),
    Figure(
        "gov.cbo.income_by_source.adjusted_gross_income",
        "adjusted_gross_income",
        "sum",
        "tax_unit",
    ),
    Figure(
        "gov.cbo.income_by_source.employment_income",
        "employment_income_before_lsr",
        "sum",
        "person",
    ),
    Figure(
        "gov.cbo.income_by_source.taxable_interest_and_ordinary_dividends",
        "taxable_interest_income+non_qualified_dividend_income",
        "sum",
        "person",
    ),
    Figure(
        "gov.cbo.income_by_source.qualified_dividend_income",
        "qualified_dividend_income",
        "sum",
        "person",
    ),
    Figure("gov.cbo.income_by_source.net_capital_gain", "net_capital_gain", "sum", "tax_unit"),
    Figure(
        "gov.cbo.income_by_source.taxable_pension_income",
        "taxable_private_pension_income+taxable_ira_distributions",
        "sum",
        "person",
    ),
    Figure(
        "gov.cbo.income_by_source.taxable_social_security",
        "taxable_social_security",
        "sum",
        "person",
    ),
    Figure(
        "gov.cbo.income_by_source.above_the_line_deductions",
        "above_the_line_deductions",
        "sum",
        "tax_unit",
    ),
    Figure("gov.cbo.social_security", "social_security_retirement", "sum", "person"),
    Figure("gov.cbo.unemployment_compensation", "unemployment_compensation", "sum", "person"),
    Figure("gov.cbo.income_tax", "income_tax", "sum", "tax_unit"),
    Figure("gov.cbo.snap", "snap", "sum", "spm_unit"),
    Figure("gov.cbo.ssi", "ssi", "sum", "person"),
    Figure("gov.treasury.tax_expenditures.eitc", "eitc", "sum", "tax_unit"),
    Figure("gov.irs.soi.alimony_income", "alimony_income", "sum", "person"),
    Figure("gov.irs.soi.farm_income", "farm_operations_income", "sum", "person"),
    Figure("gov.irs.soi.long_term_capital_gains", "long_term_capital_gains", "sum", "person"),
    Figure("gov.irs.soi.short_term_capital_gains", "short_term_capital_gains", "sum", "person"),
    Figure(
        "gov.irs.soi.non_qualified_dividend_income",
        "non_qualified_dividend_income",
        "sum",
        "person",
    ),
    Figure("gov.irs.soi.partnership_s_corp_income", "partnership_s_corp_income", "sum", "person"),
    Figure("gov.irs.soi.rental_income", "rental_income", "sum", "person"),
    Figure(
        "gov.irs.soi.self_employment_income",
        "self_employment_income_before_lsr",
        "sum",
        "person",
    ),
    Figure("gov.irs.soi.tax_exempt_interest_income", "tax_exempt_interest_income", "sum", "person"),
    Figure(
        "gov.irs.soi.tax_exempt_pension_income",
        "tax_exempt_private_pension_income",
        "sum",
        "person",
    ),
    Figure("gov.irs.soi.taxable_interest_income", "taxable_interest_income", "sum", "person"),
    Figure("gov.irs.soi.taxable_pension_income", "taxable_private_pension_income", "sum", "person"),
    Figure("gov.ssa.ssi.participation", "ssi", "count", "person"),
    Figure("gov.aca.spending.state", "aca_ptc", "sum", "tax_unit", by_state=True),
    Figure("gov.hhs.medicaid.totals.enrollment", "medicaid_enrolled", "count", "person", True),
    Figure("gov.hhs.medicaid.totals.spending", "medicaid", "sum", "person", True),
)

# Adjusted gross income by band: (node, statistic), one figure a band.
AGI_BANDS: tuple[tuple[str, Statistic], ...] = (
    ("gov.irs.soi.agi.number_of_returns", "count"),
    ("gov.irs.soi.agi.total_agi", "sum"),
)
AGI_VARIABLE = "adjusted_gross_income"
AGI_INDEX = "gov.cbo.income_by_source.adjusted_gross_income"

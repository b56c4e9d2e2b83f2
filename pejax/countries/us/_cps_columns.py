"""Which field of the CPS file becomes which policyengine-us input, and how it is aged."""

import dataclasses
import json

from .._installed import installed_file

FILE_YEAR = 2014  # the file pools three surveys (2012 to 2014) at the dollar level of 2014


@dataclasses.dataclass(frozen=True)
class Money:
    """One dollar amount.

    Attributes:
        column: the policyengine-us variable it fills.
        field: the file's field; with `split`, its stem, to which `p` (taxpayer) and `s` (spouse)
            are added.
        growth: Tax-Calculator's growth factor for the field.
        losses: the factor for negative amounts, where it differs.
        minus: a field to subtract.
        entity: whose variable it is; a person's is the head's unless `split`.
        split: whether taxpayer and spouse are reported apart.
    """

    column: str
    field: str
    growth: str
    losses: str | None = None
    minus: str | None = None
    entity: str = "person"
    split: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """Every field that is read."""
        own = (f"{self.field}p", f"{self.field}s") if self.split else (self.field,)
        return own if self.minus is None else (*own, self.minus)


MONEY = (
    Money("employment_income_before_lsr", "e00200", "AWAGE", split=True),
    Money("self_employment_income_before_lsr", "e00900", "ASCHCI", losses="ASCHCL", split=True),
    Money("farm_operations_income", "e02100", "ASCHF", split=True),
    Money("taxable_interest_income", "e00300", "AINTS"),
    Money("tax_exempt_interest_income", "e00400", "AINTS"),
    Money("qualified_dividend_income", "e00650", "ADIVS"),
    Money("non_qualified_dividend_income", "e00600", "ADIVS", minus="e00650"),
    Money("non_sch_d_capital_gains", "e01100", "ACGNS"),
    Money("taxable_private_pension_income", "e01700", "ATXPY"),
    Money("tax_exempt_private_pension_income", "e01500", "ATXPY", minus="e01700"),
    Money("taxable_ira_distributions", "e01400", "ATXPY"),
    Money("social_security_retirement", "e02400", "ASOCSEC"),
    Money("unemployment_compensation", "e02300", "AUCOMP"),
    Money("alimony_income", "e00800", "ATXPY"),
    Money("student_loan_interest", "e03210", "ATXPY"),
    Money("traditional_ira_contributions_desired", "e03150", "ATXPY"),
    Money("real_estate_taxes", "e18500", "ATXPY"),
    Money("home_mortgage_interest", "e19200", "AIPD"),
    Money("charitable_cash_donations", "e19800", "ATXPY"),
    Money("charitable_non_cash_donations", "e20100", "ATXPY"),
    Money("other_medical_expenses", "e17500", "ACPIM"),
    Money("spm_unit_pre_subsidy_childcare_expenses", "e32800", "ATXPY", entity="spm_unit"),
)

# Amounts that the file reports too and policyengine-us computes, from the law of every state.
REPORTED = (
    Money("state_and_local_sales_or_income_tax", "e18400", "ATXPY", entity="tax_unit"),
    Money("childcare_expenses", "e32800", "ATXPY", entity="spm_unit"),
)

FACTS = {
    "age": ("age_head", "age_spouse", "nu06", "nu13", "n24", "nu18", "n1820", "n21",
            "elderly_dependents", "XTOT"),
    "is_tax_unit_head": ("XTOT",),
    "is_tax_unit_spouse": ("MARS",),
    "is_tax_unit_dependent": ("XTOT", "MARS"),
    "is_blind": ("blind_head", "blind_spouse"),
    "is_separated": ("MARS",),
    "is_full_time_college_student": ("EIC", "nu18"),
    "claimed_as_dependent_on_another_return": ("DSI",),
    "state_fips": ("fips",),
    "household_weight": ("s006",),
}  # fmt: skip

KEYS = ("FLPDYR", "h_seq", "ffpos", "RECID")

# Fields that hold something and are left behind, each with its reason.
LEFT_OUT = {
    "e03300": "retirement-plan contributions; nine in ten of those who have them report no"
    " self-employment income, and the law caps them by it",
    "e03270": "self-employed health insurance deduction; most who have it are not self-employed",
    "e03240": "domestic production deduction, repealed after 2017",
    "e20400": "miscellaneous deductions, suspended after 2017 and repealed",
    "mcaid_ben": "imputed benefit; policyengine-us computes it",
    "mcare_ben": "imputed benefit, no input of the tax law",
    "ssi_ben": "imputed benefit; policyengine-us computes it",
    "tanf_ben": "imputed benefit; policyengine-us computes it",
    "vet_ben": "imputed benefit, mixes taxable and exempt payments",
    "wic_ben": "imputed benefit; policyengine-us computes it",
    "snap_ben": "imputed benefit; policyengine-us computes it",
    "housing_ben": "imputed benefit; policyengine-us computes it",
    "other_ben": "a mixture of benefits without a variable of its own",
    "pencon_p": "zero on every record",
    "pencon_s": "zero on every record",
    "a_lineno": "the head's line number in the survey",
    "agi_bin": "an income class used to build the file",
    "f2441": "equals nu13 on every record",
    "e00200": "the sum of e00200p and e00200s",
    "e00900": "the sum of e00900p and e00900s",
    "e02100": "the sum of e02100p and e02100s",
}


def fields() -> list[str]:
    """Every field that `load_cps` reads."""
    facts = [name for names in FACTS.values() for name in names]
    money = [name for item in (*MONEY, *REPORTED) for name in item.fields]
    return list(dict.fromkeys([*KEYS, *facts, *money]))


def field_labels() -> dict[str, str]:
    """What the installed taxcalc says each field of its files holds."""
    path = installed_file("taxcalc", "records_variables.json")
    described = json.loads(path.read_text(encoding="utf-8"))["read"]
    return {name: entry["desc"] for name, entry in described.items()}

"""What other rooms ask of the country, in one table."""

from ...core._countries import CountryFacts, Geography
from ._checks import fips_codes_are_known, postal_codes_are_known
from ._package import EXTRA, PACKAGE
from ._stand_ins import STAND_INS
from ._states import STATES
from ._targets import installed_targets

FACTS = CountryFacts(
    package=PACKAGE,
    extra=EXTRA,
    distributions=("policyengine-us", "taxcalc"),
    purpose="the US law and the public CPS file",
    geography=Geography(
        nation="US",
        states=frozenset(f"{state.fips:02d}" for state in STATES),
        state_column="state_fips",
        state_ids="a state's FIPS code, 01 to 56",
    ),
    rules={"state_fips": fips_codes_are_known, "state_code": postal_codes_are_known},
    targets=installed_targets,
    stand_ins=STAND_INS,
)

"""What every population must satisfy that has columns of states."""

import numpy as np

from ...core.population._checks import no_row
from ...core.population._tables import Tables
from ._states import FIPS, POSTAL

_FIX = "which is none of the 50 states or DC. Recode or drop such households."


def fips_codes_are_known(tables: Tables) -> None:
    """Refuse a `state_fips` that is no state's."""
    for entity, held in tables.columns.items():
        if "state_fips" in held:
            wrong = ~np.isin(held["state_fips"], list(POSTAL))
            no_row(tables, entity, "state_fips", wrong, "the FIPS code is {value}, " + _FIX)


def postal_codes_are_known(tables: Tables) -> None:
    """Refuse a `state_code`, where it is text, that is no state's."""
    for entity, held in tables.columns.items():
        vocabulary = tables.vocabularies.get((entity, "state_code"))
        if vocabulary is not None:
            labels = np.asarray(vocabulary)
            wrong = ~np.isin(labels, list(FIPS))[held["state_code"]]
            message = "the state code is {value!r}, " + _FIX
            decoded = labels[held["state_code"]]
            no_row(tables, entity, "state_code", wrong, message, values=decoded)

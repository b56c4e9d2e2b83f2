"""Structural reforms of the real law against the source engine under the same reform."""

import numpy as np
import pytest

from pejax import datasets, engine
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import importer

pytestmark = [pytest.mark.oracle, pytest.mark.us]


def test_a_replaced_an_added_and_a_neutralized_variable(country):
    from policyengine_us.model_api import YEAR, Reform, TaxUnit, Variable

    class ctc(Variable):  # noqa: N801 - the variable's name
        def formula(tax_unit, period, parameters):  # noqa: N805 - the package's convention
            return tax_unit("ctc_maximum", period) * 0.5

    class family_gift(Variable):  # noqa: N801
        value_type = float
        entity = TaxUnit
        definition_period = YEAR
        label = "Gift to every family"

        def formula(tax_unit, period, parameters):  # noqa: N805
            return 100 * tax_unit.nb_persons()

    class WithoutEITC(Reform):
        def apply(self):
            self.neutralize_variable("eitc_demographic_eligible")

    system = country.with_structure(
        WithoutEITC, ctc, family_gift, neutralized=["student_loan_interest_ald"]
    )
    names = ["ctc", "eitc", "family_gift", "adjusted_gross_income"]
    people = datasets.load_cps(period=2025, households=400)
    program = engine.compile(system, names, 2025, people)
    found = program(program.parameters, people)
    source = importer.source_values(importer.source_simulation(system, people, 2025), names, 2025)
    for name in names:
        np.testing.assert_allclose(found[name], source[name], rtol=1e-6, atol=0.1)
    assert not source["eitc"].any() and source["family_gift"].min() >= 100
    # The country itself is as it was.
    plain = engine.compile(country, ["ctc", "eitc"], 2025, people)
    now = plain(plain.parameters, people)
    assert float(now["eitc"].sum()) > 0
    assert float(now["ctc"].sum()) != pytest.approx(float(found["ctc"].sum()))


def test_what_is_no_structural_reform(country):
    with pytest.raises(UnknownNameError, match=r"eitcc.*eitc"):
        country.with_structure(neutralized=["eitcc"])
    with pytest.raises(BadInputError, match=r"with_reform"):
        country.with_structure({"gov.irs.credits.ctc.amount.base[0].amount": 3000})

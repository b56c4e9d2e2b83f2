# ruff: noqa: N801, N805 - the names and conventions of the family of packages
"""Its system, simulation and structural reforms, put together as packages of the family do it."""

from policyengine_core.entities import build_entity
from policyengine_core.parameters import Parameter, ParameterNode
from policyengine_core.periods import instant, period as period_
from policyengine_core.reforms import Reform
from policyengine_core.simulations import Simulation as CoreSimulation
from policyengine_core.taxbenefitsystems import TaxBenefitSystem
from policyengine_core.variables import Variable

Person = build_entity("person", "people", "Person", "", is_person=True)
Household = build_entity(
    "household", "households", "Household", "", roles=[{"key": "member", "plural": "members"}]
)


def _dated(values):
    return {"values": {day: {"value": value} for day, value in values.items()}}


_OFF = _dated({"0000-01-01": False})
LAW = {
    "gov": {
        "tax": {
            "rate": _dated({"2017-01-01": 0.1, "2020-01-01": 0.2}),
            "allowance": _dated({"2020-01-01": 10.0}),
            "parts": _dated({"2020-01-01": ["income_tax", "old_levy"]}),
        },
        "contrib": {
            "flat": {"in_effect": _OFF, "rate": _dated({"2020-01-01": 0.5})},
            "bonus": {"in_effect": _OFF, "amount": _dated({"2020-01-01": 4.0})},
            "levy": {"amount": _dated({"2020-01-01": 0}), "scale": _dated({"2020-01-01": 1.0})},
            "repeal": {"in_effect": _OFF},
            "lasting": {"in_effect": _dated({"0000-01-01": True})},
        },
    },
    "series": {"total": _dated({"2020-01-01": 100.0}), "people": _dated({"2020-01-01": 4.0})},
}


class income(Variable):
    value_type = float
    entity = Person
    definition_period = "year"
    label = "toy"


class income_tax(Variable):
    value_type = float
    entity = Person
    definition_period = "year"
    label = "toy"

    def formula(person, period, parameters):
        tax = parameters(period).gov.tax
        income = person("income", period)
        return tax.rate * (income - tax.allowance) * (income > tax.allowance)


def _of_2017(person, period, *deleted):
    """A branch under the law of 2017, without what is deleted there."""
    branch = person.simulation.get_branch("_".join(("old", *deleted)))
    pinned = branch.tax_benefit_system.clone()
    rate = pinned.parameters.gov.tax.rate
    start, stop = instant("2017-01-01"), instant("2035-12-31")
    rate.update(start=start, stop=stop, value=rate("2017-01-01"))
    branch.tax_benefit_system = pinned
    for name in deleted:
        branch.delete_arrays(name)
    return branch


class old_levy(Variable):
    """The income tax of 2017, under rules that are copied and pinned."""

    value_type = float
    entity = Person
    definition_period = "year"
    label = "toy"

    def formula(person, period, parameters):
        return _of_2017(person, period, "income_tax").calculate("income_tax", period)


class half_tax(Variable):
    value_type = float
    entity = Person
    definition_period = "year"
    label = "toy"

    def formula(person, period, parameters):
        return person("income_tax", period) / 2


class known_before(Variable):
    """What was computed before a branch stays, though what it was computed from is gone."""

    value_type = float
    entity = Person
    definition_period = "year"
    label = "toy"

    def formula(person, period, parameters):
        person("half_tax", period)
        one = _of_2017(person, period, "income_tax")
        both = _of_2017(person, period, "income_tax", "half_tax")
        bare = person.simulation.get_branch("bare", clone_system=True)
        bare.tax_benefit_system.neutralize_variable("income_tax")
        return (
            one.calculate("half_tax", period)
            + 1e2 * one.calculate("income_tax", period)
            + 1e4 * both.calculate("half_tax", period)
            + 1e6 * bare.calculate("half_tax", period)
            + 1e8 * bare.calculate("income_tax", period)
        )


class per_head(Variable):
    value_type = float
    entity = Person
    definition_period = "year"
    label = "toy"

    def formula(person, period, parameters):
        return person("income", period) * parameters(period).series.per_head


class all_taxes(Variable):
    value_type = float
    entity = Person
    definition_period = "year"
    label = "toy"
    adds = "gov.tax.parts"


def _replacing(*variables):
    class reform(Reform):
        def apply(self):
            for variable in variables:
                self.update_variable(variable)

    return reform


def _flat_tax():
    class income_tax(Variable):
        def formula(person, period, parameters):
            return parameters(period).gov.contrib.flat.rate * person("income", period)

    return _replacing(income_tax)


def _bonus():
    class income_tax(Variable):
        def formula(person, period, parameters):
            return -parameters(period).gov.contrib.bonus.amount + 0 * person("income", period)

    return _replacing(income_tax)


def _levy():
    class levy(Variable):
        value_type = float
        entity = Person
        definition_period = "year"
        label = "toy"

        def formula(person, period, parameters):
            amount = parameters(period).gov.contrib.levy.amount
            return amount * person("income", period)

    def add_part(parameters):
        parts = parameters.gov.tax.parts
        now = parts("2025-01-01")
        if "levy" not in now:
            parts.update(start=instant("2020-01-01"), value=[*now, "levy"])
        parameters.gov.tax.allowance.update(
            start=instant("2025-01-01"),
            value=10.0 * parameters.gov.contrib.levy.scale("2025-01-01"),
        )
        return parameters

    class reform(Reform):
        def apply(self):
            self.update_variable(levy)
            self.modify_parameters(add_part)

    return reform


def _repeal():
    class reform(Reform):
        def apply(self):
            self.neutralize_variable("income_tax")

    return reform


def _lasting():
    class lasting(Variable):
        value_type = float
        entity = Person
        definition_period = "year"
        label = "toy"

        def formula(person, period, parameters):
            return 2 * person("income", period)

    return _replacing(lasting)


def create_structural_reforms_from_parameters(parameters, period):
    """Most look at five years, one at a single day."""
    contrib = parameters.gov.contrib
    years = [period_(period).offset(i, "year") for i in range(5)]
    reforms = []
    if any(contrib.flat(year).in_effect for year in years):
        reforms.append(_flat_tax())
    if parameters(period).gov.contrib.bonus.in_effect:
        reforms.append(_bonus())
    if any(contrib.levy(year).amount > 0 for year in years):
        reforms.append(_levy())
    if any(contrib.repeal(year).in_effect for year in years):
        reforms.append(_repeal())
    if any(contrib.lasting(year).in_effect for year in years):
        reforms.append(_lasting())

    class combined(Reform):
        def apply(self):
            for reform in reforms:
                reform.apply(self)

    return combined


def _add_per_head(parameters):
    """A series that is made of two others."""
    series = parameters.series
    about = {"metadata": {"derived_from": "series.total"}}
    value = series.total("2025-01-01") / series.people("2025-01-01")
    made = Parameter("series.per_head", {**_dated({"2020-01-01": value}), **about})
    series.children.pop("per_head", None)
    series.add_child("per_head", made)
    series.clear_parent_cache()


class CountryTaxBenefitSystem(TaxBenefitSystem):
    auto_carry_over_input_variables = True

    def __init__(self, reform=None, start_instant="2024-01-01"):
        super().__init__([Person, Household])
        self.add_variables(
            income, income_tax, old_levy, half_tax, known_before, per_head, all_taxes
        )
        self.parameters = ParameterNode("", data=LAW)
        self.add_abolition_parameters()
        if reform:
            self.apply_reform_set(reform)
        structure = create_structural_reforms_from_parameters(self.parameters, start_instant)
        self.apply_reform_set((reform or (), structure))
        _add_per_head(self.parameters)

    def modify_parameters(self, modifier_function):
        super().modify_parameters(modifier_function)
        _add_per_head(self.parameters)


system = CountryTaxBenefitSystem()


class Simulation(CoreSimulation):
    default_tax_benefit_system = CountryTaxBenefitSystem
    default_tax_benefit_system_instance = system
    default_role = "member"
    default_input_period = 2025
    default_calculation_period = 2025

    def __init__(self, *args, start_instant="2024-01-01", reform=None, **kwargs):
        if reform is not None and "tax_benefit_system" not in kwargs:
            kwargs["tax_benefit_system"] = CountryTaxBenefitSystem(reform, start_instant)
        super().__init__(*args, reform=reform, **kwargs)
        structure = create_structural_reforms_from_parameters(
            self.tax_benefit_system.parameters, start_instant
        )
        self.apply_reform(structure)

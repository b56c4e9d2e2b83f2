"""What each parameter is worth, and which of them meet a cliff."""

import jax.numpy as jnp
import numpy as np
import pytest

from pejax.core._validate import BadInputError, UnknownNameError
from pejax.engine import (
    build_system,
    compile,
    evaluate,
    gradient,
    input_variable,
    rule,
    sensitivity,
    weighted_total,
)
from pejax.testing import toy_oracle, toy_population, toy_program


@pytest.fixture(scope="module")
def people():
    """Nobody is rich, rents in the north are low, and the first household is near the cliff."""
    people = toy_population(30, seed=2)
    first = np.asarray(people.household_of("person")) == 0
    earnings = np.where(first, 0, np.minimum(people.column("earnings"), 20_000))
    earnings[0] = 18_050
    savings = np.where(first, 0, people.column("savings"))
    rent = np.where(people.labels("region") == "NORTH", 100.0, people.column("rent"))
    return people.with_columns(
        {"person": {"earnings": earnings, "savings": savings}, "household": {"rent": rent}}
    )


@pytest.fixture(scope="module")
def program(people):
    return toy_program(("income_tax", "child_benefit", "net_income"), people)


@pytest.fixture(scope="module")
def table(program, people):
    return sensitivity(program, program.parameters, people, "net_income").set_index(
        ["path", "start"]
    )


def _status(table, path):
    return set(table.loc[[path], "status"])


# ---- the statistic


def test_a_total_counts_everybody_by_weight(program, people):
    expected = toy_oracle(people)["income_tax"] @ np.asarray(
        people.trim(people.weight("tax_unit"), "tax_unit"), float
    )
    np.testing.assert_allclose(
        evaluate(program, program.parameters, people, "income_tax"), expected, rtol=1e-5
    )
    outputs = program(program.parameters, people)
    np.testing.assert_allclose(
        weighted_total(program, "income_tax")(outputs, people), expected, rtol=1e-5
    )


def test_padding_does_not_count(program, people):
    padded = people.pad_to({"person": 200, "household": 64, "tax_unit": 96})
    np.testing.assert_allclose(
        evaluate(program, program.parameters, padded, "net_income"),
        evaluate(program, program.parameters, people, "net_income"),
        rtol=1e-6,
    )


def test_an_output_that_does_not_exist_names_its_neighbours(program, people):
    with pytest.raises(UnknownNameError, match="'net_income'"):
        gradient(program, program.parameters, people, "net_incme")


# ---- the table


def test_gradients_predict_small_reforms(program, people, table):
    law = program.parameters
    for path in ("tax.rate", "child.monthly[1].amount", "housing.share"):
        step = 0.01 * float(law[path])
        after = evaluate(program, law.with_reform({path: law[path] + step}), people, "net_income")
        change = float(after - evaluate(program, program.parameters, people, "net_income"))
        np.testing.assert_allclose(table.loc[path, "dollars_per_percent"].sum(), change, rtol=0.01)
        np.testing.assert_allclose(
            table.loc[path, "gradient"].sum() * step, change, rtol=0.01, err_msg=path
        )


def test_elasticities_are_percent_a_percent(program, people, table):
    total = float(evaluate(program, program.parameters, people, "net_income"))
    expected = 100 * table["dollars_per_percent"] / total
    np.testing.assert_allclose(table["elasticity"], expected, rtol=1e-6)


def test_the_most_is_first(table):
    worth = table["dollars_per_percent"].abs().to_numpy()
    assert (worth[:-1] >= worth[1:]).all()
    assert table["gradient"].notna().all()


def test_a_number_that_matters_is_active(table):
    for path in ("tax.rate", "tax.allowance", "child.monthly[0].amount", "housing.share"):
        assert _status(table, path) == {"active"}


def test_a_cliff_is_told_from_a_number_that_nobody_meets(table):
    assert _status(table, "winter.limit") == {"cliff"}
    assert _status(table, "child.age_limit") == {"cliff"}
    assert _status(table, "tax.surtax[1].rate") == {"unreached"}
    assert _status(table, "housing.limit.NORTH") == {"unreached"}


def test_a_cliff_names_the_variables_that_jump(table):
    assert table.loc["winter.limit", "discontinuities"].tolist() == ["winter_grant"]
    assert "is_child" in table.loc["child.age_limit", "discontinuities"].iloc[0]
    assert table.loc["tax.rate", "discontinuities"].tolist() == [""]


def test_what_the_statistic_does_not_read_is_unused(program, people):
    table = sensitivity(program, program.parameters, people, "income_tax").set_index("path")
    assert set(table.loc["child.monthly[0].amount", "status"]) == {"unused"}
    assert table.loc["winter.grant", "status"] == "unused"
    assert table.loc["tax.rate", "status"] == "active"


def test_without_the_step_a_zero_is_flat(program, people):
    table = sensitivity(program, program.parameters, people, "net_income", reach=False).set_index(
        "path"
    )
    assert table.loc["winter.limit", "status"] == "flat"
    assert table.loc["tax.surtax[1].rate", "status"] == "flat"


def test_under_a_reform(program, people):
    law = program.parameters.with_reform({"tax.surtax[1].threshold": 15_000.0})
    law = law.with_reform({"tax.surtax[0].threshold": 10_000.0})
    table = sensitivity(program, law, people, "net_income").set_index("path")
    assert table.loc["tax.surtax[1].rate", "status"] == "active"
    assert table.loc["tax.surtax[1].threshold", "value"] == 15_000


def test_a_statistic_of_one_s_own(program, people):
    def poor(outputs, population):
        """A smooth count of the poor."""
        income = outputs["net_income"] / 10_000
        return jnp.sum(population.trim(population.weight("household"), "household") / (1 + income))

    value, slope = gradient(program, program.parameters, people, poor)
    assert value > 0 and slope["tax.rate"] > 0 > slope["housing.share"]
    table = sensitivity(program, program.parameters, people, poor).set_index("path")
    np.testing.assert_allclose(table.loc["tax.rate", "gradient"], slope["tax.rate"], rtol=1e-5)


@pytest.mark.parametrize("derivative", [gradient, sensitivity])
@pytest.mark.parametrize("counted", [len, lambda outputs: outputs["income_tax"] > 0])
def test_what_counts_has_no_derivative(program, people, derivative, counted):
    def statistic(outputs):
        return jnp.sum(jnp.asarray(counted(outputs)))

    assert int(evaluate(program, program.parameters, people, statistic)) > 0
    with pytest.raises(BadInputError, match="int32 numbers, which have no derivative"):
        derivative(program, program.parameters, people, statistic)


def test_a_threshold_that_nobody_reaches_is_worth_nothing():
    """`inf` times a derivative of zero is no number, and no warning either."""
    people = toy_population(6)
    others = ("region", "rent", "age", "disabled", "savings")

    @rule(entity="person")
    def duty(earnings, params):
        return np.minimum(earnings, params.ceiling) * params.rate

    system = build_system(
        "capped",
        entities=("person", "tax_unit", "household"),
        parameters={"ceiling": np.inf, "rate": 0.1},
        rules=[duty],
        inputs=[input_variable("earnings", entity="person")],
    )
    program = compile(system, ["duty"], 2025, people, extra=others)
    table = sensitivity(program, program.parameters, people, "duty").set_index("path")
    assert table.loc["ceiling", ["gradient", "dollars_per_percent"]].tolist() == [0, 0]
    assert table.loc["rate", "dollars_per_percent"] > 0

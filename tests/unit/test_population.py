"""Building a population from tables, looking at it, and changing it."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.core._validate import BadInputError, PejaxError, UnknownNameError


def frames():
    """Two households; the second table is out of order on purpose."""
    person = pd.DataFrame(
        {
            "person_id": [10, 11, 12, 13],
            "household_id": [7, 7, 5, 7],
            "tax_unit_id": [1, 1, 2, 3],
            "age": [40, 38, 70, 19],
            "employment_income": [1000.0, 0.0, 50.5, 20.0],
            "is_blind": [False, True, False, False],
            "job": ["cook", "baker", "none", "cook"],
        }
    )
    household = pd.DataFrame(
        {"household_id": [5, 7], "household_weight": [100.0, 250.0], "state_fips": [6, 48]}
    )
    return {"person": person, "household": household}


@pytest.fixture
def pop():
    return Population.from_frames(frames())


def test_rows_links_and_positions(pop):
    assert pop.schema.entities == ("person", "household", "tax_unit")
    assert (pop.count(), pop.count("household"), pop.count("tax_unit")) == (4, 2, 3)
    assert pop.links["household"].tolist() == [1, 1, 0, 1]
    assert pop.links["tax_unit"].tolist() == [0, 0, 1, 2]
    assert pop.positions["household"].tolist() == [0, 1, 0, 2]
    assert pop.ids["tax_unit"].tolist() == [1, 2, 3]


def test_dtypes_are_jax_defaults(pop):
    person = pop.columns["person"]
    assert person["employment_income"].dtype == jnp.float32
    assert person["age"].dtype == jnp.int32
    assert person["is_blind"].dtype == jnp.bool_
    assert person["job"].dtype == jnp.int32
    assert pop.weights.dtype == jnp.float32


def test_float64_is_kept_where_it_is_on(x64):
    pop = Population.from_frames(frames())
    assert pop.column("employment_income").dtype == jnp.float64
    assert pop.weights.dtype == jnp.float64
    assert pop.column("age").dtype == jnp.int32


def test_strings_become_codes_of_a_sorted_vocabulary(pop):
    assert pop.schema.vocabularies["person", "job"] == ("baker", "cook", "none")
    assert pop.column("job").tolist() == [1, 0, 2, 1]
    assert pop.labels("job").tolist() == ["cook", "baker", "none", "cook"]
    with pytest.raises(PejaxError, match="holds no strings"):
        pop.labels("age")


def test_to_frames_gives_back_the_tables(pop):
    back = pop.to_frames()
    for entity, frame in frames().items():
        pd.testing.assert_frame_equal(back[entity], frame, check_dtype=False, check_like=True)


def test_weights_reach_every_entity_through_the_first_member(pop):
    assert pop.weight().tolist() == [250.0, 250.0, 100.0, 250.0]
    assert pop.weight("tax_unit").tolist() == [250.0, 100.0, 250.0]
    assert pop.weight("household").tolist() == [100.0, 250.0]


def test_without_a_weight_column_every_household_counts_once():
    pop = Population.from_frames(frames() | {"household": frames()["household"]}, weights=None)
    assert pop.weights.tolist() == [1.0, 1.0]


def test_other_entity_names():
    people = pd.DataFrame({"individu_id": [1, 2], "menage_id": [3, 3], "age": [1, 2]})
    pop = Population.from_frames(
        {"individu": people}, weights=None, person="individu", household="menage"
    )
    assert pop.schema.entities == ("individu", "menage")
    assert pop.pad_to(12).count() == 2


def test_a_group_table_may_repeat_its_household():
    units = pd.DataFrame({"tax_unit_id": [1, 2, 3], "household_id": [7, 5, 7], "size": [2, 1, 1]})
    pop = Population.from_frames(frames() | {"tax_unit": units})
    assert pop.column("size").tolist() == [2, 1, 1]
    assert "household_id" not in pop.columns["tax_unit"]


def test_an_unknown_column_names_the_nearest(pop):
    with pytest.raises(UnknownNameError, match="Did you mean 'employment_income'"):
        pop.column("employment_incom")
    with pytest.raises(UnknownNameError, match="Did you mean 'household'"):
        pop.column("age", "houshold")
    with pytest.raises(UnknownNameError, match="Unknown household column 'age'"):
        pop.column("age", "household")


def test_a_column_of_two_entities_must_be_asked_for_by_entity(pop):
    twice = pop.with_columns("household", age=np.array([1, 2]))
    assert twice.column("age", "household").tolist() == [1, 2]
    with pytest.raises(PejaxError, match=r"person and household have a column 'age'"):
        twice.column("age")


def test_with_columns_encodes_host_values_and_takes_arrays(pop):
    new = pop.with_columns({"household": {"region": ["west", "south"]}}).with_columns(
        "person", bonus=jnp.ones(4), age=np.array([1, 2, 3, 4])
    )
    assert new.labels("region").tolist() == ["west", "south"]
    assert new.column("age").tolist() == [1, 2, 3, 4]
    assert new.schema.origin["person", "bonus"] == "added"
    assert new.schema.origin["person", "age"] == "given"
    assert "region" not in pop.columns["household"]


def test_replacing_strings_by_numbers_forgets_the_vocabulary(pop):
    new = pop.with_columns("person", job=np.zeros(4))
    assert ("person", "job") not in new.schema.vocabularies


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"age": np.array([1, 2, -3, 4])}, r"person row 2 .*'age'.*negative"),
        ({"rent": np.array([1.0, np.nan, 3.0, 4.0])}, r"person column 'rent' .* row 1"),
        ({"rent": np.ones(3)}, r"person column 'rent' has shape \(3,\).* 4 rows"),
        ({"rent": jnp.ones(5)}, r"person column 'rent' has shape \(5,\).* 4 rows"),
    ],
)
def test_new_columns_are_checked(pop, columns, message):
    with pytest.raises(BadInputError, match=message):
        pop.with_columns("person", **columns)


def test_with_weights_on_real_and_padded_households(pop):
    for population in (pop, pop.pad_to(), pop.in_household_order().in_blocks(2)):
        new = population.with_weights(jnp.array([3.0, 4.0]))
        assert population.trim(new.weights, "household").tolist() == [3.0, 4.0]
        assert float(new.weights.sum()) == 7.0
    padded = pop.pad_to()
    assert padded.with_weights(padded.weights * 2).weights[1] == 500.0


def test_with_weights_refuses_nan_and_wrong_lengths(pop):
    with pytest.raises(BadInputError, match="household row 1: the new weight is NaN"):
        pop.with_weights(np.array([1.0, np.nan]))
    with pytest.raises(BadInputError, match=r"weights has shape \(3,\)"):
        pop.with_weights(np.ones(3))
    with pytest.raises(BadInputError, match="row 0: the new weight is infinite in float32"):
        pop.with_weights(np.array([1e39, 1.0]))
    with pytest.raises(BadInputError, match="weights holds datetime64"):
        pop.with_weights(np.array(["2026-01-01", "2026-01-02"], "datetime64[D]"))
    for dtype in ("float16", jnp.bfloat16):
        with pytest.raises(BadInputError, match="which holds three digits"):
            pop.with_weights(jnp.ones(2, dtype))


def test_a_gradient_flows_through_weights(pop):
    def total(weights):
        new = pop.with_weights(weights)
        return new.weight("person") @ new.column("employment_income")

    np.testing.assert_allclose(jax.jit(jax.grad(total))(pop.weights), [50.5, 1020.0])


def test_select_by_mask_and_by_row_keeps_whole_households_in_order(pop):
    for chosen in (np.array([False, True]), [1]):
        part = pop.select(chosen)
        assert part.column("age").tolist() == [40, 38, 19]
        assert part.links["tax_unit"].tolist() == [0, 0, 1]
        assert part.ids["tax_unit"].tolist() == [1, 3]
        assert part.weights.tolist() == [250.0]


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ([2], "no household row 2. Rows go from 0 to 1"),
        ([True], "one truth value a household"),
        ([0.5], "Give a mask or whole numbers"),
        ([False, False], "at least one"),
    ],
)
def test_select_refuses_what_chooses_nothing(pop, chosen, message):
    with pytest.raises(BadInputError, match=message):
        pop.select(np.array(chosen))


def test_household_order_sorts_every_entity(pop):
    ordered = pop.in_household_order()
    assert ordered.ids["person"].tolist() == [12, 10, 11, 13]
    assert ordered.ids["tax_unit"].tolist() == [2, 1, 3]
    assert ordered.links["household"].tolist() == [0, 1, 1, 1]


def test_repr_tells_the_sizes(pop):
    assert repr(pop) == "Population(4 person, 2 household, 3 tax_unit; 5 columns)"


def test_a_population_is_a_pytree(pop):
    doubled = jax.tree.map(lambda x: x * 2 if x.dtype == jnp.float32 else x, pop)
    assert doubled.weights.tolist() == [200.0, 500.0]
    assert jax.jit(lambda p: p.weight("tax_unit"))(pop).tolist() == [250.0, 100.0, 250.0]


def test_float32_columns_are_read_without_a_warning_in_float64(x64):
    pay = np.array([1.5, 3e38], np.float32)
    person = pd.DataFrame({"person_id": [0, 1], "household_id": [0, 1], "pay": pay})
    population = Population.from_frames({"person": person}, weights=None)
    np.testing.assert_array_equal(population.column("pay"), person["pay"])

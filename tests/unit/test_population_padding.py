"""Padding, blocks, sharding, and what they mean for compiled code."""

import subprocess
import sys
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from pejax import Population
from pejax.core._segment import segment_sum
from pejax.core._validate import BadInputError, UnknownNameError
from pejax.core.population._layout import size_bucket


def households(sizes, first=0):
    """One tax unit a household of each size; ages and incomes tell the rows apart."""
    home = np.repeat(np.arange(len(sizes)) + first, sizes)
    n = len(home)
    people = pd.DataFrame(
        {"person_id": np.arange(n), "household_id": home, "tax_unit_id": home, "age": np.arange(n)}
    )
    homes = pd.DataFrame(
        {
            "household_id": np.arange(len(sizes)) + first,
            "household_weight": np.arange(len(sizes)) + 1.0,
            "region": ["north", "south"] * (len(sizes) // 2) + ["north"] * (len(sizes) % 2),
        }
    )
    return Population.from_frames({"person": people, "household": homes})


@pytest.fixture
def pop():
    return households([2, 1, 3, 1])


def test_size_buckets_grow_by_quarters():
    assert [size_bucket(n) for n in (1, 8, 9, 11, 13, 15, 17, 33)] == [8, 8, 10, 12, 14, 16, 20, 40]


@pytest.mark.parametrize("n", [0, 1, 100, 12_345, 999_999])
def test_size_buckets_waste_at_most_a_quarter(n):
    size = size_bucket(n)
    assert size >= n
    assert size <= max(8, 1.25 * n)
    assert size_bucket(size) == size


def test_padding_rows_are_empty_and_belong_together(pop):
    padded = pop.pad_to(10)
    assert padded.is_padded
    assert not pop.is_padded
    assert padded.columns["person"]["age"].tolist() == [*range(7), 0, 0, 0]
    spare = padded.schema.sizes["household"] - 1
    assert padded.links["household"].tolist()[7:] == [spare] * 3
    assert padded.weight().tolist() == [1, 1, 2, 3, 3, 3, 4, 0, 0, 0]
    assert padded.weight("tax_unit").tolist() == [1, 2, 3, 4] + [0] * 4
    assert padded.mask("person").tolist() == [True] * 7 + [False] * 3


def test_columns_come_back_trimmed(pop):
    padded = pop.pad_to()
    assert padded.column("age").tolist() == list(range(7))
    assert padded.labels("region").tolist() == ["north", "south"] * 2
    pd.testing.assert_frame_equal(padded.to_frames()["person"], pop.to_frames()["person"])


def test_padding_again_starts_from_the_real_rows(pop):
    again = pop.pad_to(40).pad_to()
    assert again.schema.sizes == pop.pad_to().schema.sizes
    assert pop.pad_to(40).unpadded().schema == pop.schema


def test_sizes_by_entity(pop):
    padded = pop.pad_to({"person": 7, "household": 4, "tax_unit": 9})
    assert dict(padded.schema.sizes) == {"person": 7, "household": 4, "tax_unit": 9}


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (6, "Cannot pad person to 6 rows: there are 7. Ask for 7 or more"),
        ({"person": 9, "household": 4}, "household to 4 rows: .* need a row more. Ask for 5"),
    ],
)
def test_too_little_room(pop, sizes, message):
    with pytest.raises(BadInputError, match=message):
        pop.pad_to(sizes)


def test_sizes_of_an_unknown_entity(pop):
    with pytest.raises(UnknownNameError, match="Did you mean 'household'"):
        pop.pad_to({"houshold": 9})


def test_one_program_serves_a_whole_bucket():
    traced = []

    @jax.jit
    def mean_age(p):
        traced.append(p.schema)
        weights = p.weight("person")
        return (weights * p.columns["person"]["age"]).sum() / weights.sum()

    for sizes in ([2, 1, 3, 1], [1, 1, 1, 1], [3, 3]):
        population = households(sizes)
        expected = np.average(population.column("age"), weights=population.weight())
        view = population.pad_to(10).generic()
        np.testing.assert_allclose(mean_age(view), expected, rtol=1e-6)
    assert len(traced) == 1


def test_a_generic_view_keeps_the_mask_and_forgets_the_counts(pop):
    view = pop.pad_to().generic()
    assert view.count() == view.schema.sizes["person"]
    assert int(view.mask("person").sum()) == 7
    assert view.to_frames()["person"]["age"].tolist() == list(range(7))


def test_rebuilt_populations_have_equal_schemas():
    one, two = households([2, 1]).schema, households([2, 1]).schema
    assert one == two
    assert hash(one) == hash(two)
    assert one != households([1, 2, 1]).schema


def test_blocks_hold_whole_households(pop):
    blocks = pop.in_blocks(2)
    per_block = {e: n // 2 for e, n in blocks.schema.sizes.items()}
    block_of_person = np.arange(blocks.schema.sizes["person"]) // per_block["person"]
    for group, link in blocks.links.items():
        assert (np.asarray(link) // per_block[group] == block_of_person).all()
    assert blocks.column("age").tolist() == list(range(7))
    assert blocks.weight().sum() == pop.weight().sum()
    persons = np.bincount(block_of_person[np.asarray(blocks.mask("person"))])
    assert sorted(persons) == [3, 4]


def test_stacked_blocks_run_one_after_another(pop):
    blocks = pop.in_blocks(3)

    def household_size(p):
        ones = p.mask("person").astype(jnp.int32)
        return segment_sum(ones, p.links["household"], p.schema.sizes["household"])

    out = jax.lax.map(household_size, blocks.stacked())
    assert blocks.trim(out.reshape(-1), "household").tolist() == [2, 1, 3, 1]


def test_blocks_can_be_trimmed_and_rewritten_in_compiled_code(pop):
    blocks = pop.in_blocks(2)
    new = jax.jit(lambda p, w: p.with_weights(w).column("age"))(blocks, jnp.ones(4))
    assert new.tolist() == list(range(7))
    assert blocks.unpadded().to_frames()["person"]["age"].tolist() == list(range(7))


def test_blocks_want_household_order():
    people = pd.DataFrame({"person_id": [1, 2, 3], "household_id": [7, 8, 7]})
    homes = pd.DataFrame({"household_id": [7, 8], "household_weight": [1.0, 1.0]})
    pop = Population.from_frames({"person": people, "household": homes})
    with pytest.raises(BadInputError, match=r"row 2 goes back .* row 0.*in_household_order"):
        pop.in_blocks(2)
    assert pop.in_household_order().in_blocks(2).trim(jnp.arange(16), "person").size == 3


@pytest.mark.parametrize("blocks", [0, 5])
def test_blocks_need_households(pop, blocks):
    with pytest.raises(BadInputError, match="Choose between 1 and 4 blocks"):
        pop.in_blocks(blocks)


def test_shard_on_one_device(pop):
    mesh = jax.make_mesh((1,), ("rows",))
    sharded = pop.shard(mesh)
    assert sharded.weights.sharding.spec == jax.sharding.PartitionSpec(("rows",))
    assert sharded.column("age").tolist() == list(range(7))


FOUR_DEVICES = """
    import jax, jax.numpy as jnp, numpy as np, pandas as pd
    jax.config.update("jax_num_cpu_devices", 4)
    from pejax import Population
    from pejax.core._segment import segment_sum

    home = np.repeat(np.arange(50), np.arange(50) % 4 + 1)
    people = pd.DataFrame({"person_id": np.arange(len(home)), "household_id": home})
    people["income"] = np.arange(len(home)) % 17 * 1.0
    homes = pd.DataFrame({"household_id": np.arange(50), "household_weight": np.arange(50) + 1.0})
    pop = Population.from_frames({"person": people, "household": homes})

    def household_income(p):
        return segment_sum(p.columns["person"]["income"], p.links["household"], len(p.weights))

    expected = household_income(pop)
    sharded = pop.shard(jax.make_mesh((2, 2), ("a", "b")))
    assert len(sharded.weights.sharding.device_set) == 4
    assert len({str(s.index) for s in sharded.weights.addressable_shards}) == 4
    out = sharded.trim(jax.jit(household_income)(sharded), "household")
    np.testing.assert_array_equal(out, expected)

    blocks = pop.in_blocks(4)
    spec = jax.sharding.PartitionSpec("rows")
    mesh = jax.sharding.Mesh(jax.devices(), ("rows",))
    local = jax.shard_map(
        lambda p: jax.vmap(household_income)(p), mesh=mesh, in_specs=spec, out_specs=spec
    )
    out = blocks.trim(local(blocks.stacked()).reshape(-1), "household")
    np.testing.assert_array_equal(out, expected)
    print("equal")
"""


def test_four_devices_agree_with_one():
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FOUR_DEVICES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "equal", done.stderr

"""Properties that hold for any population."""

import math

import jax
import numpy as np
import pandas as pd
from hypothesis import given, settings, strategies as st

from pejax import Population
from pejax.core.population._tables import positions
from pejax.io import load, save

MANY = settings(max_examples=12, deadline=None)


@st.composite
def tables(draw):
    """A few households in any row order, with two kinds of groups and columns of every type."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    n = sum(sizes)
    home = np.repeat(np.arange(len(sizes)), sizes)
    splits = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    order = np.array(draw(st.permutations(range(n))))
    floats = st.floats(-1e6, 1e6, width=32)
    person = pd.DataFrame(
        {
            "person_id": np.arange(n) + 1000,
            "household_id": home * 7 + 3,
            "tax_unit_id": home * 2 + splits,
            "age": draw(st.lists(st.integers(0, 100), min_size=n, max_size=n)),
            "income": np.array(draw(st.lists(floats, min_size=n, max_size=n)), np.float32),
            "blind": draw(st.lists(st.booleans(), min_size=n, max_size=n)),
            "job": draw(st.lists(st.sampled_from(["a", "bé", "c d"]), min_size=n, max_size=n)),
        }
    ).iloc[order]
    weights = st.lists(st.floats(0, 1e5, width=32), min_size=len(sizes), max_size=len(sizes))
    household = pd.DataFrame(
        {
            "household_id": np.arange(len(sizes)) * 7 + 3,
            "household_weight": np.array(draw(weights), np.float32),
        }
    )
    return {"person": person.reset_index(drop=True), "household": household}


def assert_same(left: Population, right: Population) -> None:
    assert left.schema == right.schema
    jax.tree.map(np.testing.assert_array_equal, left, right)


@MANY
@given(tables())
def test_frames_round_trip(frames):
    pop = Population.from_frames(frames)
    back = pop.to_frames()
    for entity, frame in frames.items():
        pd.testing.assert_frame_equal(
            back[entity], frame, check_dtype=False, check_like=True, check_exact=True
        )
    assert_same(Population.from_frames(back), pop)


@MANY
@given(tables(), st.integers(0, 20))
def test_padding_and_trimming_give_the_population_back(frames, extra):
    pop = Population.from_frames(frames)
    padded = pop.pad_to(pop.count() + extra)
    assert_same(padded.unpadded(), pop)
    for name in pop.columns["person"]:
        np.testing.assert_array_equal(padded.column(name), pop.column(name))
    for entity in pop.schema.entities:
        weights = padded.weight(entity)
        np.testing.assert_array_equal(padded.trim(weights, entity), pop.weight(entity))
        assert math.fsum(weights) == math.fsum(pop.weight(entity))


@MANY
@given(tables(), st.data())
def test_blocks_give_the_population_back(frames, data):
    pop = Population.from_frames(frames).in_household_order()
    blocks = pop.in_blocks(data.draw(st.integers(1, pop.count("household"))))
    assert_same(blocks.unpadded(), pop)
    for entity in pop.schema.entities:
        np.testing.assert_array_equal(
            blocks.trim(blocks.weight(entity), entity), pop.weight(entity)
        )


@MANY
@given(tables(), st.data())
def test_a_household_and_the_rest_add_up(frames, data):
    pop = Population.from_frames(frames)
    homes = pop.count("household")
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=homes, max_size=homes)))
    parts = [pop.select(mask) for mask in (chosen, ~chosen) if mask.any()]
    assert sum(part.count() for part in parts) == pop.count()
    assert sum(part.count("tax_unit") for part in parts) == pop.count("tax_unit")
    ids = np.concatenate([part.ids["person"] for part in parts])
    assert sorted(ids.tolist()) == sorted(pop.ids["person"].tolist())


@MANY
@given(st.lists(st.integers(0, 4), min_size=0, max_size=20))
def test_positions_count_members_in_row_order(link):
    expected = [link[:row].count(group) for row, group in enumerate(link)]
    assert positions(np.array(link, dtype=int)).tolist() == expected


@settings(max_examples=6, deadline=None)
@given(tables())
def test_npz_round_trip(tmp_path_factory, frames):
    pop = Population.from_frames(frames)
    path = tmp_path_factory.mktemp("npz") / "people.npz"
    assert_same(load(save(pop, path)), pop)

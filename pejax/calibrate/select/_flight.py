r"""The flight phase of the cube method, for many strata side by side.

Inclusion probabilities walk, one unit at a time, in directions that leave the totals
:math:`\sum_i \pi_i a_i` of K columns as they are, until all but K of them are 0 or 1. A unit whose
row does not depend on those in suspense joins them; any other gives a direction, along which the
walk goes to one end or the other, each as likely as keeps every probability's expectation. The rows
in suspense are kept as the inverse of their matrix, updated by one pivot a unit.

References:
    Deville and Tillé (2004), "Efficient balanced sampling: the cube method", Biometrika 91(4).
    Chauvet and Tillé (2006), "A fast algorithm for balanced sampling", Computational Statistics.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

DECIDED = 1e-9  # a probability this near to 0 or 1 is taken for it
_INDEPENDENT = 1e-9  # a coordinate below it is rounding, for rows scaled to a sum of 1


class _Suspense(NamedTuple):
    """The units in suspense, at most one a column, and the inverse of the matrix of their rows."""

    inverse: Float[Array, "column column"]
    members: Int[Array, " column"]
    shares: Float[Array, " column"]
    taken: Bool[Array, " column"]


class _Unit(NamedTuple):
    """A unit whose turn it is: its row, its probability, a uniform draw and its number."""

    row: Float[Array, "*all column"]
    share: Float[Array, "*all"]
    chance: Float[Array, "*all"]
    number: Int[Array, "*all"]


class _Ends(NamedTuple):
    """What became of the probabilities of a step: its own (-1 while undecided), and another's."""

    own: Float[Array, ""]
    leaver: Int[Array, ""]
    left: Float[Array, ""]


def flight(
    rows: Float[Array, "unit column"],
    probabilities: Float[Array, " unit"],
    chances: Float[Array, " unit"],
) -> Float[Array, " unit"]:
    """The probabilities after the walk: 0 or 1 but for at most one unit a column.

    Args:
        rows: what is balanced; scaled so that the sums of |row| times probability are near 1.
        probabilities: of inclusion; those that are 0 or 1 stay.
        chances: uniform draws, one a unit.
    """
    count, columns = rows.shape
    nobody = jnp.asarray(count, jnp.int32)
    start = _Suspense(
        jnp.eye(columns, dtype=rows.dtype),
        jnp.full(columns, nobody),
        jnp.zeros(columns, rows.dtype),
        jnp.zeros(columns, bool),
    )

    def step(state, unit):
        return _walked(state, unit, nobody)

    units = _Unit(rows, probabilities, chances, jnp.arange(count, dtype=jnp.int32))
    state, ends = jax.lax.scan(step, start, units)
    found = jnp.where(ends.own >= 0, ends.own, probabilities)
    found = found.at[ends.leaver].set(ends.left, mode="drop")
    members = jnp.where(state.taken, state.members, nobody)
    return found.at[members].set(state.shares, mode="drop")


def _walked(state: _Suspense, unit: _Unit, nobody: Int[Array, ""]) -> tuple[_Suspense, _Ends]:
    """One unit joins those in suspense, or moves with them until somebody is decided."""
    row, share, chance, number = unit
    undecided = (share > DECIDED) & (share < 1 - DECIDED)
    coordinates = state.inverse @ row
    free = jnp.where(state.taken, 0.0, jnp.abs(coordinates))
    slot = jnp.argmax(free)
    joins = undecided & (free[slot] > _INDEPENDENT)
    moves = undecided & ~joins
    leaver, step, itself = _step(state, coordinates, share, chance)
    step = jnp.where(moves, step, 0.0)
    itself &= moves
    ends = moves & ~itself
    moved = jnp.clip(state.shares - step * jnp.where(state.taken, coordinates, 0.0), 0.0, 1.0)
    own = share + step
    both = ends & ((own <= DECIDED) | (own >= 1 - DECIDED))
    enters = joins | (ends & ~both)
    place = jnp.where(joins, slot, leaver)
    here = jnp.arange(len(row)) == place
    inverse = _pivoted(state.inverse, coordinates, place, enters)
    after = _Suspense(
        inverse,
        jnp.where(here & enters, number, state.members),
        jnp.where(here & enters, own, moved),
        (state.taken | (here & enters)) & ~(here & both),
    )
    decided = itself | both | ~undecided
    return after, _Ends(
        jnp.where(decided, jnp.round(own), -1.0),
        jnp.where(ends, state.members[leaver], nobody),
        jnp.round(moved[leaver]),
    )


def _step(
    state: _Suspense,
    coordinates: Float[Array, " column"],
    share: Float[Array, ""],
    chance: Float[Array, ""],
) -> tuple[Int[Array, ""], Float[Array, ""], Bool[Array, ""]]:
    """Who is decided first, how far the unit's own share moves, and whether it is the unit itself.

    As the unit's share grows by a step, that of every other shrinks by its coordinate times it.
    """
    moving = state.taken & (jnp.abs(coordinates) > _INDEPENDENT)
    speed = jnp.where(moving, jnp.abs(coordinates), 1.0)
    to_zero, to_one = state.shares / speed, (1 - state.shares) / speed
    up = jnp.where(moving, jnp.where(coordinates > 0, to_zero, to_one), jnp.inf)
    down = jnp.where(moving, jnp.where(coordinates > 0, to_one, to_zero), jnp.inf)
    highest, lowest = jnp.minimum(jnp.min(up), 1 - share), jnp.minimum(jnp.min(down), share)
    rises = chance * (highest + lowest) < lowest
    leaver = jnp.where(rises, jnp.argmin(up), jnp.argmin(down))
    itself = jnp.where(rises, 1 - share <= jnp.min(up), share <= jnp.min(down))
    return leaver, jnp.where(rises, highest, -lowest), itself


def _pivoted(
    inverse: Float[Array, "column column"],
    coordinates: Float[Array, " column"],
    place: Int[Array, ""],
    wanted: Bool[Array, ""],
) -> Float[Array, "column column"]:
    """The inverse after a row of these coordinates took a place; unchanged unless wanted."""
    pivot = jnp.where(wanted, coordinates[place], 1.0)
    off = coordinates - jnp.zeros_like(coordinates).at[place].set(1.0)
    off = jnp.where(wanted, off, 0.0)
    return inverse - off[:, None] * (inverse[place] / pivot)


@eqx.filter_jit
def balanced_flights(
    contributions: Float[Array, "stratum unit column"],
    probabilities: Float[Array, "stratum unit"],
    directions: Int[Array, " stratum"],
    chances: Float[Array, "stratum unit"],
    most: int,
) -> Float[Array, "stratum unit"]:
    """A flight in every stratum, on its size and the leading directions of its contributions.

    Units fly in the order they are in: it should be random.

    Args:
        contributions: of each unit if it is kept; padding has probability 0.
        probabilities: of inclusion.
        directions: how many a stratum is balanced on, at most `most`.
        chances: uniform draws.
        most: columns of the flights beside the size.
    """

    def one(contributions, probabilities, directions, chances):
        rows = _balanced_rows(contributions, probabilities, directions, most)
        return flight(rows, probabilities, chances)

    return jax.vmap(one)(contributions, probabilities, directions, chances)


def _balanced_rows(
    contributions: Float[Array, "unit column"],
    probabilities: Float[Array, " unit"],
    directions: Int[Array, ""],
    most: int,
) -> Float[Array, "unit direction"]:
    """The size and the principal components of what is left to chance, the largest first."""
    contributions = contributions.astype(probabilities.dtype)
    variance = (probabilities * (1 - probabilities))[:, None]
    axes = jnp.linalg.eigh((contributions * variance).T @ contributions)[1]
    leading = contributions @ axes[:, ::-1][:, :most]
    leading = jnp.where(jnp.arange(most) < directions, leading, 0.0)
    rows = jnp.concatenate([jnp.ones((len(probabilities), 1), leading.dtype), leading], axis=1)
    sums = jnp.abs(rows * probabilities[:, None]).sum(axis=0)
    return rows / jnp.where(sums > 0, sums, 1.0)

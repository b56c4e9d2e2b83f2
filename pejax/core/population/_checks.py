"""What a population must satisfy: one function a failure, each naming the row and the fix."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from .._types import HostColumn
from .._validate import BadInputError
from ._tables import Tables, first_members

# FIPS 5-2 codes of the 50 states and the District of Columbia, with their postal abbreviations.
STATES = {
    1: "AL", 2: "AK", 4: "AZ", 5: "AR", 6: "CA", 8: "CO", 9: "CT", 10: "DE", 11: "DC", 12: "FL",
    13: "GA", 15: "HI", 16: "ID", 17: "IL", 18: "IN", 19: "IA", 20: "KS", 21: "KY", 22: "LA",
    23: "ME", 24: "MD", 25: "MA", 26: "MI", 27: "MN", 28: "MS", 29: "MO", 30: "MT", 31: "NE",
    32: "NV", 33: "NH", 34: "NJ", 35: "NM", 36: "NY", 37: "NC", 38: "ND", 39: "OH", 40: "OK",
    41: "OR", 42: "PA", 44: "RI", 45: "SC", 46: "SD", 47: "TN", 48: "TX", 49: "UT", 50: "VT",
    51: "VA", 53: "WA", 54: "WV", 55: "WI", 56: "WY",
}  # fmt: skip


CHECKED_COLUMNS = frozenset({"age", "state_fips", "state_code"})  # by the rules below


def check(tables: Tables) -> None:
    """Run every check; the first failure is raised as `BadInputError`."""
    for rule in RULES:
        rule(tables)


def where(tables: Tables, entity: str, row: int, column: str) -> str:
    """How messages point at a cell: entity, row number, the caller's id, column."""
    return f"{entity} row {row} ({entity}_id {tables.ids[entity][row]}), column {column!r}"


def columns_have_one_value_a_row(tables: Tables) -> None:
    for entity, held in tables.columns.items():
        for name, values in held.items():
            if values.shape != (tables.count(entity),):
                raise BadInputError(
                    f"{entity} column {name!r} has shape {values.shape}, but there are"
                    f" {tables.count(entity)} rows of {entity}. Give one value a row."
                )


def weights_have_one_value_a_household(tables: Tables) -> None:
    households = tables.count(tables.household)
    if tables.weights.shape != (households,):
        raise BadInputError(
            f"The weights have shape {tables.weights.shape}, but there are {households} rows of"
            f" {tables.household}. Give one weight a {tables.household}."
        )


def whole_numbers_have_32_bits(tables: Tables) -> None:
    limits = np.iinfo(np.int32)
    held = [(e, f"{e}_id", ids) for e, ids in tables.ids.items()]
    held += [(e, c, x) for e, columns in tables.columns.items() for c, x in columns.items()]
    for entity, name, values in held:
        if values.dtype.kind in "iu" and not np.can_cast(values.dtype, np.int32):
            _no_row(
                tables,
                entity,
                name,
                (values < limits.min) | (values > limits.max),
                "{value} does not fit in a 32-bit integer. Store it as a float, or renumber ids.",
                values=values,
            )


def weights_are_finite(tables: Tables) -> None:
    most = jnp.finfo(jnp.result_type(float)).max
    _no_row(
        tables,
        tables.household,
        tables.weight_name,
        ~(np.abs(tables.weights) <= most),
        f"the weight is {{value}}. Give every household a finite weight, up to {most:.2g}; use 0 to"
        " leave one out.",
    )


def weights_are_not_negative(tables: Tables) -> None:
    _no_row(
        tables,
        tables.household,
        tables.weight_name,
        tables.weights < 0,
        "the weight {value} is negative. Use 0 to leave a household out.",
    )


def ages_are_not_negative(tables: Tables) -> None:
    ages = tables.columns.get(tables.person, {}).get("age")
    if ages is not None:
        _no_row(
            tables,
            tables.person,
            "age",
            ages < 0,
            "the age {value} is negative. Correct it; newborns are 0.",
        )


def ids_are_unique(tables: Tables) -> None:
    for entity, ids in tables.ids.items():
        order = np.argsort(ids, kind="stable")
        twin = np.zeros(len(ids), dtype=bool)
        twin[order[1:]] = ids[order[1:]] == ids[order[:-1]]
        _no_row(
            tables,
            entity,
            f"{entity}_id",
            twin,
            "the id {value} appears twice. Drop the duplicate row or renumber the ids.",
            values=ids,
        )


def persons_have_groups(tables: Tables) -> None:
    for group, link in tables.links.items():
        _no_row(
            tables,
            tables.person,
            f"{group}_id",
            (link < 0) | (link >= tables.count(group)),
            f"there is no such {group}. Add it to the {group} table or correct the id.",
        )


def groups_have_members(tables: Tables) -> None:
    for group in tables.groups:
        members = np.bincount(tables.links[group], minlength=tables.count(group))
        _no_row(
            tables,
            group,
            f"{group}_id",
            members == 0,
            f"no person belongs to this {group}. Drop the row, or link its members to it.",
        )


def groups_stay_in_one_household(tables: Tables) -> None:
    of_person = tables.links[tables.household]
    for group, link in tables.links.items():
        expected = of_person[first_members(tables, group)][link]
        _no_row(
            tables,
            tables.person,
            f"{group}_id",
            of_person != expected,
            f"this {group} has members in another {tables.household} too."
            f" Give each {tables.household} its own {group} ids.",
        )


def states_are_known(tables: Tables) -> None:
    fix = "which is none of the 50 states or DC. Recode or drop such households."
    for entity, held in tables.columns.items():
        if "state_fips" in held:
            unknown = ~np.isin(held["state_fips"], list(STATES))
            _no_row(tables, entity, "state_fips", unknown, "the FIPS code is {value}, " + fix)
        vocabulary = tables.vocabularies.get((entity, "state_code"))
        if vocabulary is not None:
            labels = np.asarray(vocabulary)
            unknown = ~np.isin(labels, list(STATES.values()))[held["state_code"]]
            message = "the state code is {value!r}, " + fix
            decoded = labels[held["state_code"]]
            _no_row(tables, entity, "state_code", unknown, message, values=decoded)


RULES: tuple[Callable[[Tables], None], ...] = (
    columns_have_one_value_a_row,
    whole_numbers_have_32_bits,
    weights_have_one_value_a_household,
    weights_are_finite,
    weights_are_not_negative,
    ages_are_not_negative,
    ids_are_unique,
    persons_have_groups,
    groups_have_members,
    groups_stay_in_one_household,
    states_are_known,
)


def _no_row(
    tables: Tables,
    entity: str,
    column: str,
    wrong: HostColumn,
    message: str,
    *,
    values: HostColumn | None = None,
) -> None:
    """Raise for the first wrong row; `{value}` in the message is the cell's content."""
    if not wrong.any():
        return
    row = int(wrong.argmax())
    if values is None:
        held = tables.columns.get(entity, {}).get(column)
        values = tables.weights if column == tables.weight_name and held is None else held
    value = None if values is None else values[row].item()
    more = int(wrong.sum()) - 1
    tail = f" ({more} more rows have the same fault.)" if more else ""
    raise BadInputError(
        f"{where(tables, entity, row, column)}: {message.format(value=value)}{tail}"
    )

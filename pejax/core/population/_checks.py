"""What a population must satisfy: one function a failure, each naming the row and the fix."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._countries import countries
from .._transforms import is_tracer
from .._types import HostColumn
from .._validate import BadInputError
from ._tables import Tables, first_members


def check(tables: Tables) -> None:
    """Run every check, then those of countries; the first failure is raised as `BadInputError`."""
    for rule in (*RULES, *_of_countries().values()):
        rule(tables)


def looks_at_any(wanted: Mapping[str, Mapping[str, object]]) -> bool:
    """Whether a check looks at a new column that comes from the host."""
    host = (n for new in wanted.values() for n, v in new.items() if not isinstance(v, jax.Array))
    return not {"age", *_of_countries()}.isdisjoint(host)


def check_new_weights(weights: Float[Array, " household"], household: str) -> None:
    """New weights are numbers, where they are known."""
    finite = jnp.isfinite(weights)
    if not is_tracer(weights) and not bool(finite.all()):
        row = int((~finite).argmax())
        value = "NaN" if bool(jnp.isnan(weights[row])) else f"infinite in {weights.dtype}"
        raise BadInputError(
            f"{household} row {row}: the new weight is {value}. Check how the weights were solved."
        )


def _of_countries() -> dict[str, Callable[[Tables], None]]:
    return {name: rule for country in countries() for name, rule in country.rules.items()}


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
            no_row(
                tables,
                entity,
                name,
                (values < limits.min) | (values > limits.max),
                "{value} does not fit in a 32-bit integer. Store it as a float, or renumber ids.",
                values=values,
            )


def weights_are_finite(tables: Tables) -> None:
    most = jnp.finfo(jnp.result_type(float)).max
    no_row(
        tables,
        tables.household,
        tables.weight_name,
        ~(np.abs(tables.weights) <= most),
        f"the weight is {{value}}. Give every household a finite weight, up to {most:.2g}; use 0 to"
        " leave one out.",
    )


def weights_are_not_negative(tables: Tables) -> None:
    no_row(
        tables,
        tables.household,
        tables.weight_name,
        tables.weights < 0,
        "the weight {value} is negative. Use 0 to leave a household out.",
    )


def ages_are_not_negative(tables: Tables) -> None:
    ages = tables.columns.get(tables.person, {}).get("age")
    if ages is not None:
        no_row(
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
        no_row(
            tables,
            entity,
            f"{entity}_id",
            twin,
            "the id {value} appears twice. Drop the duplicate row or renumber the ids.",
            values=ids,
        )


def persons_have_groups(tables: Tables) -> None:
    for group, link in tables.links.items():
        no_row(
            tables,
            tables.person,
            f"{group}_id",
            (link < 0) | (link >= tables.count(group)),
            f"there is no such {group}. Add it to the {group} table or correct the id.",
        )


def groups_have_members(tables: Tables) -> None:
    for group in tables.groups:
        members = np.bincount(tables.links[group], minlength=tables.count(group))
        no_row(
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
        no_row(
            tables,
            tables.person,
            f"{group}_id",
            of_person != expected,
            f"this {group} has members in another {tables.household} too."
            f" Give each {tables.household} its own {group} ids.",
        )


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
)


def no_row(
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

"""Anybody's pandas tables to `Tables` and back. pandas is imported only to write."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .._arguments import shown
from .._arrays import check_digits, check_table
from .._types import HostColumn, HostIndex
from .._validate import BadInputError, suggest, unknown
from ._encode import decode, encode
from ._tables import Tables

if TYPE_CHECKING:
    import pandas as pd
    from pandas.api.extensions import ExtensionDtype


def tables_from_frames(
    frames: Mapping[str, "pd.DataFrame"],
    weights: str | None,
    person: str,
    household: str,
) -> Tables:
    """Read the tables of each entity; `Population.from_frames` documents the layout."""
    _fail_if_no_person_table(frames, person)
    _fail_if_columns_repeat(frames)
    groups = _groups(frames, person, household)
    ids = {person: _ids(frames[person], person)}
    for group in groups:
        frame = frames.get(group)
        if frame is None:
            ids[group] = _first_seen(frames[person], group, person)
        else:
            ids[group] = _ids(frame, group)
    links = {group: _link(frames[person], group, ids, person) for group in groups}
    tables = Tables(person, household, groups, {}, links, ids, np.zeros(0))
    _fail_if_links_disagree(frames, tables)
    for entity in tables.entities:
        _read_columns(frames.get(entity), entity, tables, weights)
    tables.weights = _weights(frames.get(household), tables, weights)
    tables.weight_name = weights or f"{household}_weight"
    return tables


def frames_from_tables(tables: Tables) -> dict[str, "pd.DataFrame"]:
    """One data frame an entity: ids, links, weights, then the columns, strings decoded."""
    import pandas as pd

    frames = {}
    for entity in tables.entities:
        held: dict[str, object] = {f"{entity}_id": tables.ids[entity]}
        if entity == tables.person:
            held |= {f"{g}_id": tables.ids[g][link] for g, link in tables.links.items()}
        if entity == tables.household:
            held[tables.weight_name] = tables.weights
        for name, values in tables.columns[entity].items():
            vocabulary = tables.vocabularies.get((entity, name))
            held[name] = values if vocabulary is None else decode(values, vocabulary)
        frames[entity] = pd.DataFrame(held)
    return frames


def _groups(frames: Mapping[str, "pd.DataFrame"], person: str, household: str) -> tuple[str, ...]:
    """The household, then every other table and every `<group>_id` column of the persons."""
    linked = [c[:-3] for c in frames[person].columns if c.endswith("_id") and c != f"{person}_id"]
    named = dict.fromkeys([household, *(e for e in frames if e != person), *linked])
    return tuple(named)


def _fail_if_no_person_table(frames: Mapping[str, "pd.DataFrame"], person: str) -> None:
    if not isinstance(frames, Mapping):
        raise BadInputError(
            f"frames is {shown(frames)}. Give tables by entity, {{'person': ..., 'household': ...}}"
        )
    if person not in frames:
        raise unknown("table", person, frames)


def fail_if_no_names(weights: object, person: object, household: object) -> None:
    """Columns and entities are named by texts; the weights may have no name."""
    for label, name in {"weights": weights, "person": person, "household": household}.items():
        if not isinstance(name, str) and not (label == "weights" and name is None):
            raise BadInputError(f"{label} is {shown(name)}. Give a name, as a text.")


def _fail_if_columns_repeat(frames: Mapping[str, "pd.DataFrame"]) -> None:
    for entity, frame in frames.items():
        if not isinstance(entity, str):
            raise BadInputError(
                f"frames has the key {shown(entity)}. Its keys are entities' names."
            )
        check_table(frame, f"The {entity} table")
        for column in frame.columns:
            if not isinstance(column, str):
                raise BadInputError(
                    f"The {entity} table has a column named {shown(column)}. Give columns names"
                    " that are texts."
                )


def _id_column(frame: "pd.DataFrame", column: str, entity: str) -> "pd.Series":
    if column in frame.columns:
        return frame[column]
    near = suggest(column, [str(name) for name in frame.columns])
    hint = f" Did you mean {near[0]!r}? Rename it to {column!r}." if near else ""
    raise BadInputError(
        f"The {entity} table has no column {column!r}.{hint or f' Add {column!r}.'}"
    )


def _as_ids(series: "pd.Series", where: str) -> HostIndex:
    """Ids as whole numbers of 32 bits; floats that pandas made of integers are accepted."""
    values, vocabulary = encode(series, where)
    if vocabulary is not None:
        raise BadInputError(
            f"{where} holds strings, and ids are whole numbers here. Number them the same way in"
            " every table, for instance with pandas.factorize."
        )
    if values.dtype.kind == "b":
        raise BadInputError(f"{where} holds truth values. Use whole numbers as ids.")
    if values.dtype.kind != "f":
        return values.astype(np.int32)
    broken = ~np.isfinite(values) | (values != np.floor(values))
    if broken.any():
        row = int(broken.argmax())
        raise BadInputError(f"{where} holds {values[row]} in row {row}. Use whole numbers as ids.")
    _fail_if_rounded(values, series.dtype, where)
    return encode(values.astype(np.int64), where)[0]


def _fail_if_rounded(values: HostColumn, dtype: "np.dtype | ExtensionDtype", where: str) -> None:
    """Refuse ids so large that floats of this type round them to one another."""
    plain = getattr(dtype, "numpy_dtype", dtype)
    limit = 2.0 ** (np.finfo(plain if plain.kind == "f" else np.float64).nmant + 1)
    rounded = np.abs(values) >= limit
    if rounded.any():
        row = int(rounded.argmax())
        raise BadInputError(
            f"{where} holds {values[row]:.0f} in row {row} as {dtype}, which rounds whole numbers"
            f" from {limit:.0f} on. Read the ids as whole numbers."
        )


def _ids(frame: "pd.DataFrame", entity: str) -> HostIndex:
    column = f"{entity}_id"
    return _as_ids(_id_column(frame, column, entity), f"{entity} column {column!r}")


def _first_seen(persons: "pd.DataFrame", group: str, person: str) -> HostIndex:
    """The ids of a group that has no table of its own, in the order in which persons name them."""
    values = _link_ids(persons, group, person)
    _, first = np.unique(values, return_index=True)
    return values[np.sort(first)]


def _link_ids(persons: "pd.DataFrame", group: str, person: str) -> HostIndex:
    column = f"{group}_id"
    series = _id_column(persons, column, person)
    missing = np.asarray(series.isna())
    if missing.any():
        row = int(missing.argmax())
        raise BadInputError(
            f"{person} row {row} ({_name_row(persons, person, row)}), column {column!r}: the person"
            f" has no {group}. Give every person a {group}; one living alone is a {group} of one."
        )
    return _as_ids(series, f"{person} column {column!r}")


def _name_row(persons: "pd.DataFrame", person: str, row: int) -> str:
    column = f"{person}_id"
    return f"{column} {persons[column].iloc[row]}" if column in persons.columns else "no id"


def _link(
    persons: "pd.DataFrame", group: str, ids: Mapping[str, HostIndex], person: str
) -> HostIndex:
    wanted = _link_ids(persons, group, person)
    rows = look_up(wanted, ids[group])
    absent = rows < 0
    if absent.any():
        row = int(absent.argmax())
        raise BadInputError(
            f"{person} row {row} ({_name_row(persons, person, row)}), column '{group}_id': there is"
            f" no {group} {wanted[row]}. Add it to the {group} table or correct the id."
        )
    return rows


def look_up(wanted: HostIndex, ids: HostIndex) -> HostIndex:
    """The row at which each wanted id stands; -1 where it does not.

    >>> look_up(np.array([7, 5, 9]), np.array([5, 7])).tolist()
    [1, 0, -1]
    """
    if not len(ids):
        return np.full(len(wanted), -1)
    order = np.argsort(ids, kind="stable")
    at = order[np.minimum(np.searchsorted(ids[order], wanted), len(ids) - 1)]
    return np.where(ids[at] == wanted, at, -1)


def _fail_if_links_disagree(frames: Mapping[str, "pd.DataFrame"], tables: Tables) -> None:
    """A group table may repeat a link, such as its household; its members must then agree."""
    for group in tables.groups:
        frame = frames.get(group)
        for other in tables.groups:
            if frame is not None and other != group and f"{other}_id" in frame.columns:
                _fail_if_link_disagrees(frame[f"{other}_id"], group, other, tables)


def _fail_if_link_disagrees(series: "pd.Series", group: str, other: str, tables: Tables) -> None:
    column = f"{other}_id"
    stated = _as_ids(series, f"{group} column {column!r}")
    of_member = tables.ids[other][tables.links[other]]
    wrong = stated[tables.links[group]] != of_member
    if wrong.any():
        row = int(wrong.argmax())
        at = int(tables.links[group][row])
        raise BadInputError(
            f"{group} row {at} ({group}_id {tables.ids[group][at]}), column {column!r}: the table"
            f" says {other} {stated[at]}, but its member in {tables.person} row {row} belongs to"
            f" {of_member[row]}. Correct one of them, or drop the column: the links of the"
            f" {tables.person} table are enough."
        )


def _read_columns(
    frame: "pd.DataFrame | None", entity: str, tables: Tables, weights: str | None
) -> None:
    """Encode what is neither id, link nor weight."""
    tables.columns[entity] = {}
    if frame is None:
        return
    keys = {f"{known}_id" for known in tables.entities}
    if entity == tables.household:
        keys.add(str(weights))
    for name in frame.columns:
        if name in keys:
            continue
        values, vocabulary = encode(frame[name], f"{entity} column {name!r}")
        tables.columns[entity][str(name)] = values
        tables.origin[entity, str(name)] = "given"
        if vocabulary is not None:
            tables.vocabularies[entity, str(name)] = vocabulary


def _weights(frame: "pd.DataFrame | None", tables: Tables, weights: str | None) -> HostColumn:
    households = tables.count(tables.household)
    if weights is None:
        return np.ones(households)
    if frame is None or weights not in frame.columns:
        names = [] if frame is None else [str(name) for name in frame.columns]
        near = suggest(weights, names)
        hint = f"Did you mean weights={near[0]!r}? " if near else ""
        raise BadInputError(
            f"The {tables.household} table has no weight column {weights!r}. {hint}Name the column"
            " with weights=..., or pass weights=None to count every household once."
        )
    series = frame[weights]
    if series.dtype.kind not in "iuf":
        raise BadInputError(
            f"{tables.household} column {weights!r} has type {series.dtype}; weights are numbers."
            " Convert the column."
        )
    check_digits(series.to_numpy(), f"{tables.household} column {weights!r}")
    return series.to_numpy(dtype=np.float64, na_value=np.nan)

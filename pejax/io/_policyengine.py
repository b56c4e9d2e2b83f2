"""PolicyEngine's HDF5 data sets: one array a variable and period, rows by entity."""

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core._formerly import formerly
from ..core._validate import BadInputError, require
from ..core.files._files import refused_if_unreadable
from ..core.population._encode import encode
from ..core.population._population import Population

if TYPE_CHECKING:
    import pandas as pd


def read_policyengine_h5_with_report(
    path: str | os.PathLike, period: int, entities: Mapping[str, str] | None = None
) -> "tuple[Population, pd.DataFrame]":
    """`read_policyengine_h5`, and a table of the variables set aside, with reasons.

    >>> import tempfile
    >>> import h5py
    >>> path = f"{tempfile.mkdtemp()}/people.h5"
    >>> names = ("person_id", "household_id", "person_household_id", "household_weight")
    >>> with h5py.File(path, "w") as file:
    ...     _ = [file.create_dataset(f"{name}/2025", data=[1, 2]) for name in names]
    >>> _, aside = read_policyengine_h5_with_report(path, 2025)
    >>> len(aside)
    0
    """
    import pandas as pd

    arrays, refused = _read(path, period)
    groups = _groups(arrays, path)
    ids = {entity: arrays.pop(f"{entity}_id") for entity in ("person", *groups)}
    frames: dict[str, dict[str, Any]] = {e: {f"{e}_id": values} for e, values in ids.items()}
    for group in groups:
        frames["person"][f"{group}_id"] = arrays.pop(f"person_{group}_id")
    owners = _owners(arrays, {e: len(values) for e, values in ids.items()}, entities or {})
    for name, values in arrays.items():
        entity = owners[name]
        reason = _unusable(name, values, entity)
        if reason:
            refused[name] = reason
        else:
            frames[entity][name] = values
    # In a table of persons every other `_id` would be a link to a group of that name.
    person = frames["person"]
    numbers = {name: person.pop(name) for name in [*person] if _looks_like_a_link(name, ids)}
    population = Population.from_frames({e: pd.DataFrame(held) for e, held in frames.items()})
    population = population.with_columns("person", **numbers)
    return population, pd.DataFrame(refused.items(), columns=["variable", "reason"])


@formerly(names={"year": "period"}, flags={"return_report": read_policyengine_h5_with_report})
def read_policyengine_h5(
    path: str | os.PathLike, period: int, entities: Mapping[str, str] | None = None
) -> Population:
    """Read a PolicyEngine data set whose layout is `variable/period -> array`.

    Ids are `<entity>_id`, links `person_<group>_id`, weights `household_weight`. The file does not
    say whose a variable is: it is the entity named by its prefix, or the only one with as many
    rows.

    Args:
        path: the `.h5` file.
        period: the year to read.
        entities: the entity of variables that the rule above leaves open.

    Raises:
        MissingExtraError: `h5py` is not installed.
        BadInputError: no ids, links or weights for the year; or variables whose entity is open.

    >>> import tempfile
    >>> import h5py
    >>> path = f"{tempfile.mkdtemp()}/people.h5"
    >>> with h5py.File(path, "w") as file:
    ...     for name in ("person_id", "household_id", "person_household_id"):
    ...         file[f"{name}/2025"] = np.array([1, 2])
    ...     file["household_weight/2025"] = np.array([10.0, 20.0])
    >>> read_policyengine_h5(path, 2025).weights.tolist()
    [10.0, 20.0]
    """
    return read_policyengine_h5_with_report(path, period, entities)[0]


def _looks_like_a_link(name: str, entities: Collection[str]) -> bool:
    return name.endswith("_id") and name.removesuffix("_id") not in entities


def _read(path: str | os.PathLike, period: int) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays of a year by variable, and why others were left."""
    h5py = require("h5py", "io")
    arrays, refused = {}, {}
    with refused_if_unreadable(path, "HDF5 file"), h5py.File(path, "r") as file:
        for name, held in file.items():
            if not hasattr(held, "keys"):
                refused[name] = "stored without a period"
            elif str(period) in held:
                arrays[name] = _strings(held[str(period)][()])
            else:
                refused[name] = f"stored for {', '.join(list(held)[:3])}, not for {period}"
    return arrays, refused


def _strings(values: np.ndarray) -> np.ndarray:
    """Bytes as text."""
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8").astype(object)
    if values.dtype.kind == "O":
        return np.array(
            [v.decode("utf-8") if isinstance(v, bytes) else v for v in values], dtype=object
        )
    return values


def _groups(arrays: Mapping[str, np.ndarray], path: Any) -> tuple[str, ...]:
    groups = tuple(
        name[len("person_") : -len("_id")]
        for name in arrays
        if name.startswith("person_") and name.endswith("_id") and name != "person_id"
    )
    needed = ["person_id", "person_household_id", "household_weight"]
    needed += [f"{group}_id" for group in groups]
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise BadInputError(
            f"{path} lacks {', '.join(missing)} for this year. Choose a year that the file holds."
        )
    return groups


def _owners(
    arrays: Mapping[str, np.ndarray], rows: Mapping[str, int], given: Mapping[str, str]
) -> dict[str, str]:
    """The entity of every variable."""
    owners, unclear = {}, []
    for name, values in arrays.items():
        fitting = [entity for entity, n in rows.items() if n == len(values)]
        named = [entity for entity in fitting if name.startswith(f"{entity}_")]
        choice = given.get(name) or next(iter(named), None)
        if choice is None and len(fitting) == 1:
            choice = fitting[0]
        if choice is None:
            unclear.append(f"{name} ({len(values)} rows: {' or '.join(fitting) or 'no entity'})")
        else:
            owners[name] = choice
    if unclear:
        raise BadInputError(
            f"The entity of {len(unclear)} variables is open: {'; '.join(unclear[:5])}. Name them"
            " with entities={variable: entity}."
        )
    return owners


def _unusable(name: str, values: np.ndarray, entity: str) -> str:
    """Why a variable cannot be a column; empty when it can."""
    if name == "household_weight":
        return ""
    try:
        encode(values, f"{entity} column {name!r}")
    except BadInputError as error:
        return str(error)
    return ""

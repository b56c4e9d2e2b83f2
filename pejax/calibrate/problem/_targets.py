"""The target table: a schema, a loader, and checks that name the row."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...core._arguments import as_path, as_whole, shown
from ...core._arrays import as_labels, check_table, real_of
from ...core._countries import Geography, country
from ...core._formerly import tell
from ...core._validate import BadInputError, require, unknown
from ...core.files._files import refused_if_unreadable
from ._areas import DIGITS, is_number

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("name", "variable", "statistic", "geo_level", "geo_id", "value")
OPTIONAL = (
    "entity",
    "domain",
    "lower",
    "upper",
    "scale",
    "weight",
    "tolerance",
    "group",
    "period",
    "source",
)


class Target(NamedTuple):
    """One row of a checked table; an absent bound is infinite, an absent scale or weight NaN."""

    name: str
    variable: str
    statistic: str
    geo_level: str
    geo_id: str
    value: float
    entity: str
    domain: str
    lower: float
    upper: float
    scale: float
    weight: float
    tolerance: float
    group: str
    source: str

    @property
    def column_key(self) -> tuple[str, str, str, float, float, str]:
        """What targets of different areas share: the same households contribute the same."""
        return self.variable, self.statistic, self.domain, self.lower, self.upper, self.entity

    @property
    def range_key(self) -> tuple[str, str, str, float, float]:
        """What a sum and a count over the same rows share."""
        return self.domain, self.geo_level, self.geo_id, self.lower, self.upper


_STATISTICS = ("sum", "count")
_LEVELS = ("nation", "state", "district")


def load_targets(
    path: str | os.PathLike[str] | None = None,
    *,
    period: int | None = None,
    only: Sequence[str] | None = None,
) -> "pd.DataFrame":
    """A checked target table, from a CSV or parquet file or from the installed policyengine-us.

    Each row is one total: the `statistic` (`sum`, or `count` of the rows where it is not zero) of
    a `variable` over the nation (`geo_level` nation, `geo_id` US), a state (state, two-digit FIPS
    code) or a district (district, the state's code and two digits), among the rows whose `domain`
    lies in [`lower`, `upper`) if those are given. The schema is documented column by column in
    `docs/targets.md`.

    Args:
        path: a `.csv` (or `.csv.gz`) or `.parquet` file; the installed figures unless given.
        period: the year of the installed figures, for which it is needed; a file keeps its own.
        only: names of the targets to keep, in the order of the table.

    Raises:
        BadInputError: a missing column, a value that is not finite, an unknown statistic, level or
            state, a name used twice: with the row.
        UnknownNameError: a column that the schema does not have, or a name in `only` that the
            table does not have, with the nearest matches.
        MissingExtraError: no path was given and policyengine-us is not installed.

    >>> import tempfile
    >>> import pandas as pd
    >>> row = {"name": "all", "variable": "household_count", "statistic": "count",
    ...        "entity": "household", "geo_level": "nation", "geo_id": "US", "value": 9.0}
    >>> path = f"{tempfile.mkdtemp()}/targets.csv"
    >>> pd.DataFrame([row]).to_csv(path, index=False)
    >>> load_targets(path)["value"].tolist()
    [9.0]
    """
    import pandas as pd

    period = None if period is None else as_whole("period")(period)
    if path is None and period is None:
        tell("load_targets: give period=, such as period=2025.", stacklevel=3)
    if path is None:
        frame = pd.DataFrame(country().targets(2025 if period is None else period))
    else:
        frame = _read(as_path(path, "path"))
    return select_targets(check_targets(frame), only)


def select_targets(targets: "pd.DataFrame", only: Sequence[str] | None) -> "pd.DataFrame":
    """The rows of some names; an unknown name comes with its nearest matches."""
    if only is None:
        return targets
    for name in as_labels(only, "only"):
        if name not in set(targets["name"]):
            raise unknown("target", name, targets["name"])
    return targets[targets["name"].isin(list(only))].reset_index(drop=True)


def check_targets(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The table with every column of the schema, or an error that names the row."""
    check_table(frame, "targets")
    _check_columns(frame)
    frame = frame.reset_index(drop=True).copy()
    for column in OPTIONAL:
        if column not in frame:
            frame[column] = "" if column in ("entity", "domain", "group", "source") else np.nan
    for column in ("entity", "domain", "group", "source"):
        filled = frame[column].notna()  # an empty column of a file is one of numbers
        frame[column] = frame[column].astype(object).where(filled, "").astype(str)
    for column in ("value", "lower", "upper", "scale", "weight", "tolerance"):
        frame[column] = _numbers(frame, column)
    both = zip(frame["geo_id"], frame["geo_level"], strict=True)
    frame["geo_id"] = [_geo_id(value, level) for value, level in both]
    _check_names(frame)
    _check_choices(frame)
    _check_values(frame)
    return frame[[*REQUIRED, *OPTIONAL]]


def targets_of(frame: "pd.DataFrame") -> list[Target]:
    """The rows of a checked table."""
    filled = frame.assign(lower=frame["lower"].fillna(-np.inf), upper=frame["upper"].fillna(np.inf))
    columns = [filled[field].tolist() for field in Target._fields]
    return [Target(*row) for row in zip(*columns, strict=True)]


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    if not path.exists():
        raise BadInputError(f"There is no file {path}. Give the path of a CSV or parquet file.")
    if path.suffix == ".parquet":
        require("pyarrow", "io")
        with refused_if_unreadable(path, "parquet table"):
            return pd.read_parquet(path)
    if path.name.endswith((".csv", ".csv.gz")):
        with refused_if_unreadable(path, "CSV file"):
            return pd.read_csv(path, dtype={"geo_id": str, "name": str}, keep_default_na=True)
    raise BadInputError(f"{path.name} is neither .csv, .csv.gz nor .parquet. Save it as one.")


def _check_columns(frame: "pd.DataFrame") -> None:
    for column in REQUIRED:
        if column not in frame:
            raise BadInputError(
                f"The target table has no column {column!r}. It needs {', '.join(REQUIRED)}; "
                "docs/targets.md describes each."
            )
    for column in frame.columns:
        if column not in (*REQUIRED, *OPTIONAL):
            raise unknown("target column", str(column), (*REQUIRED, *OPTIONAL))


def _numbers(frame: "pd.DataFrame", column: str) -> "pd.Series":
    import pandas as pd

    cells = frame[column].astype(object)
    plain = [cell if isinstance(cell, str) else real_of(cell) for cell in cells]
    read = pd.to_numeric(pd.Series(plain, cells.index, object), errors="coerce").astype(float)
    bad = np.flatnonzero(read.isna() & cells.notna())
    if bad.size:
        entry = shown(cells.iloc[bad[0]])
        raise BadInputError(f"{_where(frame, bad[0])} {column} {entry}. Give a number.")
    return read


def _geo_id(value: object, level: str) -> str:
    """The nation's id, or the digits of a state or district however they were stored."""
    text = str(value).strip().removesuffix(".0")
    return text.zfill(DIGITS.get(level, DIGITS["state"])) if text.isdigit() else text


def _check_names(frame: "pd.DataFrame") -> None:
    repeated = np.flatnonzero(frame["name"].duplicated())
    if repeated.size:
        raise BadInputError(
            f"{_where(frame, repeated[0])} a name that an earlier row has. Give each its own."
        )


def _check_choices(frame: "pd.DataFrame") -> None:
    for column, choices in (("statistic", _STATISTICS), ("geo_level", _LEVELS)):
        bad = np.flatnonzero(~frame[column].isin(choices))
        if bad.size:
            entry = frame[column].iloc[bad[0]]
            raise BadInputError(
                f"{_where(frame, bad[0])} {column} {entry!r}. Choose one of: {', '.join(choices)}."
            )
    known = country().geography
    for row, (level, geo_id) in enumerate(zip(frame["geo_level"], frame["geo_id"], strict=True)):
        if not _is_area(level, geo_id, known):
            wanted = _wanted(level, known)
            raise BadInputError(f"{_where(frame, row)} geo_id {geo_id!r}. Give {wanted}.")


def _is_area(level: str, geo_id: str, known: Geography) -> bool:
    if level == "nation":
        return geo_id == known.nation
    return is_number(geo_id, DIGITS[level]) and geo_id[: DIGITS["state"]] in known.states


def _wanted(level: str, known: Geography) -> str:
    """How to give an id of a level."""
    if level == "district":
        return "four digits, of its state and its own"
    return repr(known.nation) if level == "nation" else known.state_ids


def _check_values(frame: "pd.DataFrame") -> None:
    bad = np.flatnonzero(~np.isfinite(frame["value"]))
    if bad.size:
        entry = frame["value"].iloc[bad[0]]
        raise BadInputError(
            f"{_where(frame, bad[0])} the value {entry}. Give a finite value, or drop the row."
        )
    bounded = frame["lower"].notna() | frame["upper"].notna()
    bad = np.flatnonzero(bounded & (frame["domain"] == ""))
    if bad.size:
        raise BadInputError(
            f"{_where(frame, bad[0])} bounds and no domain. Name the variable they bound."
        )
    bad = np.flatnonzero(frame["lower"] >= frame["upper"])
    if bad.size:
        raise BadInputError(
            f"{_where(frame, bad[0])} an empty range of its domain. Give lower < upper."
        )


def _where(frame: "pd.DataFrame", row: int | np.integer) -> str:
    return f"Row {row} of the target table ({frame['name'].iloc[row]!r}) has"

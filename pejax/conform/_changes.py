"""What a new release changes: one run of a country's cases beside another."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core._arguments import as_path, shown
from ..core._validate import BadInputError
from ._conform import Conformity
from ._judge import PASSED

if TYPE_CHECKING:
    import pandas as pd

NEWLY_MISSED, NEWLY_PASSED = "newly missed", "newly passed"
OTHER, NEW, GONE = "missed otherwise", "new", "gone"
KINDS = (NEWLY_MISSED, OTHER, NEW, GONE, NEWLY_PASSED)
"""What can become of a case from one run to the next, in the order of a table of changes."""

_FIELDS = ("case", "name", "status", "reason")

Row = Mapping[str, Any]
Key = tuple[str, str, int]


def changes(before: str | Path | Conformity, after: str | Path | Conformity) -> pd.DataFrame:
    """The cases of which something else became than in an earlier run.

    A case is the same if its file and its name are: its place in the file moves when one is
    written before it.

    Args:
        before: the earlier run, or its `conform.json`.
        after: the later one.

    Returns:
        A row a case that changed: `case`, `name`, `change` (`newly missed`, `missed otherwise`,
        `new`, `gone`, `newly passed`, in this order), and what it was and is: `before`,
        `reason_before`, `after`, `reason_after`.

    Raises:
        BadInputError: a file that `pejax conform` has not written.

    >>> changes("out/2.67/conform.json", "out/2.68/conform.json")  # doctest: +SKIP
    """
    import pandas as pd

    old, new = _by_key(_rows(before, "before")), _by_key(_rows(after, "after"))
    found = [_change(old.get(key), new.get(key)) for key in dict.fromkeys([*new, *old])]
    columns = ("case", "name", "change", "before", "reason_before", "after", "reason_after")
    table = pd.DataFrame([row for row in found if row["change"]], columns=list(columns))
    order = table["change"].map(KINDS.index)
    return table.iloc[order.argsort(kind="stable")].reset_index(drop=True)


def _change(old: Row | None, new: Row | None) -> dict[str, Any]:
    """A case's row; without a `change` if nothing is another."""
    said: Any = new or old
    return {
        "case": said["case"],
        "name": said["name"],
        "change": _kind(old, new),
        "before": old["status"] if old else "",
        "reason_before": old["reason"] if old else "",
        "after": new["status"] if new else "",
        "reason_after": new["reason"] if new else "",
    }


def _kind(old: Row | None, new: Row | None) -> str:
    if old is None or new is None:
        return NEW if old is None else GONE
    passed, passes = old["status"] == PASSED, new["status"] == PASSED
    if passed != passes:
        return NEWLY_PASSED if passes else NEWLY_MISSED
    same = (old["status"], old["reason"]) == (new["status"], new["reason"])
    return "" if passes or same else OTHER


def _by_key(rows: list[Row]) -> dict[Key, Row]:
    """Rows by file and name, those of one name counted."""
    seen: Counter[tuple[str, str]] = Counter()
    found: dict[Key, Row] = {}
    for row in rows:
        named = (str(row["case"]).rpartition("[")[0] or str(row["case"]), str(row["name"]))
        found[(*named, seen[named])] = row
        seen[named] += 1
    return found


def _rows(given: str | Path | Conformity, said: str) -> list[Row]:
    """What became of each case."""
    if isinstance(given, Conformity):
        table = given.to_frame()[list(_FIELDS)]
        return [dict(zip(_FIELDS, row, strict=True)) for row in table.to_numpy().tolist()]
    path = as_path(given, said)
    refusal = f"{said}: {path} is no conform.json. Give the one that `pejax conform` has written."
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as problem:
        raise BadInputError(f"{said}: there is no file {path}.") from problem
    except (OSError, ValueError) as problem:
        raise BadInputError(f"{refusal} ({shown(str(problem))})") from problem
    rows = held.get("rows") if isinstance(held, Mapping) else None
    if not isinstance(rows, list) or not all(_is_row(row) for row in rows):
        raise BadInputError(refusal)
    return rows


def _is_row(row: Any) -> bool:
    return isinstance(row, Mapping) and all(name in row for name in _FIELDS)

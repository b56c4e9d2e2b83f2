"""The page of a country's own tests: how many pass, where the others lie, and why."""

from typing import TYPE_CHECKING

from ..core._arrays import check_table
from ._charts import ranked
from ._page import Section, facts, figure, page, paragraph, table

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20
_CASES = ("case", "status", "reason")
_FOLDERS = ("folder", "cases", "missed")
_CHANGES = ("case", "change", "before", "after", "reason_after")


def conformity_page(
    title: str,
    cases: "pd.DataFrame",
    folders: "pd.DataFrame",
    rows: int = 500,
    changes: "pd.DataFrame | None" = None,
) -> str:
    """What became of a country's cases, as a page.

    Args:
        title: the country and its version.
        cases: one row a case, with its `status` and `reason`, and what the `source` says where it
            was asked.
        folders: one row a folder, with its `cases` and those that are `missed`.
        rows: the most missed cases to list, and the most that changed.
        changes: those of which something else became than in an earlier run, as
            `conform.changes` has them.

    Raises:
        BadInputError: a table without one of these columns.

    >>> import pandas as pd
    >>> cases = pd.DataFrame({"case": ["a.yaml[0]"], "status": ["passed"], "reason": [""]})
    >>> folders = pd.DataFrame({"folder": ["."], "cases": [1], "missed": [0]})
    >>> "1 of 1" in conformity_page("Toyland", cases, folders)
    True
    """
    check_table(cases, "cases", _CASES)
    check_table(folders, "folders", _FOLDERS)
    passed = int((cases["status"] == "passed").sum())
    numbers = {name: f"{count:,}" for name, count in cases["status"].value_counts().items()}
    if "source" in cases:
        theirs = cases["source"] == "passed"
        both = int((theirs & (cases["status"] == "passed")).sum())
        numbers["of those that the source passes"] = f"{both:,} of {int(theirs.sum()):,}"
    lead = f"{passed:,} of {len(cases):,} cases pass."
    sections = [Section("Cases", [facts({str(k): v for k, v in numbers.items()})])]
    if changes is not None:
        check_table(changes, "changes", _CHANGES)
        sections.append(Section("Since the run before", _changed(changes, rows)))
    sections.append(Section("By folder", _by_folder(folders)))
    sections.append(Section("Cases that are missed", _missed(cases, rows)))
    return page(title, lead, sections, figures=False)


def _changed(changes: "pd.DataFrame", rows: int) -> list[str]:
    if not len(changes):
        return [paragraph("Every case is what it was.")]
    counts = {str(k): f"{n:,}" for k, n in changes["change"].value_counts().items()}
    return [facts(counts), table(changes[list(_CHANGES)], rows=rows)]


def _by_folder(folders: "pd.DataFrame") -> list[str]:
    most = folders[folders["missed"] > 0].head(_SHOWN)
    pieces = [table(folders, formats={"cases": ",d", "missed": ",d"})]
    if len(most):
        chart = ranked(most["folder"].tolist(), most["missed"].to_numpy(float), "cases missed")
        pieces.insert(0, figure(chart, "The folders with most cases that are missed."))
    return pieces


def _missed(cases: "pd.DataFrame", rows: int) -> list[str]:
    missed = cases[cases["status"] != "passed"]
    if not len(missed):
        return [paragraph("None.")]
    shown = [name for name in (*_CASES, "source", "source_reason") if name in cases]
    return [table(missed[shown], rows=rows)]

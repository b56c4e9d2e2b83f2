"""Pieces of a page on a reform: who gains, who loses, and what the parameters are worth."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core._arguments import as_text, at_least
from ..core._arrays import check_table
from ._charts import bars, ranked, shares
from ._page import facts, figure, paragraph, table
from ._series import plain

if TYPE_CHECKING:
    import pandas as pd

_SHARES = {
    "gain": "share_gaining",
    "no change": "share_unchanged",
    "lose": "share_losing",
}
_TEXTS = ("path", "status", "discontinuities")
_COLUMNS = (*_TEXTS, "value", "dollars_per_percent")
_NAMES = 3  # of the variables that jump, at most


def change_pieces(
    by_decile: "pd.DataFrame",
    ranked_by: str = "income",
    rows: str = "households",
    change: str = "Mean change, dollars",
) -> list[str]:
    """Who gains and who loses, and the mean change, by tenth.

    Args:
        by_decile: of `change_by_decile`.
        ranked_by: what the tenths are of.
        rows: what gains and loses.
        change: what the mean change measures, and its unit.

    >>> from pejax.report import change_by_decile
    >>> len(change_pieces(change_by_decile([5.0, 0.0] * 10, range(20), [1.0] * 20)))
    2
    """
    for name, text in {"ranked_by": ranked_by, "rows": rows, "change": change}.items():
        as_text(text, name)
    check_table(by_decile, "by_decile", ("decile", "mean_change", *_SHARES.values()))
    axis = f"Tenth of {rows}, ranked by {ranked_by}"
    named = {name: by_decile[column] for name, column in _SHARES.items()}
    means = {"change": by_decile["mean_change"]}
    return [
        figure(
            shares(by_decile["decile"], named, axis, f"Share of {rows}"),
            "Who gains and who loses by more than half a cent.",
        ),
        figure(
            bars(by_decile["decile"], means, axis, change, y_format="$"),
            "The mean change, gains and losses together.",
        ),
    ]


def parameter_pieces(sensitivity: "pd.DataFrame", of: str, rows: int = 15) -> list[str]:
    """The parameters by what one percent of each is worth, and those at a cliff.

    Args:
        sensitivity: of `pejax.engine.sensitivity`, the largest first.
        of: what the numbers move, such as "income tax".
        rows: of the figure, at most.

    >>> import pandas as pd
    >>> columns = ["path", "value", "dollars_per_percent", "status", "discontinuities"]
    >>> row = ("tax.rate", 0.2, 3e6, "active", "")
    >>> len(parameter_pieces(pd.DataFrame([row], columns=columns), "income tax"))
    3
    """
    as_text(of, "of")
    check_table(sensitivity, "sensitivity", _COLUMNS)
    for name in _TEXTS:
        for row, held in enumerate(sensitivity[name]):
            as_text(held, f"{name}[{row}]")
    worth = plain(sensitivity["dollars_per_percent"], "dollars_per_percent")
    sensitivity = sensitivity.assign(dollars_per_percent=worth)
    top, status = sensitivity.head(at_least(1, "rows")(rows)), sensitivity["status"].value_counts()
    cliffs = sensitivity[sensitivity["status"] == "cliff"]
    shown = cliffs[["path", "value"]].assign(
        discontinuities=[_few(names) for names in cliffs["discontinuities"]]
    )
    return [
        facts({f"parameters: {name}": f"{count:,}" for name, count in status.items()}),
        figure(
            ranked(
                _without_common([*top["path"]]),
                top["dollars_per_percent"] / 1e6,
                "Million dollars a year for one percent more of the parameter",
            ),
            f"The {len(top)} parameters of current law that move {of} most, from one reverse pass"
            " over all of them.",
        ),
        paragraph(
            "A derivative of zero has two meanings. `cliff`: some household's result jumps"
            " when the number takes a small finite step, such as an age limit or a rounding."
            " `unreached`: no household's result changes. `unused`: no path leads from the"
            f" number to {of}."
        ),
        *([_cliffs(shown)] if len(shown) else []),
    ]


def _without_common(paths: Sequence[str]) -> list[str]:
    """Paths without the beginning that all of them share.

    >>> _without_common(["gov.irs.rate", "gov.irs.ctc.amount"])
    ['rate', 'ctc.amount']
    """
    parts = [path.split(".") for path in paths]
    same = 0
    while parts and all(len(own) > same + 1 and own[same] == parts[0][same] for own in parts):
        same += 1
    return [".".join(own[same:]) for own in parts]


def _cliffs(shown: "pd.DataFrame") -> str:
    caption = "Parameters at a cliff, and variables that jump."
    return table(shown, caption, {"value": ",.10g"}, rows=10)


def _few(names: str) -> str:
    """The first of many names."""
    every = names.split(", ")
    more = len(every) - _NAMES
    return names if more <= 0 else ", ".join(every[:_NAMES]) + f" and {more} more"

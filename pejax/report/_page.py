"""A page of HTML in one file: text, figures, tables; nothing is fetched when it is read."""

import html
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..core._arguments import as_instance, as_named, as_switch, as_text, at_least, shown
from ..core._arrays import check_table, items_of
from ..core._validate import BadInputError, require
from ._drawing import Chart
from ._theme import FONT

if TYPE_CHECKING:
    import pandas as pd

_PLOTLY = 'class="plotly-graph-div"'
_STYLE = f"""
:root {{ color-scheme: light; }}
body {{ margin: 0; background: #fff; color: #24292f; font: 16px/1.55 {FONT}; }}
main {{ max-width: 860px; margin: 0 auto; padding: 40px 20px 80px; }}
h1 {{ font-size: 30px; line-height: 1.2; margin: 0 0 8px; }}
h2 {{ font-size: 21px; margin: 56px 0 8px; padding-top: 16px; border-top: 1px solid #dfe4e9; }}
p {{ margin: 8px 0 12px; }}
.lead {{ color: #57606a; }}
figure {{ margin: 20px 0 28px; }}
figure .scroll {{ margin: 0; }}
svg {{ display: block; width: 100%; min-width: 560px; height: auto;
  font-variant-numeric: tabular-nums; }}
figcaption {{ font-size: 14px; color: #57606a; margin-top: 4px; }}
.facts {{ display: flex; flex-wrap: wrap; gap: 12px 36px; margin: 20px 0 8px; }}
.facts div {{ min-width: 120px; }}
.facts b {{ display: block; font-size: 23px; font-weight: 600;
  font-variant-numeric: tabular-nums; }}
.facts span {{ font-size: 13px; color: #57606a; }}
.scroll {{ overflow-x: auto; margin: 16px 0 24px; }}
table {{ border-collapse: collapse; font-size: 13.5px; width: 100%; }}
caption {{ text-align: left; font-size: 14px; color: #57606a; padding-bottom: 6px; }}
th {{ text-align: left; font-weight: 600; border-bottom: 1px solid #9aa3ad; }}
th, td {{ padding: 4px 14px 4px 0; vertical-align: top; overflow-wrap: break-word; }}
td {{ border-bottom: 1px solid #eef1f4; }}
.n {{ text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal;
     white-space: nowrap; }}
code {{ font-size: 90%; background: #f3f5f7; padding: 1px 4px; border-radius: 3px; }}
"""


class Section(NamedTuple):
    """A heading and the pieces under it, each already HTML (see `paragraph`, `figure`, ...).

    >>> Section("Costs", [paragraph("None.")]).pieces
    ['<p>None.</p>']
    """

    title: str
    pieces: Sequence[str]


def page(title: str, lead: str, sections: Sequence[Section], *, figures: bool = True) -> str:
    """The whole document, which fetches nothing.

    Args:
        title: its heading.
        lead: the sentence under it.
        sections: what follows.
        figures: whether the script goes along that a plotly figure of your own needs, if there is
            one. The charts of this room need none.

    >>> page("A page", "Short.", [Section("One", [paragraph("Words.")])]).count("<section>")
    1
    """
    for name, text in {"title": title, "lead": lead}.items():
        as_text(text, name)
    as_switch("figures")(figures)
    fix = "Give a list of Section(title, pieces)."
    held = items_of(sections, f"sections is {shown(sections)}. {fix}")
    checked = [
        _section(as_instance(s, Section, f"sections[{k}]", fix), k) for k, s in enumerate(held)
    ]
    body = "\n".join(
        f"<section><h2>{html.escape(section.title)}</h2>\n"
        + "\n".join(section.pieces)
        + "</section>"
        for section in checked
    )
    script = ""
    if figures and _PLOTLY in body:
        script = f"<script>{require('plotly.offline', 'viz').get_plotlyjs()}</script>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style>{script}</head>\n"
        f'<body><main><h1>{html.escape(title)}</h1><p class="lead">{html.escape(lead)}</p>\n'
        f"{body}\n</main></body></html>\n"
    )


def _section(given: Section, place: int) -> Section:
    """A heading, and pieces of HTML."""
    refusal = f"the pieces of sections[{place}] is {shown(given.pieces)}. Give a list of texts."
    held = items_of(given.pieces, refusal)
    pieces = [as_text(piece, f"piece {k} of sections[{place}]") for k, piece in enumerate(held)]
    return Section(as_text(given.title, f"the title of sections[{place}]"), pieces)


def paragraph(text: str) -> str:
    """Plain text; words between backticks are set as code.

    Raises:
        BadInputError: a backtick is not closed.

    >>> paragraph("See `tables/`.")
    '<p>See <code>tables/</code>.</p>'
    """
    parts = html.escape(as_text(text, "text")).split("`")
    if len(parts) % 2 == 0:
        raise BadInputError(f"A backtick is not closed in {text!r}. Close it, or leave it out.")
    marked = (f"<code>{p}</code>" if k % 2 else p for k, p in enumerate(parts))
    return f"<p>{''.join(marked)}</p>"


def facts(values: Mapping[str, str]) -> str:
    """A few large numbers, each with what it is.

    >>> facts({"persons": "1,234"})
    '<div class="facts"><div><b>1,234</b><span>persons</span></div></div>'
    """
    given = {n: as_text(v, n) for n, v in as_named(values, "values", "texts").items()}
    cells = (
        f"<div><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>"
        for name, value in given.items()
    )
    return f'<div class="facts">{"".join(cells)}</div>'


def figure(chart: object, caption: str) -> str:
    """A chart with the sentence that says what it shows.

    Args:
        chart: one of this room's, or a plotly figure of your own.
        caption: the sentence.

    Raises:
        BadInputError: it is neither.
        MissingExtraError: a plotly figure, and plotly is not installed.

    >>> from pejax.report import bars
    >>> figure(bars(["a"], {"cost": [3.0]}, "group", "dollars"), "What it costs.")[:8]
    '<figure>'
    """
    as_text(caption, "caption")
    drawn = chart.to_html(caption) if isinstance(chart, Chart) else _of_plotly(chart)
    return (
        f'<figure><div class="scroll">{drawn}</div>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _of_plotly(chart: object) -> str:
    if not hasattr(chart, "to_plotly_json") or isinstance(chart, type):
        raise BadInputError(
            f"chart is {shown(chart)}, no figure. Give a chart of pejax.report or of plotly."
        )
    return require("plotly.io", "viz").to_html(
        chart,
        full_html=False,
        include_plotlyjs=False,
        config={"displayModeBar": False, "responsive": True},
    )


def table(
    frame: "pd.DataFrame",
    caption: str = "",
    formats: Mapping[str, str] | None = None,
    rows: int | None = None,
) -> str:
    """A table; `formats` has a format specification a column, e.g. `{"cost": ",.1f"}`.

    With `rows`, the first so many, and a line that tells how many there are. What is missing (None,
    NaN, pandas' NA and NaT) is an empty cell.

    Raises:
        BadInputError: no DataFrame; two columns of a name; arguments of another kind; a value that
            its format does not fit.

    >>> import pandas as pd
    >>> shown = table(pd.DataFrame({"cost": [1234.5, 0.2]}), formats={"cost": ",.1f"}, rows=1)
    >>> "1,234.5" in shown, "The first 1 of 2 rows." in shown
    (True, True)
    """
    check_table(frame, "frame")
    as_text(caption, "caption")
    formats = {} if formats is None else formats
    as_instance(formats, Mapping, "formats", 'Give a format a column: {"cost": ",.1f"}.')
    first = frame if rows is None else frame.head(at_least(0, "rows")(rows))
    numeric = {name: frame[name].dtype.kind in "fiu" for name in frame.columns}
    classes = {name: ' class="n"' if numeric[name] else "" for name in frame.columns}
    head = "".join(f"<th{classes[n]}>{html.escape(_title(n))}</th>" for n in frame.columns)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{classes[name]}>{_breakable(_cell(record[name], name, row, formats))}</td>"
            for name in frame.columns
        )
        + "</tr>"
        for row, record in enumerate(first.to_dict("records"))
    )
    if len(first) < len(frame):
        caption = f"{caption} The first {len(first)} of {len(frame):,} rows.".strip()
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table>{title}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _title(name: object) -> str:
    return str(name).replace("_", " ")


def _breakable(text: str) -> str:
    """Escaped text that may break after the dots and underscores of long names."""
    return re.sub(r"(?<=[a-z\]])([._])(?=[a-zA-Z])", r"\1<wbr>", html.escape(text))


def _cell(value: object, column: object, row: int, formats: Mapping[str, str]) -> str:
    if _is_missing(value):
        return ""
    form = formats.get(column) if isinstance(column, str) else None
    if form is not None:
        try:
            return format(value, form)
        except (TypeError, ValueError) as problem:
            raise BadInputError(
                f"column {column!r}, row {row}: {shown(value)} has no format {form!r}. Give another"
                " format, or none."
            ) from problem
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:,.4g}"
    return str(value)


def _is_missing(value: object) -> bool:
    """None, NaN, and what pandas has for them."""
    named = value is None or type(value).__name__ in ("NAType", "NaTType")
    return named or (isinstance(value, float) and math.isnan(value))

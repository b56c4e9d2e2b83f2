"""The figures of a report, each from arrays by name. Units belong into the axis titles.

Labels of an axis are plain numbers unless its format says `$` or `%`; a longer one, such as `.0%`,
means the same. A number that is missing or infinite has no mark.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..core._arguments import as_named, as_number, as_switch, shown
from ..core._arrays import items_of
from ..core._validate import BadInputError
from ._axes import Bands, linear, logarithmic
from ._drawing import Chart, Frame, frame
from ._marks import box, dot, line, rule, words
from ._numbers import alike, written
from ._series import Series, coloured, column, columns, form_of, texts
from ._theme import ACCENT, CONTRAST, GREY, INK, MUTED, PALE

_FILLED = 0.74  # of the room of a label that its bars take
_WIDEST = 90  # pixels of all bars of a label
_POINTS = 24  # of a line that tell their numbers when pointed at


def bars(
    labels: Iterable[object],
    series: Series,
    x_title: str,
    y_title: str,
    *,
    y_format: str | None = None,
) -> Chart:
    """A group of bars a label.

    >>> bars([1, 2], {"credit": [500.0, 900.0]}, "tenth", "dollars", y_format="$")
    Chart(bars: dollars by tenth)
    """
    names, held = columns(labels, series)
    form = form_of(y_format)
    axis = linear(y_title, list(held.values()), form, zero=True)
    colours = coloured(held)
    place = frame(Bands(x_title, names), axis, colours if len(held) > 1 else {})
    wide, start = _widths(place, len(names), len(held))
    zero = float(place.up(0.0))
    marks = []
    for turn, (name, values) in enumerate(held.items()):
        for row in np.flatnonzero(np.isfinite(values)):
            end = float(place.up(values[row]))
            x = float(place.across(row)) + start + turn * wide
            told = _told(names[row], name if len(held) > 1 else "", written(values[row], form))
            tall = abs(end - zero)
            marks.append(box(x, min(zero, end), wide * 0.96, tall, colours[name], told))
    return place.chart(marks, f"bars: {y_title} by {x_title}")


def shares(labels: Iterable[object], series: Series, x_title: str, y_title: str) -> Chart:
    """Stacked shares of a whole: gains, no change, losses, in this order.

    Raises:
        BadInputError: a share is negative.

    >>> shares([1, 2], {"gain": [0.4, 0.9], "lose": [0.6, 0.1]}, "tenth", "share of people")
    Chart(stacked bars: share of people by tenth)
    """
    names, held = columns(labels, series, negative=False)
    colours = coloured(held, (ACCENT, PALE, CONTRAST))
    known = [np.where(np.isfinite(values), values, 0.0) for values in held.values()]
    tops = np.cumsum([np.zeros(len(names)), *known], axis=0)
    highest = max(1.0, float(tops.max(initial=0.0)))
    axis = linear(y_title, [1.0 if highest < 1 + 1e-6 else highest], "%", zero=True)
    place = frame(Bands(x_title, names), axis, colours)
    wide, start = _widths(place, len(names), 1)
    marks = []
    for turn, name in enumerate(held):
        for row in np.flatnonzero(known[turn] > 0):
            low, high = (float(place.up(tops[turn + k, row])) for k in (0, 1))
            told = _told(names[row], name, written(known[turn][row], "%"))
            x = float(place.across(row)) + start
            marks.append(box(x, high, wide, low - high, colours[name], told))
    return place.chart(marks, f"stacked bars: {y_title} by {x_title}")


def ranked(
    labels: Iterable[object], values: ArrayLike, x_title: str, *, x_format: str | None = None
) -> Chart:
    """Horizontal bars, the first on top; negative ones in the contrast colour.

    >>> ranked(["rate", "threshold"], [3.5, -1.0], "billion dollars")
    Chart(ranked bars: billion dollars)
    """
    names = texts(labels)
    numbers = column(values, "values", len(names))
    form = form_of(x_format)
    rows = Bands("", names)
    pad = (58.0 * bool((numbers < 0).any()), 58.0 * bool((numbers > 0).any()))
    place = frame(linear(x_title, numbers, form, zero=True), rows, row=24, pad=pad)
    zero, marks, told = float(place.across(0.0)), [], alike(numbers, form)
    for row in np.flatnonzero(np.isfinite(numbers)):
        value, shown = float(numbers[row]), told[row]
        end, y = float(place.across(value)), float(place.up(row))
        colour = CONTRAST if value < 0 else ACCENT
        title = _told(names[row], "", written(value, form))
        marks.append(box(min(zero, end), y - 8.5, abs(end - zero), 17, colour, title))
        beside, anchor = (-6, "end") if value < 0 else (6, "start")
        marks.append(words(shown, end + beside, y + 4, anchor, colour=MUTED))
    return place.chart(marks, f"ranked bars: {x_title}")


def dots(
    labels: Iterable[object],
    series: Series,
    x_title: str,
    *,
    reference: float | None = None,
    x_format: str | None = None,
) -> Chart:
    """A row a label with a dot a series, joined by a thin line: before and after.

    >>> dots(["rent", "wage"], {"before": [0.8, 1.3], "after": [1, 1]}, "ratio", reference=1)
    Chart(dots: ratio, of before, after)
    """
    names, held = columns(labels, series)
    form = form_of(x_format)
    at_all = None if reference is None else as_number("reference")(reference)
    given = [] if at_all is None else [np.array([at_all])]
    colours = coloured(held, (GREY, ACCENT, CONTRAST) if len(held) > 1 else ())
    rows = Bands("", names)
    place = frame(
        linear(x_title, [*held.values(), *given], form), rows, colours, row=22, pad=(8, 8)
    )
    marks = []
    for row in range(len(names)):
        own = np.array([values[row] for values in held.values()])
        own = own[np.isfinite(own)]
        if len(own) > 1:
            y = float(place.up(row))
            low, high = (float(place.across(end)) for end in (own.min(), own.max()))
            marks.append(rule(low, y, high, y, PALE, 3))
    if at_all is not None and names:
        x = float(place.across(at_all))
        marks.append(rule(x, place.top, x, place.bottom, INK))
    for name, values in held.items():
        for row in np.flatnonzero(np.isfinite(values)):
            told = _told(names[row], name, written(values[row], form))
            at = float(place.across(values[row])), float(place.up(row))
            marks.append(dot(*at, 5, colours[name], told))
    return place.chart(marks, f"dots: {x_title}, of {', '.join(held)}")


def curves(
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    x_title: str,
    y_title: str,
    *,
    log_x: bool = False,
    steps: bool = False,
    x_format: str | None = None,
    diagonal: bool = False,
    colours: Sequence[str] = (),
) -> Chart:
    """A line a series of shares, each with its own points.

    Args:
        series: the points of each line by its name.
        x_title: what lies across.
        y_title: what the shares are of.
        log_x: whether equal ratios of x are equally far apart; points at or below 0 have no place.
        steps: whether a share holds until the next point.
        x_format: `$`, `%` or nothing.
        diagonal: whether the line of equality is drawn too.
        colours: of the first series; the others have those of all charts.

    >>> curves({"now": ([0, 50_000], [0.2, 0.7])}, "income", "share at or below", x_format="$")
    Chart(lines: share at or below by income)
    """
    for name, given in {"log_x": log_x, "steps": steps, "diagonal": diagonal}.items():
        as_switch(name)(given)
    lines = as_named(series, "series", "points, (x, y),")
    held = {name: _points(name, given) for name, given in lines.items()}
    across, form = [x for x, _ in held.values()], form_of(x_format)
    x_axis = (
        logarithmic(x_title, across, form) if log_x else linear(x_title, across, form, tight=True)
    )
    y_axis = linear(y_title, [y for _, y in held.values()], "%", zero=True)
    shown = coloured(held, colours)
    place = frame(x_axis, y_axis, shown if len(held) > 1 else {}, pad=(4, 4))
    marks = []
    if diagonal:
        ends = np.array([max(x_axis.low, y_axis.low), min(x_axis.high, y_axis.high)])
        marks.append(line(place.across(ends), place.up(ends), GREY, dashed=True))
    for name, (x, y) in reversed(held.items()):  # the first on top
        known = np.where(x > 0, x, np.nan) if log_x else x
        at, up = place.across(known), place.up(y)
        drawn = (np.repeat(at, 2)[1:], np.repeat(up, 2)[:-1]) if steps else (at, up)
        marks.append(line(*drawn, shown[name], name))
        marks += _told_points(place, name, known, y, form)
    return place.chart(marks, f"lines: {y_title} by {x_title}")


def histogram(
    edges: ArrayLike,
    series: Series,
    x_title: str,
    y_title: str,
    *,
    x_format: str | None = None,
    colours: Sequence[str] = (),
) -> Chart:
    """Outlines of shares by bin, the bins the same for all series, on a logarithmic axis.

    >>> histogram([1, 10, 100], {"weights": [0.7, 0.3]}, "weight", "share of records")
    Chart(outlines: share of records by weight)
    """
    borders = column(edges, "edges")
    if len(borders) < 2 or not (np.diff(borders) > 0).all() or borders[0] <= 0:
        raise BadInputError("edges do not rise from above 0. Give two or more that do.")
    bins = [f"bin {k}" for k in range(len(borders) - 1)]
    _, held = columns(bins, series)
    form = form_of(x_format)
    y_axis = linear(y_title, list(held.values()), "%", zero=True)
    shown = coloured(held, colours)
    legend = shown if len(held) > 1 else {}
    place = frame(logarithmic(x_title, borders, form), y_axis, legend, pad=(4, 4))
    marks = []
    for name, heights in reversed(held.items()):
        x, y = np.repeat(borders, 2), np.concatenate([[0.0], np.repeat(heights, 2), [0.0]])
        marks.append(line(place.across(x), place.up(y), shown[name], name))
        marks += _told_points(place, name, np.sqrt(borders[:-1] * borders[1:]), heights, form)
    return place.chart(marks, f"outlines: {y_title} by {x_title}")


def scatter(
    x: ArrayLike,
    y: ArrayLike,
    names: Iterable[object],
    x_title: str,
    y_title: str,
    *,
    line: bool = False,
    x_format: str | None = None,
    y_format: str | None = None,
) -> Chart:
    """A dot a record, named when pointed at; with `line`, the diagonal of equality.

    Records that would cover each other are one dot, which says how many it stands for.

    >>> scatter([1, 2], [2.0, 4.0], ["a", "b"], "reform", "billion dollars", line=True)
    Chart(dots: billion dollars by reform)
    """
    told, diagonal = texts(names, "names"), as_switch("line")(line)
    across, up = column(x, "x", len(told)), column(y, "y", len(told))
    forms = form_of(x_format), form_of(y_format)
    x_axis, y_axis = linear(x_title, across, forms[0]), linear(y_title, up, forms[1])
    place = frame(x_axis, y_axis, pad=(6, 6))
    marks = []
    low, high = max(x_axis.low, y_axis.low), min(x_axis.high, y_axis.high)
    if diagonal and low < high:
        marks.append(rule(*_at(place, low), *_at(place, high), GREY))
    seen: dict[tuple[float, float], list[int]] = {}
    for row in np.flatnonzero(np.isfinite(across) & np.isfinite(up)):
        at = round(float(place.across(across[row]))), round(float(place.up(up[row])))
        seen.setdefault(at, []).append(int(row))
    for rows in seen.values():
        first = rows[0]
        words_of = written(across[first], forms[0]), written(up[first], forms[1])
        more = f" and {len(rows) - 1:,} more here" if len(rows) > 1 else ""
        title = f"{told[first]}{more}: {words_of[0]}, {words_of[1]}"
        where = float(place.across(across[first])), float(place.up(up[first]))
        marks.append(dot(*where, 4, ACCENT, title, ' fill-opacity="0.75"'))
    return place.chart(marks, f"dots: {y_title} by {x_title}")


def _points(
    name: str, given: object
) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, " point"]]:
    """Where a line goes."""
    refusal = f"{name} is {shown(given)}. Give a pair of lists, the x and the y of its points."
    table = given if isinstance(given, np.ndarray) and given.ndim == 2 else None
    pair: list[object] = items_of(given, refusal) if table is None else [*table]
    if len(pair) != 2:
        raise BadInputError(refusal)
    x = column(pair[0], f"x of {name}")
    return x, column(pair[1], f"y of {name}", len(x))


def _at(place: Frame, value: float) -> tuple[float, float]:
    return float(place.across(value)), float(place.up(value))


def _widths(place: Frame, count: int, series: int) -> tuple[float, float]:
    """Pixels of a bar, and from the middle of its label to the first one's left side."""
    room = (place.right - place.left) / max(count, 1)
    whole = min(room * _FILLED, _WIDEST)
    return whole / max(series, 1), -whole / 2


def _told(label: str, name: str, number: str) -> str:
    return f"{', '.join(filter(None, (label, name)))}: {number}"


def _told_points(
    place: Frame,
    name: str,
    x: Float[np.ndarray, " point"],
    y: Float[np.ndarray, " point"],
    form: str,
) -> list[str]:
    """Spots on a line that nobody sees and that tell their numbers when pointed at."""
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if not len(known):
        return []
    some = known[np.unique(np.linspace(0, len(known) - 1, _POINTS).astype(int))]
    return [
        dot(
            float(place.across(x[k])),
            float(place.up(y[k])),
            6,
            "transparent",
            f"{name}, {written(float(x[k]), form)}: {written(float(y[k]), '%')}",
        )
        for k in some
    ]

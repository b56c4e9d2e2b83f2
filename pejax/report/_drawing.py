"""A chart: marks in a frame of two axes, with titles and a legend, as one piece of SVG."""

import dataclasses
import html
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from ..core._arguments import as_instance, as_number, as_text, shown
from ..core._arrays import items_of
from ..core._one_line import one_line
from ..core._validate import BadInputError
from ._axes import Axis, Bands
from ._marks import box, rule, width, words, wrap
from ._theme import FAINT, FONT, GREY, INK, MUTED, SIZE

WIDTH = 820
"""Of every chart, in pixels; a page shrinks it to what there is."""
_PLOT = 250  # pixels of the inner height, unless rows of labels ask for other
_MARGIN = 14
_LINE = 20  # pixels from one line of words to the next
_HIGH = 16  # the same within a label
_SHORT = 46  # pixels of labels so short that a few of many are enough
_LONGEST = 310  # pixels that the label of a row has at most
_WRAPPED = 3  # lines that the label of a bar has at most
_SLANTED = 100  # pixels under a chart for labels that do not fit side by side
_NARROW = 22  # pixels of a bar's room from which on labels slant; below they stand upright


@dataclasses.dataclass(frozen=True, repr=False)
class Chart:
    """A finished drawing in SVG: no script, nothing to fetch.

    A notebook shows it; `figure` puts it on a page; `to_svg` is a file of its own.

    Attributes:
        height: in pixels, of a drawing that is 820 wide.
        marks: what is drawn, as SVG.
        about: what is drawn, in words, for whoever does not see it.

    >>> from pejax.report import bars
    >>> chart = bars(["a", "b"], {"cost": [3.0, -1.0]}, "group", "dollars")
    >>> chart
    Chart(bars: dollars by group)
    >>> chart.to_svg("What it costs").startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    True
    """

    height: float
    marks: str
    about: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "height", as_number("height")(self.height))
        as_text(self.marks, "marks")
        as_text(self.about, "about")

    def to_html(self, caption: str = "") -> str:
        """The drawing as an element of a page."""
        return self._element(caption, "")

    def to_svg(self, caption: str = "") -> str:
        """The drawing as a file, dark on white wherever it is shown."""
        head = f' width="{WIDTH}" height="{self.height:.0f}" font-family="{FONT}"'
        ground = box(0, 0, WIDTH, self.height, "white")
        return self._element(caption, head, ground, ' xmlns="http://www.w3.org/2000/svg"')

    def _element(self, caption: str, more: str, ground: str = "", space: str = "") -> str:
        as_text(caption, "caption")
        told = html.escape(" ".join(part for part in (caption, self.about) if part))
        return (
            f'<svg{space} viewBox="0 0 {WIDTH} {self.height:.0f}" role="img"'
            f' aria-label="{told}" font-size="{SIZE}" fill="{INK}"{more}>'
            f"{ground}{self.marks}</svg>"
        )

    def _repr_html_(self) -> str:
        return self.to_svg()

    @one_line
    def __repr__(self) -> str:
        return self.about


def below(parts: Sequence[tuple[Chart, str]]) -> Chart:
    """Charts under each other, each with its caption.

    >>> from pejax.report import bars
    >>> one = bars(["a"], {"cost": [3.0]}, "group", "dollars")
    >>> below([(one, "Now."), (one, "Then.")]).height > 2 * one.height
    True
    """
    marks, top = [], 0.0
    refusal = "parts is {}. Give a list of charts, each with its caption: [(chart, 'Now.')]."
    held = items_of(parts, refusal.format(shown(parts)))
    pairs = [_part(pair, f"parts[{k}]") for k, pair in enumerate(held)]
    if not pairs:
        raise BadInputError("parts is empty. Give one or more charts, each with its caption.")
    for chart, caption in pairs:
        marks.append(f'<g transform="translate(0 {top:.0f})">{chart.marks}</g>')
        top += chart.height + _LINE
        marks.append(words(caption, _MARGIN, top, colour=MUTED))
        top += 2 * _LINE
    return Chart(top - _LINE, "".join(marks), " ".join(chart.about for chart, _ in pairs))


def _part(pair: object, name: str) -> tuple[Chart, str]:
    """A chart and its caption."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise BadInputError(f"{name} is {shown(pair)}. Give a chart and its caption.")
    chart = as_instance(pair[0], Chart, name, "Give a chart of pejax.report.")
    return chart, as_text(pair[1], f"the caption of {name}")


@dataclasses.dataclass(frozen=True)
class Frame:
    """Where the marks of a chart go.

    Attributes:
        x: what lies across; of bars, bands.
        y: what lies upwards; of rows, bands, which run downwards.
        left: pixels left of the marks, `right`, `top` and `bottom` likewise their ends.
        legend: colours by name.
        pad: pixels inside of the frame that stay free of marks, left and right.
    """

    x: Axis | Bands
    y: Axis | Bands
    left: float
    right: float
    top: float
    bottom: float
    legend: Mapping[str, str]
    pad: tuple[float, float] = (0.0, 0.0)

    def across(self, values: ArrayLike) -> Float[np.ndarray, "..."]:
        """Pixels from the left."""
        left, right = self.left + self.pad[0], self.right - self.pad[1]
        return np.asarray(left + self.x.share(values) * (right - left))

    def up(self, values: ArrayLike) -> Float[np.ndarray, "..."]:
        """Pixels from the top."""
        share = self.y.share(values)
        down = share if isinstance(self.y, Bands) else 1 - share
        return np.asarray(self.top + down * (self.bottom - self.top))

    def chart(self, marks: Iterable[str], about: str) -> Chart:
        """The marks before their grid, with titles and legend."""
        drawn = [mark for mark in marks if mark]
        height = self.bottom + self._room_below()
        titles = [*self._titles(height), *self._legend()]
        if drawn:
            parts = [*titles, *self._grid_across(), *self._grid_up(), *drawn, *self._zero()]
        else:
            middle = (self.left + self.right) / 2, (self.top + self.bottom) / 2
            parts = [*titles, *self._zero(), words("no data", *middle, "middle", colour=MUTED)]
        return Chart(height, "".join(parts), about)

    def _room_below(self) -> float:
        """Pixels for the labels of the axis across, and its title."""
        lines = len(self._lines_below()) if isinstance(self.x, Bands) else 1
        labels = _SLANTED if lines == 0 else _HIGH * lines + 4
        return labels + (_LINE if self.x.title else 0) + 8

    def _lines_below(self) -> list[list[str]]:
        """The labels of bars, line by line; none if they have to be turned.

        Short labels stand side by side, with some left out where there are too many.
        """
        names, room = self.x.names, self._band() - 8
        if max(map(width, names), default=0.0) < _SHORT:
            return [[*names]]
        wrapped = [wrap(name, room, _WRAPPED) for name in names]
        if any(width(line) > room for lines in wrapped for line in lines):
            return []
        most = max(len(lines) for lines in wrapped)
        return [[lines[k] if k < len(lines) else "" for lines in wrapped] for k in range(most)]

    def _band(self) -> float:
        return (self.right - self.left) / max(len(self.x.names), 1)

    def _titles(self, height: float) -> Iterable[str]:
        if self.y.title:
            yield words(self.y.title, _MARGIN, 16, colour=MUTED, room=WIDTH - 2 * _MARGIN)
        if self.x.title:
            middle = (self.left + self.right) / 2
            room = 2 * min(middle, WIDTH - middle)
            yield words(self.x.title, middle, height - 8, "middle", colour=MUTED, room=room)

    def _legend(self) -> Iterable[str]:
        x, y = float(_MARGIN), self.top - _LINE * _lines(self.legend)
        for name, colour in self.legend.items():
            if x > _MARGIN and x + _entry(name) > WIDTH:
                x, y = float(_MARGIN), y + _LINE
            yield box(x, y - 9, 11, 11, colour, more=' rx="2"')
            yield words(name, x + 17, y, room=WIDTH - x - 17)
            x += _entry(name)

    def _grid_across(self) -> Iterable[str]:
        """Labels of the axis across; lines too where rows run along it."""
        if isinstance(self.x, Bands):
            yield from self._band_labels()
            return
        ends = [-float("inf")]
        for tick, name in zip(self.x.ticks, self.x.names, strict=True):
            x = float(self.across(tick))
            yield rule(x, self.top, x, self.bottom, FAINT)
            half = width(name) / 2
            if x - half > ends[-1] + 6:
                yield words(name, x, self.bottom + 18, "middle")
                ends.append(x + half)

    def _band_labels(self) -> Iterable[str]:
        names, lines = self.x.names, self._lines_below()
        widest = max(map(width, names), default=0.0) + 6
        side_by_side = widest if len(lines) == 1 else 0.0 if lines else _HIGH - 2
        every = max(1, int(np.ceil(side_by_side / self._band())))
        for row in range(0, len(names), every):
            x = float(self.across(row))
            if not lines:
                yield self._turned(names[row], x)
            for k, line in enumerate(lines):
                whole = names[row] if "…" in line[row] else ""
                y = self.bottom + 18 + _HIGH * k
                yield words(line[row], x, y, "middle", whole=whole) if line[row] else ""

    def _turned(self, name: str, x: float) -> str:
        """A label that slants, or stands upright where there is little room."""
        y = self.bottom + 14
        angle, x = (-40, x + 4) if self._band() >= _NARROW else (-90, x + 4.5)
        y = y if angle == -40 else self.bottom + 8
        turn = f' transform="rotate({angle} {x:.1f} {y:.1f})"'
        room = min(1.4 * _SLANTED, 1.3 * (x - 4)) if angle == -40 else _SLANTED - 10
        return words(name, x, y, "end", more=turn, room=room, middle=True)

    def _grid_up(self) -> Iterable[str]:
        if isinstance(self.y, Bands):
            for row, name in enumerate(self.y.names):
                y = float(self.up(row)) + 4
                room = self.left - _MARGIN - 8
                yield words(name, self.left - 8, y, "end", room=room, middle=True)
            return
        for tick, name in zip(self.y.ticks, self.y.names, strict=True):
            y = float(self.up(tick))
            yield rule(self.left, y, self.right, y, FAINT)
            yield words(name, self.left - 8, y + 4, "end")

    def _zero(self) -> Iterable[str]:
        """The lines from which marks are read: 0 where it is inside, else the frame's edge."""
        if isinstance(self.y, Axis):
            inside = not self.y.log and self.y.low <= 0 <= self.y.high
            y = float(self.up(0.0 if inside else self.y.low))
            yield rule(self.left, y, self.right, y, GREY)
        if isinstance(self.y, Bands) and isinstance(self.x, Axis):
            inside = not self.x.log and self.x.low <= 0 <= self.x.high
            if inside:
                x = float(self.across(0.0))
                yield rule(x, self.top, x, self.bottom, GREY)


def frame(
    x: Axis | Bands,
    y: Axis | Bands,
    legend: Mapping[str, str] | None = None,
    *,
    row: float = 0.0,
    pad: tuple[float, float] = (0.0, 0.0),
) -> Frame:
    """A frame with as much room for labels as they need.

    Args:
        x: across.
        y: upwards, or downwards for bands.
        legend: colours by name; none for a chart of one series.
        row: pixels of a band that runs across.
        pad: pixels inside of the frame, left and right of the marks.
    """
    as_text(x.title, "x_title")
    as_text(y.title, "y_title")
    legend = legend or {}
    longest = _LONGEST if isinstance(y, Bands) else 160
    left = _MARGIN + 8 + min(max(map(width, y.names), default=0.0), longest)
    top = 16 + (_LINE if y.title else 0) + _LINE * _lines(legend)
    inner = row * max(len(y.names), 1) if isinstance(y, Bands) else _PLOT
    return Frame(x, y, left, WIDTH - 22, top, top + inner, legend, pad)


def _entry(name: str) -> float:
    """Pixels that a name takes in the legend."""
    return 17 + width(name) + 22


def _lines(legend: Mapping[str, str]) -> int:
    """How many lines the legend has."""
    count, x = (1 if legend else 0), float(_MARGIN)
    for name in legend:
        if x > _MARGIN and x + _entry(name) > WIDTH:
            count, x = count + 1, float(_MARGIN)
        x += _entry(name)
    return count

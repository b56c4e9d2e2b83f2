"""Pieces of SVG, each a string: boxes, lines, dots and words, which are escaped here alone."""

import html

import numpy as np
from jaxtyping import Float, Int

from ._theme import INK, SIZE

_NARROW = dict.fromkeys("iljI.,:;'|!()[]", 0.32) | dict.fromkeys("ftr/-1 ", 0.42)
_WIDE = dict.fromkeys("mwMW%@", 0.9) | dict.fromkeys("ABCDEGHKNOPQRSUVXYZ&", 0.7)
_ADVANCE = _NARROW | _WIDE
_MANY = 2_000  # points of a line from which on only the extremes of each pixel are drawn


def box(
    x: float, y: float, wide: float, tall: float, colour: str, title: str = "", more: str = ""
) -> str:
    """A rectangle that says what it is when pointed at."""
    at = f'x="{_at(x)}" y="{_at(y)}" width="{_at(wide)}" height="{_at(tall)}"'
    return _titled("rect", f'{at} fill="{html.escape(colour)}"{more}', title)


def dot(x: float, y: float, radius: float, colour: str, title: str = "", more: str = "") -> str:
    """A filled circle that says what it is when pointed at."""
    at = f'cx="{_at(x)}" cy="{_at(y)}" r="{_at(radius)}"'
    return _titled("circle", f'{at} fill="{html.escape(colour)}"{more}', title)


def rule(x: float, y: float, to_x: float, to_y: float, colour: str, wide: float = 1) -> str:
    """A straight line."""
    ends = f"M{_at(x)} {_at(y)}L{_at(to_x)} {_at(to_y)}"
    width = "" if wide == 1 else f' stroke-width="{_at(wide)}"'
    return f'<path d="{ends}" stroke="{html.escape(colour)}"{width}/>'


def line(
    x: Float[np.ndarray, " point"],
    y: Float[np.ndarray, " point"],
    colour: str,
    title: str = "",
    *,
    dashed: bool = False,
) -> str:
    """A line through points, with a gap at each that is no number."""
    parts = []
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1) if len(known) else ():
        across, up = thinned(x[run], y[run])
        places = [f"{_at(a)} {_at(u)}" for a, u in zip(across, up, strict=True)]
        parts.append(f"M{places[0]}L{' '.join(places[1:] or places)}")
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    drawn = (
        f'd="{"".join(parts)}" fill="none" stroke="{html.escape(colour)}" stroke-width="2"{dash}'
    )
    return _titled("path", f'{drawn} stroke-linejoin="round"', title) if parts else ""


def words(
    text: str,
    x: float,
    y: float,
    anchor: str = "start",
    *,
    colour: str = INK,
    more: str = "",
    room: float = float("inf"),
    middle: bool = False,
    whole: str = "",
) -> str:
    """Words at a place; with `room`, cut to so many pixels and `whole` when pointed at."""
    shown = cut(text, room, middle=middle)
    title = whole or (text if shown != text else "")
    ink = "" if colour == INK else f' fill="{html.escape(colour)}"'
    tail = "" if anchor == "start" else f' text-anchor="{anchor}"'
    about = f'x="{_at(x)}" y="{_at(y)}"{tail}{ink}{more}'
    told = f"<title>{html.escape(title)}</title>" if title else ""
    return f"<text {about}>{told}{html.escape(shown)}</text>"


def width(text: str, size: float = SIZE) -> float:
    """About how many pixels a text takes.

    >>> width("illi") < width("mmmm")
    True
    """
    return size * sum(_ADVANCE.get(letter, 0.58) for letter in text)


def cut(text: str, room: float, *, middle: bool = False) -> str:
    """As much of a text as fits into so many pixels; with `middle`, both its ends.

    >>> cut("gov.irs.credits.ctc.amount", 100), cut("gov.irs.credits.ctc.amount", 100, middle=True)
    ('gov.irs.credit…', 'gov.irs…amount')
    >>> cut("short", 100)
    'short'
    """
    if width(text) <= room:
        return text
    for length in range(len(text) - 1, 0, -1):
        tail = length // 2 if middle else 0
        shown = f"{text[: length - tail]}…{text[len(text) - tail :]}"
        if width(shown) <= room:
            return shown
    return "…"


def wrap(text: str, room: float, most: int) -> list[str]:
    """A text in at most so many lines, broken between words, the last one cut if need be.

    >>> wrap("under 50, living alone", 80, 2), wrap("under 50, living with a dog", 80, 2)
    (['under 50,', 'living alone'], ['under 50,', 'living with…'])
    """
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if width(longer) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    kept, rest = lines[: most - 1], lines[most - 1 :]
    return [*kept, cut(" ".join(rest), room)] if rest else kept


def thinned(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"]
) -> tuple[Float[np.ndarray, " some"], Float[np.ndarray, " some"]]:
    """The points of a line, in pixels, without those that nobody would see.

    Of very many only the first, lowest, highest and last in each pixel stay; then those between
    their neighbours on a straight line go.

    >>> x, y = thinned(np.array([0.0, 1.0, 2.0, 2.0]), np.array([0.0, 1.0, 2.0, 5.0]))
    >>> x.tolist(), y.tolist()
    ([0.0, 2.0, 2.0], [0.0, 2.0, 5.0])
    """
    if len(x) > _MANY:
        keep = np.unique(np.concatenate([_extremes(x, y), [0, len(x) - 1]]))
        x, y = x[keep], y[keep]
    if len(x) > 2:
        step = np.diff(x) + 1j * np.diff(y)
        turn = np.conj(step[:-1]) * step[1:]  # its angle is that between two steps
        straight = (np.abs(turn.imag) <= 1e-6 * np.abs(turn)) & (turn.real >= 0)
        keep = np.concatenate([[True], ~straight, [True]])
        x, y = x[keep], y[keep]
    return x, y


def _extremes(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"]
) -> Int[np.ndarray, " some"]:
    """Where, in each run of points in one column of pixels, the first, last and outermost are."""
    starts = np.flatnonzero(np.concatenate([[True], np.diff(np.floor(x)) != 0]))
    ends = np.append(starts[1:], len(x))
    picked = [starts, ends - 1]
    picked += [
        np.array([start + pick(y[start:end]) for start, end in zip(starts, ends, strict=True)])
        for pick in (np.argmin, np.argmax)
    ]
    return np.concatenate(picked)


def _titled(name: str, about: str, title: str) -> str:
    inner = f"<title>{html.escape(title)}</title>" if title else ""
    return f"<{name} {about}>{inner}</{name}>" if inner else f"<{name} {about}/>"


def _at(place: float) -> str:
    """A place to a tenth of a pixel."""
    text = f"{place:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text

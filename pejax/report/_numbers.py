"""Numbers as people read them: thousands separators, dollars, percent, round places on an axis."""

import math

import numpy as np

_LARGE = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"))
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_DIGITS = 9  # decimals that a label has at most
_SLACK = 1e-9  # of a step, by which rounding may miss a place
_FINE = 1e-6  # of a place: steps below it are told by themselves
_LEAST, _LARGEST = 1e-6, 1e15  # beyond these a number is written with its power of ten


def written(value: float, form: str = "") -> str:
    """A number by itself, to four digits or whole.

    Args:
        value: any number.
        form: `$` for dollars, `%` for a share, or nothing.

    >>> written(1234.56), written(-0.12345, "%"), written(2.5e9, "$")
    ('1,235', '−12.35%', '$2,500,000,000')
    """
    if not math.isfinite(value):
        return str(value)
    if form == "%":
        return _signed(value, f"{abs(100 * value):,.4g}%" if abs(value) < 10 else _whole(value))
    size = abs(value)
    plain = f"{size:,.0f}" if size >= 1_000 else f"{size:,.4g}"
    return _signed(value, f"${plain}" if form == "$" else plain)


def alike(values: np.ndarray, form: str = "") -> list[str]:
    """Numbers below each other, all with as many decimals as give the largest three digits.

    Fewer if all are as round; one that would come out as 0 keeps its own.

    >>> alike(np.array([477.26, -56.4, 0.0123])), alike(np.array([3.5, 0.25]), "$")
    (['477', '−56', '0.0123'], ['$3.50', '$0.25'])
    """
    scale = 100.0 if form == "%" else 1.0
    sizes = scale * np.abs(values[np.isfinite(values)])
    largest = float(sizes.max(initial=0.0))
    digits = max(0, 2 - math.floor(math.log10(largest))) if largest > 0 else 0
    if digits > _DIGITS:
        return [written(float(value), form) for value in values]
    while digits and np.allclose(sizes, np.round(sizes, digits - 1), rtol=0, atol=1e-12):
        digits -= 1
    before, after = "$" if form == "$" else "", "%" if form == "%" else ""
    shown = []
    for value in values.tolist():
        size = round(scale * abs(value), digits) if math.isfinite(value) else 0.0
        text = f"{before}{size:,.{digits}f}{after}"
        shown.append(_signed(value, text) if size else written(value, form))
    return shown


def labels(places: np.ndarray, form: str = "") -> list[str]:
    """Labels of evenly spaced places on an axis, all but 0 with as many decimals as the step needs.

    Where the step is less than a millionth of the places, the first is written in full, and the
    others as how far they are from it.

    >>> labels(np.array([0.0, 2.5, 5.0]), "$")
    ['$0', '$2.5', '$5.0']
    >>> labels(np.array([-2e6, 0.0, 2e6])), labels(np.array([0.0, 0.05]), "%")
    (['−2m', '0', '2m'], ['0%', '5%'])
    >>> labels(np.array([3e12, 3e12 + 5]), "$")
    ['$3,000,000,000,000', '+$5']
    """
    before, after = "$" if form == "$" else "", "%" if form == "%" else ""
    scaled = 100 * places if form == "%" else places
    step = float(np.diff(scaled).min()) if len(scaled) > 1 else 0.0
    if 0 < step < _FINE * float(np.abs(scaled).max()):
        unit = float(f"{np.diff(places).min():.3g}")  # without what rounding made of it
        first, rest = float(scaled[0]), labels(unit * np.arange(1, len(places)), form)
        return [_signed(first, f"{before}{abs(first):,.15g}{after}"), *(f"+{x}" for x in rest)]
    shown = _sizes(np.abs(scaled), step)
    return [
        _signed(place, f"{before}{text}{after}") for place, text in zip(scaled, shown, strict=True)
    ]


def _sizes(sizes: np.ndarray, step: float) -> list[str]:
    """Numbers that are not negative, in a unit that suits the largest."""
    largest = float(sizes.max(initial=0.0))
    if largest > _LARGEST or 0 < largest < _LEAST:
        digits = 2 + math.ceil(math.log10(largest / step)) if step else 2
        return [f"{size:.{digits}g}" for size in sizes]
    unit, name = next(((u, n) for u, n in _LARGE if largest >= u), (1.0, ""))
    digits = _decimals(step / unit)
    return [f"{size / unit:,.{digits}f}{name}" if size else "0" for size in sizes]


def places(low: float, high: float, most: int = 6) -> np.ndarray:
    """Round places from at or below `low` to at or above `high`, about `most` of them.

    >>> places(0.0, 0.34).tolist()
    [0.0, 0.1, 0.2, 0.3, 0.4]
    """
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * r for r in _ROUND if power * r >= rough * (1 - _SLACK))
    first = math.floor(low / step + _SLACK)
    last = math.ceil(high / step - _SLACK)
    # Rounded, where it can be: 3 * 0.1 is not 0.3.
    digits, at = _decimals(step), np.arange(first, last + 1) * step
    return np.round(at, digits) + 0.0 if digits < _DIGITS else at


def _decimals(step: float) -> int:
    """How many decimals tell multiples of a step apart."""
    fits = (d for d in range(_DIGITS) if abs(step * 10**d - round(step * 10**d)) < 1e-6 * 10**d)
    usable = (d for d in fits if round(step * 10**d) > 0 or step == 0)
    return next(usable, _DIGITS)


def _signed(value: float, text: str) -> str:
    return f"−{text}" if value < 0 else text


def _whole(share: float) -> str:
    return f"{abs(100 * share):,.0f}%"

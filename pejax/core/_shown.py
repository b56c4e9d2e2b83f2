"""A value as a message repeats it."""

import numpy as np

from ._transforms import is_tracer

_LONGEST = 60  # characters of a value that a message repeats


def shown(value: object) -> str:
    """A value as a message repeats it: itself if that is short, else what kind of thing it is.

    >>> shown("$1,000"), shown([1.0, 2.0]), shown(dict), shown(None)
    ("'$1,000'", 'a list', 'the class dict', 'None')
    """
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if is_tracer(value):
        return "a traced value"
    if value is None or isinstance(value, bool | int | float | complex | np.generic | str | bytes):
        text = str(value) if isinstance(value, np.number) else _text(value)
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
    kind = type(value).__name__
    if kind in ("NAType", "NaTType"):
        return str(value)
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def _text(value: object) -> str:
    """A value's own text; an int of thousands of digits has none."""
    try:
        return repr(value.item() if isinstance(value, np.generic) else value)
    except ValueError:
        return f"an {type(value).__name__} of very many digits"

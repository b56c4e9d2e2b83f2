"""Errors, suggestions for near-miss names, and the one door to optional packages."""

import difflib
import importlib
import re
from collections import Counter
from collections.abc import Iterable
from types import ModuleType

from ._shown import shown


class PejaxError(ValueError):
    """Every error this library raises on purpose; the message ends with the fix.

    Attributes:
        law: the place in a batch of laws of the one that is to blame, where there is a batch.
    """

    law: int | None = None

    def __str__(self) -> str:
        return self.args[0] if self.args else ""


class BadInputError(PejaxError):
    """The data handed in break a rule; the message names the row and the column."""


class MissingFileError(BadInputError, FileNotFoundError):
    """There is nothing at a path; the message says which argument gave it."""


class UnknownNameError(PejaxError, KeyError):
    """A name that nothing answers to; the message carries the nearest matches."""


class MissingExtraError(PejaxError, ImportError):
    """An optional package is absent; the message is the `pip install` that brings it."""


_SHORTLIST = 200  # names compared letter by letter; the rest are ruled out by their words


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[^0-9a-z]+", name.lower()) if word}


def _shortlist(name: str, options: list[str]) -> list[str]:
    """The options that share most words with `name`: 100,000 paths would take difflib seconds."""
    if len(options) <= _SHORTLIST:
        return options
    wanted = _words(name)
    shared = Counter({option: len(wanted & _words(option)) for option in options})
    # Among equals the option of nearest length comes first, so that a misspelt single word
    # (which shares no word with anything) still meets its neighbour.
    ranked = sorted(options, key=lambda o: (-shared[o], abs(len(o) - len(name)), o))
    return ranked[:_SHORTLIST] if shared[ranked[0]] else ranked[: 10 * _SHORTLIST]


def suggest(name: str, options: Iterable[str], n: int = 3) -> list[str]:
    """The up to `n` options nearest to a misspelt `name`, best first; none when nothing is near.

    >>> suggest("employmnt_income", ["employment_income", "rent", "age"])
    ['employment_income']
    """
    by_lower = {option.lower(): option for option in _shortlist(name, sorted(set(options)))}
    near = difflib.get_close_matches(name.lower(), by_lower, n=n, cutoff=0.6)
    if len(near) < n and len(name) >= 3:
        inside = (low for low in by_lower if name.lower() in low and low not in near)
        near += sorted(inside, key=len)[: n - len(near)]
    return [by_lower[low] for low in near]


def unknown(kind: str, name: object, options: Iterable[object]) -> UnknownNameError:
    """The error for a `name` that no `kind` has, with the nearest names; the caller raises it.

    >>> str(unknown("column", "agee", ["age", "rent"]))
    "Unknown column 'agee'. Did you mean 'age'?"
    """
    options = sorted({str(option) for option in options})
    near = suggest(name, options) if isinstance(name, str) else []
    if near:
        hint = "Did you mean " + " or ".join(repr(option) for option in near) + "?"
    elif not options:
        hint = f"There is no {kind} to choose from."
    else:
        first = ", ".join(options[:8]) + (", ..." if len(options) > 8 else "")
        hint = f"Choose one of: {first}."
    return UnknownNameError(f"Unknown {kind} {shown(name)}. {hint}")


def require(module: str, extra: str) -> ModuleType:
    """Import an optional `module`, or say which extra of pejax brings it.

    Only the absence of the package itself is translated: an import error from inside an installed
    package is that package's own and passes through.

    >>> require("json", "io").dumps([1])
    '[1]'
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".", maxsplit=1)[0]:
            raise
        raise missing_extra(module, extra) from error


def missing_extra(module: str, extra: str) -> MissingExtraError:
    """The error for an absent optional `module`; the caller raises it."""
    package = module.split(".", maxsplit=1)[0]
    return MissingExtraError(
        f'{package!r} is not installed. Install it with: pip install "pejax[{extra}]"'
    )

"""Calls as version 0.1 wrote them: accepted until 1.0, with a warning that says how they are now.

Each form has one way in here, so that what a function does is written for its present form alone.
"""

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec, TypeVar, cast

from ._arguments import as_switch
from ._validate import BadInputError

_BETWEEN = ("equinox",)
"""Packages that call what they are given, between the code that wrote a call and this file."""

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")
_Class = TypeVar("_Class")


class FormerCallWarning(DeprecationWarning):
    """A call is written as in version 0.1, which is refused from 1.0 on."""


def tell(text: str, stacklevel: int | None = None) -> None:
    """Warn the caller of a public function of a former way to write its call.

    Args:
        text: what was written and how it is written now.
        stacklevel: of `warnings.warn`; by default that of the first caller outside of this file
            and of equinox, whose classes call their methods and constructors themselves.
    """
    said = f"{text} The former way is refused from 1.0 on."
    level, frame = 1, inspect.currentframe()
    while frame is not None and _is_between(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(said, FormerCallWarning, stacklevel or level)


def _is_between(module: str) -> bool:
    return module == __name__ or module.partition(".")[0] in _BETWEEN


def formerly(
    *,
    places: Sequence[str] = (),
    defaults: Mapping[str, object] | None = None,
    names: Mapping[str, str] | None = None,
    flags: Mapping[str, Callable[..., object]] | None = None,
) -> Callable[[Callable[_Given, _Result]], Callable[_Given, _Result]]:
    """Accept a call whose arguments had other names, places, defaults, or chose what comes back.

    Args:
        places: arguments that could be given by place and go by name now, in their former order.
        defaults: the value that an argument had where it was left out, by its present name.
        names: the present name of an argument, by its former one.
        flags: the function that does now what an argument asked for by being True.

    >>> @formerly(defaults={"period": 2025}, names={"year": "period"})
    ... def label(period):
    ...     return f"law of {period}"
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", FormerCallWarning)
    ...     label(year=2026), label()
    ('law of 2026', 'law of 2025')
    """
    renamed, filled, chosen = names or {}, defaults or {}, flags or {}

    def accept(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
        name, own = function.__name__, _places(function)

        @functools.wraps(function)
        def call(*given: _Given.args, **named: _Given.kwargs) -> _Result:
            present, placed = dict(named), tuple[object, ...](given)
            if places and placed:
                tell(f"{name}: give {' and '.join(places[: len(placed)])} by name.")
                _fill(name, present, dict(zip(places, placed, strict=False)))
                placed = placed[len(places) :]  # more than there were is Python's own error
            _rename(name, renamed, present)
            for argument, value in filled.items():
                if argument not in present and own.get(argument, len(placed)) >= len(placed):
                    tell(f"{name}: give {argument}=, such as {argument}={value!r}.")
                    present[argument] = value
            asked = [flag for flag in chosen if _is_set(name, flag, chosen[flag], present)]
            does = chosen[asked[0]] if asked else function
            return cast("Callable[..., _Result]", does)(*placed, **present)

        return call

    return accept


def other_order(
    kind: type, former: Sequence[str], defaults: Mapping[str, object]
) -> Callable[[Callable[_Given, _Result]], Callable[_Given, _Result]]:
    """Accept the former order of what follows the first argument, told by the kind of the second.

    Args:
        kind: of the argument that came second, and comes later now.
        former: names of the arguments after the first, in the former order.
        defaults: what was left out in the former order has this value.
    """

    def accept(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
        @functools.wraps(function)
        def call(*given: _Given.args, **named: _Given.kwargs) -> _Result:
            is_former = len(given) > 1 and isinstance(given[1], kind)
            if not is_former and (len(given) > 1 or defaults.keys() <= named.keys()):
                return function(*given, **named)
            order = ", ".join(n for n in list(_places(function))[1:] if n in former)
            tell(f"{function.__name__}: the order is {order} now, all of them given.")
            if len(given) > len(former) + 1:
                raise TypeError(f"{function.__name__}: {len(given)} arguments by place.")
            present = dict(named)
            _fill(function.__name__, present, dict(zip(former, given[1:], strict=False)))
            return function(*given[:1], **{**defaults, **present})  # pyright: ignore[reportCallIssue]

        return call

    return accept


def former_names(**present: str) -> Callable[[type[_Class]], type[_Class]]:
    """Accept the former names of a class's fields and methods, read or given to its constructor.

    Args:
        present: the present name of a field or method, by its former one.

    >>> import dataclasses
    >>> @former_names(year="period")
    ... @dataclasses.dataclass
    ... class Law:
    ...     period: int
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", FormerCallWarning)
    ...     Law(year=2026).year
    2026
    """

    def accept(kind: type[_Class]) -> type[_Class]:
        fields = getattr(kind, "__dataclass_fields__", {})
        given = {former: name for former, name in present.items() if name in fields}
        for former, name in present.items():
            setattr(kind, former, _former_name(former, name))
        if given:
            kind.__init__ = _with_former_arguments(kind, given)
        return kind

    return accept


def _former_name(former: str, present: str) -> property:
    def read(thing: object) -> object:
        tell(f"{type(thing).__name__}.{former} is called {present} now.")
        return getattr(thing, present)

    return property(read, doc=f"The former name of `{present}`.")


def _with_former_arguments(kind: type, renamed: Mapping[str, str]) -> Callable[..., None]:
    """A class's constructor that accepts former names of its fields."""
    build, name = kind.__init__, kind.__name__

    @functools.wraps(build)
    def init(self: object, *given: object, **named: object) -> None:
        _rename(name, renamed, named)
        build(self, *given, **named)

    return init


def _places(function: Callable[..., object]) -> dict[str, int]:
    """The place of each argument that can be given by place."""
    by_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [n for n, p in inspect.signature(function).parameters.items() if p.kind in by_place]
    return {name: i for i, name in enumerate(names)}


def _fill(function: str, named: dict[str, object], placed: Mapping[str, object]) -> None:
    """Name what was given by place; twice is Python's own error."""
    twice = named.keys() & placed.keys()
    if twice:
        raise TypeError(f"{function}: {sorted(twice)[0]} is given twice.")
    named.update(placed)


def _rename(function: str, renamed: Mapping[str, str], named: dict[str, object]) -> None:
    for former, present in renamed.items():
        if former in named:
            if present in named:
                raise BadInputError(f"{function}: give {present}= alone, {former}= is the same.")
            tell(f"{function}: {former}= is called {present}= now.")
            named[present] = named.pop(former)


def _is_set(
    function: str, flag: str, instead: Callable[..., object], named: dict[str, object]
) -> bool:
    """Whether a flag is given and True; it is taken out."""
    if flag not in named:
        return False
    value = as_switch(flag)(named.pop(flag))
    tell(f"{function}: call {instead.__name__} instead of giving {flag}=True.")
    return value

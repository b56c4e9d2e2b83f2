"""The installed distribution that brings a country package: its version and its licence."""

from __future__ import annotations

import functools
from importlib import metadata

from ...core._validate import BadInputError

_LICENCE = "License :: "


def version_of(package: str) -> str:
    """The version of a package's distribution.

    Raises:
        BadInputError: no installed distribution brings a module of that name.
    """
    found = _distribution(package)
    if found is None:
        raise BadInputError(
            f"package is {package!r}, a module that no installed distribution brings, or several."
            " Give a country package, such as 'policyengine_us'."
        )
    return found.version


@functools.cache
def licence_of(package: str) -> str:
    """The licence of a package, as its distribution states it; empty where it states none.

    >>> licence_of("jax")
    'Apache-2.0'
    """
    found = _distribution(package)
    if found is None:
        return ""
    about = found.metadata
    for field in ("License-Expression", "License"):
        stated = str(about[field]).strip() if field in about else ""
        if stated:
            return stated.splitlines()[0]
    named = [c for c in about.get_all("Classifier") or [] if c.startswith(_LICENCE)]
    return ", ".join(c.rpartition(" :: ")[2] for c in named)


def _distribution(package: str) -> metadata.Distribution | None:
    """The distribution that brings a package: of its name, or the only one that does."""
    try:
        return metadata.distribution(package.replace("_", "-"))
    except metadata.PackageNotFoundError:
        names = metadata.packages_distributions().get(package, ())
        return metadata.distribution(names[0]) if len(names) == 1 else None

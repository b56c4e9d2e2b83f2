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
    return _distribution(package).version


@functools.cache
def licence_of(package: str) -> str:
    """The licence of a package, as its distribution states it; empty where it states none.

    >>> licence_of("jax")
    'Apache-2.0'
    """
    about = _distribution(package).metadata
    for field in ("License-Expression", "License"):
        stated = str(about[field]).strip() if field in about else ""
        if stated:
            return stated.splitlines()[0]
    named = [c for c in about.get_all("Classifier") or [] if c.startswith(_LICENCE)]
    return ", ".join(c.rpartition(" :: ")[2] for c in named)


def _distribution(package: str) -> metadata.Distribution:
    try:
        return metadata.distribution(package.replace("_", "-"))
    except metadata.PackageNotFoundError:
        names = metadata.packages_distributions().get(package, ())
    if len(names) != 1:
        raise BadInputError(
            f"package is {package!r}, a module that {len(names) or 'no'} installed distributions"
            " bring. Give a country package, such as 'policyengine_us'."
        )
    return metadata.distribution(names[0])

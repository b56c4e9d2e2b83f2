"""The country package that several oracles share, imported once."""

import importlib.util
import warnings

import pytest

from pejax import engine

PACKAGE = "policyengine_us"


@pytest.fixture(scope="session")
def country():
    """policyengine-us, loaded."""
    if importlib.util.find_spec(PACKAGE) is None:
        pytest.skip("needs the extra us")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the country package's own, while it is imported
        loaded = engine.import_country(PACKAGE)
        loaded.load()
    return loaded

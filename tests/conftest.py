"""Fixtures that every tier shares."""

import gc
import os
import sys
from importlib.metadata import version
from pathlib import Path

# Most of the tests' time is compiling, and they look at results: compile quickly. XLA ends a
# process that names a flag it does not know, and the last of these is known to jaxlib 0.10 alone.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_parallel_codegen_split_count=1"
    + " --xla_cpu_use_fusion_emitters=false"
    * version("jaxlib").startswith("0.10."),
)

os.environ.pop("JAX_COMPILATION_CACHE_DIR", None)  # where other runs have left what they compiled

import jax
import jaxtyping
import pytest
from _typechecker import checked_modules
from hypothesis import settings

_OFTEN = "called a million times while a law is traced, which would take eight times as long"
UNCHECKED = {
    "pejax.engine.graph": _OFTEN,
    "pejax.engine.tracing": _OFTEN,
    "pejax.engine.rules._law": _OFTEN,
    "pejax.engine.rules._system": _OFTEN,
    "pejax.engine.importer._country": _OFTEN,
    "pejax.engine.importer._formulas": _OFTEN,
    "pejax.testing._country": "the fingerprint of a law is of its rules' own code",
    "pejax.engine._sensitivity": "the digest of a sweep is of its statistics' own code",
    "pejax.engine.native._rules": "formulas are run from their own code, with its arguments",
}
"""Modules whose annotations are not held against what the package hands in, and why."""

jaxtyping.install_import_hook(checked_modules(UNCHECKED), "_typechecker.checked")

from pejax.core._memory import reclaim  # noqa: E402 - after the hook

settings.register_profile("same every time", derandomize=True, deadline=None)
settings.load_profile("same every time")

_MANY_MAPS = 20_000  # of the 65,530 that Linux grants a process by default
_MUCH_MEMORY, _MUCH_GROWTH = 1_200_000_000, 600_000_000
_MOST = {"before": _MUCH_MEMORY}  # what was held when compiled programs went last


def pytest_addoption(parser):
    parser.addoption("--fuzz-minutes", type=float, default=30.0, help="of all fuzz tests together")
    parser.addoption("--fuzz-seed", type=int, default=0, help="of the first round")


def pytest_collection_modifyitems(items):
    """A file's tests stay on one worker, and all files that need the country package on the same
    one: it is imported once, and its memory is taken once."""
    lawful = {item.path for item in items if item.get_closest_marker("us")}
    for item in items:
        group = "us" if item.path in lawful else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture
def x64():
    """Run one test in float64; the library itself never flips the switch."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def strict():
    """No array takes another's type or rank without being told."""
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@pytest.fixture
def unchecked():
    """Tests of what a door refuses give it what its annotations rule out."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.fixture
def key():
    """A fixed PRNG key."""
    return jax.random.key(0)


@pytest.fixture(autouse=True, scope="session")
def no_cache_of_the_user(tmp_path_factory):
    """Nothing is read from what earlier runs have left, and nothing is left to later ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEJAX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def cache_settings():
    """JAX's settings of its compile cache come back after the test: a command sets them, and the
    next test would run what another has compiled."""
    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_min_entry_size_bytes",
    )
    before = {name: getattr(jax.config, name) for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture(autouse=True, scope="module")
def tidy():
    """Between files: a country package's millions of objects are left out of garbage collection,
    and compiled programs go when there are very many, because each takes maps of memory and a
    process that runs out of them is killed, or when the process has grown large: two workers have
    to fit beside each other."""
    yield
    if "policyengine_us" in sys.modules and not gc.get_freeze_count():
        gc.freeze()
    maps = Path("/proc/self/maps")
    if _memory() > _MUCH_MEMORY:
        _lighten()
    elif maps.exists() and len(maps.read_bytes().splitlines()) > _MANY_MAPS:
        jax.clear_caches()


@pytest.fixture(autouse=True)
def light():
    """Between the tests of a file too, when much has come since compiled programs went last."""
    yield
    if _memory() > _MOST["before"] + _MUCH_GROWTH:
        _lighten()


def _memory():
    """Bytes that this process holds, 0 where the system does not say."""
    pages = Path("/proc/self/statm")
    return int(pages.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if pages.exists() else 0


def _lighten():
    jax.clear_caches()
    reclaim()
    _MOST["before"] = max(_memory(), _MUCH_MEMORY)

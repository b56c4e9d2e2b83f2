"""Where the command line keeps what need not be computed twice.

Only the command line does this: importing the library changes no setting of JAX.
"""

import os
import sys
from pathlib import Path

VARIABLE = "PEJAX_CACHE"
_JAX_VARIABLE = "JAX_COMPILATION_CACHE_DIR"


def cache_folder() -> Path:
    """The user's cache folder for pejax; the environment variable `PEJAX_CACHE` overrides it."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen).expanduser() if chosen else _user_caches() / "pejax"


def program_folder() -> Path:
    """Traced programs, so that a country package is imported once and not at every start."""
    return cache_folder() / "programs"


def compile_folder() -> Path:
    """What XLA compiled; JAX's own environment variable, if set, is left to rule."""
    return Path(os.environ.get(_JAX_VARIABLE) or cache_folder() / "xla")


def use_compile_cache() -> None:
    """Let JAX keep everything it compiles in this process, however small, for later ones."""
    import jax

    jax.config.update("jax_compilation_cache_dir", str(compile_folder()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _user_caches() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")

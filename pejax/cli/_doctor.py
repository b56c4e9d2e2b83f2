"""`pejax doctor`: what this installation computes with, and what it lacks."""

import importlib.util

from rich.console import Console
from rich.markup import escape

from .._environment import environment
from ._cache import VARIABLE, compile_folder, program_folder, use_compile_cache

# The package that tells whether an extra is there, and what the extra is for.
_EXTRAS = {
    "us": (("policyengine_us", "taxcalc"), "the US law and the public CPS file"),
    "io": (("pyarrow", "h5py"), "parquet and HDF5 files"),
    "viz": (("plotly",), "the HTML report"),
    "ray": (("ray",), "sweeps over several processes or machines"),
}
_SHOWN = ("scikit-learn", "pandas", "policyengine-us", "taxcalc", "pyarrow", "plotly", "ray")


def doctor() -> None:
    """Show device, precision, caches, versions, extras, and how to install what is missing."""
    use_compile_cache()
    console = Console(highlight=False)
    facts = environment(_SHOWN)
    for name, value in _rows(facts):
        console.print(f"[bold]{name:<17}[/bold]{escape(value)}", soft_wrap=True)
    console.print("\n[bold]extras[/bold]")
    for extra, (modules, purpose) in _EXTRAS.items():
        console.print("  " + escape(_extra_line(extra, modules, purpose)), soft_wrap=True)
    console.print("  " + escape(_accelerator_line()), soft_wrap=True)


def _rows(facts: dict) -> list[tuple[str, str]]:
    commit = facts["commit"] and facts["commit"][:12] + (" (changed)" if facts["dirty"] else "")
    found = {name: version for name, version in facts["versions"].items() if version}
    return [
        ("pejax", f"{found['pejax']}, commit {commit}" if commit else found["pejax"]),
        ("device", facts["device"]),
        ("dtype", facts["dtype"]),
        ("cores", str(facts["cores"])),
        ("python", f"{facts['python']}, {facts['platform']}"),
        ("compile cache", f"{compile_folder()} (set by {VARIABLE} or JAX_COMPILATION_CACHE_DIR)"),
        ("traced programs", str(program_folder())),
        ("versions", ", ".join(f"{n} {v}" for n, v in found.items() if n != "pejax")),
    ]


def _extra_line(extra: str, modules: tuple[str, ...], purpose: str) -> str:
    absent = [name for name in modules if importlib.util.find_spec(name) is None]
    if not absent:
        return f"{extra:<5} there    {purpose}"
    return f'{extra:<5} missing  {purpose}: pip install "pejax[{extra}]"'


def _accelerator_line() -> str:
    import jax

    if jax.default_backend() != "cpu":
        return f"gpu   there    JAX runs on {jax.default_backend()}"
    return (
        'gpu   missing  computing on the processor; with an NVIDIA GPU: pip install "pejax[cuda13]"'
    )

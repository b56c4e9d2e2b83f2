"""`pejax doctor`: what this installation computes with, and what it lacks."""

from rich.console import Console
from rich.markup import escape

from ..core._countries import countries, distributions
from ..core._environment import environment, extras, versions
from ._cache import VARIABLE, compile_folder, program_folder, use_compile_cache

_PURPOSES = {
    "io": "parquet and HDF5 files",
    "viz": "plotly figures of your own on a report",
    "flax": "gates in Flax modules, and checkpoints of long runs",
    "log": "logs for TensorBoard and MLflow",
    "ray": "sweeps over several processes or machines",
    "cuda13": "computing on an NVIDIA GPU",
    "bench": "the peers that benchmarks compare with",
    "dev": "tests, formatting and types",
}
_SHOWN = ("scikit-learn", "pandas", "pyarrow", "plotly", "ray")


def doctor() -> None:
    """Show device, precision, caches, versions, extras, and how to install what is missing."""
    use_compile_cache()
    console = Console(highlight=False)
    facts = environment((*distributions(), *_SHOWN))
    for name, value in _rows(facts):
        console.print(f"[bold]{name:<17}[/bold]{escape(value)}", soft_wrap=True)
    console.print("\n[bold]extras[/bold]")
    purposes = _PURPOSES | {country.extra: country.purpose for country in countries()}
    for extra, needed in extras().items():
        line = _extra_line(extra, needed, purposes.get(extra, ""))
        console.print("  " + escape(line), soft_wrap=True)
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


def _extra_line(extra: str, needed: list[str], purpose: str) -> str:
    absent = [name for name, version in versions(needed).items() if version is None]
    if not absent:
        return f"{extra:<7} there    {purpose}"
    return (
        f'{extra:<7} missing  {purpose}: pip install "pejax[{extra}]"'
        f" ({', '.join(absent)} not installed)"
    )


def _accelerator_line() -> str:
    import jax

    if jax.default_backend() != "cpu":
        return f"gpu     there    JAX runs on {jax.default_backend()}"
    return "gpu     missing  JAX computes on the processor"

"""The house: rooms that do not meet, a light import, files and functions that fit a screen."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "pejax"
FILES = sorted(PACKAGE.rglob("*.py"))
FLOORS = {
    "core": 0,
    **dict.fromkeys(("stats", "gates"), 1),
    **dict.fromkeys(("engine", "calibrate", "impute"), 2),
    **dict.fromkeys(("countries", "runs", "io", "testing"), 3),
    **dict.fromkeys(("datasets", "report", "conform"), 4),
    "demo": 5,
    "cli": 6,
    "__main__": 7,
}
"""A room imports what lies below it, and nothing beside or above."""

CIRCLES = {
    r"engine/tracing/_\w+": "an array's methods are the handlers, and these make arrays; to be"
    " split with the engine's own folders",
    r"engine/_(compile|program)": "compiling makes programs, and a program whose decisions no"
    " longer hold compiles itself again (`respecialise`)",
}
"""Files that import each other, as patterns of their names, with the reason."""

AT_THE_RIM = {"pandas", "sklearn", "flax", "ray", "scipy", "plotly", "pyarrow", "h5py", "optuna"}
COUNTRIES = {"policyengine_core", "policyengine_us", "taxcalc"}
FLAX = PACKAGE / "gates" / "flax.py"  # is nothing but Flax modules, and nobody imports it
FILE_CAP, FUNCTION_CAP = 450, 80


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))


def _module(path: Path) -> list[str]:
    return list(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def _imports(path: Path, *, top: bool = False, types: bool = True) -> set[tuple[str, ...]]:
    """Every module that a file imports, absolute.

    With `top`, only those on loading it; without `types`, not those for type checking alone.
    """
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree) if types and not top else _run(tree, functions=not top):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = _module(path)[: -node.level] if node.level else []
            module = [*base, *(node.module or "").split(".")] if node.module else base
            found |= {(*module, alias.name) for alias in node.names}
    return found


def _run(tree: ast.AST, *, functions: bool):
    """The nodes that run, with or without those inside of functions; not type checking."""
    for node in ast.iter_child_nodes(tree):
        inner = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if inner and not functions:
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        yield from _run(node, functions=functions)


# ---- rooms


def _room(module: tuple[str, ...]) -> str | None:
    """The room that a module of the package lies in."""
    return module[1] if module[0] == "pejax" and len(module) > 1 else None


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_floors_run_downwards(path):
    """Imports inside of functions count, and so do those for types alone."""
    own = _room((*_module(path), ""))
    rooms = {_room(module) for module in _imports(path)} & FLOORS.keys()
    if path == PACKAGE / "__init__.py":  # opens the other rooms by name, on first use
        assert rooms <= {"core"}
        return
    assert own in FLOORS
    assert not {room for room in rooms - {own} if FLOORS[room] >= FLOORS[own]}


def test_every_room_has_a_floor():
    rooms = {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").exists()}
    assert rooms == FLOORS.keys() - {"__main__"}
    assert {p.name for p in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py"}


def test_only_the_importer_and_the_countries_read_country_packages():
    met = {
        _name(path)
        for path in FILES
        for module in _imports(path)
        if module[0] in COUNTRIES and "importer" not in path.parts and "countries" not in path.parts
    }
    assert not met


def test_no_private_interface_of_jax():
    met = [(_name(p), ".".join(m)) for p in FILES for m in _imports(p) if m[:2] == ("jax", "_src")]
    assert not met


# ---- circles


def _graph() -> dict[str, set[str]]:
    """The files of the package that each file imports, by name below `pejax`."""
    files = {tuple(_module(path)): path for path in FILES}
    named = {key[:-1] if key[-1] == "__init__" else key: _short(files[key]) for key in files}

    def file_of(module: tuple[str, ...]) -> str | None:
        """A module itself, or that which has the name."""
        return named.get(module) or named.get(module[:-1])

    return {
        _short(path): {
            found
            for module in _imports(path, types=False)
            if module[0] == "pejax" and (found := file_of(module)) is not None
        }
        - {_short(path)}
        for path in FILES
    }


def _short(path: Path) -> str:
    return str(path.relative_to(PACKAGE).with_suffix("")).removesuffix("/__init__")


def _circles(graph: dict[str, set[str]]) -> list[frozenset[str]]:
    """Sets of two files and more that reach each other."""
    reached = {}
    for start in graph:
        seen, rest = set(), [start]
        while rest:
            new = graph[rest.pop()] - seen
            seen |= new
            rest += new
        reached[start] = seen
    found = {frozenset(b for b in reached[a] if a in reached[b]) for a in graph if a in reached[a]}
    return sorted(found, key=sorted)


def test_a_circle_is_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert _circles(graph) == [{"b", "c"}]


def test_no_file_imports_itself_by_way_of_others():
    """Imports inside of functions count, those for types alone do not."""
    new = [
        sorted(circle)
        for circle in _circles(_graph())
        if not any(all(map(re.compile(allowed).fullmatch, circle)) for allowed in CIRCLES)
    ]
    assert new == []


def test_every_circle_that_is_allowed_is_there():
    found = _circles(_graph())
    for allowed in CIRCLES:
        assert any(all(map(re.compile(allowed).fullmatch, circle)) for circle in found), allowed


def test_the_demo_is_a_script_over_public_calls():
    """Of other rooms it reads what they show, and no file of theirs."""
    private = {
        (_short(path), ".".join(module))
        for path in FILES
        if "demo" in path.relative_to(PACKAGE).parts
        for module in _imports(path)
        if module[0] == "pejax" and module[1] != "demo"
        if any(part.startswith("_") for part in module)
    }
    assert not private


# ---- a light import


def test_heavy_packages_are_imported_inside_functions():
    met = [
        (_name(path), ".".join(module))
        for path in FILES
        for module in _imports(path, top=True)
        if module[0] in AT_THE_RIM | COUNTRIES and path != FLAX
    ]
    assert not met


@pytest.mark.parametrize(
    "room",
    ["", *(f".{room}" for room in ("stats", "engine", "calibrate", "impute", "countries.us"))],
)
def test_importing_loads_no_heavy_package(room):
    """Beyond what jax, equinox and optax load themselves."""
    script = (
        "import json, sys\n"
        "import jax, equinox, optax\n"
        "before = {m.partition('.')[0] for m in sys.modules}\n"
        f"import pejax{room}\n"
        "after = {m.partition('.')[0] for m in sys.modules}\n"
        "print(json.dumps(sorted(after - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert "pejax" in loaded
    assert not loaded & (AT_THE_RIM | COUNTRIES)


def test_what_a_user_catches_is_on_the_face():
    import pejax

    for name in ("BadInputError", "UnknownNameError", "MissingExtraError", "SolveError"):
        assert issubclass(getattr(pejax, name), pejax.PejaxError)
        assert name in dir(pejax)
    assert pejax.Result.successful == 0
    with pytest.raises(pejax.BadInputError):
        pejax.Population.from_frames(3)


def test_importing_does_not_touch_jax_s_settings():
    script = (
        "import jax\n"
        "before = dict(jax.config.values)\n"
        "import pejax, pejax.engine, pejax.calibrate, pejax.impute, pejax.stats, pejax.testing\n"
        "assert dict(jax.config.values) == before\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# ---- nothing dead


def _defined(tree: ast.Module) -> set[str]:
    """The names that a module defines, but for functions that a decorator hands on."""
    found = set()
    for node in tree.body:
        is_plain = isinstance(node, ast.FunctionDef) and not node.decorator_list
        if isinstance(node, ast.ClassDef) or is_plain:
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            found |= {n.id for n in ast.walk(node) if _is_name(n, ast.Store)}
    return {name for name in found if not name.startswith("__")}


def _is_name(node: ast.AST, how: type[ast.expr_context]) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, how)


def _read_elsewhere() -> set[tuple[str, str]]:
    """The file and the name of all that some other file of the package or its tests imports."""
    found = set()
    for path in (*FILES, *Path(__file__).parents[1].rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                module = (node.module or "").split(".")[-1]
                found |= {(module, alias.name) for alias in node.names}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                found.add((node.value.id, node.attr))
    return found


def test_every_name_of_a_module_is_read():
    elsewhere, dead = _read_elsewhere(), []
    for path in set(FILES) - {FLAX}:
        tree = ast.parse(path.read_text())
        here = {n.id for n in ast.walk(tree) if _is_name(n, ast.Load)}
        stem = path.parent.name if path.name == "__init__.py" else path.stem
        left = (name for name in _defined(tree) - here if (stem, name) not in elsewhere)
        dead += [f"{_name(path)}: {name}" for name in left]
    assert not dead


# ---- sizes


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_files_and_functions_fit(path):
    text = path.read_text()
    assert len(text.splitlines()) <= FILE_CAP
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > FUNCTION_CAP
    }
    assert not long


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_modules_say_what_they_are(path):
    assert path.read_text() == "" or ast.get_docstring(ast.parse(path.read_text()))

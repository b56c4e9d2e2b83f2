"""What many rooms need has one definition, and it is in `core`."""

import ast
import re
from pathlib import Path

import pytest

from pejax.core._digest import digest
from pejax.core._environment import available_cores, commit
from pejax.core._mesh import as_mesh, axes_of
from pejax.core._validate import BadInputError

PACKAGE = Path(__file__).parents[2] / "pejax"
FILES = {str(path.relative_to(PACKAGE)): path.read_text() for path in PACKAGE.rglob("*.py")}

SINGLE = {
    r"^\s*(import|from) hashlib\b": "core/_digest.py",
    r"\bAxisType\b": "core/_mesh.py",
    r"\b(cpu_count|sched_getaffinity|process_cpu_count)\b": "core/_environment.py",
    r"\bTracer\b(?!Array|Bool|Integer)": "core/_transforms.py",
    r"def is_traced\b": "core/_transforms.py",
}
"""What only one file may say, and the file."""


@pytest.mark.parametrize("pattern", SINGLE)
def test_one_file_says_it(pattern):
    found = re.compile(pattern, re.MULTILINE)
    assert [name for name, text in FILES.items() if found.search(text)] == [SINGLE[pattern]]


@pytest.mark.parametrize("name", ["core", "runs", "stats", "report"])
def test_rooms_that_all_share_say_what_they_take(name):
    """`Any` would switch the type checker off for whoever calls them."""
    said = [
        (file, node.lineno)
        for file, text in FILES.items()
        if file.startswith(f"{name}/")
        for node in ast.walk(ast.parse(text))
        if (isinstance(node, ast.Name) and node.id == "Any")
        or (isinstance(node, ast.alias) and node.name == "Any")
        or (isinstance(node, ast.Attribute) and node.attr == "Any")
    ]
    assert said == []


def test_digest_is_that_of_all_bytes_in_turn():
    """SHA-256 of `abc`, from FIPS 180-2."""
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest("abc") == digest("a", b"b", "c") == known


def test_cores_are_those_of_the_process(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 3, 4}, raising=False)
    assert available_cores() == 3


def test_the_commit_is_that_of_the_checkout():
    """It was looked for above the room instead of above the package, and never found."""
    if not (PACKAGE.parent / ".git").exists():
        pytest.skip("not a checkout")
    assert re.fullmatch("[0-9a-f]{40}", commit()["commit"])


def test_a_mesh_is_checked():
    with pytest.raises(BadInputError, match="mesh"):
        as_mesh("two devices")


def test_an_axis_is_one_of_the_mesh():
    import jax

    mesh = as_mesh(jax.make_mesh((1,), ("rows",)))
    assert axes_of(mesh, None) == axes_of(mesh, "rows") == ("rows",)
    with pytest.raises(BadInputError, match="no axis 'columns'"):
        axes_of(mesh, "columns")

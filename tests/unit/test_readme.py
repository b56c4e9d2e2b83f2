"""The README's numbers are those of a run, and no link leads nowhere. `test_examples` runs it."""

import json
import re
import runpy
from xml.etree import ElementTree

import pandas as pd
import pytest
from _readme import README, ROOT, blocks

PAGES = [
    path
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "experiments/**/*.md")
    for path in sorted(ROOT.glob(pattern))
]


def test_the_make_targets_exist_and_are_listed():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    listed = re.findall(r"^([a-z-]+):.*## ", makefile, flags=re.MULTILINE)
    named = re.findall(r"^make ([a-z-]+)", "\n".join(blocks("")), flags=re.MULTILINE)
    assert {"demo", "test"} <= set(named) <= set(listed)
    wanted = "help demo setup format lint types test slow fuzz test-oracle bench docs check clean"
    assert listed == wanted.split()
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith("exec make check")


def test_the_numbers_are_those_of_the_run_behind_the_picture():
    picture = runpy.run_path(str(ROOT / "docs" / "picture.py"))
    run = json.loads((ROOT / "docs" / "report.json").read_text(encoding="utf-8"))
    assert run["status"] == "completed"
    assert run["config"]["households"] is None
    assert picture["BLOCK"].findall(README) == [picture["block"](run)]
    assert f"{run['facts']['population']['household']:,} real households" in README


def test_the_picture_is_drawn_from_the_tables_of_a_run():
    draw = runpy.run_path(str(ROOT / "docs" / "picture.py"))["draw"]
    shares = {"share_gaining": 0.5, "share_unchanged": 0.3, "share_losing": 0.2}
    by_decile = pd.DataFrame({"decile": range(1, 11), **shares})
    worth = {"path": ["gov.irs.rate", "gov.irs.<credit>"], "dollars_per_percent": [3e9, -1e9]}
    drawn = ElementTree.fromstring(draw(by_decile, pd.DataFrame(worth)))
    words = ["".join(text.itertext()) for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"gain", "no change", "lose", "rate", "<credit>", "−1"} <= set(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_leads_nowhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


PLACES = (ROOT, ROOT / "pejax", ROOT / "pejax" / "engine")
"""The folders from which pages name paths, beside their own."""
CODE = ("pejax", "tests", "benchmarks", "docs", "experiments")
WRITTEN = "out"
"""The folder that commands write, which is there or not."""


def _is_there(path, page):
    """Whether a path that a page names exists; True where it does not begin in the project."""
    first = path.split("/")[0]
    begins = [place for place in (*PLACES, page.parent) if (place / first).is_dir()]
    named = (found for place in begins for found in place.glob(path.rstrip("/")))
    plain = (found for found in named if "*" not in path or not found.name.startswith("__"))
    return first == WRITTEN or not begins or any(True for _ in plain)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_page_names_exists(page):
    quoted = re.findall(r"`([^`\s]+)`", page.read_text(encoding="utf-8"))
    paths = {word for word in quoted if re.fullmatch(r"[\w.-]+(/[\w.*-]*)+", word)}
    assert [path for path in sorted(paths) if not _is_there(path, page)] == []
    files = {word for word in quoted if re.fullmatch(r"\w+\.py", word)}
    assert files <= {path.name for folder in CODE for path in (ROOT / folder).rglob("*.py")}


def test_every_page_of_the_docs_is_in_the_index():
    for folder in (ROOT / "docs", ROOT / "docs" / "decisions"):
        index = (folder / "README.md").read_text(encoding="utf-8")
        pages = {path.name for path in folder.glob("*.md")} - {"README.md"}
        assert [name for name in sorted(pages) if f"]({name})" not in index] == []

"""Saved programs that were changed since, damaged or never whole: refused by name, all of them."""

import copy
import hashlib
import io
import json
import random
import warnings
import zipfile

import numpy as np
import pytest

from pejax.core._validate import BadInputError
from pejax.core.files._npz import digest_of
from pejax.engine import Program, _compile, compile, load, sweep
from pejax.testing import toy_oracle, toy_population, toy_program, toy_system

pytestmark = pytest.mark.usefixtures("unchecked")

EVERYTHING = tuple(toy_oracle(toy_population()))


@pytest.fixture(scope="module")
def people():
    return toy_population()


@pytest.fixture(scope="module")
def program(people):
    return toy_program(EVERYTHING, people)


@pytest.fixture(scope="module")
def whole(program, tmp_path_factory):
    """The members of a saved program: texts by name, and the arrays."""
    path = tmp_path_factory.mktemp("saved") / "toyland.pejax"
    program.save(path)
    return _members(path)


def _members(path):
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    with np.load(io.BytesIO(held.pop("arrays.npz"))) as arrays:
        return {name: text.decode() for name, text in held.items()}, dict(arrays)


def _written(path, texts, arrays, sealed=False):
    """A file of these members; `sealed` with a digest that fits them."""
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    if sealed:
        found = {"program": digest_of(texts["program.json"], arrays)}
        found["report"] = hashlib.sha256(texts["report.json"].encode()).hexdigest()
        texts = {**texts, "digests.json": json.dumps(found)}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("arrays.npz", packed.getvalue())
        for name, text in texts.items():
            archive.writestr(name, text)
    return path


def _places(value, path=()):
    """Every place of a JSON value."""
    yield path
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, held in value.items() if isinstance(value, dict) else ():
        yield from _places(held, (*path, key))


def _at(value, path):
    for key in path:
        value = value[key]
    return value


OTHERS = (None, True, -1, 0, 10**9, 2.5, float("nan"), "", "other", [], [1], {}, {"a": 1})


def _changed(body, rng):
    """The same JSON with one value replaced, left out, doubled or exchanged with its neighbour."""
    body = copy.deepcopy(body)
    places = [place for place in _places(body) if place]
    *above, key = rng.choice(places)
    owner = _at(body, above)
    how = rng.choice(("replaced", "left out", "doubled", "exchanged"))
    if how == "left out":
        del owner[key]
    elif how == "doubled" and isinstance(owner, list):
        owner.insert(key, owner[key])
    elif how == "exchanged" and isinstance(owner, list) and key:
        owner[key - 1], owner[key] = owner[key], owner[key - 1]
    else:
        owner[key] = rng.choice([other for other in OTHERS if repr(other) != repr(owner[key])])
    return body


def _refused(path, match="toyland"):
    with pytest.raises(BadInputError, match=match) as caught:
        load(path)
    assert "ompile it again" in str(caught.value)


# ---- the content is what was written


def test_a_number_of_the_law_that_was_changed(whole, tmp_path):
    texts, arrays = whole
    body = json.loads(texts["program.json"])
    (leaf,) = (row for row in body["header"]["leaves"] if row[0] == "tax.allowance")
    leaf[4] = 9_999.0
    path = _written(tmp_path / "toyland.pejax", {**texts, "program.json": json.dumps(body)}, arrays)
    _refused(path, r"toyland\.pejax .*the digest does not match.*ompile it again")


def test_operands_that_were_exchanged(whole, tmp_path):
    texts, arrays = whole
    body = json.loads(texts["program.json"])
    subtract = next(row for row in body["nodes"] if row[0] == "subtract")
    subtract[1].reverse()
    path = _written(tmp_path / "toyland.pejax", {**texts, "program.json": json.dumps(body)}, arrays)
    _refused(path, "the digest does not match")


@pytest.mark.parametrize("seed", range(4))
def test_any_change_of_any_value_is_refused(whole, tmp_path, seed):
    texts, arrays = whole
    rng = random.Random(seed)
    body = json.loads(texts["program.json"])
    for _ in range(40):
        other = json.dumps(_changed(body, rng))
        if other != texts["program.json"]:
            _refused(_written(tmp_path / "toyland.pejax", {**texts, "program.json": other}, arrays))


def test_any_change_of_an_array_is_refused(whole, tmp_path):
    texts, arrays = whole
    assert arrays
    for name, values in arrays.items():
        for other in (values + 1, values.astype(np.float32) + 0.5, np.append(values, values)):
            _refused(_written(tmp_path / "toyland.pejax", texts, {**arrays, name: other}))
        rest = {k: v for k, v in arrays.items() if k != name}
        _refused(_written(tmp_path / "toyland.pejax", texts, rest))


def test_a_report_that_was_changed_is_refused(whole, tmp_path):
    texts, arrays = whole
    report = json.loads(texts["report.json"])
    report["variables"][0]["cuts_gradient"] = True
    changed = {**texts, "report.json": json.dumps(report)}
    _refused(_written(tmp_path / "toyland.pejax", changed, arrays))


def test_a_bit_of_the_file_is_refused_or_means_nothing(program, tmp_path):
    path, rng = tmp_path / "toyland.pejax", random.Random(0)
    program.save(path)
    kept = path.read_bytes()
    refused = 0
    for _ in range(150):
        changed = bytearray(kept)
        changed[rng.randrange(len(kept))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            assert load(path).digest == program.digest  # a date of the zip's own, for example
        except BadInputError as problem:
            refused += 1
            assert "toyland.pejax" in str(problem)
    assert refused > 100


# ---- a digest that fits, of what is no program


@pytest.mark.parametrize("seed", range(4))
def test_no_header_raises_anything_but_a_named_error(whole, tmp_path, seed):
    texts, arrays = whole
    rng = random.Random(100 + seed)
    body, report = json.loads(texts["program.json"]), json.loads(texts["report.json"])
    loaded = refused = 0
    for _ in range(60):
        name, content = rng.choice([("program.json", body)] * 5 + [("report.json", report)])
        changed = {**texts, name: json.dumps(_changed(content, rng))}
        path = _written(tmp_path / "toyland.pejax", changed, arrays, sealed=True)
        try:
            loaded += isinstance(load(path), Program)
        except BadInputError as problem:
            refused += 1
            assert "toyland.pejax" in str(problem) and "ompile it again" in str(problem)
    assert refused > 20 and loaded > 0


def _edited(change):
    def edit(whole, path):
        texts, arrays = whole
        body = json.loads(texts["program.json"])
        change(body)
        return _written(path, {**texts, "program.json": json.dumps(body)}, arrays, sealed=True)

    return edit


def _node(body, op):
    return next(row for row in body["nodes"] if row[0] == op)


DAMAGE = {
    "a key that is missing": lambda b: b["header"].pop("columns"),
    "a header that is none": lambda b: b.update(header=[]),
    "too many roots": lambda b: b["roots"].append(0),
    "too few roots": lambda b: b["roots"].pop(),
    "no nodes": lambda b: b.update(nodes=[], roots=[]),
    "an operation that nobody knows": lambda b: _node(b, "subtract").__setitem__(0, "subtrakt"),
    "an operation of another arity": lambda b: _node(b, "subtract").__setitem__(0, "negative"),
    "an argument that comes later": lambda b: _node(b, "subtract")[1].__setitem__(0, 10**6),
    "an argument that is itself": lambda b: b["nodes"][-1][1].__setitem__(0, len(b["nodes"]) - 1),
    "an argument before the first": lambda b: _node(b, "subtract")[1].__setitem__(0, -1),
    "a root before the first": lambda b: b["roots"].__setitem__(0, -1),
    "a type that is no number's": lambda b: _node(b, "subtract").__setitem__(3, "O"),
    "a shape that is negative": lambda b: _node(b, "subtract").__setitem__(4, [-1]),
    "an entity that is not there": lambda b: _node(b, "subtract").__setitem__(4, ["village"]),
    "a size that is negative": lambda b: b["sizes"].update(person=-101),
    "a size that two share": lambda b: b["sizes"].update(person=b["sizes"]["household"]),
    "a size that is no number": lambda b: b["sizes"].update(person=float("nan")),
    "flags that are none": lambda b: _node(b, "subtract").__setitem__(6, [1, 0]),
    "a decision of no kind": lambda b: b["header"]["decisions"][0].__setitem__(0, "maybe"),
    "a decision without an answer": lambda b: b["header"]["decisions"][0].__setitem__(2, None),
    "an output of no entity": lambda b: b["header"]["outputs"][0].__setitem__(1, "village"),
    "an output of another entity": lambda b: b["header"]["outputs"][-1].__setitem__(1, "person"),
    "a parameter that is a text": lambda b: b["header"]["leaves"][0].__setitem__(4, "x"),
    "a parameter that is gone": lambda b: b["header"]["leaves"].pop(0),
    "a parameter twice": lambda b: b["header"]["leaves"].append(b["header"]["leaves"][0]),
    "a column without a type": lambda b: b["header"]["columns"][0].__setitem__(2, None),
    "a recipe of another dtype": lambda b: b["header"]["recipe"].update(dtype="float16"),
    "a recipe with more": lambda b: b["header"]["recipe"].update(salt=1),
    "a period of one day": lambda b: b["header"].update(period=["2025-01-01"]),
    "strata that are none": lambda b: b["header"].update(strata=["household.region"]),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_no_program_is_refused_though_its_digest_fits(whole, tmp_path, damage):
    _refused(_edited(DAMAGE[damage])(whole, tmp_path / "toyland.pejax"), "is not a saved program")


def test_the_undamaged_file_is_the_program(whole, program, tmp_path):
    path = _edited(lambda body: None)(whole, tmp_path / "toyland.pejax")
    assert load(path) == program


# ---- the digest is the program's identity


def test_loading_and_saving_again_keeps_the_digest(whole, program, tmp_path):
    path = _written(tmp_path / "toyland.pejax", *whole)
    again = load(path)
    again.save(tmp_path / "twice.pejax")
    assert again.digest == program.digest == load(tmp_path / "twice.pejax").digest
    assert _members(tmp_path / "twice.pejax")[0] == whole[0]


# ---- files that are made again


def test_a_damaged_program_in_the_cache_is_traced_again(people, tmp_path, monkeypatch):
    asked = (toy_system(), ["income_tax"], 2025, people)
    first = compile(*asked, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    held = path.read_bytes()
    path.write_bytes(held[: len(held) // 2])
    with pytest.warns(UserWarning, match=r"\.pejax is not a saved program.*compiled again"):
        assert compile(*asked, cache=tmp_path) == first
    monkeypatch.setattr(_compile, "trace", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compile(*asked, cache=tmp_path) == first


def test_a_damaged_batch_of_a_sweep_is_run_again(program, people, tmp_path):
    reforms = [{}, {"tax.rate": 0.3}, {"tax.rate": 0.4}]
    first = sweep(program, reforms, people, ["income_tax"], batch=2, out=tmp_path)
    path = sorted(tmp_path.rglob("items-*.npz"))[0]
    changed = bytearray(path.read_bytes())
    changed[len(changed) // 2] ^= 1
    path.write_bytes(changed)
    with pytest.warns(UserWarning, match=r"no readable \.npz.*computed again"):
        assert first.equals(sweep(program, reforms, people, ["income_tax"], batch=2, out=tmp_path))

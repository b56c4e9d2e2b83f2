"""Series and frames of traced rows mean what pandas' own mean, missing values included."""

import enum

import numpy as np
import pytest
from _engine_traced import Asked, rebound

from pejax.engine.graph._interpret import Interpreter
from pejax.engine.graph._ir import Graph
from pejax.engine.importer._pandas import Pandas
from pejax.engine.tracing._array import Traced, Untraceable, deciding

pandas = pytest.importorskip("pandas")

ROWS = 8
CODES = ("01001", "6037", "", " 48113 ", "abc", "99999")
STATES = ("AL", "CA", "TX")


TWO = {"AL": "east", "CA": "west"}


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


REAL = {
    "code": np.array([0, 1, 2, 3, 4, 5, 1, 0], np.int16),
    "state": np.array([0, 1, 2, 2, 1, 0, 0, 0], np.int16),
    "colour": np.array([0, 1, 2, 2, 1, 0, 0, 1], np.int16),
    "i": np.array([0, 3, 4, 7, 1, 2, 3, -1]),
    "x": np.array([0.5, np.nan, 2.0, -1.0, np.nan, 3.0, 0.0, 1.0]),
    "s": np.array([0.1, 0.2, 0.3, -0.4, 0.5, 0.6, np.nan, 0.0], np.float32),
    "b": np.array([True, False, True, True, False, False, True, False]),
}
VOCABULARY = {"code": CODES, "state": STATES, "colour": Colour}
PLACES = {
    "code": ["01001", "06037", "48113", "01001"],
    "size": [0, 3, 4, 1],
    "rent": [900.0, 1500.5, np.nan, 950.0],
    "rooms": [1, 2, 3, 4],
    "name": ["Autauga", "Los Angeles", "Dallas", "Autauga"],
    "flag": [True, False, True, False],
}


def traced(function):
    """What a function of the columns gives on traced rows, evaluated, and the rows selected."""
    graph = Graph({"person": 101, "household": 103})
    columns = {
        k: Traced(graph.input(k, np.ones(101, v.dtype)), VOCABULARY.get(k)) for k, v in REAL.items()
    }
    inputs = {**REAL, "person.real": np.ones(ROWS, bool)}
    interpreter = Interpreter(inputs, {101: ROWS, 103: 2}, {})
    with deciding(Asked(interpreter)):
        run, numpy = rebound(graph, function)
        result = run(Pandas(), numpy, **columns)
        result = getattr(result, "traced", result)
    values = interpreter(result.node)
    if result.vocabulary is not None:
        values = np.array(result.names, dtype=object)[values]
    rows = slice(None) if result.mask is None else interpreter(result.mask)
    return np.asarray(values)[rows]


def plain(function):
    columns = dict(REAL)
    columns.update({k: np.array(VOCABULARY[k])[REAL[k]] for k in ("code", "state")})
    return np.asarray(function(pandas, np, **columns))


def places():
    return pandas.DataFrame(PLACES)


def limits():
    return pandas.Series({"01001": 1.5, "6037": 2.5})


def frame(pd, code, i, **_):
    data = pd.DataFrame({"code": code, "size": i, "year": 2025})
    data["code"] = data["code"].str.strip().str.zfill(5)
    return data


def matched(pd, **columns):
    return frame(pd, **columns).merge(places(), on=["code", "size"], how="left")


def assigned(pd, code, b, **_):
    series = pd.Series(code)
    series[b] = "yes"
    series.loc[series == "abc"] = "no"
    return series


def assigned_by_label(pd, x, i, b, **_):
    series = pd.Series(x)
    series.loc[b] = pd.Series(i) * 1.0
    return series


def digits(pd, code, **_):
    """Texts extracted where there are any, and padded."""
    found = pd.Series(code).str.strip().str.extract(r"^(\d{1,5})", expand=False)
    result = pd.Series("", index=found.index, dtype=object)
    has = found.notna()
    result[has] = found[has].str.zfill(5).str[:3]
    return result.to_numpy(dtype=str)


def refilled(pd, np, i, **columns):
    """Rows without a match are looked up again under another key."""
    data = frame(pd, i=i, **columns).assign(row=np.arange(len(i)))
    found = data.merge(places(), on=["code", "size"], how="left")["rent"].copy()
    again = data.loc[found.isna(), ["row", "code"]].assign(size=1)
    again = again.merge(places(), on=["code", "size"], how="left").dropna(subset=["rent"])
    found.iloc[again["row"].to_numpy()] = again["rent"].to_numpy()
    return found.fillna(0)


def suffixed(pd, **columns):
    data = frame(pd, **columns).assign(rent=1.0)
    both = data.merge(
        places().iloc[:3], how="left", left_on="code", right_on="code", suffixes=("", "_there")
    )
    return both["rent"] + both["rent_there"].fillna(0)


EXPRESSIONS = {
    "zfill": lambda pd, np, code, **_: pd.Series(code).str.zfill(5),
    "slice": lambda pd, np, code, **_: pd.Series(code).str.strip().str[:2],
    "fullmatch": lambda pd, np, code, **_: pd.Series(code).str.fullmatch(r"\d{1,5}"),
    "isin": lambda pd, np, code, **_: pd.Series(code).isin(["01001", "abc"]),
    "isin of numbers": lambda pd, np, i, **_: pd.Series(i).isin([3, 4]),
    "equal": lambda pd, np, code, **_: (pd.Series(code) == "abc") | (pd.Series(code) != ""),
    "texts with texts": lambda pd, np, code, state, **_: pd.Series(state) + pd.Series(code),
    "text after text": lambda pd, np, state, **_: "US-" + pd.Series(state),
    "cat": lambda pd, np, code, state, **_: pd.Series(code).str.cat(pd.Series(state), sep="_"),
    "equal texts": lambda pd, np, state, code, **_: pd.Series(code).str[:0] == pd.Series(state),
    "apply": lambda pd, np, code, **_: pd.Series(code).apply(lambda t: t.strip().upper() + "!"),
    "map of texts": lambda pd, np, code, **_: pd.Series(code).map(limits()),
    "map of a dictionary": lambda pd, np, state, **_: (
        pd.Series(state).map({"AL": 1, "CA": 2, "TX": 3})
    ),
    "map of integers": lambda pd, np, i, **_: pd.Series(i).map({3: 0.5, 7: 1.5, -1: 2.5}),
    "map of a series": lambda pd, np, i, **_: (
        pd.Series(i).map(pandas.Series([1.0, 2.0], index=[4, 0])).fillna(-1)
    ),
    "map of codes": lambda pd, np, colour, **_: pd.Series(colour).map({0: 1.5, 2: 2.5}),
    "map to names": lambda pd, np, code, **_: (
        pd.Series(code).map({"01001": "a", "6037": "b"}).fillna("none")
    ),
    "reindex": lambda pd, np, code, **_: (
        pd.Series(np.arange(2), index=["01001", "abc"])
        .reindex(pd.Series(code))
        .fillna(9)
        .astype(int)
    ),
    "isna": lambda pd, np, x, **_: pd.Series(x).isna(),
    "isna of a lookup": lambda pd, np, code, **_: pd.Series(code).map(limits()).isna(),
    "fillna": lambda pd, np, x, **_: pd.Series(x).fillna(0),
    "fillna with a lookup": lambda pd, np, code, x, **_: (
        pd.Series(x).fillna(pd.Series(code).map(limits()))
    ),
    "fillna of two lookups": lambda pd, np, code, state, **_: (
        pd.Series(code).map(limits()).fillna(pd.Series(state).map({"AL": 7.0}))
    ),
    "where": lambda pd, np, code, **_: (
        pd.Series(code).where(pd.Series(code).str.fullmatch(r"\d+"), "")
    ),
    "where of other codes": lambda pd, np, code, state, b, **_: (
        pd.Series(code).where(pd.Series(b), pd.Series(state))
    ),
    "where of numbers": lambda pd, np, x, i, b, **_: pd.Series(x).where(pd.Series(b), pd.Series(i)),
    "mask": lambda pd, np, x, b, **_: pd.Series(x).mask(pd.Series(b)),
    "between": lambda pd, np, i, **_: pd.Series(i).between(1, 4, inclusive="left"),
    "arithmetic": lambda pd, np, x, i, **_: (1 - pd.Series(x) * 2) / 4 + pd.Series(i),
    "lookups added": lambda pd, np, code, state, **_: (
        pd.Series(code).map(limits()) * pd.Series(state).map({"AL": 2.0, "CA": 3.0})
    ),
    "truth values": lambda pd, np, b, i, **_: ~pd.Series(b) & (pd.Series(i) > 1) | pd.Series(b),
    "astype": lambda pd, np, code, **_: (
        pd.Series(code).where(pd.Series(code).str.fullmatch(r"\d+"), "0").astype(int)
    ),
    "numbers astype": lambda pd, np, i, **_: pd.Series(i).astype(float) / 2,
    "assignment": lambda pd, np, **k: assigned(pd, **k),
    "assignment by label": lambda pd, np, **k: assigned_by_label(pd, **k),
    "digits": lambda pd, np, **k: digits(pd, **k),
    "a numpy function": lambda pd, np, x, b, **_: np.where(pd.Series(b), pd.Series(x), 0.0),
    "any and all": lambda pd, np, b, **_: (
        pd.Series(b) if pd.Series(b).any() and not pd.Series(b).all() else pd.Series(~b)
    ),
    "selected rows": lambda pd, np, code, b, **_: pd.Series(code)[b].str.zfill(6).to_numpy(),
    "merge": lambda pd, np, **k: matched(pd, **k)["rent"],
    "merge, integers": lambda pd, np, **k: matched(pd, **k)["rooms"].fillna(0).to_numpy(),
    "merge, names": lambda pd, np, **k: matched(pd, **k)["name"].fillna("").to_numpy(),
    "merge, truth values": lambda pd, np, **k: matched(pd, **k)["flag"].fillna(False).astype(bool),
    "merge by function": lambda pd, np, **k: (
        pd.merge(frame(pd, **k), places(), on=["code", "size"], how="left")["rent"]
    ),
    "merge, other names": lambda pd, np, **k: (
        frame(pd, **k).merge(
            places()[:3].rename(columns={"code": "place"})[["place", "rent"]],
            how="left", left_on="code", right_on="place", validate="many_to_one",
        )["rent"]
    ),
    "merge, suffixes": lambda pd, np, **k: suffixed(pd, **k),
    "merge of selected rows": lambda pd, np, b, **k: (
        frame(pd, **k)[b].merge(places(), on=["code", "size"], how="left")["rent"].to_numpy()
    ),
    "sorted back": lambda pd, np, i, **k: (
        matched(pd, i=i, **k).assign(row=np.arange(len(i))).sort_values("row")["rent"]
    ),
    "columns": lambda pd, np, **k: matched(pd, **k)[["rent", "rooms"]].fillna(0).to_numpy(),
    "columns by type": lambda pd, np, **k: (
        matched(pd, **k).fillna({"rooms": 0}).astype({"rooms": int})["rooms"]
    ),
    "dropna": lambda pd, np, **k: matched(pd, **k).dropna(subset=["rent"])["rooms"].to_numpy(),
    "looked up again": refilled,
    "loc": lambda pd, np, b, **k: frame(pd, **k).loc[b, "size"].to_numpy(),
    "length": lambda pd, np, i, **k: pd.Series(i) + np.zeros(len(frame(pd, i=i, **k))),
}  # fmt: skip


def same(found, expected):
    if expected.dtype.kind in "fiub" and found.dtype.kind in "fiub":
        np.testing.assert_allclose(found.astype(float), expected.astype(float))
    else:
        np.testing.assert_array_equal(found.astype(object), expected.astype(object))


@pytest.mark.parametrize("function", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_it_is_pandas(function):
    same(traced(function), plain(function))


@pytest.mark.parametrize(
    "function",
    [
        lambda pd, np, s, **_: pd.Series(s) * 2.0 + 1,
        lambda pd, np, s, **_: pd.Series(s).fillna(0.0),
        lambda pd, np, s, x, **_: pd.Series(s) + pd.Series(x),
        lambda pd, np, i, **_: pd.Series(i) * 2,
    ],
    ids=["single precision", "filled", "single and double", "integers"],
)
def test_widths_are_pandas_s(function):
    assert traced(function).dtype == plain(function).dtype


def test_names_become_members():
    found = traced(
        lambda pd, np, state, **_: (
            pd.Series(state).map({"AL": Colour.RED, "CA": Colour.BLUE, "TX": Colour.GREEN}).values
        )
    )
    assert found.tolist() == [
        "RED", "BLUE", "GREEN", "GREEN", "BLUE", "RED", "RED", "RED"
    ]  # fmt: skip


def test_a_missing_value_that_no_row_has_is_no_obstacle():
    found = traced(lambda pd, np, state, **_: pd.Series(state)[pd.Series(state) != "TX"].map(TWO))
    assert found.tolist() == ["east", "west", "west", "east", "east", "east"]


def test_a_static_series_stays_pandas_own():
    series = Pandas().Series([1.0, 2.0], index=["a", "b"])
    assert isinstance(series, pandas.Series)
    assert series.reindex(["b", "c"]).isna().tolist() == [False, True]
    assert Pandas().DataFrame({"a": [1]}).equals(pandas.DataFrame({"a": [1]}))
    assert Pandas().merge(places(), places(), on=["code", "size"]).shape[0] == 4
    assert Pandas().isna(None)


def partly(pd, x, b, **_):
    series = pd.Series(x)
    series[b] = series[series > 0]


def repeated(pd, code, **_):
    return pd.DataFrame({"code": code}).merge(places(), on="code", how="left")["rent"]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda pd, np, x, **_: pd.Series(x).median(), r"pandas\.Series\.median"),
        (lambda pd, np, x, **_: pd.Series(x).index.max(), r"pandas\.Index\.max"),
        (lambda pd, np, code, **_: pd.Series(code).str.split("-"), r"pandas\.Series\.str\.split"),
        (lambda pd, np, code, **_: pd.Series(code).str.extract("(.)"), "extract to a frame"),
        (lambda pd, np, code, **_: pd.Series(code).str.cat(), "cat of all rows"),
        (lambda pd, np, x, **_: pd.Series(x, index=[1]), "with an index"),
        (lambda pd, np, x, **_: pd.Series(x).astype(str), "numbers to texts"),
        (lambda pd, np, x, **_: pd.Series(x).map(abs), "a function of numbers"),
        (lambda pd, np, x, b, **_: assigned(pd, x, b), "where between numbers and other things"),
        (lambda pd, np, x, b, **_: partly(pd, x, b), "other rows of a pandas.Series than"),
        (lambda pd, np, x, **_: pd.Series(x).map({1: 2.0}), "numbers that are not integers"),
        (lambda pd, np, x, b, **_: pd.Series(x)[b] + pd.Series(x), "different selections"),
        (lambda pd, np, x, b, **_: pd.Series(x)[b].where(pd.Series(x) > 1), "different selections"),
        (lambda pd, np, x, i, **_: pd.Series(x)[i], "anything but truth values"),
        (lambda pd, np, x, **_: pd.Series(x)[0], r"pandas\.Series\[0\]"),
        (lambda pd, np, x, **_: pd.Series(x).iloc[0], "iloc"),
        (lambda pd, np, x, **_: list(pd.Series(x)), "a Python loop"),
        (lambda pd, np, x, **_: bool(pd.Series(x) > 1), "bool.. of a pandas.Series"),
        (lambda pd, np, x, **_: f"{pd.Series(x)}", "str.. of a pandas.Series"),
        (lambda pd, np, code, x, **_: pd.Series(code) + pd.Series(x), "Series.add of numbers"),
        (lambda pd, np, x, **_: pd.Series(x) + np.arange(8.0), "a plain array"),
        (lambda pd, np, state, **_: pd.Series(state).map({"AL": "a"}).to_numpy(), "does not hold"),
        (
            lambda pd, np, state, **_: pd.Series(state).map({"AL": (1,), "CA": 2, "TX": 3}).values,
            "neither numbers nor names",
        ),
        (lambda pd, np, state, **_: pd.Series(state).map({"AL": "a"}).apply(len), "missing value"),
        (lambda pd, np, **k: frame(pd, **k).groupby("code"), r"pandas\.DataFrame\.groupby"),
        (lambda pd, np, **k: frame(pd, **k).merge(places(), on="code"), "other than a left join"),
        (
            lambda pd, np, **k: frame(pd, **k).merge(frame(pd, **k), on="code", how="left"),
            "a table that is not static",
        ),
        (lambda pd, np, **k: frame(pd, **k).merge(places(), how="left"), "names of its keys"),
        (lambda pd, np, **k: pd.merge(places(), frame(pd, **k), on="code"), "a static table with"),
        (lambda pd, np, **k: repeated(pd, **k), "holds code '01001' more than once"),
        (
            lambda pd, np, i, **_: pd.DataFrame({"code": i}).merge(places(), on="code", how="left"),
            "texts with numbers",
        ),
        (lambda pd, np, **k: frame(pd, **k).sort_values("code"), "sort_values by anything but"),
        (lambda pd, np, x, b, **_: pd.DataFrame({"x": x, "y": x[b]}), "different selections"),
    ],
)
def test_what_a_program_cannot_express_is_named(function, message):
    with pytest.raises(Untraceable, match=message):
        traced(function)


def test_combinations_without_bound_are_refused():
    graph = Graph({"person": 101, "household": 103})
    many = [
        Traced(graph.input(k, np.ones(101, np.int32)), tuple(f"{k}{n}" for n in range(1_100)))
        for k in ("a", "b")
    ]
    pd = Pandas()
    with pytest.raises(Untraceable, match="add of columns with 1100 x 1100 values"):
        len(pd.Series(many[0]) + pd.Series(many[1]))
    table = pandas.DataFrame({k: [f"{k}{n}" for n in range(2_100)] for k in ("a", "b")})
    wide = pd.DataFrame({"a": many[0], "b": many[1]})
    assert len(wide.merge(table, on=["a", "b"], how="left").columns) == 2
    with pytest.raises(Untraceable, match="a table of 2101 x 2101 keys"):
        integers = [Traced(graph.input(k, np.ones(101, np.int32))) for k in ("i", "j")]
        table = pandas.DataFrame({"i": range(2_100), "j": range(2_100)})
        pd.DataFrame(dict(zip("ij", integers, strict=True))).merge(table, on=["i", "j"], how="left")

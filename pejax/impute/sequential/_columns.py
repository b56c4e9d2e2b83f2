"""Table columns as a forest reads them, and a forest's draws as table columns."""

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num, Shaped

from ...core._arguments import as_instance, as_switch, as_text, shown
from ...core._arrays import as_array, as_index, as_numbers, items_of
from ...core._formerly import former_names
from ...core._validate import BadInputError, unknown

if TYPE_CHECKING:
    import pandas as pd

Label: TypeAlias = str | int | float | bool
_BITS = (8, 16, 32, 64)


@former_names(features="covariates")
@dataclasses.dataclass(frozen=True)
class NumberColumn:
    """A column of numbers or truth values, one covariate wide.

    Attributes:
        name: of the column.
        dtype: to which drawn values go back; `bool` marks an outcome without quantiles.

    >>> NumberColumn("age").dtype
    'float64'
    """

    name: str
    dtype: str = "float64"

    labels: ClassVar[tuple[Label, ...]] = ()

    def __post_init__(self):
        as_text(self.name, "name")
        if as_text(self.dtype, "dtype") not in _DTYPES:
            raise BadInputError(f"dtype is {self.dtype!r}. Give that of numbers, such as 'int64'.")

    @property
    def has_quantiles(self) -> bool:
        """Whether quantiles of the column mean something."""
        return self.dtype != "bool"

    @property
    def is_nominal(self) -> bool:
        """Whether the column's numbers are codes without an order."""
        return False

    def encode(self, values: "pd.Series") -> Float[np.ndarray, " row"]:
        """The column as float64; missing values become NaN."""
        _check_series(values, self.name)
        if not _is_number(values):
            raise BadInputError(
                f"Column {self.name!r} holds {values.dtype}, but the forest was trained on numbers."
                " Convert it with pandas.to_numeric."
            )
        return values.to_numpy(np.float64, na_value=np.nan)

    def outcomes(self, values: "pd.Series") -> Num[np.ndarray, " row"]:
        """The column as donors' outcomes: whole numbers as they are, all else as `encode` has it.

        A float64 holds whole numbers up to 2^53 alone.
        """
        encoded = self.encode(values)
        is_whole = np.dtype(self.dtype).kind in "iu" and values.dtype.kind in "biu"
        if not is_whole or np.isnan(encoded).any():
            return encoded
        return values.to_numpy(np.dtype(self.dtype))

    def covariates(self, values: Shaped[Array | np.ndarray, " row"]) -> Float[Array, "row 1"]:
        """The column as the forest is given it."""
        return _rows(values, self.name).astype(jnp.result_type(float))[:, None]

    def decode(self, values: Num[np.ndarray, " row"], index: Any) -> "pd.Series":
        """Drawn values as a table column."""
        import pandas as pd

        drawn = as_numbers(values, f"Column {self.name!r}")
        labels = _index_of(drawn, index, self.name)
        refused = ~np.isfinite(drawn)
        if np.dtype(self.dtype).kind != "f" and refused.any():
            row = int(refused.argmax())
            raise BadInputError(
                f"Row {row}, column {self.name!r}: the value is {drawn[row]}, which {self.dtype}"
                " does not hold. Give a number."
            )
        return pd.Series(drawn.astype(self.dtype), index=labels, name=self.name)


@former_names(features="covariates")
@dataclasses.dataclass(frozen=True)
class CategoryColumn:
    """A column of categories: one covariate a category, or the code where they have an order.

    Attributes:
        name: of the column.
        labels: the categories; a value's code is its place among them.
        ordered: whether the labels stand in an order.

    >>> CategoryColumn("region", ("north", "south")).labels
    ('north', 'south')
    """

    name: str
    labels: tuple[Label, ...]
    ordered: bool = False

    has_quantiles: ClassVar[bool] = False  # codes have them only by convention: draw instead

    def __post_init__(self):
        as_text(self.name, "name")
        as_switch("ordered")(self.ordered)
        labels = items_of(self.labels, f"labels is {shown(self.labels)}. Give a tuple of labels.")
        object.__setattr__(self, "labels", _plain(self.name, labels))
        if len(set(self.labels)) < len(self.labels):
            raise BadInputError(f"Column {self.name!r} has a label twice. Give each once.")

    @property
    def is_nominal(self) -> bool:
        """Whether the codes have no order."""
        return not self.ordered

    def encode(self, values: "pd.Series") -> Float[np.ndarray, " row"]:
        """Codes as float64.

        Raises:
            BadInputError: a missing value.
            UnknownNameError: a category that no donor had.
        """
        import pandas as pd

        _check_series(values, self.name)
        missing = values.isna().to_numpy()
        if missing.any():
            raise BadInputError(
                f"Row {int(missing.argmax())}, column {self.name!r}: the category is missing."
                " Fill it, for example with a category of its own."
            )
        plain = values.astype(object) if isinstance(values.dtype, pd.CategoricalDtype) else values
        codes = pd.Index(self.labels, dtype=object).get_indexer(pd.Index(plain, dtype=object))
        if (codes < 0).any():
            row = int((codes < 0).argmax())
            _fail_if_another_type(plain.iloc[row], row, self)
            kind = f"category (row {row}) of column {self.name!r}:"
            raise unknown(kind, str(plain.iloc[row]), map(str, self.labels))
        return codes.astype(np.float64)

    def outcomes(self, values: "pd.Series") -> Float[np.ndarray, " row"]:
        """The codes."""
        return self.encode(values)

    def covariates(self, values: Shaped[Array | np.ndarray, " row"]) -> Float[Array, "row feature"]:
        """One-hot covariates, or the code; NaN where the code is none."""
        code = _rows(values, self.name).astype(jnp.result_type(float))[:, None]
        if self.ordered:
            return jnp.where(code >= 0, code, jnp.nan)
        hot = code == jnp.arange(len(self.labels), dtype=code.dtype)
        known = (code >= 0) & (code < len(self.labels))
        return jnp.where(known, hot.astype(code.dtype), jnp.nan)

    def decode(self, values: Float[np.ndarray, " row"], index: Any) -> "pd.Series":
        """Drawn codes as a categorical table column."""
        import pandas as pd

        kind = pd.CategoricalDtype(list(self.labels), self.ordered)
        codes = as_numbers(values, f"Column {self.name!r}")
        labels = _index_of(codes, index, self.name)
        strange = ~np.isin(codes, np.arange(-1, len(self.labels)))
        if strange.any():
            row = int(strange.argmax())
            raise BadInputError(
                f"Row {row}, column {self.name!r}: {codes[row]} is no code of"
                f" {len(self.labels)} labels. Give their places, counted from 0."
            )
        drawn = pd.Categorical.from_codes(codes.astype(int).tolist(), dtype=kind)
        return pd.Series(drawn, index=labels, name=self.name)


_DTYPES = frozenset(
    ("bool", "float16", "float32", "float64", *(f"{u}int{n}" for u in ("", "u") for n in _BITS))
)


def _check_series(values: Any, name: str) -> None:
    import pandas as pd

    as_instance(values, pd.Series, f"Column {name!r}", "Give a pandas Series.")


def _rows(values: Any, name: str) -> Array:
    """One number a row as a JAX array."""
    found = as_array(values, f"Column {name!r}")
    if found.ndim != 1:
        raise BadInputError(f"Column {name!r} has shape {found.shape}. Give one number a row.")
    return found


def _index_of(values: np.ndarray, index: Any, name: str) -> "pd.Index | None":
    """The labels of drawn values, one a row."""
    if values.ndim != 1:
        raise BadInputError(f"Column {name!r} has shape {values.shape}. Give one value a row.")
    return None if index is None else as_index(index, "index", f"column {name!r}", len(values))


def _fail_if_another_type(value: Any, row: int, column: CategoryColumn) -> None:
    """Say of a category that differs in its type alone that it does."""
    if str(value) in map(str, column.labels):
        raise BadInputError(
            f"Row {row}, column {column.name!r}: the category {value!r} is of type"
            f" {type(value).__name__}, the donors' of {type(column.labels[0]).__name__}. Convert"
            " the column to the donors' type."
        )


Column: TypeAlias = NumberColumn | CategoryColumn


def learn_column(name: str, values: "pd.Series") -> Column:
    """The kind of a donor column, with its categories."""
    import pandas as pd

    if isinstance(values.dtype, pd.CategoricalDtype):
        labels = _plain(name, values.cat.categories)
        return CategoryColumn(name, labels, bool(values.cat.ordered))
    if _is_number(values):
        return NumberColumn(name, _numpy_name(values.dtype))
    return CategoryColumn(name, _plain(name, _ascending(name, values)))


def column_to_json(column: Column) -> dict[str, Any]:
    """The column as plain data."""
    return {"kind": type(column).__name__, **dataclasses.asdict(column)}


def column_from_json(data: dict[str, Any]) -> Column:
    """The column that `column_to_json` wrote down."""
    fields = dict(data)
    if fields.pop("kind") == NumberColumn.__name__:
        return NumberColumn(**fields)
    return CategoryColumn(fields["name"], tuple(fields["labels"]), fields["ordered"])


def _plain(name: str, labels: Iterable[Any]) -> tuple[Label, ...]:
    """Labels as Python's own types, which JSON and hashing know."""
    plain = tuple(x.item() if isinstance(x, np.generic) else x for x in labels)
    strange = [x for x in plain if not isinstance(x, str | int | float | bool)]
    if strange:
        raise BadInputError(
            f"Column {name!r} holds {type(strange[0]).__name__} values, which are neither numbers"
            " nor categories of strings or numbers. Convert it, for example to years."
        )
    return plain


def _ascending(name: str, values: "pd.Series") -> list[Any]:
    """The categories of a column, in order."""
    try:
        return sorted(values.dropna().unique())
    except TypeError as problem:
        kinds = [type(value).__name__ for value in values]
        row = next((i for i, kind in enumerate(kinds) if kind != kinds[0]), 0)
        found = f"a {kinds[0]} in row 0" + (f" and a {kinds[row]} in row {row}" if row else "")
        raise BadInputError(
            f"Column {name!r} holds {found}, which are no numbers and no categories of one type."
            " Convert it, for example with astype(str)."
        ) from problem


def _is_number(values: "pd.Series") -> bool:
    import pandas as pd

    if pd.api.types.is_complex_dtype(values.dtype):
        raise BadInputError(f"Column {values.name!r} holds {values.dtype}. Give real numbers.")
    return pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype)


def _numpy_name(dtype: Any) -> str:
    """The numpy type behind a pandas one: `Int64` is `int64`, `boolean` is `bool`."""
    return str(np.dtype(getattr(dtype, "numpy_dtype", dtype)))

"""Filling columns of a population with a chain of fitted forests."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Int32, Num, Shaped

from ...core._arguments import as_instance, check_key, shown
from ...core._arrays import items_of
from ...core._transforms import is_traced
from ...core._types import Key
from ...core._validate import BadInputError, unknown
from ...core.population._population import Population
from ...core.population._schema import FrozenMapping
from ._columns import CategoryColumn, Column, NumberColumn
from ._fitted import FittedQRF
from ._imputer import Imputer

Vocabulary: TypeAlias = tuple[str, ...] | None


def chain(
    forests: FittedQRF | Sequence[Imputer],
    population: Population,
    *,
    key: Key,
    entity: str | None = None,
) -> Population:
    """Impute columns of a population by donors, each from the columns before it.

    Pure: fit for `jax.jit`, with the population's arrays and the forests as arguments. A draw is a
    function of the key, the variable's name and the record's id in the population, so that
    neither padding, sharding nor the order of rows changes it.

    Args:
        forests: a fitted chain, or imputers in the order in which they apply.
        population: the receivers, with the predictors as columns of `entity`; a person may also
            read the columns of the groups it belongs to.
        key: from `jax.random.key`.
        entity: whose rows are filled; the persons by default.

    Returns:
        The population with the imputed columns added or replaced; categories become string
        columns.

    Raises:
        UnknownNameError: a predictor that the population lacks, or a category unseen in training.
        BadInputError: a missing or infinite predictor, or whole numbers of the donors beyond 32
            bits. Inside of `jax.jit`, where no value can be refused, the rows of such predictors
            get NaN, or the least whole number (-2147483648) in columns of whole numbers and texts,
            and True among truth values.

    >>> import jax
    >>> import pandas as pd
    >>> from pejax.impute import QRF
    >>> from pejax.testing import toy_population
    >>> donors = pd.DataFrame({"age": [20.0, 70.0] * 8, "pension": [0.0, 9.0] * 8})
    >>> fitted = QRF(n_estimators=2).fit(donors, ["age"], ["pension"])
    >>> people = chain(fitted, toy_population(), key=jax.random.key(0))
    >>> sorted(set(people.column("pension").tolist()))
    [0.0, 9.0]
    """
    as_instance(population, Population, "population", "Give a pejax.Population.")
    check_key(key)
    entity = population.schema.person if entity is None else entity
    population.schema.check_entity(entity)
    imputers = forests.imputers if isinstance(forests, FittedQRF) else _imputers(forests)
    columns: dict[str, Shaped[Array, " row"]] = {}
    for imputer in imputers:
        for column in imputer.predictors:
            if column.name not in columns:
                columns[column.name] = _predictor(population, entity, column)
        index = imputer.draw_index(columns, key, population.ids[entity])
        real = population.real[entity]
        drawn = jnp.where(real, imputer.outcome(index), 0)
        columns[imputer.target.name] = drawn
        if imputer.whole is not None:
            drawn = jnp.where(real, _whole_outcome(imputer, index), 0)
        has_drawn = (index >= 0) | ~real
        population = _with_drawn(population, entity, imputer.target, drawn, has_drawn)
    return population


def _imputers(given: Any) -> list[Imputer]:
    """The imputers of a list."""
    fix = "Give what QRF(...).fit returns, or a list of its imputers."
    each = items_of(given, f"forests is {shown(given)}. {fix}")
    return [as_instance(one, Imputer, f"forests[{k}]", fix) for k, one in enumerate(each)]


def _predictor(population: Population, entity: str, column: Column) -> Shaped[Array, " row"]:
    """A predictor's encoded values for every row of `entity`, padding included."""
    holder = _holder(population, entity, column.name)
    values = population.columns[holder][column.name]
    vocabulary = population.schema.vocabularies.get((holder, column.name))
    _fail_if_of_another_kind(column, vocabulary)
    if isinstance(column, CategoryColumn):
        codes = _codes(column, values, vocabulary)
        codes = jnp.where(population.real[holder], codes, 0)
        _fail_if_unseen(column, values, codes, vocabulary)
        values = codes.astype(jnp.result_type(float))
    return values if holder == entity else values[population.links[holder]]


def _holder(population: Population, entity: str, name: str) -> str:
    """The entity whose column a row of `entity` reads: itself, or a group of the person."""
    if name in population.columns[entity]:
        return entity
    reachable = population.schema.groups if entity == population.schema.person else ()
    holders = [group for group in reachable if name in population.columns[group]]
    if len(holders) == 1:
        return holders[0]
    if holders:
        raise BadInputError(
            f"Both {' and '.join(holders)} have a column {name!r}, which {entity} rows could read."
            f" Copy the one that is meant to the {entity}."
        )
    seen = [n for held in (entity, *reachable) for n in population.columns[held]]
    raise unknown(f"predictor of {entity} rows", name, seen)


def _codes(
    column: CategoryColumn, values: Num[Array, " row"], vocabulary: Vocabulary
) -> Int[Array, " row"]:
    """The forest's codes for a population's strings or numbers; -1 for what no donor had."""
    if vocabulary is None:
        labels, known = _labels_as(column, values.dtype)
        hit = (values[:, None] == labels) & known
        return jnp.where(hit.any(axis=1), jnp.argmax(hit, axis=1), -1)
    known = {label: code for code, label in enumerate(column.labels)}
    return jnp.array([known.get(label, -1) for label in vocabulary])[values]


def _labels_as(
    column: CategoryColumn, dtype: Any
) -> tuple[Shaped[np.ndarray, " label"], Bool[np.ndarray, " label"]]:
    """The labels in the type of a population's column, and which of them that type can hold."""
    if jnp.issubdtype(dtype, jnp.floating):
        labels = np.array([float(label) for label in column.labels]).astype(dtype)
        if len(np.unique(labels)) < len(labels):
            raise BadInputError(
                f"The population's column {column.name!r} holds {dtype}, in which some of the"
                " forest's categories are one number. Give it whole numbers or texts."
            )
        return labels, np.ones(len(labels), bool)
    limits = (0, 1) if dtype == jnp.bool_ else (jnp.iinfo(dtype).min, jnp.iinfo(dtype).max)
    numbers = [x for x in column.labels if not isinstance(x, str)]
    known = np.array([x % 1 == 0 and limits[0] <= x <= limits[1] for x in numbers])
    held = [int(x) if k else 0 for x, k in zip(numbers, known, strict=True)]
    return np.array(held).astype(dtype), known


def _whole_outcome(imputer: Imputer, index: Int[Array, " row"]) -> Int32[Array, " row"]:
    """The whole numbers behind drawn indices."""
    whole = jnp.asarray(imputer.whole)
    if whole.ndim > 1:
        raise BadInputError(
            f"Column {imputer.target.name!r}: the donors have whole numbers beyond the 32 bits that"
            " a population's columns hold. Fit on the column as floats, or draw into a table with"
            " FittedQRF.draw."
        )
    return whole[index]


def _fail_if_of_another_kind(column: Column, vocabulary: Vocabulary) -> None:
    wants_text = any(isinstance(label, str) for label in column.labels)
    if wants_text and vocabulary is None:
        raise BadInputError(
            f"The population's column {column.name!r} holds numbers, but the forest was trained on"
            f" the categories {', '.join(map(str, column.labels[:5]))}. Give it the same labels."
        )
    if vocabulary is not None and not wants_text:
        raise BadInputError(
            f"The population's column {column.name!r} holds strings, but the forest was trained on"
            " numbers. Convert the column, or train on the strings."
        )


def _fail_if_unseen(column, values, codes, vocabulary: Vocabulary) -> None:
    if is_traced(codes) or not bool((codes < 0).any()):
        return
    row = int(jnp.argmax(codes < 0))
    value = np.asarray(values)[row]
    label = str(value) if vocabulary is None else vocabulary[int(value)]
    what = f"category (row {row}) of column {column.name!r}:"
    raise unknown(what, label, map(str, column.labels))


def _with_drawn(
    population: Population,
    entity: str,
    target: Column,
    drawn: Num[Array, " row"],
    has_drawn: Bool[Array, " row"],
) -> Population:
    """The population with one drawn column, in the form that such columns have there."""
    vocabulary = None
    if isinstance(target, NumberColumn):
        values = drawn.astype(_device_type(target.dtype))
    elif all(isinstance(label, str) for label in target.labels):
        # A population sorts its vocabularies; the forest's codes follow the donors' categories.
        vocabulary = tuple(sorted(map(str, target.labels)))
        place = jnp.array([vocabulary.index(label) for label in target.labels])
        values = place[drawn.astype(jnp.int32)].astype(jnp.int32)
    else:
        values = _number_labels(target)[drawn.astype(jnp.int32)]
    if values.dtype != jnp.bool_:
        floats = jnp.issubdtype(values.dtype, jnp.floating)
        nothing = jnp.nan if floats else jnp.iinfo(values.dtype).min
        values = jnp.where(has_drawn, values, jnp.asarray(nothing, values.dtype))
    filled = population.with_columns(entity, **{target.name: values})
    return _with_vocabulary(filled, (entity, target.name), vocabulary)


def _number_labels(target: CategoryColumn) -> Num[Array, " label"]:
    """The labels of a category of numbers, as a population's column holds them."""
    labels = np.array(target.labels)
    if labels.dtype.kind not in "biuf" or (
        labels.dtype.kind in "iu" and np.abs(labels.astype(float)).max() > np.iinfo(np.int32).max
    ):
        raise BadInputError(
            f"Column {target.name!r}: the categories are neither all texts nor all numbers that a"
            " population's columns hold (whole numbers of 32 bits). Turn them into texts."
        )
    return jnp.asarray(labels)


def _with_vocabulary(
    population: Population, column: tuple[str, str], vocabulary: Vocabulary
) -> Population:
    """The population whose `column` has these labels, or none."""
    schema = population.schema
    labels = {key: held for key, held in schema.vocabularies.items() if key != column}
    if vocabulary is not None:
        labels[column] = vocabulary
    return Population(
        population.columns,
        population.links,
        population.positions,
        population.weights,
        population.ids,
        population.real,
        schema.replace(vocabularies=FrozenMapping(labels)),
    )


def _device_type(dtype: str):
    """The type such a column has in a population: truth values, int32 or the default float."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return jnp.bool_
    return jnp.int32 if kind in "iu" else jnp.result_type(float)

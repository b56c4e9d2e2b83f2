"""A sparse estimate matrix: blocked rows forward, blocked columns for the adjoint and the Gram."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num

from ...core._arguments import shown
from ...core._arrays import as_floats
from ...core._segment import segment_sum
from ...core._validate import BadInputError
from ._accumulate import binary_size, ceil_div, not_folded, target_dtype, wider
from ._operator import Operator, fail_if_empty
from ._parts import NOBODY, Parts, in_runs
from ._sumtree import SUM_WIDTH, block_slots, halved, sum_trees, tree_sum

_UNIT_WIDTH = 8  # entries a block of a unit's column, which is short
_TILE = 1024  # units a step of the Gram matrix


class _ByTarget(eqx.Module):
    """The rows cut into blocks of equal width, and a tree of gathers that adds a row's blocks up.

    Blocks are padded with zero entries. Level 1 of `tree` lists the blocks of each row, again in
    blocks, and so on until every row is one number; the slot past the end of a level holds zero.
    No scatter, so the sum has the same bits on every run, and no long float32 chain of additions.
    """

    data: Float[Array, "block width"]
    unit: Int[Array, "block width"]
    tree: tuple[Int[Array, "_ width"], ...]

    def mv(self, weights: Float[Array, " unit"]) -> Float[Array, " target"]:
        dtype = wider(weights, self.data.dtype)
        sums = halved(self.data.astype(dtype) * weights.astype(dtype)[self.unit])
        sums = sums.astype(target_dtype())
        return tree_sum(sums, self.tree)

    def extreme(self, reduce) -> Float[Array, " target"]:
        """The smallest or largest entry of each row (`jnp.min` or `jnp.max`), zero included."""
        found = reduce(self.data, axis=1, initial=0)
        for level in self.tree:
            found = reduce(jnp.append(found, 0)[level], axis=1)
        return found


class _ByUnit(eqx.Module):
    """The columns cut into short blocks, each with the unit it belongs to, in unit order."""

    data: Float[Array, "block width"]
    target: Int[Array, "block width"]
    unit: Int[Array, " block"]
    first_block: Int[Array, " tile"]  # of each tile of units
    n_units: int = eqx.field(static=True)
    tile_blocks: int = eqx.field(static=True)  # blocks of the fullest tile

    def rmv(self, residual: Float[Array, " target"]) -> Float[Array, " unit"]:
        dtype = wider(residual, self.data.dtype)
        sums = halved(self.data.astype(dtype) * residual.astype(dtype)[self.target])
        return segment_sum(sums, self.unit, self.n_units, sorted_ids=True)

    def to_scipy(self, shape: tuple[int, int]):
        """The entries that are not zero as a scipy array."""
        from scipy import sparse

        data = np.asarray(self.data)
        block, slot = np.nonzero(data)
        at = np.asarray(self.target)[block, slot], np.asarray(self.unit)[block]
        return sparse.coo_array((data[block, slot], at), shape=shape)

    def gram(
        self, q: Float[Array, " unit"], size: Float[Array, " target"]
    ) -> Float[Array, "target target"]:
        """Tile by tile: spread the entries of 1,024 units into a dense tile, multiply, add.

        `size` is what the entries of each target are divided by meanwhile.
        """
        n_targets = len(size)
        q = jnp.pad(q.astype(self.data.dtype), (0, self.first_block.shape[0] * _TILE - q.shape[0]))

        def add_tile(sum_so_far, step):
            tile = self._tile(step, n_targets) / size
            q_tile = jax.lax.dynamic_slice_in_dim(q, step * _TILE, _TILE)
            part = (tile.T * q_tile) @ tile
            return sum_so_far + part.astype(sum_so_far.dtype), None

        steps = jnp.arange(self.first_block.shape[0])
        zero = jnp.zeros((n_targets, n_targets), target_dtype())
        found = jax.lax.scan(add_tile, zero, steps)[0]
        size = size.astype(found.dtype)
        return size[:, None] * found * size

    def _tile(self, step: Int[Array, ""], n_targets: int) -> Float[Array, "tile_unit target"]:
        # The slice is as long as the fullest tile's: it may run into a neighbour's units, whose
        # local number then falls outside the tile and is dropped.
        def cut(x):
            return jax.lax.dynamic_slice_in_dim(x, self.first_block[step], self.tile_blocks)

        local = cut(self.unit) - step * _TILE
        local = jnp.where(local < 0, _TILE, local)[:, None]  # negative indices would wrap around
        tile = jnp.zeros((_TILE, n_targets), self.data.dtype)
        return tile.at[local, cut(self.target)].add(cut(self.data), mode="drop")


class SparseOperator(Operator):
    r"""A sparse estimate matrix of shape (target, unit), from scipy or JAX's BCOO.

    Entries are held twice: by target for :math:`A w`, by unit for :math:`A^\top r` and the Gram
    matrix. `data` are the entries in row order; `with_data` rebuilds both copies from a traced
    vector, which is how derivatives with respect to the matrix are taken. Entries given twice for
    one cell are added up.

    Args:
        matrix: a scipy sparse matrix or array, or a `jax.experimental.sparse.BCOO`.

    Raises:
        BadInputError: not a two-dimensional sparse matrix, or one without rows or columns.

    >>> import scipy.sparse
    >>> operator = SparseOperator(scipy.sparse.csr_array([[1.0, 1.0, 1.0], [0.0, 2.0, 5.0]]))
    >>> operator.mv(jnp.array([1.0, 2.0, 3.0]))
    Array([ 6., 19.], dtype=float32)
    """

    by_target: _ByTarget
    by_unit: _ByUnit
    slots: tuple[Int[np.ndarray, " entry"], Int[np.ndarray, " entry"]]  # of `data` in each copy
    n_targets: int = eqx.field(static=True)

    def __init__(self, matrix: Any):
        csr = _as_csr(matrix)
        self.n_targets = len(csr.indptr) - 1
        (self.by_target,), (row_slots,) = _rows_of([csr])
        (self.by_unit,), (column_slots,) = _columns_of([csr.tocsc()])
        order = csr.copy()
        order.data = np.arange(csr.nnz)
        column_order = np.empty(csr.nnz, np.int64)
        column_order[order.tocsc().data] = column_slots
        self.slots = (row_slots, column_order)

    @property
    def shape(self) -> tuple[int, int]:
        return self.n_targets, self.by_unit.n_units

    @property
    def dtype(self) -> jnp.dtype:
        return self.by_target.data.dtype

    @property
    def data(self) -> Float[Array, " entry"]:
        """The entries, row by row and by unit within a row."""
        return self.by_target.data.reshape(-1)[self.slots[0]]

    def with_data(self, data: Float[Array, " entry"]) -> "SparseOperator":
        """The same pattern with other entries, in the order of `data`; traceable."""
        data = as_floats(data, "data")
        if data.shape != self.slots[0].shape:
            raise BadInputError(
                f"data has shape {data.shape}, and the matrix {len(self.slots[0])} entries. Give"
                " one number an entry."
            )

        def spread(slots, like):
            return jnp.zeros(like.size, data.dtype).at[slots].set(data).reshape(like.shape)

        rows, columns = self.by_target.data, self.by_unit.data
        return eqx.tree_at(
            lambda operator: (operator.by_target.data, operator.by_unit.data),
            self,
            (spread(self.slots[0], rows), spread(self.slots[1], columns)),
        )

    @eqx.filter_jit
    def mv(self, weights: Float[Array, " unit"]) -> Float[Array, " target"]:
        return self.by_target.mv(weights)

    @eqx.filter_jit
    def rmv(self, residual: Float[Array, " target"]) -> Float[Array, " unit"]:
        return self.by_unit.rmv(residual)

    @eqx.filter_jit
    def gram(self, q: Float[Array, " unit"]) -> Float[Array, "target target"]:
        low, high = not_folded(self).extent()
        return self.by_unit.gram(q, binary_size(jnp.maximum(-low, high)))

    def extent(self) -> tuple[Float[Array, " target"], Float[Array, " target"]]:
        return self.by_target.extreme(jnp.min), self.by_target.extreme(jnp.max)

    def take(
        self,
        targets: Int[np.ndarray, " kept_target"] | None = None,
        units: Int[np.ndarray, " kept_unit"] | None = None,
    ) -> "SparseOperator":
        csr = self.to_scipy()
        csr = csr if targets is None else csr[np.asarray(targets)]
        return SparseOperator(csr if units is None else csr[:, np.asarray(units)])

    def cut(self, n: int) -> Parts:
        unit, csc = in_runs(np.arange(self.shape[1]), n), self.to_scipy().tocsc()
        pieces = [csc[:, own[own != NOBODY]] for own in unit]
        for piece in pieces:
            piece.resize(self.n_targets, unit.shape[1])
        rows, _ = _rows_of([piece.tocsr() for piece in pieces])
        columns, _ = _columns_of(pieces)
        none = np.zeros(0, np.int64), np.zeros(0, np.int64)
        copies = zip(rows, columns, strict=True)
        return Parts([_with_copies(self, *copy, none) for copy in copies], unit)

    @classmethod
    def joined(cls, parts: Parts) -> "SparseOperator":
        from scipy import sparse

        whole = sparse.hstack([piece.by_unit.to_scipy(piece.shape) for piece in parts.pieces])
        return cls(sparse.csc_array(whole)[:, parts.slots()])

    def to_scipy(self):
        """The matrix as a scipy CSR array."""
        from scipy import sparse

        unit = np.asarray(self.by_target.unit).reshape(-1)[self.slots[0]]
        counts = np.bincount(self._row_of_entry(), minlength=self.n_targets)
        indptr = np.concatenate([[0], np.cumsum(counts)])
        return sparse.csr_array((np.asarray(self.data), unit, indptr), shape=self.shape)

    def _row_of_entry(self) -> Int[np.ndarray, " entry"]:
        column_slots = np.asarray(self.slots[1])
        return np.asarray(self.by_unit.target).reshape(-1)[column_slots]


def _with_copies(
    operator: SparseOperator,
    rows: _ByTarget,
    columns: _ByUnit,
    slots: tuple[Int[np.ndarray, " entry"], Int[np.ndarray, " entry"]],
) -> SparseOperator:
    return eqx.tree_at(
        lambda o: (o.by_target, o.by_unit, o.slots), operator, (rows, columns, slots)
    )


def _as_csr(matrix: Any):
    """A canonical float CSR array: sorted indices, one entry a cell."""
    from scipy import sparse

    if hasattr(matrix, "indices") and isinstance(getattr(matrix, "data", None), jax.Array):
        at = np.asarray(matrix.indices)
        matrix = sparse.coo_array((np.asarray(matrix.data), (at[:, 0], at[:, 1])), matrix.shape)
    if not sparse.issparse(matrix) or matrix.ndim != 2:
        raise BadInputError(
            f"A sparse estimate matrix cannot be made of {shown(matrix)}; give a scipy "
            "sparse matrix or a BCOO of shape (target, unit), or use DenseOperator."
        )
    fail_if_empty(matrix.shape)
    csr = sparse.csr_array(matrix)
    if csr.dtype.kind not in "biuf" and not jnp.issubdtype(csr.dtype, jnp.floating):
        raise BadInputError(f"The estimate matrix holds {csr.dtype}. Give numbers.")
    if not np.issubdtype(csr.dtype, np.floating):
        csr = sparse.csr_array(csr.astype(np.dtype(target_dtype())))
    csr.sum_duplicates()
    return csr


def _rows_of(matrices: Sequence[Any]) -> tuple[list[_ByTarget], list[Int[np.ndarray, " _"]]]:
    """The rows of CSR arrays, in arrays of the same shapes; and each entry's slot."""
    slots, bounds = zip(*(block_slots(csr.indptr, SUM_WIDTH) for csr in matrices), strict=True)
    shape = max(int(own[-1]) for own in bounds), SUM_WIDTH
    trees = sum_trees(np.stack(bounds))
    rows = [
        _ByTarget(_spread(csr.data, at, shape), _spread(csr.indices, at, shape), tree)
        for csr, at, tree in zip(matrices, slots, trees, strict=True)
    ]
    return rows, list(slots)


def _columns_of(matrices: Sequence[Any]) -> tuple[list[_ByUnit], list[Int[np.ndarray, " _"]]]:
    """The columns of CSC arrays, in arrays of the same shapes; and each entry's slot."""
    slots, bounds = zip(*(block_slots(csc.indptr, _UNIT_WIDTH) for csc in matrices), strict=True)
    shape = max(int(own[-1]) for own in bounds), _UNIT_WIDTH
    n_units = matrices[0].shape[1]
    tile_ends = np.minimum(np.arange(0, n_units + _TILE, _TILE), n_units)
    tile_bounds = np.stack(bounds)[:, tile_ends[: ceil_div(n_units, _TILE) + 1]]
    fullest = int(np.diff(tile_bounds).max(initial=0))
    first = np.minimum(tile_bounds[:, :-1], max(0, shape[0] - fullest)).astype(np.int32)
    unit = np.full((len(matrices), shape[0]), n_units, np.int32)  # past the end: nobody's block
    for own, bound in zip(unit, bounds, strict=True):
        own[: bound[-1]] = np.repeat(np.arange(n_units, dtype=np.int32), np.diff(bound))
    columns = [
        _ByUnit(
            _spread(csc.data, slots[k], shape),
            _spread(csc.indices, slots[k], shape),
            jnp.asarray(unit[k]),
            jnp.asarray(first[k]),
            n_units=n_units,
            tile_blocks=fullest,
        )
        for k, csc in enumerate(matrices)
    ]
    return columns, list(slots)


def _spread(
    values: np.ndarray, slots: Int[np.ndarray, " entry"], shape: tuple[int, int]
) -> Num[Array, "block width"]:
    """Values in their slots, indices as int32."""
    dtype = np.int32 if np.issubdtype(values.dtype, np.integer) else values.dtype
    out = np.zeros(shape, dtype)
    out.reshape(-1)[slots] = values
    return jnp.asarray(out)

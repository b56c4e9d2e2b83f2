"""What a calibration problem asks of its estimate matrix."""

import abc
from typing import TypeAlias, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ...core._formerly import former_names
from ...core._one_line import counted, one_line
from ...core._validate import BadInputError
from ._accumulate import target_dtype
from ._factor import DenseFactor, Factor
from ._parts import Parts

_Operator = TypeVar("_Operator", bound="Operator")
Bounds: TypeAlias = Float[Array, " target"] | Float[np.ndarray, " target"]
HessianParts: TypeAlias = Float[Array, "*areas row row"]
"""The Gram matrix, or one of each area: what a factor of the Hessian is made from."""


def fail_if_empty(shape: tuple[int, ...]) -> None:
    """Refuse an estimate matrix without rows or without columns."""
    for count, what, axis in zip(shape, ("targets", "units"), ("rows", "columns"), strict=True):
        if not count:
            raise BadInputError(
                f"There are no {what}: the matrix has no {axis}. Give at least one."
            )


@former_names(curvature="hessian_parts", stale="reuses_factor")
class Operator(eqx.Module):
    r"""An estimate matrix :math:`A` of shape (target, unit), known by what it does to vectors.

    Row :math:`t` holds what each unit contributes to target :math:`t`, so that
    :math:`A w` are the estimates under weights :math:`w`. Solvers use nothing but these methods, so
    a structured matrix (a geography, a product, a shard on each device) only has to supply them.
    Entries keep their `dtype`. A product is taken in the wider of it and the vector's dtype, so
    float32 weights with float32 data take half the memory and time; long sums end in float64
    where JAX has it switched on, and are right to 1e-6 at any length where it has not.

    >>> import jax.numpy as jnp
    >>> from pejax.calibrate import DenseOperator
    >>> operator = DenseOperator([[1.0, 2.0]])
    >>> isinstance(operator, Operator), operator.mv(jnp.array([10.0, 1.0])).tolist()
    (True, [12.0])
    """

    @one_line
    def __repr__(self) -> str:
        targets, units = self.shape
        return f"{counted(targets, 'target')}, {counted(units, 'unit')}, {self.dtype}"

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, int]:
        """The numbers of targets and of units."""

    @property
    @abc.abstractmethod
    def dtype(self) -> jnp.dtype:
        """The dtype of the entries."""

    def astype(self: _Operator, dtype: DTypeLike) -> _Operator:
        """The same matrix with entries of another float type."""

        def cast(x: Array | np.ndarray) -> Array | np.ndarray:
            return x.astype(dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x

        return jax.tree.map(cast, self)

    @abc.abstractmethod
    def mv(self, weights: Float[Array, " unit"]) -> Float[Array, " target"]:
        r"""The estimates :math:`A w`."""

    @abc.abstractmethod
    def rmv(self, residual: Float[Array, " target"]) -> Float[Array, " unit"]:
        r"""The adjoint :math:`A^\top r`."""

    @abc.abstractmethod
    def gram(self, q: Float[Array, " unit"]) -> Float[Array, "target target"]:
        r"""The weighted Gram matrix :math:`A \operatorname{diag}(q) A^\top`."""

    @abc.abstractmethod
    def extent(self) -> tuple[Bounds, Bounds]:
        """Each row's smallest and largest entry, zero included; NaN where the row holds one."""

    @abc.abstractmethod
    def take(
        self, targets: np.ndarray | None = None, units: np.ndarray | None = None
    ) -> "Operator":
        """The operator of some rows and some columns, in the order given; on the host."""

    def cut(self, n: int) -> Parts:
        """The operator as `n` pieces that share the units between them; on the host."""
        raise BadInputError(
            f"a {type(self).__name__} cannot be spread over devices: it has no cut."
        )

    @classmethod
    def joined(cls, parts: Parts) -> "Operator":
        """The inverse of `cut`."""
        raise BadInputError(f"a {cls.__name__} cannot be put together again: it has no joined.")

    def squared(self) -> "Operator":
        r"""The operator of squared entries, :math:`A \circ A`: every float that it holds is one."""
        return jax.tree.map(lambda x: x * x if eqx.is_inexact_array(x) else x, self)

    def absolute(self) -> "Operator":
        """The operator of the entries without their signs."""
        return jax.tree.map(lambda x: jnp.abs(x) if eqx.is_inexact_array(x) else x, self)

    @property
    def reuses_factor(self) -> bool:
        """Whether the factor of an earlier Newton step is reused, as a preconditioner."""
        return False

    def hessian_parts(self, q: Float[Array, " unit"]) -> HessianParts:
        """What `factor` needs of the units' curvatures `q`: here the Gram matrix."""
        return self.gram(q)

    def factor(
        self, parts: HessianParts, row_scale: Float[Array, " target"], ridge: Float[Array, ""]
    ) -> Factor:
        r"""What solves :math:`(D A \operatorname{diag}(q) A^\top D + \rho I)\,x = b`."""
        return DenseFactor.of(parts, row_scale, ridge)

    def row(self, target: int) -> Float[Array, " unit"]:
        """One row as a vector; for messages and checks, not for solvers."""
        return self.rmv(jnp.zeros(self.shape[0], target_dtype()).at[target].set(1.0))

"""The Hard Concrete distribution: a differentiable stand-in for a 0/1 gate."""

import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core._arguments import as_number, as_whole, check_key, shown
from ..core._arrays import as_floats, as_numbers
from ..core._one_line import counted, one_line
from ..core._transforms import is_tracer
from ..core._types import Key
from ..core._validate import BadInputError

Evaluation: TypeAlias = Literal["published", "tempered"]

_LOGIT_BOUND = 20.0  # beyond it a float32 sigmoid is flat and the gate could never reopen


class HardConcrete(eqx.Module):
    r"""One stochastic gate an item, zero or one with positive probability, smooth in between.

    With location :math:`\log\alpha`, temperature :math:`\beta` and stretch
    :math:`(\gamma, \zeta)`, :math:`\gamma < 0 < 1 < \zeta`, and uniform noise :math:`u`,

    .. math::
        s = \sigma\big((\log u - \log(1-u) + \log\alpha) / \beta\big), \qquad
        z = \min(1, \max(0, s(\zeta - \gamma) + \gamma)).

    The gate is open with probability
    :math:`P(z > 0) = \sigma(\log\alpha - \beta \log(-\gamma/\zeta))`, the expected count of open
    gates is its sum, and both are differentiable in :math:`\log\alpha`.

    The literature evaluates a trained gate in two ways, and they differ wherever a gate is neither
    open nor shut. `evaluation="published"` (the default) is equation 13 of the paper,
    :math:`\hat z = \min(1, \max(0, \sigma(\log\alpha)(\zeta - \gamma) + \gamma))`, without the
    temperature. `evaluation="tempered"` divides :math:`\log\alpha` by :math:`\beta` first, which
    is the median of the gate as sampled; the survey packages that descend from the paper use it.
    The default is the paper's because it does not move when the temperature is annealed.

    Args:
        n_items: number of gates.
        init_mean: :math:`\sigma(\log\alpha)` at the start, a number or one a gate, inside (0, 1).
        temperature: :math:`\beta > 0`; lower is closer to a coin.
        stretch: :math:`(\gamma, \zeta)`.
        evaluation: which of the two readings `mode` gives.
        jitter: standard deviation of noise on the start of :math:`\log\alpha`; needs a `key`.
        key: PRNG key of that noise.

    Raises:
        BadInputError: a mean outside (0, 1), a temperature that is not positive, a stretch that
            does not contain [0, 1], a negative jitter, or a jitter without a key.

    >>> gates = HardConcrete(3, init_mean=0.9)
    >>> gates.mode().round(3)
    Array([0.98, 0.98, 0.98], dtype=float32)
    >>> gates.sample(key=jax.random.key(0)).shape
    (3,)

    References:
        Louizos, Welling and Kingma (2018), "Learning sparse neural networks through L0
        regularization", ICLR, equations 10 to 13.
    """

    log_alpha: Float[Array, " item"]
    temperature: Float[Array, ""]
    stretch: tuple[float, float] = eqx.field(static=True)
    evaluation: Evaluation = eqx.field(static=True)

    @one_line
    def __repr__(self) -> str:
        gates = counted(self.log_alpha.shape[-1], "gate")
        return f"{gates}, stretch {self.stretch}, {self.evaluation} evaluation"

    def __init__(
        self,
        n_items: int,
        init_mean: float | Float[Array, " item"] | np.ndarray | Sequence[float] = 0.999,
        temperature: float | Float[Array, ""] = 2 / 3,
        *,
        stretch: tuple[float, float] = (-0.1, 1.1),
        evaluation: Evaluation = "published",
        jitter: float = 0.0,
        key: Key | None = None,
    ):
        n_items = as_whole("n_items")(n_items)
        _check_mean(n_items, init_mean)
        _check_temperature(temperature)
        _check_shape(stretch, evaluation)
        jitter = as_number("jitter")(jitter)
        _check_jitter(jitter, key)
        mean = jnp.broadcast_to(jnp.asarray(init_mean, float), (n_items,))
        self.log_alpha = jnp.log(mean) - jnp.log1p(-mean)
        if key is not None and jitter:
            self.log_alpha += jitter * jax.random.normal(key, (n_items,), self.log_alpha.dtype)
        self.temperature = jnp.asarray(temperature, self.log_alpha.dtype)
        self.stretch = (float(stretch[0]), float(stretch[1]))
        self.evaluation = evaluation

    def sample(self, *, key: Key) -> Float[Array, " item"]:
        """One draw of every gate, in [0, 1], differentiable in `log_alpha` by its noise."""
        check_key(key)
        return self._at(_uniforms(key, self.log_alpha.shape[0], self.log_alpha.dtype))

    def gate_at(self, noise: Float[Array, " item"]) -> Float[Array, " item"]:
        """The gate that uniform `noise` in (0, 1) gives: the quantile function of the gate."""
        noise = as_floats(noise, "noise")
        self._check_shape("noise", noise.shape[-1:])
        if not is_tracer(noise) and not bool(jnp.all((noise >= 0) & (noise <= 1))):
            raise BadInputError("noise has numbers outside of (0, 1). Give uniform noise.")
        return self._at(noise)

    def _at(self, noise: Float[Array, " item"]) -> Float[Array, " item"]:
        logistic = jnp.log(noise / (1 - noise))
        return self._stretched((logistic + self._location()) / self._beta())

    def mode(self) -> Float[Array, " item"]:
        """The gate to use after training, by the reading chosen in `evaluation`."""
        location = self._location()
        tempered = self.evaluation == "tempered"
        return self._stretched(location / self._beta() if tempered else location)

    def open_probability(self) -> Float[Array, " item"]:
        """The probability that each gate is above zero."""
        low, high = self.stretch
        return jax.nn.sigmoid(self._location() - self._beta() * math.log(-low / high))

    def shut_log_probability(self) -> Float[Array, " item"]:
        """The logarithm of the probability that each gate is zero, right where that is tiny."""
        low, high = self.stretch
        return jax.nn.log_sigmoid(self._beta() * math.log(-low / high) - self._location())

    def penalty(self) -> Float[Array, ""]:
        """The expected number of open gates, the differentiable L0 norm."""
        return jnp.sum(self.open_probability())

    def with_temperature(self, temperature: float | Float[Array, ""]) -> "HardConcrete":
        """The same gates at another temperature; for annealing inside a scan."""
        _check_temperature(temperature)
        value = jnp.asarray(temperature, self.temperature.dtype)
        return eqx.tree_at(lambda gates: gates.temperature, self, value)

    def with_location(self, log_alpha: Float[Array, " item"]) -> "HardConcrete":
        r"""Gates of the same shape at other locations :math:`\log\alpha`; traceable."""
        location = as_floats(log_alpha, "log_alpha")
        self._check_shape("log_alpha", location.shape)
        return eqx.tree_at(lambda gates: gates.log_alpha, self, location)

    def _check_shape(self, name: str, shape: tuple[int, ...]) -> None:
        """There is a number for each gate."""
        if shape != self.log_alpha.shape:
            raise BadInputError(
                f"{name} has shape {shape}, and there are {self.log_alpha.shape[0]} gates. "
                "Give one a gate."
            )

    def _beta(self) -> Float[Array, ""]:
        # The temperature is scheduled, never learnt: a gradient of the whole gate leaves it alone.
        return jax.lax.stop_gradient(self.temperature)

    def _location(self) -> Float[Array, " item"]:
        return jnp.clip(self.log_alpha, -_LOGIT_BOUND, _LOGIT_BOUND)

    def _stretched(self, logit: Float[Array, " item"]) -> Float[Array, " item"]:
        low, high = self.stretch
        return jnp.clip(jax.nn.sigmoid(logit) * (high - low) + low, 0.0, 1.0)


def _uniforms(key: Key, count: int, dtype: jnp.dtype) -> Float[Array, " item"]:
    """Uniform numbers strictly between 0 and 1.

    Where JAX has 64-bit types switched on, two of float32 share a block of random bits: threefry
    makes no less at a time, and it is half of what a draw of many gates costs.
    """
    if dtype != jnp.float32 or jnp.result_type(float) != jnp.float64:
        tiny = jnp.finfo(dtype).eps
        return jax.random.uniform(key, (count,), dtype, minval=tiny, maxval=1 - tiny)
    blocks = jax.random.bits(key, (-(-count // 2),), jnp.uint64)
    words = jax.lax.bitcast_convert_type(blocks, jnp.uint32).reshape(-1)[:count]
    one = jnp.float32(1)
    above_one = (words >> 9) | jax.lax.bitcast_convert_type(one, jnp.uint32)
    return jax.lax.bitcast_convert_type(above_one, jnp.float32) - (one - 0.5**24)


def _check_mean(n_items: int, init_mean: object) -> None:
    if n_items < 1:
        raise BadInputError(f"n_items is {n_items}; ask for at least one gate.")
    mean = as_numbers(init_mean, "init_mean").astype(float)
    if mean.ndim and mean.shape != (n_items,):
        raise BadInputError(
            f"init_mean has shape {mean.shape} for {n_items} gates; give one number, or one a gate."
        )
    bad = np.flatnonzero(~((mean.ravel() > 0) & (mean.ravel() < 1)))
    if bad.size:
        raise BadInputError(
            f"init_mean[{bad[0]}] is {mean.ravel()[bad[0]]}; give means strictly between 0 and 1."
        )


def _check_temperature(temperature: Any) -> None:
    if not is_tracer(temperature) and not as_number("temperature")(temperature) > 0:
        raise BadInputError(f"temperature is {temperature}; give a number above 0.")


def _check_shape(stretch: tuple[float, float], evaluation: str) -> None:
    if not isinstance(stretch, Sequence) or isinstance(stretch, str) or len(stretch) != 2:
        raise BadInputError(f"stretch is {shown(stretch)}; give (low, high).")
    stretch = as_number("stretch[0]")(stretch[0]), as_number("stretch[1]")(stretch[1])
    if not (stretch[0] < 0 and stretch[1] > 1):
        raise BadInputError(f"stretch is {stretch}; give (low, high) with low < 0 and high > 1.")
    if not isinstance(evaluation, str) or evaluation not in ("published", "tempered"):
        raise BadInputError(f"evaluation is {shown(evaluation)}; choose 'published' or 'tempered'.")


def _check_jitter(jitter: float, key: Key | None) -> None:
    if jitter < 0 or (jitter > 0 and key is None):
        raise BadInputError(f"jitter is {jitter}; give a number of at least 0, and a key for it.")
    if key is not None:
        check_key(key)

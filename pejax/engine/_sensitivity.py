"""How much each parameter is worth: one reverse pass over the whole program."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from ..core._arguments import as_instance, as_number, as_switch, shown
from ..core._formerly import other_order
from ..core._validate import BadInputError
from ..core.population._population import Population
from ._parameters import Parameters
from ._program import Program
from ._reach import jumps_met, live_parameters, moved
from .graph._node import Node

if TYPE_CHECKING:
    import pandas as pd

Statistic = Callable[[Mapping[str, Array], Population], Float[Array, ""]]

_parameters_first = other_order(
    Population, ("population", "statistic", "parameters"), {"parameters": None}
)
"""What version 0.1 called (program, population, statistic, parameters=None)."""

_MEANT = "Give the name of an output, or a function of (outputs, population) that gives one number."


def weighted_total(program: Program, name: str) -> Statistic:
    """The population total of an output: its rows, each times its household's weight.

    >>> from pejax.testing import toy_population, toy_program
    >>> program, people = toy_program(), toy_population()
    >>> total = weighted_total(program, "income_tax")
    >>> float(total(program(program.parameters, people), people)) > 0
    True
    """
    as_instance(program, Program, "program", "Give what engine.compile(...) returned.")
    entity = program.entity(name)

    def statistic(outputs: Mapping[str, Array], population: Population) -> Float[Array, ""]:
        weights = population.trim(population.weight(entity), entity)
        return jnp.sum(outputs[name] * weights)

    return statistic


def as_statistic(program: Program, statistic: Callable[..., Array] | str) -> Statistic:
    """A statistic from an output's name or a function of outputs (and, if it takes two, people)."""
    if isinstance(statistic, str):
        return weighted_total(program, statistic)
    if not callable(statistic) or isinstance(statistic, type):
        raise BadInputError(f"statistic is {shown(statistic)}. {_MEANT}")
    if len(inspect.signature(statistic).parameters) == 1:
        return lambda outputs, population: _number(statistic(outputs))
    return lambda outputs, population: _number(statistic(outputs, population))


def _number(found: Any) -> Shaped[Array, ""]:
    """What a statistic gives, if it is one number."""
    if not isinstance(found, jax.Array | np.ndarray | np.generic | float | int):
        raise BadInputError(f"a statistic gives {shown(found)}. {_MEANT}")
    if jnp.shape(found) != ():
        raise BadInputError(f"a statistic gives an array of shape {jnp.shape(found)}. {_MEANT}")
    return jnp.asarray(found)


@_parameters_first
def evaluate(
    program: Program,
    parameters: Parameters | None,
    population: Population,
    statistic: Statistic | str,
) -> Float[Array, ""]:
    """A statistic of the program's outputs.

    Args:
        parameters: those of the law, `program.parameters`, or of a reform.
        statistic: the name of an output, whose weighted total is taken, or a function of (outputs,
            population).

    >>> from pejax.testing import toy_population, toy_program
    >>> program = toy_program()
    >>> bool(evaluate(program, program.parameters, toy_population(), "income_tax") > 0)
    True
    """
    as_instance(program, Program, "program", "Give what engine.compile(...) returned.")
    as_instance(population, Population, "population", "Give a Population.")
    chosen = as_statistic(program, statistic)
    law = program.parameters if parameters is None else parameters
    return chosen(program(law, population), population)


@_parameters_first
def gradient(
    program: Program,
    parameters: Parameters | None,
    population: Population,
    statistic: Statistic | str,
) -> tuple[Float[Array, ""], Parameters]:
    r"""A statistic and its derivative with respect to every parameter.

    :math:`\partial S(f(\theta, x), w) / \partial \theta` at fixed people and weights, in one
    reverse pass. The derivative has the form of the parameters: `gradient[path]`.

    >>> from pejax.testing import toy_population, toy_program
    >>> program = toy_program()
    >>> value, slope = gradient(program, program.parameters, toy_population(), "income_tax")
    >>> bool(slope["tax.rate"] > 0)
    True
    """
    as_instance(program, Program, "program", "Give what engine.compile(...) returned.")
    law = program.parameters if parameters is None else parameters
    as_instance(law, Parameters, "parameters", "Give program.parameters.with_reform({...}).")

    def total(p: Parameters) -> Float[Array, ""]:
        found = evaluate(program, p, population, statistic)
        if not jnp.issubdtype(found.dtype, jnp.floating):
            raise BadInputError(
                f"statistic gives {found.dtype} numbers, which have no derivative. Give one that "
                "gives a float"
            )
        return found

    return jax.value_and_grad(total)(law)


@_parameters_first
def sensitivity(
    program: Program,
    parameters: Parameters | None,
    population: Population,
    statistic: Statistic | str,
    *,
    step: float = 0.01,
    reach: bool = True,
) -> pd.DataFrame:
    """Every parameter, ranked by what one percent of it is worth.

    Args:
        parameters: where the derivative is taken.
        statistic: a function of (outputs, population) or the name of an output, whose weighted
            total is taken.
        step: the relative finite step that tells a cliff from an unreached number.
        reach: whether to take that step (it costs a few seconds a thousand numbers).

    Returns:
        A table: `path`, `start`, `label`, `unit`, `value`, `gradient` (per unit of the value),
        `dollars_per_percent` (gradient x value / 100), `elasticity`, `discontinuities` (variables
        in which the number meets a jump), `reference`, and `status`:

    - `active`: the derivative is not zero;
    - `cliff`: it is zero, yet a finite step changes somebody's result;
    - `unreached`: it is zero and no step changes anybody's;
    - `unused`: no path of the program leads from the number to the outputs that the statistic uses;
    - `flat`: it is zero and the step was not taken (`reach=False`).

    Raises:
        FloatingPointError: naming the paths if a derivative is not a number.

    >>> from pejax.testing import toy_population, toy_program
    >>> program = toy_program()
    >>> table = sensitivity(program, program.parameters, toy_population(), "income_tax")
    >>> bool(table.set_index("path").loc["tax.rate", "gradient"] > 0)
    True
    """
    import pandas as pd

    as_instance(program, Program, "program", "Give what engine.compile(...) returned.")
    step, reach = as_number("step")(step), as_switch("reach")(reach)
    law = program.parameters if parameters is None else parameters
    value, slope = gradient(program, law, population, statistic)
    slopes = np.asarray(slope.values, np.float64)
    _fail_if_not_finite(program, slopes)
    worth = np.asarray(law.values, np.float64)
    change = slopes * np.where(np.isfinite(worth), worth, 0.0)
    roots = _roots(program, law, population, statistic)
    jumps = jumps_met(roots)
    leaves = program.index.leaves
    flat = _flat(program, roots, slopes)
    cliffs = moved(program, law, population, roots, flat, step=step) if reach else None
    live = live_parameters(roots)
    status = [_status(f.key, s, live, cliffs) for f, s in zip(leaves, slopes, strict=True)]
    table = pd.DataFrame(
        {
            "path": [leaf.path for leaf in leaves],
            "start": [leaf.start for leaf in leaves],
            "label": [leaf.label for leaf in leaves],
            "unit": [leaf.unit for leaf in leaves],
            "value": worth,
            "gradient": slopes,
            "dollars_per_percent": change / 100,
            "elasticity": change / float(value) if float(value) else np.full(len(leaves), np.nan),
            "status": status,
            "discontinuities": [", ".join(jumps.get(leaf.key, [])) for leaf in leaves],
            "era": [leaf.era for leaf in leaves],
            "reference": [leaf.reference for leaf in leaves],
        }
    )
    order = table["dollars_per_percent"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _roots(
    program: Program, law: Parameters, population: Population, statistic: Statistic | str
) -> list[Node]:
    """The outputs that the statistic looks at: those with a derivative in some row."""
    if isinstance(statistic, str):
        return [o.node for o in program.outputs if o.name == statistic]
    outputs = {k: v.astype(law.values.dtype) for k, v in program(law, population).items()}
    chosen = as_statistic(program, statistic)
    slopes = jax.grad(lambda o: chosen(o, population))(outputs)
    looked_at = [o.node for o in program.outputs if bool(jnp.any(slopes[o.name] != 0))]
    return looked_at or [o.node for o in program.outputs]


def _flat(program: Program, roots: list[Node], slopes: np.ndarray) -> list[str]:
    """Numbers on a path to the statistic whose derivative is zero."""
    live = live_parameters(roots)
    keys = [leaf.key for leaf in program.index.leaves]
    return [k for k, s in zip(keys, slopes, strict=True) if s == 0 and k in live]


def _status(key: str, slope: float, live: Mapping[str, Node], cliffs: set[str] | None) -> str:
    if slope != 0:
        return "active"
    if key not in live:
        return "unused"
    if cliffs is None:
        return "flat"
    return "cliff" if key in cliffs else "unreached"


def _fail_if_not_finite(program: Program, slopes: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(slopes))
    if bad.size:
        paths = ", ".join(program.index.leaves[i].path for i in bad[:5])
        raise FloatingPointError(f"{bad.size} derivatives are not finite, the first at {paths}")

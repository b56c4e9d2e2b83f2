"""Functions of a few columns, in numpy and on traced arrays, with or without rows of padding."""

import enum
from typing import Any

import numpy as np

from pejax.engine.graph._interpret import Interpreter
from pejax.engine.graph._ir import Graph
from pejax.engine.tracing._array import Traced, deciding
from pejax.engine.tracing._rebind import Rebinder
from pejax.engine.tracing._stand_in import Numpy

ROWS = 6
REAL = {
    "x": np.array([0.0, -1.5, 2.5, 1e6, 3.0, -0.5]),
    "y": np.array([1.0, 0.0, -2.0, 0.5, 0.0, 4.0]),
    "s": np.array([0.1, 0.2, 0.3, -0.4, 0.5, 0.6], np.float32),
    "i": np.array([0, 3, -2, 7, 1, 2], np.int32),
    "b": np.array([True, False, True, True, False, False]),
}
P = 0.3


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


COLOURS = np.array([0, 2, 1, 1, 0, 2])
GARBAGE = {"x": 9e9, "y": -9e9, "s": 77.0, "i": 1, "b": True, "colour": 1}
"""What rows of padding hold here, to show wherever they are counted."""


def _inputs(padding):
    held = {**REAL, "colour": COLOURS.astype(np.int16), "person.real": np.ones(ROWS, bool)}
    more = {**GARBAGE, "person.real": False}
    return {k: np.append(v, np.full(padding, more[k], v.dtype)) for k, v in held.items()}


def traced(function, padding=0) -> tuple[Any, Any]:
    """What a function of the columns gives on traced arrays, evaluated with rows of padding."""
    graph = Graph({"person": 101, "household": 103})
    columns = {
        name: Traced(graph.input(name, np.ones(101, values.dtype))) for name, values in REAL.items()
    }
    colour = Traced(graph.input("colour", np.ones(101, np.int16)), Colour)
    word = Traced(graph.input("colour", np.ones(101, np.int16)), ("red", "green", "blue"))
    law = Traced(graph.parameter("p", P))
    interpreter = Interpreter(_inputs(padding), {101: ROWS + padding, 103: 2}, {"p": P})

    def value(result):
        if isinstance(result, list | tuple):
            return [value(r) for r in result]
        return interpreter(result.node) if isinstance(result, Traced) else result

    with deciding(Asked(interpreter)):
        run, numpy = rebound(graph, function)
        result = run(numpy, **columns, p=law, colour=colour, word=word)
    return value(result), result


class Asked:
    """Answers decisions by an interpreter."""

    def __init__(self, interpreter):
        self.look = interpreter

    def __call__(self, node, kind):
        return self.look(node)


def rebound(graph, function):
    """A function as a program's formulas are run, and the stand-in for numpy."""
    numpy = Numpy(graph)
    return Rebinder(numpy, lambda f: f.__module__ == function.__module__)(function), numpy


def plain(function):
    everything = {**REAL, "p": P, "colour": None, "word": None}
    with np.errstate(all="ignore"):
        return function(np, **everything)


NAMES = np.array([c.name for c in Colour])[COLOURS]
WORDS = np.array(["red", "green", "blue"])[COLOURS]


def put(np, columns, key, value):
    table = np.column_stack(columns)
    table[key(np)] = value
    return table

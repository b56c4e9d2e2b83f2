"""Random graphs of what a law does, and random people to run them on."""

import functools

import numpy as np
import pandas as pd

from pejax import Population
from pejax.engine._inputs import host_arrays
from pejax.engine.graph._interpret import Interpreter
from pejax.engine.graph._ir import Graph
from pejax.engine.graph._strata import Strata

ENTITIES = ("person", "tax_unit", "household")
STATES = (1, 2, 4, 6, 8)
STRATA = Strata("household.state", STATES)
SIZES = dict(zip(ENTITIES, (101, 103, 107), strict=True))
COLUMNS = {
    "person": {"income": "f", "age": "i", "disabled": "b"},
    "tax_unit": {"rent": "f"},
    "household": {"state": "i", "wealth": "f"},
}
_TYPES = {"f": np.float32, "i": np.int32, "b": np.bool_}
LAW = {"p.rate": 0.2, "p.limit": 50.0, "p.zero": 0.0}


@functools.cache
def people(seed: int, households: int = 14, states=STATES, ordered: bool = True) -> Population:
    """Households of one to seven persons in one to three tax units."""
    rng = np.random.default_rng(seed)
    home = np.repeat(np.arange(households), rng.integers(1, 8, households))
    unit = 3 * home + np.minimum(
        rng.integers(0, 3, home.size), rng.integers(0, 3, households)[home]
    )
    order = np.arange(home.size) if ordered else rng.permutation(home.size)
    person = pd.DataFrame(
        {
            "person_id": np.arange(home.size),
            "household_id": home[order],
            "tax_unit_id": unit[order],
            "income": rng.integers(-3, 9, home.size) * 25.0,
            "age": rng.integers(0, 90, home.size),
            "disabled": rng.random(home.size) < 0.2,
        }
    )
    units, number = np.unique(unit, return_index=True)
    tax_unit = pd.DataFrame({"tax_unit_id": units, "rent": rng.integers(0, 5, len(number)) * 10.0})
    household = pd.DataFrame(
        {
            "household_id": np.arange(households),
            "state": rng.choice(states, households),
            "wealth": rng.integers(-2, 6, households) * 100.0,
        }
    )
    frames = {"person": person, "tax_unit": tax_unit, "household": household}
    return Population.from_frames(frames, weights=None)


def interpreter(population: Population, floats: str | None = None) -> Interpreter:
    """Numpy's meaning of a random graph on some people."""
    sizes = {SIZES[e]: population.schema.sizes[e] for e in ENTITIES}
    return Interpreter(host_arrays(population), sizes, LAW, floats=floats)


class Maker:
    """Grows a graph: every operation is chosen by `rng`, its arguments among what there is."""

    def __init__(self, rng: np.random.Generator, graph: Graph | None = None) -> None:
        self.rng = rng
        self.graph = graph or Graph(SIZES)
        self.made = {(e, k): [] for e in ENTITIES for k in "fib"}
        self.numbers: list = []  # row numbers of persons, one a person
        self.tests = {e: [] for e in ENTITIES}  # who lives in a state
        self._leaves()

    def grow(self, operations: int) -> list:
        """Some roots after so many operations."""
        steps = [getattr(self, name) for name in dir(self) if name.startswith("make_")]
        for _ in range(operations):
            steps[self.rng.integers(len(steps))]()
        last = [nodes[-1] for nodes in self.made.values() if len(nodes) > 1]
        return [n for n in last if n.ndim == 1]

    def _leaves(self) -> None:
        for entity, columns in COLUMNS.items():
            for name, kind in columns.items():
                shadow = np.ones(SIZES[entity], _TYPES[kind])
                self._keep(entity, self.graph.input(f"{entity}.{name}", shadow))
        self.link = {}
        for group in ENTITIES[1:]:
            persons, rows = SIZES["person"], SIZES[group]
            of_person = np.arange(persons, dtype=np.int32) % rows
            first = np.arange(rows, dtype=np.int32) % persons
            self.link[group] = {
                "group": self.graph.input(f"{group}.group", of_person),
                "position": self.graph.input(f"{group}.position", np.zeros(persons, np.int32)),
                "first": self.graph.input(f"{group}.first", first),
                "size": self.graph.input(f"{group}.size", np.ones(rows, np.int64)),
            }
            self._keep("person", self.link[group]["position"])
            self._keep(group, self.link[group]["size"])
        self.law = [self.graph.parameter(name, value) for name, value in LAW.items()]
        self.state = self.made["household", "i"][0]
        self.numbers.append(self.graph.apply("arange", num=SIZES["person"]))
        for entity in ENTITIES:
            self.make_state_test()
            zeros = self.graph.broadcast(np.float32(0), (SIZES[entity],))
            self.made[entity, "f"].append(zeros)

    def _keep(self, entity: str, node) -> None:
        if node.ndim == 1:
            kind = {"f": "f", "b": "b"}.get(node.dtype.kind, "i")
            self.made[entity, kind].append(node)

    def _any(self, entity: str, kind: str):
        held = self.made[entity, kind]
        if not held:
            return self.graph.apply("greater", self._any(entity, "f"), 0)
        late = max(self.rng.integers(len(held)), self.rng.integers(len(held)))
        return held[late]

    def _entity(self) -> str:
        return str(self.rng.choice(ENTITIES))

    def _group(self) -> str:
        return str(self.rng.choice(ENTITIES[1:]))

    def _number(self, entity: str):
        return self._any(entity, str(self.rng.choice(["f", "f", "i", "b"])))

    # ---- what a law does

    def make_state_test(self) -> None:
        """Who lives in a state, asked in the ways in which formulas ask."""
        way, state = self.rng.integers(4), int(self.rng.choice(STATES))
        if way == 0:
            found = self.graph.apply("equal", self.state, state)
        elif way == 1:
            table = np.arange(10) == state
            found = self.graph.apply("take", table, self.state)
        elif way == 2:
            found = self.graph.apply("isin", self.state, np.array([state]))
        else:
            place = self.graph.apply("search", np.array([state]), self.state, side="right")
            found = self.graph.apply("greater", place, 0)
        self._keep("household", found)
        self.tests["household"].append(found)
        links = self.link["household"]
        person = self.graph.apply("take", found, links["group"])
        unit = self.graph.apply("take", person, self.link["tax_unit"]["first"])
        self.tests["person"].append(person)
        self.tests["tax_unit"].append(unit)

    def make_arithmetic(self) -> None:
        entity = self._entity()
        op = str(self.rng.choice(["add", "subtract", "multiply", "maximum", "minimum", "divide"]))
        a, b = self._number(entity), self._number(entity)
        if op == "subtract" and a.dtype == b.dtype == np.bool_:
            op = "multiply"
        self._keep(entity, self.graph.apply(op, a, b))

    def make_with_law(self) -> None:
        entity, law = self._entity(), self.law[self.rng.integers(len(self.law))]
        op = str(self.rng.choice(["multiply", "minimum", "add"]))
        self._keep(entity, self.graph.apply(op, self._any(entity, "f"), law))

    def make_limited(self) -> None:
        """A formula's result, limited to those for whom it is defined."""
        entity = self._entity()
        self._limit(entity, self._any(entity, "b"), self._any(entity, "f"))

    def make_state_law(self) -> None:
        """What only one state has, and what it computes for it."""
        entity = self._entity()
        test = self.tests[entity][self.rng.integers(len(self.tests[entity]))]
        amount = self.graph.apply("add", self._any(entity, "f"), self._number(entity))
        floor = self.graph.apply("maximum", amount, float(self.rng.integers(0, 50)))
        self._limit(entity, test, self.graph.apply("multiply", floor, self.law[0]))

    make_state_law_too = make_state_law_again = make_state_law

    def _limit(self, entity: str, test, amount) -> None:
        self._keep(entity, self.graph.apply("where", test, amount, np.float32(0)))

    def make_choice(self) -> None:
        entity = self._entity()
        branches = self._any(entity, "f"), self._any(entity, "f")
        self._keep(entity, self.graph.apply("where", self._any(entity, "b"), *branches))

    def make_logic(self) -> None:
        entity = self._entity()
        a, b = self._any(entity, "b"), self._any(entity, "b")
        op = str(self.rng.choice(["bitwise_and", "bitwise_and", "bitwise_or", "invert"]))
        self._keep(entity, self.graph.apply(op, *([a] if op == "invert" else [a, b])))

    def make_comparison(self) -> None:
        entity = self._entity()
        op = str(self.rng.choice(["greater", "less_equal", "equal", "not_equal"]))
        numbers = self._any(entity, "f"), self._any(entity, "i")
        value = [0, 1, 2, 3, 50.0][self.rng.integers(5)]
        self._keep(entity, self.graph.apply(op, numbers[self.rng.integers(2)], value))

    def make_projection(self) -> None:
        group = self._group()
        self._keep(
            "person", self.graph.apply("take", self._number(group), self.link[group]["group"])
        )

    def make_shared(self) -> None:
        """A group's value shared among its members, as between two kinds of groups."""
        group = self._group()
        share = self.graph.apply("divide", self._number(group), self.link[group]["size"])
        self._keep("person", self.graph.apply("take", share, self.link[group]["group"]))

    def make_sum(self) -> None:
        group = self._group()
        amount = self.graph.astype(self._number("person"), np.float64)
        link = self.link[group]["group"]
        found = self.graph.apply("segment_sum", amount, link, num=SIZES[group])
        self._keep(group, self.graph.astype(found, np.float32))
        self._keep(group, self.graph.apply("greater", found, 0))

    def make_extreme(self) -> None:
        group, op = self._group(), str(self.rng.choice(["segment_max", "segment_min"]))
        amount = self._any("person", str(self.rng.choice(["f", "i"])))
        link = self.link[group]["group"]
        self._keep(group, self.graph.apply(op, amount, link, num=SIZES[group]))

    def make_size_test(self) -> None:
        """Couples, and others whom only the number of members tells apart."""
        group = self._group()
        size = self.link[group]["size"]
        self._keep(group, self.graph.apply("equal", size, int(self.rng.integers(1, 5))))

    def make_member(self) -> None:
        """The value of a group's n-th member."""
        group, place = self._group(), int(self.rng.integers(0, 4))
        links, values = self.link[group], self._any("person", "f")
        if place == 0:
            self._keep(group, self.graph.apply("take", values, links["first"]))
            return
        row = self.graph.apply(
            "nth", links["group"], links["position"], place=place, num=SIZES[group]
        )
        there = self.graph.apply("greater", links["size"], place)
        value = self.graph.apply("take", values, row)
        self._keep(group, self.graph.apply("where", there, value, -1.0))

    def make_rank(self) -> None:
        group = self._group()
        links = self.link[group]
        keep = self._any("person", "b")
        key = self.graph.apply("multiply", self._any("person", "f"), 1.0)
        rank = self.graph.apply(
            "rank", links["group"], links["position"], key, keep, num=SIZES[group]
        )
        self._keep("person", rank)

    def make_share_of_all(self) -> None:
        """What needs everybody at once."""
        entity, op = self._entity(), str(self.rng.choice(["sum", "max", "any"]))
        value = self._any(entity, "b" if op == "any" else "f")
        total = self.graph.reduce(op, value, None)
        self._keep(entity, self.graph.apply("multiply", self._any(entity, "f"), total))

    def make_row_number(self) -> None:
        """Row numbers, followed, compared and computed with."""
        group = self._group()
        link, numbers = self.link[group], self.numbers[self.rng.integers(len(self.numbers))]
        way = self.rng.integers(5)
        if way == 0:
            last = self.graph.apply("segment_max", numbers, link["group"], num=SIZES[group])
            self.numbers.append(self.graph.apply("take", last, link["group"]))
        elif way == 1:
            other = self.numbers[self.rng.integers(len(self.numbers))]
            op = str(self.rng.choice(["equal", "less"]))
            self._keep("person", self.graph.apply(op, numbers, other))
        elif way == 2:
            self._keep("person", self.graph.apply("take", self._any("person", "f"), numbers))
        elif way == 3:
            self._keep("person", self.graph.apply("remainder", numbers, 3))
        else:
            chosen = self.graph.apply("where", self._any("person", "b"), numbers, 0)
            self._keep("person", self.graph.apply("take", self._any("person", "f"), chosen))

    def make_place_among_all(self) -> None:
        entity = self._entity()
        value = self._any(entity, "f")
        self._keep(entity, self.graph.reduce("cumsum", value, None))

    def make_kind(self) -> None:
        """People of one kind, counted."""
        real = self.graph.input("person.real", np.ones(SIZES["person"], bool))
        padding = self.graph.apply("invert", real)
        kind = self.graph.apply("kinds", padding, self._any("person", "i"))
        ones = self.graph.real_rows(self.graph.broadcast(1, (SIZES["person"],)), 0)
        count = self.graph.apply("segment_sum", ones, kind, num=SIZES["person"])
        self._keep("person", self.graph.apply("take", count, kind))

    def make_rounded(self) -> None:
        entity = self._entity()
        op = str(self.rng.choice(["floor", "absolute", "negative", "sign"]))
        self._keep(entity, self.graph.apply(op, self._any(entity, "f")))

    def make_table(self) -> None:
        """A parameter by state."""
        table = self.graph.apply("pack", *[0.1 * i * (i % 3) for i in range(9)], self.law[0])
        self._keep("household", self.graph.apply("take", table, self.state))

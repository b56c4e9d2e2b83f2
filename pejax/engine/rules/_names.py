"""Which columns a country knows: its variables by entity, and those it keeps under other names."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ...core._validate import BadInputError, UnknownNameError, suggest

_SHOWN = 8


@dataclasses.dataclass(frozen=True)
class Moved:
    """An input that a country's own simulation keeps under another name.

    Attributes:
        to: that name; empty, where the simulation does something else with it.
        yields: whether an input that is given by that name stays, and this one with it.
    """

    to: str
    yields: bool = False


@dataclasses.dataclass(frozen=True)
class Names:
    """The names that a country knows.

    Attributes:
        country: its name.
        entities: the entity of every variable.
        moved: the inputs that its own simulation keeps under another name.

    >>> law = Names("law", {"pay": "person", "stored_pay": "person"}, {"pay": Moved("stored_pay")})
    >>> law.variables(["pay"])
    {'pay': 'stored_pay'}
    """

    country: str
    entities: Mapping[str, str]
    moved: Mapping[str, Moved] = dataclasses.field(default_factory=dict)

    def variables(self, given: Collection[str]) -> dict[str, str]:
        """The variable whose values a column gives, by the column's name, if these are given.

        Raises:
            BadInputError: two columns that give one variable.
        """
        return {name: self._variable(name, given) for name in given}

    def _variable(self, name: str, given: Collection[str]) -> str:
        moved = self.moved.get(name)
        if moved is None or (moved.yields and moved.to in given):
            return name
        if not moved.to:
            raise BadInputError(
                f"column {name!r}: {self.country} neither keeps this input nor moves it to one "
                "other variable, so a program cannot do as it does. Give what it is derived from"
            )
        if moved.to in given:
            raise BadInputError(
                f"columns {name!r} and {moved.to!r} give one variable: {self.country} keeps "
                f"{name!r} as {moved.to!r}. Drop one of them"
            )
        return moved.to

    def fail_if_unknown(self, places: Iterable[tuple[str, str]]) -> None:
        """Every (entity, column) is a variable, on that entity.

        Raises:
            UnknownNameError: with the nearest names.
            BadInputError: a variable of another entity.
        """
        places = list(places)
        strange = [(entity, name) for entity, name in places if name not in self.entities]
        if strange:
            raise UnknownNameError(self._strange(strange))
        for entity, name in places:
            if self.entities[name] != entity:
                raise BadInputError(
                    f"column {name!r} is on {entity}, but {self.country} defines it on "
                    f"{self.entities[name]}: move it to the {self.entities[name]} table"
                )

    def _strange(self, places: list[tuple[str, str]]) -> str:
        lines = [f"{entity}.{name}{self._near(entity, name)}" for entity, name in places[:_SHOWN]]
        more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
        columns = "a column" if len(places) == 1 else f"{len(places)} columns"
        extra = ", ".join(repr(name) for _, name in places)
        return (
            f"the population has {columns} that {self.country} does not know: {', '.join(lines)}"
            f"{more}. Correct or drop what is meant to be read, and pass the rest on unread: "
            f"engine.compile(..., extra=[{extra}])"
        )

    def _near(self, entity: str, name: str) -> str:
        near = suggest(name, self.entities)
        if not near:
            return ""
        told = [n if (of := self.entities[n]) == entity else f"{n} of the {of}" for n in near]
        return f" (did you mean {' or '.join(told)}?)"

    # ---- disk

    def to_json(self) -> dict[str, Any]:
        """The names by entity, each once."""
        by_entity: dict[str, list[str]] = {}
        for name, entity in sorted(self.entities.items()):
            by_entity.setdefault(entity, []).append(name)
        moved = {name: [m.to, m.yields] for name, m in sorted(self.moved.items())}
        return {"country": self.country, "variables": by_entity, "moved": moved}

    @classmethod
    def from_json(cls, held: Mapping[str, Any]) -> Names:
        entities = {name: entity for entity, names in held["variables"].items() for name in names}
        return cls(held["country"], entities, {n: Moved(*m) for n, m in held["moved"].items()})

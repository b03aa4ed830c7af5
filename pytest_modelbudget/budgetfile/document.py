"""A budget file as plain data, with the line and column of every key and value."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pytest_modelbudget.errors import BudgetFileError, Problem, Span
from pytest_modelbudget.units.invalid import shortened

Location = tuple[str | int, ...]


def where(location: Location) -> str:
    """Return a location as messages show it: ``variants > int8 > recipe[1] > clusters``."""
    text = ""
    for index, part in enumerate(location):
        if isinstance(part, int):
            text += f"[{part}]"
        elif index and isinstance(location[index - 1], int) and index + 1 < len(location):
            continue  # recipe[1] already says which stage a parameter belongs to
        else:
            text += f" > {part}" if text else part
    return text


@dataclass
class Document:
    """A budget file as plain data.

    Attributes:
        data: Mappings, lists, text, numbers, booleans and None.
        keys: Line and column, from 1, of each mapping's keys, by location.
        values: Line and column, from 1, of each value, by location.
        problems: Mistakes that are valid YAML, such as a key that appears twice.
    """

    path: Path
    data: Any = None
    keys: dict[Location, tuple[int, int]] = field(default_factory=dict)
    values: dict[Location, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def at(self, location: Location) -> Any:
        """Return the data at ``location``."""
        data = self.data
        for part in location:
            data = data[part]
        return data

    def problem(self, location: Location, what: str, hint: str = "") -> Problem:
        """Return a problem at the value of ``location``."""
        return Problem(self.value_span(location), where(location), what, hint)

    def problem_of_key(self, location: Location, what: str, hint: str) -> Problem:
        """Return a problem at the key of ``location``."""
        return Problem(self.key_span(location), where(location), what, hint)

    def unknown_key(self, location: Location, hint: str) -> Problem:
        """Return the problem of an unknown key."""
        *parent, name = location
        what = f"unknown key '{shortened(str(name))}'"
        return Problem(self.key_span(location), where(tuple(parent)), what, hint)

    def key_span(self, location: Location) -> Span:
        """Return the place of the key at ``location``, or of the entry if it is in a list."""
        return Span(self.path, *(self.keys.get(location) or self.values[location]))

    def value_span(self, location: Location) -> Span:
        """Return the place where the value at ``location`` begins."""
        return Span(self.path, *self.values[location])


def refuse(span: Span, what: str, hint: str = "") -> NoReturn:
    """Raise the only problem of a file that cannot be read any further.

    Raises:
        BudgetFileError: Always.
    """
    raise BudgetFileError((Problem(span, "", what, hint),)) from None

"""Reads JSON into a ``Document``: with the place of each key and value, and keys that repeat."""

import json
import re
from pathlib import Path

from pytest_modelbudget.budgetfile.document import Document, Location, where
from pytest_modelbudget.errors import Problem, Span
from pytest_modelbudget.units.invalid import shortened

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def read_json(path: Path, text: str) -> Document:
    """Return ``text``, which was read from ``path``, as a document.

    Raises:
        json.JSONDecodeError: If it is not JSON.
        RecursionError: If it is nested too deeply.
    """
    document = Document(path, json.loads(text))
    _Places(document, text).value(())
    return document


class _Places:
    """Walks the tokens of valid JSON, and notes where each key and value begins."""

    def __init__(self, document: Document, text: str) -> None:
        self._document = document
        self._tokens = [(match[0], match.start()) for match in _TOKEN.finditer(text)]
        self._next = 0
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._line = 1

    def value(self, location: Location) -> None:
        """Note the place of a value, and of everything in it."""
        token, place = self._take()
        self._document.values[location] = place
        if token == "[":
            index = 0
            while not self._ends("]"):
                self.value((*location, index))
                index += 1
        elif token == "{":
            while not self._ends("}"):
                self._member(location)

    def _member(self, parent: Location) -> None:
        token, place = self._take()
        location = (*parent, json.loads(token))
        self._take()  # the colon
        if first := self._document.keys.get(location):
            what = f"the key {shortened(token)} appears twice"
            hint = f"it is already on line {first[0]}; delete one of them"
            span = Span(self._document.path, *place)
            self._document.problems.append(Problem(span, where(parent), what, hint))
            self._forget(location)
        self._document.keys[location] = place
        self.value(location)

    def _forget(self, location: Location) -> None:
        """Forget the keys below ``location``: the second of two objects may have the same."""
        depth = len(location)
        known = self._document.keys
        for key in [each for each in known if each[:depth] == location]:
            del known[key]

    def _ends(self, bracket: str) -> bool:
        """Skip a comma, or the end of an array or object; return whether it was the end."""
        token = self._tokens[self._next][0]
        self._next += token in (bracket, ",")
        return token == bracket

    def _take(self) -> tuple[str, tuple[int, int]]:
        """Return the next token, and its line and column from 1."""
        token, offset = self._tokens[self._next]
        self._next += 1
        while self._line < len(self._line_starts) and self._line_starts[self._line] <= offset:
            self._line += 1
        return token, (self._line, offset - self._line_starts[self._line - 1] + 1)

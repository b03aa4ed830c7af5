"""Turns a YAML node tree into a ``Document``, with aliases and merge keys expanded."""

from pathlib import Path
from typing import Any

import yaml

from pytest_modelbudget.budgetfile.document import Document, Location, refuse, where
from pytest_modelbudget.budgetfile.yaml_loader import (
    MAP,
    MAX_DEPTH,
    MAX_NODES,
    MERGE,
    SCALARS,
    SEQ,
    STR,
    scalar,
    shown_tag,
)
from pytest_modelbudget.errors import Problem, Span
from pytest_modelbudget.units.invalid import shortened

KeyAndValue = tuple[yaml.Node, yaml.Node]


def convert(root: yaml.Node, path: Path) -> Document:
    """Return the tree below ``root`` as a document.

    Raises:
        BudgetFileError: If an alias contains itself, or more than ``MAX_NODES`` values result.
    """
    converter = _Converter(path)
    converter.document.data = converter.value(root, ())
    return converter.document


class _Converter:
    def __init__(self, path: Path) -> None:
        self.document = Document(path)
        self.nodes = 0

    def value(self, node: yaml.Node, location: Location) -> Any:
        self._count(node, len(location))
        self.document.values[location] = _position(node)
        if isinstance(node, yaml.MappingNode):
            self._check_tag(node, location, MAP)
            entries = self._entries(node, location, len(location))
            return {
                name: self._keyed(key, value, (*location, name))
                for name, (key, value) in entries.items()
            }
        if isinstance(node, yaml.SequenceNode):
            self._check_tag(node, location, SEQ)
            return [self.value(child, (*location, i)) for i, child in enumerate(node.value)]
        self._check_tag(node, location, *SCALARS)
        try:
            return scalar(node)
        except ValueError:
            self._problem(node, location, f"expected a finite number, got {shortened(node.value)}")
            return None

    def _keyed(self, key: yaml.Node, value: yaml.Node, location: Location) -> Any:
        self.document.keys[location] = _position(key)
        return self.value(value, location)

    def _entries(
        self, node: yaml.MappingNode, location: Location, depth: int
    ) -> dict[str, KeyAndValue]:
        """Return keys and values by name; own keys win over those that ``<<`` merges."""
        own: dict[str, KeyAndValue] = {}
        merged: dict[str, KeyAndValue] = {}
        for key, value in node.value:
            self._count(key, depth)
            if key.tag == MERGE:
                merged |= self._merged(value, location, depth + 1)
                continue
            name = key.value
            if key.tag != STR:
                self._refuse_key(key, location)
            elif name in own:
                what = f"the key '{shortened(name)}' appears twice"
                first = _position(own[name][0])[0]
                self._problem(key, location, what, f"it is already on line {first}")
            else:
                own[name] = (key, value)
        return {**own, **{name: entry for name, entry in merged.items() if name not in own}}

    def _refuse_key(self, key: yaml.Node, location: Location) -> None:
        what, hint = "a key must be text", ""
        if isinstance(key, yaml.ScalarNode):
            what = f"{what}, got {shortened(key.value) or 'nothing'}"
            hint = f'write "{shortened(key.value)}"'
        self._problem(key, location, what, hint)

    def _merged(self, node: yaml.Node, location: Location, depth: int) -> dict[str, KeyAndValue]:
        """Return the entries of a mapping, or of a list of them where the first one wins."""
        self._count(node, depth)
        if isinstance(node, yaml.MappingNode):
            return self._entries(node, location, depth)
        if isinstance(node, yaml.SequenceNode):
            merged: dict[str, KeyAndValue] = {}
            for child in node.value:
                merged = self._merged(child, location, depth + 1) | merged
            return merged
        self._problem(node, location, "`<<` merges a mapping or a list of them")
        return {}

    def _count(self, node: yaml.Node, depth: int) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            what = f"more than {MAX_NODES:,} keys and values once aliases are expanded"
            refuse(self._span(node), what, "write fewer aliases, or several files")
        if depth > MAX_DEPTH:
            what = f"nested more than {MAX_DEPTH} levels deep once aliases are expanded"
            refuse(self._span(node), what, "an alias must not contain itself")

    def _check_tag(self, node: yaml.Node, location: Location, *known: str) -> None:
        if node.tag not in known:
            what = f"unknown tag '{shown_tag(node.tag)}'"
            self._problem(node, location, what, "leave it out: values need no tag")

    def _problem(self, node: yaml.Node, location: Location, what: str, hint: str = "") -> None:
        problem = Problem(self._span(node), where(location), what, hint)
        self.document.problems.append(problem)

    def _span(self, node: yaml.Node) -> Span:
        return Span(self.document.path, *_position(node))


def _position(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1

"""PyYAML's loader with limits on size and depth, and YAML 1.2's rules for what is not text.

``on`` and ``2:4`` are text there, and ``1e-3`` is a number.
"""

import math
import re
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader  # type: ignore[assignment]

_PREFIX = "tag:yaml.org,2002:"
NULL, BOOL, INT, FLOAT, STR, MERGE, SEQ, MAP = (
    _PREFIX + name for name in ("null", "bool", "int", "float", "str", "merge", "seq", "map")
)
MAX_DEPTH = 50
MAX_NODES = 10_000
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"

SCALARS = (NULL, BOOL, INT, FLOAT, STR, MERGE)


class TooLargeError(yaml.MarkedYAMLError):
    """A document that is nested too deeply or has too many values for a budget file."""


class Loader(SafeLoader):
    """Composes node trees, and refuses those that would exhaust the stack or the memory."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - so PyYAML declares it

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = self._nodes = 0

    # Both parsers call this pair around each node. libyaml's composes nested nodes
    # recursively in C, so that a document of brackets alone would overflow its stack.
    def descend_resolver(self, current_node: yaml.Node | None, _index: Any) -> None:
        """Count a node on the way down."""
        self._depth += 1
        self._nodes += 1
        mark = current_node.start_mark if current_node else None
        if self._depth > MAX_DEPTH + 1:
            raise TooLargeError(problem=TOO_DEEP, problem_mark=mark)
        if self._nodes > MAX_NODES:
            raise TooLargeError(
                problem=f"more than {MAX_NODES:,} keys and values", problem_mark=mark
            )

    def ascend_resolver(self) -> None:
        """Count the way up."""
        self._depth -= 1


for _tag, _pattern, _first in (
    (NULL, r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (BOOL, r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    # A longer integer is read as a float, because Python refuses to print very long integers.
    (INT, r"[-+]?[0-9]{1,19}|0o[0-7]{1,21}|0x[0-9a-fA-F]{1,16}", list("-+0123456789")),
    (
        FLOAT,
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    (MERGE, r"<<", ["<"]),
):
    Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), _first)


def scalar(node: yaml.Node) -> str | int | float | bool | None:
    """Return the value of ``node``.

    Raises:
        ValueError: If it is not a finite value of the type that its tag names.
    """
    text: str = node.value
    if node.tag == NULL:
        return None
    if node.tag == BOOL:
        return text.lower() == "true"
    if node.tag == INT:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if node.tag == FLOAT:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
        return number
    return text


def shown_tag(tag: str) -> str:
    """Return ``tag`` as it is written, such as ``!!python/object``."""
    return tag.replace(_PREFIX, "!!")

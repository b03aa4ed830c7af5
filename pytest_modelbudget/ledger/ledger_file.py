"""The ledger as a file: one line for each figure, so that git merges changes of two variants."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from pytest_modelbudget.frozen import Frozen

VERSION = 1
UNNAMED = "(model)"
"""The only variant of a budget file without ``variants``; no variant can have this name."""

Number = Annotated[float, Field(allow_inf_nan=False)]
NotEmpty = Annotated[str, Field(min_length=1)]


class LedgerFigure(Frozen):
    """One figure of one variant.

    Attributes:
        accepted: In the base unit of its kind in ``FIGURES``.
        low: The lower end of its interval, if it is noisy.
        high: The upper end, if there is one.
        anchor: The value that was accepted first, or when the anchor was last reset.
        metric: Of a score.
        data: Names the samples of a score in ``Ledger.data``.
        environment: Names what it was measured with in ``Ledger.environments``; the figures that
            are kept for each machine have it in their name, behind ``@``.
        artifact: SHA-256 of the artifact that it was measured on, if not the variant's.
    """

    accepted: Number
    low: Number | None = None
    high: Number | None = None
    anchor: Number
    metric: NotEmpty | None = None
    data: NotEmpty | None = None
    environment: NotEmpty | None = None
    artifact: NotEmpty | None = None


class LedgerVariant(Frozen):
    """What was accepted of one variant: the SHA-256 of its artifact, and its figures."""

    artifact: NotEmpty
    figures: dict[str, LedgerFigure]


class Ledger(Frozen):
    """The content of a ledger.

    Attributes:
        environments: Tools and machines, by the digest that figures refer to them with. If a
            merge lost one, only its description is missing.
        data: The digest of the samples of each data set, by its first characters.
        variants: By name.
    """

    version: Literal[1]
    environments: dict[str, dict[str, str]]
    data: dict[str, str]
    variants: dict[str, LedgerVariant]


EMPTY = Ledger(version=1, environments={}, data={}, variants={})


def ledger_path(budget_file: Path) -> Path:
    """Return the path of the ledger of a budget file: ``digits.ledger.json`` beside it."""
    stem = budget_file.name.rpartition(".")[0] or budget_file.name
    return budget_file.with_name(f"{stem.removesuffix('.budget')}.ledger.json")


def split_key(key: str) -> tuple[str, str]:
    """Return the figure and the machine of a key such as ``latency@3f2a9c1b0d4e``.

    The machine is empty for a figure that is the same on all machines.
    """
    figure, _, machine = key.partition("@")
    return figure, machine


def render(ledger: Ledger) -> str:
    """Return the text of a ledger: sorted, one line for each figure, environment and data set.

    Between two variants, and between two tables, there are lines that no update changes: git
    needs such a line to merge changes before and after it.
    """
    figures = {
        name: {key: _line(figure) for key, figure in variant.figures.items()}
        for name, variant in ledger.variants.items()
    }
    variants = {
        name: "\n".join(
            [
                "{",
                f'      "artifact": {_json(variant.artifact)},',
                f'      "figures": {_table(figures[name], 6)}',
                "    }",
            ]
        )
        for name, variant in ledger.variants.items()
    }
    tables = {
        "environments": {key: _json(each, sort=True) for key, each in ledger.environments.items()},
        "data": {key: _json(each) for key, each in ledger.data.items()},
        "variants": variants,
    }
    shown = [f'  "{name}": {_table(table, 2)}' for name, table in tables.items()]
    return ",\n".join([f'{{\n  "version": {ledger.version}', *shown]) + "\n}\n"


def _table(entries: Mapping[str, str], indent: int) -> str:
    """Return a mapping with one entry a line; an empty one has two lines."""
    margin = " " * indent
    lines = (f"\n{margin}  {_json(key)}: {entries[key]}" for key in sorted(entries))
    return f"{{{','.join(lines)}\n{margin}}}"


def _line(figure: LedgerFigure) -> str:
    return _json({key: value for key, value in _written(figure) if value is not None})


def _written(figure: LedgerFigure) -> Iterator[tuple[str, object]]:
    """Yield the keys in their order; a whole number is written without a decimal point."""
    for key in LedgerFigure.model_fields:
        value = getattr(figure, key)
        is_whole = isinstance(value, float) and value.is_integer()
        yield key, int(value) if is_whole else value


def _json(value: object, *, sort: bool = False) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=sort)

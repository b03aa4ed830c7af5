"""The command ``modelbudget``: what can be said about budgets without running pytest."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.budgetfile.presets import PRESETS, render
from pytest_modelbudget.budgetfile.schema import schema
from pytest_modelbudget.errors import BudgetFileError, ModelBudgetError
from pytest_modelbudget.protocol.store import Store
from pytest_modelbudget.units.format import format_bytes

SUFFIXES = (".budget.yaml", ".budget.yml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after ``modelbudget``; ``sys.argv`` if None.

    Returns:
        The exit code: 0, 1 if something was found wrong, 2 for a wrong call.
    """
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except (ModelBudgetError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="modelbudget", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="validate budget files without running anything")
    check.add_argument("paths", nargs="*", type=Path, default=[Path()], metavar="PATH")
    check.set_defaults(run=_check)

    recipes = commands.add_parser("recipes", help="print what each preset expands to")
    recipes.set_defaults(run=_recipes)

    schema_ = commands.add_parser("schema", help="print the JSON Schema of budget files")
    schema_.set_defaults(run=_schema)

    cache = commands.add_parser("cache", help="look after the cache directory")
    cache.add_argument("action", choices=list(CACHE_ACTIONS))
    cache.add_argument("--budget-cache", type=Path, default=Path(".modelbudget"), metavar="DIR")
    cache.add_argument(
        "--days", type=float, default=30.0, help="prune what was not used for so long (default: 30)"
    )
    cache.set_defaults(run=_cache)
    return parser


def _check(options: argparse.Namespace) -> int:
    paths = sorted({file for path in options.paths for file in _budget_files(path)})
    if not paths:
        raise ModelBudgetError(f"no budget file in {', '.join(map(str, options.paths))}")
    problems = variants = 0
    for path in paths:
        try:
            variants += len(load(path))
        except BudgetFileError as error:
            print(error)
            problems += len(error.problems)
    if problems:
        print(f"{_count(problems, 'problem')} in {_count(len(paths), 'file')}")
        return 1
    print(f"{_count(len(paths), 'file')}, {_count(variants, 'variant')}: no problem found")
    return 0


def _budget_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [file for suffix in SUFFIXES for file in path.rglob(f"*{suffix}")]


def _recipes(options: argparse.Namespace) -> int:  # noqa: ARG001 (all commands are called alike)
    print("\n".join(render(name) for name in PRESETS))
    return 0


def _schema(options: argparse.Namespace) -> int:  # noqa: ARG001 (all commands are called alike)
    print(json.dumps(schema(), indent=2))
    return 0


def _cache(options: argparse.Namespace) -> int:
    return CACHE_ACTIONS[options.action](Store(options.budget_cache), options)


def _info(store: Store, options: argparse.Namespace) -> int:  # noqa: ARG001
    keys = store.keys()
    size_bytes = sum(file.stat().st_size for file in store.root.rglob("*") if file.is_file())
    print(f"{store.root}: {_count(len(keys), 'entry')}, {format_bytes(size_bytes)}")
    return 0


def _verify(store: Store, options: argparse.Namespace) -> int:  # noqa: ARG001
    keys = store.keys()
    damaged = [key for key in keys if store.find(key) is None]
    for key in damaged:
        print(f"{key}: damaged; it will be rebuilt when it is needed")
    print(f"{store.root}: {_count(len(keys), 'entry')}, {len(damaged)} damaged")
    return 1 if damaged else 0


def _prune(store: Store, options: argparse.Namespace) -> int:
    removed = store.prune(options.days * 24 * 3600)
    unused = f"unused for {options.days:g} days"
    print(f"{store.root}: removed {_count(removed, 'entry')} {unused}")
    return 0


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


CACHE_ACTIONS = {"info": _info, "verify": _verify, "prune": _prune}

"""``modelbudget cache``: shows, verifies and prunes the cache directory."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from pytest_modelbudget.cli.counted import counted
from pytest_modelbudget.protocol.store import Store
from pytest_modelbudget.units.format import format_bytes

HELP = "show, verify or prune the cache directory"
EXAMPLES = """\
examples:
  modelbudget cache info
  modelbudget cache verify --budget-cache /var/cache/budgets
  modelbudget cache prune --days 7
"""
DAY_S = 24 * 3600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, (act, about) in ACTIONS.items():
        action = actions.add_parser(
            name,
            help=about,
            description=f"{about.capitalize()}.",
            epilog=EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        action.set_defaults(action=act)
        action.add_argument(
            "--budget-cache",
            type=Path,
            default=Path(".modelbudget"),
            metavar="DIR",
            help="the cache directory (default: .modelbudget)",
        )
    actions.choices["prune"].add_argument(
        "--days",
        type=float,
        default=30.0,
        metavar="N",
        help="delete entries that were not used for this many days (default: 30)",
    )


def run(options: argparse.Namespace) -> int:
    """Run the chosen action; return 1 if an entry is damaged."""
    code: int = options.action(Store(options.budget_cache), options)
    return code


def _info(store: Store, options: argparse.Namespace) -> int:  # noqa: ARG001 (see `run`)
    size_bytes = sum(file.stat().st_size for file in store.root.rglob("*") if file.is_file())
    print(f"{store.root}: {counted(len(store.folders()), 'entry')}, {format_bytes(size_bytes)}")
    return 0


def _verify(store: Store, options: argparse.Namespace) -> int:  # noqa: ARG001 (see `run`)
    damaged = store.damaged()
    for folder in damaged:
        print(f"{folder.parent.name}: damaged; it is rebuilt when it is needed")
    entries = counted(len(store.folders()), "entry")
    print(f"{store.root}: {entries}, {len(damaged)} damaged")
    return 1 if damaged else 0


def _prune(store: Store, options: argparse.Namespace) -> int:
    deleted = store.prune(options.days * DAY_S)
    verb = "was" if deleted == 1 else "were"
    unused = f"that {verb} not used for {options.days:g} days"
    print(f"{store.root}: deleted {counted(deleted, 'entry')} {unused}")
    return 0


ACTIONS: Mapping[str, tuple[Callable[[Store, argparse.Namespace], int], str]] = {
    "info": (_info, "count the entries and their bytes"),
    "verify": (_verify, "compare every entry with its checksums"),
    "prune": (_prune, "delete entries that were not used for some time"),
}

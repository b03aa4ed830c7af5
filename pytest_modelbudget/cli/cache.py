"""``modelbudget cache``: shows, verifies and prunes the cache directory."""

import argparse
from pathlib import Path

from pytest_modelbudget.cli.counted import counted
from pytest_modelbudget.protocol.store import Store
from pytest_modelbudget.units.format import format_bytes

HELP = "show, verify or prune the cache directory"
DAY_S = 24 * 3600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions and their options."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    info = actions.add_parser("info", help="count the entries and their bytes")
    info.set_defaults(action=_info)
    verify = actions.add_parser("verify", help="compare every entry with its checksums")
    verify.set_defaults(action=_verify)
    prune = actions.add_parser("prune", help="delete entries that were not used for some time")
    prune.set_defaults(action=_prune)
    prune.add_argument(
        "--days",
        type=float,
        default=30.0,
        metavar="N",
        help="delete entries that were not used for this many days (default: 30)",
    )
    for action in (info, verify, prune):
        action.add_argument(
            "--budget-cache",
            type=Path,
            default=Path(".modelbudget"),
            metavar="DIR",
            help="the cache directory (default: .modelbudget)",
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

"""The command ``modelbudget``, with one module for each subcommand."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from pytest_modelbudget.cli import cache, check, init, inspect, print_recipes, print_schema
from pytest_modelbudget.errors import ModelBudgetError


class Command(Protocol):
    """A module with one subcommand; ``HELP`` is its line in ``modelbudget --help``."""

    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments of the subcommand to its parser."""

    def run(self, options: argparse.Namespace) -> int:
        """Run the subcommand and return the exit code."""


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "init": init,
        "check": check,
        "inspect": inspect,
        "recipes": print_recipes,
        "schema": print_schema,
        "cache": cache,
    }
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after ``modelbudget``; ``sys.argv`` if None.

    Returns:
        The exit code: 0, 1 if a problem was found, 2 if the arguments are wrong.
    """
    options = _parser().parse_args(arguments)
    try:
        return COMMANDS[options.command].run(options)
    except (ModelBudgetError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modelbudget",
        description="Write and check budget files, look into artifacts, print presets and the "
        "schema, manage the cache.",
        epilog="Run `pytest` to build and measure what the budget files describe.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, command in COMMANDS.items():
        description = f"{command.HELP[0].upper()}{command.HELP[1:]}."
        command.add_arguments(commands.add_parser(name, help=command.HELP, description=description))
    return parser

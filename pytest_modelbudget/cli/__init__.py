"""The command ``modelbudget``, with one module for each subcommand."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from pytest_modelbudget.cli import cache, check, init, inspect, print_recipes, print_schema
from pytest_modelbudget.errors import ModelBudgetError


class Command(Protocol):
    """A module with one subcommand.

    Attributes:
        HELP: Its line in ``modelbudget --help``.
        EXAMPLES: The end of its own help, in lines of at most 80 columns.
    """

    HELP: str
    EXAMPLES: str

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

EXAMPLES = """\
examples:
  modelbudget init model.keras --test test.npz      then run pytest
  modelbudget check                                 after a change of the file
  modelbudget inspect model.tflite                  where its bytes are
  modelbudget COMMAND --help                        more of each command
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after ``modelbudget``; ``sys.argv`` if None.

    Returns:
        The exit code: 0, 1 if a problem was found, 2 if the arguments are wrong.
    """
    options = parser().parse_args(arguments)
    try:
        exitcode = COMMANDS[options.command].run(options)
        sys.stdout.flush()
        return exitcode
    except BrokenPipeError:  # ``head`` has read enough
        # https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ModelBudgetError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="modelbudget",
        description="Write and check budget files, and look into models and the cache.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, command in COMMANDS.items():
        parser_of_command = commands.add_parser(
            name,
            help=command.HELP,
            description=f"{command.HELP[0].upper()}{command.HELP[1:]}.",
            epilog=command.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(parser_of_command)
    return parser

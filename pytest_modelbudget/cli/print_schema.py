"""``modelbudget schema``: prints the JSON Schema of budget files."""

import argparse
import json

from pytest_modelbudget.budgetfile.schema import schema

HELP = "print the JSON Schema of budget files, for editors"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the subcommand has no arguments."""


def run(options: argparse.Namespace) -> int:  # noqa: ARG001 (every command has it)
    """Print the schema."""
    print(json.dumps(schema(), indent=2))
    return 0

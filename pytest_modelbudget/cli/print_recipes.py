"""``modelbudget recipes``: prints the presets."""

import argparse

from pytest_modelbudget.budgetfile.presets import PRESETS, render

HELP = "print the presets and the stages that they stand for"
EXAMPLES = """\
examples:
  modelbudget recipes
  modelbudget recipes | grep -A 8 "recipe: qat"
"""
HEAD = """\
# Each preset by its name, then the stages and parameters that it stands for.
# Write either form of `recipe:` in a budget file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the subcommand has no arguments."""


def run(options: argparse.Namespace) -> int:  # noqa: ARG001 (every command has it)
    """Print every preset in both forms."""
    print(HEAD)
    for name in PRESETS:
        print(f"\nrecipe: {name}\n# stands for\n{render(name)}", end="")
    return 0

"""``modelbudget schema``: prints the JSON Schema of budget files, or of a document for programs."""

import argparse
import json

from pytest_modelbudget.budgetfile.schema import schema
from pytest_modelbudget.report.inspect_document import inspect_schema
from pytest_modelbudget.report.report_document import report_schema

HELP = "print the JSON Schema of budget files, or of a document for programs"
EXAMPLES = """\
examples:
  modelbudget schema > budget.schema.json           for an editor
  modelbudget schema report > report.schema.json
  modelbudget schema inspect
"""
SCHEMAS = {"budget": schema, "report": report_schema, "inspect": inspect_schema}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of the schema."""
    parser.add_argument(
        "document",
        nargs="?",
        choices=SCHEMAS,
        default="budget",
        help="what it describes: budget files (the default), what --budget-json writes, or what "
        "`modelbudget inspect --json` prints",
    )


def run(options: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(SCHEMAS[options.document](), indent=2))
    return 0

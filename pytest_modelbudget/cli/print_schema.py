"""``modelbudget schema``: prints the JSON Schema of budget files, or of the JSON report."""

import argparse
import json

from pytest_modelbudget.budgetfile.schema import schema
from pytest_modelbudget.report.report_document import report_schema

HELP = "print the JSON Schema of budget files, for editors, or that of the JSON report"
SCHEMAS = {"budget": schema, "report": report_schema}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the choice of the schema."""
    parser.add_argument(
        "document",
        nargs="?",
        choices=SCHEMAS,
        default="budget",
        help="what it describes: budget files (the default), or what --budget-json writes",
    )


def run(options: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(SCHEMAS[options.document](), indent=2))
    return 0

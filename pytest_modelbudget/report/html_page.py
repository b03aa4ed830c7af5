"""The HTML report: one page that contains all that it needs."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pytest_modelbudget.errors import as_seen
from pytest_modelbudget.ledger.ledger_file import ledger_path
from pytest_modelbudget.ledger.ledger_history import read_history
from pytest_modelbudget.report.html_charts import charts
from pytest_modelbudget.report.html_view import PageView, page_view
from pytest_modelbudget.report.record import Record
from pytest_modelbudget.report.report_document import document
from pytest_modelbudget.report.text_file import write_file

PARTS = Path(__file__).parent / "html"
_SCRIPTS = (
    "theme.js",
    "table.js",
    "echarts/echarts.min.js",
    "chart_tools.js",
    "plot.js",
    "variant_charts.js",
)


def write(path: Path, record: Record) -> list[str]:
    """Write the page, and say where it is.

    Raises:
        OSError: If it cannot be written.
    """
    budgets = {each.path for each in record.collected if each.path}
    histories = {budget: read_history(ledger_path(Path(budget))) for budget in budgets}
    write_file(path, render(page_view(record, document(record), histories)))
    return [f"HTML report written to {as_seen(path)}"]


def render(page: PageView) -> str:
    """Return the page.

    Names and messages are text, whatever is in them: Jinja escapes them, and the browser runs only
    the scripts whose digests the Content-Security-Policy names.
    """
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(page=page, charts=charts(page), policy=_policy())
    )


def read_part(name: str) -> Markup:
    """Return a style sheet or script of the package; its text is put into the page as it is."""
    return Markup(_text(name))


@cache
def _text(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pytest_modelbudget.report", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        optimized=False,  # each template is rendered once: that takes longer than it saves
    )
    environment.globals["part"] = read_part
    return environment


def _policy() -> str:
    """Return a policy that refuses every request, and every script that is not ours."""
    digests = (hashlib.sha256(_text(name).encode()).digest() for name in _SCRIPTS)
    scripts = " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in digests)
    return f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:"

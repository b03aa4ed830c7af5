"""The HTML report in headless Chromium. Without it these tests are skipped, but not in CI."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.chromium import CHROMIUM, Browser, chromium
from benchmarks.reports import record
from pytest_modelbudget.judge.details import VariantDetails
from pytest_modelbudget.ledger.ledger_history import CommittedLedger
from pytest_modelbudget.report.html_page import render
from pytest_modelbudget.report.html_view import page_view
from pytest_modelbudget.report.record import CollectedVariant, Record
from pytest_modelbudget.report.report_document import document
from tests.ledger.test_ledger_history import ledger
from tests.report.test_html_page import HOSTILE

pytestmark = pytest.mark.skipif(
    not CHROMIUM and "CI" not in os.environ, reason="chromium is not installed"
)
DRAWN = "document.querySelectorAll('.chart svg').length"
OPENED = """
new Promise((resolve) => {
  const variant = document.querySelector("details.variant");
  variant.addEventListener("toggle", () => setTimeout(resolve));
  variant.open = true;
})
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as tab:
        yield tab


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of two budgets whose names and tensors are made to break it."""
    found = record(12)
    budgets = {row.budget: f"{HOSTILE} {row.budget}" for row in found.rows}
    rows = tuple(replace(row, budget=budgets[row.budget]) for row in found.rows)
    details: dict[tuple[str, str], VariantDetails] = {}
    for (budget, variant), own in found.details.items():
        assert own.contents
        tensors = [
            tensor.model_copy(update={"name": HOSTILE, "layer": HOSTILE})
            for tensor in own.contents.tensors
        ]
        contents = own.contents.model_copy(update={"tensors": tuple(tensors)})
        details[budgets[budget], variant] = own.model_copy(update={"contents": contents})
    path = tmp_path_factory.mktemp("page") / "report.html"
    results = Record(rows, tuple(CollectedVariant(*each, path="x") for each in details), details)
    ledgers = [
        CommittedLedger("ab12", date, ledger(variant_0=size))
        for date, size in (("2026-01-30", 1000), ("2026-01-31", 1100))
    ]
    path.write_text(render(page_view(results, document(results), {"x": ledgers})))
    return path


def test_the_page_asks_for_nothing_and_complains_of_nothing(
    browser: Browser, hostile: Path
) -> None:
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        browser.open(hostile)
        assert browser.run(DRAWN) == 1
        browser.run(OPENED)
        assert browser.run(DRAWN) == 6
        browser.run("document.getElementById('theme').click()")
        assert browser.requests == [hostile.as_uri()]
        assert browser.complaints == []
        assert browser.run("document.querySelectorAll('img, [onerror]').length") == 0
        shown = browser.run("document.querySelector('.variant .file').textContent")
        assert shown == f"{HOSTILE} budgets/model_0.budget.yaml"


def test_the_table_sorts_and_searches(browser: Browser, hostile: Path) -> None:
    browser.open(hostile)
    margins = "[...document.querySelectorAll('td.margin')].map((td) => Number(td.dataset.sort))"
    heads = "document.querySelectorAll('.limits th button')"
    browser.run(f"{heads}[4].click()")
    assert browser.run(margins) == sorted(browser.run(margins))
    browser.run(f"{heads}[4].click()")
    assert browser.run(margins) == sorted(browser.run(margins), reverse=True)
    assert browser.run("document.querySelector('[aria-sort]').textContent") == "Margin"
    browser.run("document.getElementById('search').value = 'variant_11 max_bytes'")
    browser.run("document.getElementById('search').dispatchEvent(new Event('input'))")
    assert browser.run("document.querySelectorAll('.limits tbody tr:not([hidden])').length") == 1


def test_the_page_works_without_scripts(browser: Browser, hostile: Path) -> None:
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(hostile)
        assert browser.run("document.querySelectorAll('.limits tbody tr').length") == 48
        visible = "[...document.querySelectorAll('.needs-script')].filter((e) => e.offsetHeight)"
        assert browser.run(f"{visible}.length") == 0
        assert browser.run("document.querySelectorAll('.limits th button').length") == 0
    finally:
        browser.send("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("width", [400, 700, 1600])
def test_nothing_is_wider_than_the_window(browser: Browser, hostile: Path, width: int) -> None:
    browser.resize(width)
    browser.open(hostile)
    browser.run(OPENED)
    assert browser.run("document.documentElement.scrollWidth") == width


def test_an_address_opens_its_variant(browser: Browser, hostile: Path) -> None:
    browser.open(hostile, fragment="#variant-3")
    opened = "[...document.querySelectorAll('details.variant[open]')].map((each) => each.id)"
    assert browser.run(opened) == ["variant-3"]

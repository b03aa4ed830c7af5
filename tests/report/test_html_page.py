import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.reports import record
from pytest_modelbudget.judge.contents import StoredTensor
from pytest_modelbudget.judge.details import RecordedVariable
from pytest_modelbudget.report.annotations import Annotation
from pytest_modelbudget.report.html_charts import MOST_TENSORS
from pytest_modelbudget.report.html_page import PARTS, render
from pytest_modelbudget.report.html_view import page_view
from pytest_modelbudget.report.record import CollectedVariant, Record
from pytest_modelbudget.report.report_document import document
from pytest_modelbudget.report.row import Row
from tests.report.rows import EXCEEDED, PLANNED, sized

HOSTILE = "</script><img src=x onerror=alert(1)>\"'\n🙂 \u202eא &amp; </style>"


def page(found: Record) -> str:
    return render(page_view(found, document(found), {}))


def of(*rows: Row) -> Record:
    variants = dict.fromkeys((row.budget, row.variant) for row in rows)
    return Record(rows, tuple(CollectedVariant(*each) for each in variants))


class Text(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def data_of(html: str) -> list[dict[str, object]]:
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)
    found: list[dict[str, object]] = json.loads(text)
    return found


def test_echarts_is_the_file_that_was_checked_in_with_its_licence() -> None:
    folder = PARTS / "echarts"
    digest, name = (folder / "SHA256SUMS").read_text().split()
    assert digest == "b66b25aeb4df84e33199dc21694014d336d222cbd9deb0e5a7c14bd6aa0d0fd0"
    assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert "Apache License" in (folder / "LICENSE").read_text()
    assert "Apache ECharts" in (folder / "NOTICE").read_text()


def test_what_failed_comes_first_and_says_why() -> None:
    html = page(of(sized(1000, 2000), EXCEEDED, PLANNED.not_built("the <recipe> is wrong")))
    text = Text(html).text
    assert "2 of 3 limits failed" in text
    assert text.index("max_accuracy_drop: not built: the <recipe> is wrong") < text.index(
        "max_accuracy_drop: 0.750 pp is 0.250 pp over the limit of 0.5 pp"
    )
    assert text.index("What failed") < text.index("All limits")


def test_a_session_without_a_failure_says_so() -> None:
    found = of(sized(1000, 2000), sized(1000, 2000))
    text = Text(page(found)).text
    assert "All 2 limits hold" in text
    assert "What failed" not in text
    [variant] = found.collected
    more = replace(variant, limits=("max_bytes", "max_latency"))
    assert "All 2 limits that ran hold" in Text(page(replace(found, collected=(more,)))).text


def test_mistakes_in_budget_files_are_red_whatever_holds() -> None:
    mistake = Annotation("x.budget.yaml", 3, 1, "budget-file", "x", "unknown preset 'int9'", "")
    for found in (of(sized(1000, 2000)), Record((), ())):
        html = page(replace(found, mistakes=(mistake,)))
        assert '<header class="top failed">' in html
        assert "1 mistake in budget files" in html
        assert "unknown preset" in html


def test_a_session_that_judges_nothing_is_not_green() -> None:
    figure = replace(sized(1000, 2000), outcome="measured", name="bytes", limit=None, margin=None)
    html = page(replace(of(figure), is_judged=False))
    assert '<header class="top ">' in html
    assert "Nothing was judged: 1 figure" in html


def test_hostile_names_are_text_everywhere() -> None:
    hostile = replace(
        EXCEEDED, budget=HOSTILE, variant=HOSTILE, how=HOSTILE, remark=HOSTILE, note=HOSTILE
    )
    html = page(of(hostile))
    parsed = Text(html)
    assert "img" not in parsed.elements
    assert parsed.elements.count("script") == 7  # ours
    assert HOSTILE in parsed.text
    assert data_of(html)[0]["budget"] == HOSTILE


def test_every_limit_is_in_the_table_with_the_numbers_it_is_sorted_by() -> None:
    html = page(of(sized(1900, 1000), PLANNED.unmeasured("no data")))
    assert 'data-sort="-0.9"' in html  # the margin, as a share of the limit
    assert html.count('<td class="limit">') == 2
    assert html.count('data-sort=""') == 3


def test_what_was_accepted_before_is_beside_what_is_measured_now() -> None:
    grown = replace(sized(1900, 2000), figure="bytes", value=1900, accepted=1500, anchor=1200)
    cells = re.findall(r'<td class="number">([\d,]+ B)</td>', page(of(grown)))
    assert cells == ["1,200 B", "1,500 B", "1,900 B"]


def test_what_was_read_for_an_artifact_is_there_and_no_value_of_a_variable() -> None:
    found = record(1)
    [subject] = found.details
    variables = (
        RecordedVariable(name="DATA_FOLDER", sha256="1a2b3c4d5e6f" + "0" * 52),
        RecordedVariable(name="TOKEN", sha256=""),
        RecordedVariable(name="*", sha256="f" * 64),
    )
    more = found.details[subject].model_copy(update={"variables": variables})
    text = " ".join(Text(page(replace(found, details={subject: more}))).text.split())
    assert "10 files read for the artifact project/module_0.py" in text
    assert (
        "3 environment variables read for the artifact DATA_FOLDER 1a2b3c4d5e6f TOKEN was not set "
        "the names of all variables ffffffffffff A value may be a secret"
    ) in text
    assert "45 packages imported for the artifact a-package-0 1.2.3, a-package-1 1.2.3" in text


def test_what_changed_is_told_at_once_with_what_else_changed() -> None:
    grown = replace(sized(1900, 2000), figure="bytes", value=1900, accepted=1500)
    named = replace(
        grown,
        name="max_bytes_growth",
        grew_most="+300 B <conv>",
        environment_changes="litert 1 -> 2",
    )
    text = " ".join(Text(page(of(grown, named))).text.split())
    assert "1 figure changed since accepted" in text
    assert (
        "What changed since it was accepted The environment changed, too: litert 1 -> 2 "
        "(budgets/digits.budget.yaml int8: bytes) "
    ) in text
    assert "int8 budgets/digits.budget.yaml bytes1.50 kB1.90 kB +26.7 %+300 B <conv> " in text
    assert "changed since" not in page(of(replace(grown, accepted=1900)))


def test_many_tensors_are_one_in_the_chart() -> None:
    found = record(1)
    [subject] = found.details
    contents = found.details[subject].contents
    assert contents
    tensors: tuple[StoredTensor, ...] = contents.tensors * 3
    more = contents.model_copy(update={"tensors": tensors})
    details = found.details[subject].model_copy(update={"contents": more})
    cells = data_of(page(replace(found, details={subject: details})))[0]["tensors"]
    assert isinstance(cells, list)
    assert len(cells) == MOST_TENSORS + 2  # and what is not weights
    assert sum(cell[3] for cell in cells) == contents.size_bytes + 2 * sum(
        tensor.size_bytes for tensor in contents.tensors
    )
    assert cells[-1][0] == f"{len(tensors) - MOST_TENSORS} smaller tensors"


@pytest.mark.parametrize("script", sorted(PARTS.glob("*.js")), ids=lambda path: path.name)
def test_no_script_of_ours_makes_html_of_text(script: Path) -> None:
    text = script.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)

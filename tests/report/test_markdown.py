"""The report for a comment on a pull request."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbudget.report.annotations import Annotation
from pytest_modelbudget.report.failure_text import explain
from pytest_modelbudget.report.markdown import MARKER, MAX_CHARACTERS, render
from pytest_modelbudget.report.record import Record
from pytest_modelbudget.report.row import Row
from tests.report.rows import DROP, FLOAT32, INT8, NOT_BUILT, UNMEASURED


def rendered(*rows: Row) -> str:
    return render(Record(rows, ()))


def test_limits_that_hold_are_folded() -> None:
    assert rendered(FLOAT32, INT8) == (
        "<!-- pytest-modelbudget -->\n"
        "## Model budgets: 2 limits within\n"
        "\n"
        "<details><summary>2 limits within</summary>\n"
        "\n"
        "| | model | limit | measured | allowed | margin |\n"
        "| - | - | - | -: | -: | -: |\n"
        "| ✅ | digits.budget.yaml float32 | `max_bytes` | 6,300 B | 6,400 B | +100 B (1.6 %) |\n"
        "| ✅ | digits.budget.yaml int8 | `max_bytes` | 6,300 B | 6,400 B | +100 B (1.6 %) |\n"
        "\n"
        "</details>\n"
    )


def test_what_failed_comes_first_with_its_reasons() -> None:
    rows = (FLOAT32, DROP, UNMEASURED.unmeasured("no data"), NOT_BUILT.not_built("no | module"))
    again = replace(rows[-1], name="max_bytes")
    text = rendered(*rows, again)
    head, *reasons = text.split("\n<details>")
    assert head == (
        "<!-- pytest-modelbudget -->\n"
        "## Model budgets: 1 exceeded, 1 unmeasured, 2 not built of 5 limits\n"
        "\n"
        "| | model | limit | measured | allowed | margin |\n"
        "| - | - | - | -: | -: | -: |\n"
        "| ❌ | digits.budget.yaml int8 | `max_accuracy_drop` | 0.750 pp | 0.5 pp | -0.250 pp |\n"
        "| ❔ | digits.budget.yaml int8 | `min_accuracy` |  |  |  |\n"
        "| 💥 | kws.budget.yaml | `max_gzip_bytes` |  |  |  |\n"
        "| 💥 | kws.budget.yaml | `max_bytes` |  |  |  |\n"
    )
    assert [reason.partition("\n")[0] for reason in reasons] == [
        "<summary>Why digits.budget.yaml int8 <code>max_accuracy_drop</code> failed</summary>",
        "<summary>Why digits.budget.yaml int8 <code>min_accuracy</code> failed</summary>",
        "<summary>Why kws.budget.yaml could not be built</summary>",
        "<summary>1 limit within</summary>",
    ]
    assert f"\n```text\n{explain(DROP)}\n```\n" in reasons[0]
    assert "max_gzip_bytes: not built: no | module\nkws.budget.yaml:4:3" in reasons[2]


def test_what_changed_since_it_was_accepted_is_shown_once_before_the_reasons() -> None:
    grown = replace(FLOAT32, figure="bytes", value=6300, accepted=6000, grew_most="+300 B conv")
    score = replace(DROP, figure="accuracy", value=0.98, accepted=0.9825)
    noisy = replace(FLOAT32, variant="fast", figure="latency", value=2e-6, accepted=2.1e-6)
    rows = [
        grown,
        replace(grown, name="max_bytes_growth", outcome="accepted"),
        score,
        replace(noisy, value_low=1.9e-6, value_high=2.2e-6),
        replace(noisy, variant="slow", value=1.9e-6, value_low=1.8e-6, value_high=2.05e-6),
        replace(grown, variant="same", value=6000),
        replace(grown, variant="new", accepted=None),
    ]
    head, _, changes = rendered(*rows).partition("### Changed since accepted\n\n")
    assert "## Model budgets: 1 exceeded of 7 limits; 3 figures changed since accepted\n" in head
    assert changes.split("\n\n")[0] == (
        "| model | figure | accepted | measured | change | grew most |\n"
        "| - | - | -: | -: | -: | - |\n"
        "| digits.budget.yaml float32 | bytes | 6.00 kB | 6.30 kB | +5.0 % | +300 B conv |\n"
        "| digits.budget.yaml int8 | accuracy | 0.9825 | 0.9800 | -0.002500 |  |\n"
        "| digits.budget.yaml slow | latency | 2.10 us | 1.90 us | -9.5 % |  |"
    )


def test_notes_are_shown_once() -> None:
    noted = replace(DROP, note="test set too small", test_data="digits:test", remark="slower")
    text = rendered(noted, replace(noted, variant="qat"))
    shown = [line for line in text.splitlines() if line.startswith(">")]
    assert shown == [
        "> slower",
        "> digits:test: test set too small, and for 1 more of its limits",
    ]


def test_mistakes_in_budget_files_are_named() -> None:
    mistake = Annotation("a.budget.yaml", 3, 5, "budget-file", "a.budget.yaml", "a <b> key", "k")
    assert render(Record((), (), mistakes=(mistake,))) == (
        f"{MARKER}\n## Model budgets: mistakes in budget files\n\n"
        "a.budget.yaml:3:5: a &#60;b&#62; key\n"
    )


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_name_can_leave_its_cell_or_become_markup(budget: str, variant: str) -> None:
    row = replace(DROP, budget=budget, variant=variant)
    table = rendered(row).split("\n<details>")[0].splitlines()
    assert table[3] == "| | model | limit | measured | allowed | margin |"
    (line,) = table[5:]
    assert line.count("|") == 7
    assert not set("<>`*[]\\") & set(line.split("|")[2])


def test_a_failure_text_cannot_end_its_block() -> None:
    text = rendered(UNMEASURED.unmeasured("it printed\n```\n# and went on"))
    assert "\n````text\n" in text
    assert text.count("````") == 2


def test_a_long_report_is_cut_between_its_parts() -> None:
    rows = [replace(DROP, variant=f"v{number}") for number in range(1000)]
    text = rendered(*rows)
    assert MAX_CHARACTERS - 1000 < len(text) <= MAX_CHARACTERS
    assert text.endswith(
        "-0.250 pp |\n\nThe rest does not fit into a comment: see the output of pytest.\n"
    )
    assert text.startswith(f"{MARKER}\n## Model budgets: 1000 exceeded of 1,000 limits\n")
